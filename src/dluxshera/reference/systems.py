"""A page for each system: its specs, what is computed from what in each, and its configuration."""

from collections.abc import Mapping
from typing import Any

from dluxshera.drawing import Box, Look, layered_drawing
from dluxshera.reference import parameters, text
from dluxshera.reference.sources import Catalogue, Label, Parameter, words

CONFIGURATION = """\
What fixes the shapes of arrays and the rasters. Changing it makes another model, whose spec has to be built anew.
"""

EFFECTS = """\
Optional parts of the model: a configuration names those that it has, `config.replace(effects=["ghosts", "motion"])`,
and its specs then have their parameters. A model without effects has none of their cost.
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
        parts += ["## Configuration\n", CONFIGURATION, configuration(config)]
        parts += effects(config, catalogue)
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
    boxes = {key: box(catalogue.parameters[key], label) for key in keys if key in drawn}
    caption = "Each arrow goes from a parameter to one that is computed from it. Filled: derived. Dashed: structural."
    name = f"Dependencies of the {words(label.spec)} spec of {label.system}"
    rows = [[text.link(key), text.links(needed)] for key in keys if (needed := catalogue.depends_on(key, label))]
    parts = [
        text.figure(layered_drawing(boxes, edges, label=name), name, caption),
        '??? note "The same as a table"\n',
        text.indent(text.table(["Derived", "Computed from"], rows)),
    ]
    if alone:
        parts.append(f"Not in the drawing, since nothing is derived from them: {text.links(alone)}.\n")
    return "\n".join(parts)


def box(parameter: Parameter, label: Label) -> Box:
    """Return the box of a parameter, which links to the parameter's section."""
    kind = parameter.kind(label)
    heading, _, name = parameter.key.partition(".")
    href = f"../parameters/{parameter.group}.html#{parameter.key}"
    return Box((name,), f"{parameter.key} ({kind})", LOOKS[kind], heading=heading, href=href)


def configuration(schema: dict[str, Any]) -> str:
    """Return the table of what a configuration says."""
    rows = []
    for name, entry in schema["properties"].items():
        given = entry.get("default", entry.get("const"))
        unit = text.plain(entry.get("x-unit", ""))
        rows.append(
            [
                f"`{name}`",
                text.plain(entry.get("description", entry.get("title", ""))) + (f" Unit: {unit}." if unit else ""),
                form_of(entry),
                "none" if given is None else text.number(given),
            ]
        )
    return text.table(["Field", "What it is", "Allowed", "Default"], rows)


def effects(schema: dict[str, Any], catalogue: Catalogue) -> list[str]:
    """Return the section on the optional effects of a system, where its configuration has some."""
    rows = []
    for name, said in schema["properties"].get("effects", {}).get("x-effects", {}).items():
        keys = [p.key for p in catalogue.parameters.values() if p.get("x-effect") == name]
        rows.append([f"`{name}`", text.plain(said), text.links(keys)])
    return ["## Effects\n", EFFECTS, text.table(["Effect", "What it is", "Parameters"], rows)] if rows else []


def form_of(entry: dict[str, Any]) -> str:
    """Return what values a field takes, in words."""
    if form := entry.get("x-form"):
        return str(form)
    types = entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
    said = parameters.allowed(entry | {"type": types[0]}).replace("string", "text")
    return said + (" or none" if "null" in types else "")
