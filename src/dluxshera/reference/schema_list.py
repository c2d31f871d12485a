"""The page that lists the JSON Schemas and describes their use."""

from dluxshera.reference import text
from dluxshera.reference.inputs import Catalogue

USE = """\
An editor can check a document against its schema while you type, and any JSON Schema validator for draft 2020-12 can
check it afterwards. Name the schema in the first line of the document, by a path or by its address on this site.
Editors with a YAML language server then complete keys and mark errors.
[`dluxshera profile new`](../how-to/use-profiles.md) writes that line:

```yaml
# yaml-language-server: $schema=schemas/profile/0.2.0/profile.schema.json
```

The schema of a released version never changes. A change gets a new version, which is part of the `$id`. Keywords that
begin with `x-` belong to dLuxShera: they carry the unit, dimension, kind, prior and source of each parameter, and these
reference pages are generated from them. The `meta` schema defines each of these keywords.
"""


def page(catalogue: Catalogue) -> str:
    """Return the text of the page."""
    rows = [
        [
            text.plain(schema.get("title", "")),
            f"[`{schema.get('$id', '').removeprefix('urn:dluxshera:schema:')}`](../schemas/{path.as_posix()})",
        ]
        for path, schema in catalogue.files.items()
    ]
    return "\n".join(
        [
            "# Schemas\n",
            text.MARK + "\n",
            "JSON Schemas of the documents that the package reads and writes.\n",
            text.markdown_table(["Content", "Schema, below `urn:dluxshera:schema:`"], rows),
            "## Using the schemas\n",
            USE,
        ]
    )
