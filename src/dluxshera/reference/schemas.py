"""The page that lists the schemas and says how to use them."""

from dluxshera.reference import text
from dluxshera.reference.sources import Catalogue

USE = """\
A document is checked by an editor while it is typed, or by any JSON Schema validator of the draft 2020-12. Name the
schema in the document's first line, by a path or by the address of this site; editors with a YAML language server then
complete the keys and mark what is wrong. [`dluxshera profile new`](../how-to/use-profiles.md) writes that line for you:

```yaml
# yaml-language-server: $schema=schemas/profile/0.1.0/profile.schema.json
```

A schema of a released version never changes: what changes gets a new version, and the `$id` says which it is. Keywords
that begin with `x-` are ours. They carry unit, dimension, kind, prior and origin of each parameter, and the pages of
this reference are made from them; `meta` is the schema of the schemas, which says what each keyword means.
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
            "What the documents that the package reads and writes may say, as JSON Schema.\n",
            text.table(["What", "Schema, below `urn:dluxshera:schema:`"], rows),
            "## Use them\n",
            USE,
        ]
    )
