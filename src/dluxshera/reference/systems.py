"""The system pages: specs, dependencies between parameters, configuration and optional effects."""

from collections.abc import Mapping
from typing import Any

from dluxshera.drawing import Box, Look, layered_drawing
from dluxshera.reference import parameters, text
from dluxshera.reference.inputs import Catalogue, Label, ParameterEntry, words

CONFIGURATION_TEXT = """\
The configuration fixes the shapes of arrays and the rasters. A changed configuration is another model: build its spec
again.
"""

EFFECTS_TEXT = """\
Effects are optional parts of the model. A configuration names its effects, as in
`config.replace(effects=["ghosts", "motion"])`, and its specs then include their parameters. An effect that is not named
costs nothing.
"""

LOOKS: Mapping[str, Look] = {"primitive": "outlined", "derived": "filled", "structural": "dashed"}


def pages(catalogue: Catalogue) -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {f"{system}.md": page(system, catalogue) for system in catalogue.systems}


def page(system: str, catalogue: Catalogue) -> str:
    """Return the page of one system."""
    labels = catalogue.of_system(system)
    parts = ["---\nhide: [toc]\n---\n", f"# `{system}`\n", text.MARK + "\n"]
    config = catalogue.configs.get(system)
    parts.append("Number of parameters of each kind in each spec:\n")
    parts.append(
        text.markdown_table(
            ["Spec", "Primitive", "Derived", "Structural", "Schema"],
            [[f"[{words(label.spec)}](#{anchor(label)})", *counts(catalogue, label)] for label in labels],
        )
    )
    for label in labels:
        description = catalogue.specs[label]["description"]
        parts.append(f"## {words(label.spec).capitalize()} {{ #{anchor(label)} }}\n")
        parts += [description + "\n", graph(catalogue, label)]
    if config:
        parts += ["## Configuration\n", CONFIGURATION_TEXT, configuration(config)]
        parts += effects(config, catalogue)
    return "\n".join(parts)


def anchor(label: Label) -> str:
    """Return the id of the section of a spec."""
    return f"{label.system}.{label.spec}"


def counts(catalogue: Catalogue, label: Label) -> list[str]:
    """Return the number of parameters of each kind in a spec, and a link to its schema."""
    kinds = [p.kind(label) for p in catalogue.parameters.values()]
    path = next(path for path, schema in catalogue.files.items() if schema is catalogue.specs[label])
    numbers = [str(kinds.count(kind)) for kind in ("primitive", "derived", "structural")]
    return [*numbers, f"[{path.name}](../../schemas/{path.as_posix()})"]


def graph(catalogue: Catalogue, label: Label) -> str:
    """Return the drawing of the dependencies of one spec, and a table of the same dependencies."""
    keys = [key for key, p in catalogue.parameters.items() if label in p.by_spec]
    edges = [(needed, key) for key in keys for needed in catalogue.depends_on(key, label)]
    drawn = {key for edge in edges for key in edge}
    independent = [key for key in keys if key not in drawn]
    if not edges:
        return f"This spec has no derived parameters. It has {text.links(independent)}.\n"
    boxes = {key: box(catalogue.parameters[key], label) for key in keys if key in drawn}
    caption = "Arrows point from a parameter to the parameters computed from it. Filled: derived. Dashed: structural."
    name = f"Dependencies of the {words(label.spec)} spec of {label.system}"
    rows = [[text.link(key), text.links(needed)] for key in keys if (needed := catalogue.depends_on(key, label))]
    parts = [
        text.figure(layered_drawing(boxes, edges, label=name), name, caption),
        '??? note "Dependencies as a table"\n',
        text.indent(text.markdown_table(["Derived", "Computed from"], rows)),
    ]
    if independent:
        parts.append(f"Not in the drawing, because no parameter is derived from them: {text.links(independent)}.\n")
    return "\n".join(parts)


def box(parameter: ParameterEntry, label: Label) -> Box:
    """Return the box of a parameter, which links to the parameter's section."""
    kind = parameter.kind(label)
    heading, _, name = parameter.key.partition(".")
    href = f"../parameters/{parameter.group}.html#{parameter.key}"
    return Box((name,), f"{parameter.key} ({kind})", LOOKS[kind], heading=heading, href=href)


def configuration(schema: dict[str, Any]) -> str:
    """Return the table of the fields of a configuration."""
    rows = []
    for name, entry in schema["properties"].items():
        default = entry.get("default", entry.get("const"))
        unit = text.plain(entry.get("x-unit", ""))
        rows.append(
            [
                f"`{name}`",
                text.plain(entry.get("description", entry.get("title", ""))) + (f" Unit: {unit}." if unit else ""),
                field_values(entry),
                "none" if default is None else text.number(default),
            ]
        )
    return text.markdown_table(["Field", "Meaning", "Allowed", "Default"], rows)


def effects(schema: dict[str, Any], catalogue: Catalogue) -> list[str]:
    """Return the section on the optional effects of a system; empty if its configuration has none."""
    rows = []
    for name, description in schema["properties"].get("effects", {}).get("x-effects", {}).items():
        keys = [p.key for p in catalogue.parameters.values() if p.get("x-effect") == name]
        rows.append([f"`{name}`", text.plain(description), text.links(keys)])
    return (
        ["## Effects\n", EFFECTS_TEXT, text.markdown_table(["Effect", "Meaning", "Parameters"], rows)] if rows else []
    )


def field_values(entry: dict[str, Any]) -> str:
    """Return the allowed values of a field, in words."""
    if form := entry.get("x-form"):
        return str(form)
    types = entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
    values = parameters.allowed(entry | {"type": types[0]}).replace("string", "text")
    return values + (" or none" if "null" in types else "")
