"""A page for each system: its specs, what is computed from what in each, and its configuration."""

from typing import Any

from dluxshera.reference import drawing, text
from dluxshera.reference.sources import Catalogue, Label, words


def pages(catalogue: Catalogue) -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {f"{system}.md": page(system, catalogue) for system in catalogue.systems}


def page(system: str, catalogue: Catalogue) -> str:
    """Return the page of one system."""
    labels = catalogue.of_system(system)
    parts = [f"# `{system}`\n", text.MARK + "\n"]
    if config := catalogue.configs.get(system):
        parts.append(text.plain(config.get("description", "")) + "\n")
    parts.append("What its specs hold:\n")
    parts.append(
        text.table(
            ["Spec", "Primitive", "Derived", "Structural", "Schema"],
            [[f"[{words(label.spec)}](#{anchor(label)})", *counts(catalogue, label)] for label in labels],
        )
    )
    for label in labels:
        said = catalogue.specs[label]["description"]
        parts += [f"## {words(label.spec).capitalize()} {{ #{anchor(label)} }}\n", said + "\n", graph(catalogue, label)]
    if config:
        parts += ["## Configuration\n", configuration(config)]
    return "\n".join(parts)


def anchor(label: Label) -> str:
    """Return the id of the section of a spec."""
    return f"{label.system}.{label.spec}"


def counts(catalogue: Catalogue, label: Label) -> list[str]:
    """Return how many parameters of each kind a spec has, and a link to its schema."""
    kinds = [p.kind(label) for p in catalogue.parameters.values()]
    path = next(path for path, schema in catalogue.files.items() if schema is catalogue.specs[label])
    numbers = [str(kinds.count(kind)) for kind in ("primitive", "derived", "structural")]
    return [*numbers, f"[{path.name}](../../schemas/{path.as_posix()})"]


def graph(catalogue: Catalogue, label: Label) -> str:
    """Return the drawing of the dependencies of one spec, and the same in words."""
    keys = [key for key, p in catalogue.parameters.items() if label in p.by_spec]
    edges = [(needed, key) for key in keys for needed in catalogue.depends_on(key, label)]
    drawn = {key for edge in edges for key in edge}
    alone = [key for key in keys if key not in drawn]
    if not edges:
        return f"Nothing is derived from anything here. It has {text.links(alone)}.\n"
    nodes = {
        key: drawing.Node(
            key, f"../parameters/{catalogue.parameters[key].group}.html#{key}", catalogue.parameters[key].kind(label)
        )
        for key in keys
        if key in drawn
    }
    caption = "Each arrow goes from a parameter to one that is computed from it. Filled: derived. Dashed: structural."
    name = f"Dependencies of the {words(label.spec)} spec of {label.system}"
    rows = [[text.link(key), text.links(needed)] for key in keys if (needed := catalogue.depends_on(key, label))]
    parts = [
        drawing.figure(drawing.graph(nodes, edges), name, caption),
        '??? note "The same as a table"\n',
        text.indent(text.table(["Derived", "Computed from"], rows)),
    ]
    if alone:
        parts.append(f"Not in the drawing, since nothing is derived from them: {text.links(alone)}.\n")
    return "\n".join(parts)


def configuration(schema: dict[str, Any]) -> str:
    """Return the table of what a configuration says."""
    rows = []
    for name, entry in schema["properties"].items():
        given = entry.get("default", entry.get("const"))
        rows.append(
            [
                f"`{name}`",
                text.plain(entry.get("description", entry.get("title", ""))),
                kind_of_value(entry),
                text.NONE if given is None else f"`{text.number(given)}`",
            ]
        )
    return text.table(["Field", "What it is", "Type", "Default"], rows)


def kind_of_value(entry: dict[str, Any]) -> str:
    """Return the JSON type of a field, or the values that it can take."""
    if "enum" in entry:
        return ", ".join(f"`{choice}`" for choice in entry["enum"])
    said = entry.get("type", "")
    return " or ".join(said) if isinstance(said, list) else str(said)
