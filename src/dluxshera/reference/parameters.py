"""The parameter pages: one table of all, and a page for each group."""

from collections.abc import Iterable
from typing import Any

from dluxshera.reference import drawing, text
from dluxshera.reference.sources import Catalogue, Parameter

# The public function that builds each exported spec: what a snippet needs to say.
BUILDERS = {"forward": "build_forward_model_spec_from_config", "inference": "build_inference_spec_basic"}


def pages(catalogue: Catalogue, report: dict[str, Any] | None) -> dict[str, str]:
    """Return the text of each page by its file name."""
    drives: dict[str, list[dict[str, Any]]] = {}
    for term in report["terms"] if report else []:
        for key in term["keys"]:
            drives.setdefault(key, []).append(term)
    return {"index.md": index_page(catalogue)} | {
        f"{group}.md": group_page(group, catalogue, drives) for group in catalogue.groups
    }


def index_page(catalogue: Catalogue) -> str:
    rows = [
        [
            text.link(p.key), p.title, catalogue.groups[p.group]["title"], unit(p), default(p),
            *(p.kind(spec) for spec in catalogue.specs),
        ]
        for p in catalogue.parameters.values()
    ]
    head = ["Parameter", "Title", "Group", "Unit", "Default", *(f"In {spec}" for spec in catalogue.specs)]
    parts = [
        "---\nhide: [toc]\n---\n",
        text.MARK,
        "\n# Parameters\n",
        f"All {len(rows)} parameters of the model. A *primitive* value is yours to set, a *derived* one is computed from others, "
        "a *structural* one is fixed by the configuration. Choose a column's heading to sort by it, or type to filter.\n",
        text.table(head, rows, data=True),
    ]
    for spec, schema in catalogue.specs.items():
        parts += [f"## What depends on what: {spec} {{ data-search-exclude }}\n", schema["description"] + "\n", graph(catalogue, spec)]
    return "\n".join(parts)


def graph(catalogue: Catalogue, spec: str) -> str:
    """Return the drawing of the dependencies of one spec."""
    keys = [key for key, p in catalogue.parameters.items() if spec in p.by_spec]
    edges = [(needed, key) for key in keys for needed in catalogue.depends_on(key, spec)]
    drawn = {key for edge in edges for key in edge}
    if not edges:
        return "No parameter of this spec is derived from another.\n"
    nodes = {
        key: drawing.Node(key, f"{catalogue.parameters[key].group}.html#{key}", catalogue.parameters[key].kind(spec))
        for key in keys if key in drawn
    }
    caption = "Each arrow goes from a parameter to one that is computed from it. Filled: derived. Dashed: structural."
    alone = [key for key in keys if key not in drawn]
    svg = drawing.figure(drawing.graph(nodes, edges), f"Dependencies of the {spec} spec", caption)
    return svg + (f"\nOutside the drawing, since nothing is derived from them: {text.links(alone)}.\n" if alone else "")


def group_page(group: str, catalogue: Catalogue, drives: dict[str, list[dict[str, Any]]]) -> str:
    members = catalogue.of_group(group)
    title = catalogue.groups[group]["title"]
    specs = [spec for spec in catalogue.specs if spec in BUILDERS and any(snippet_spec(p) == spec for p in members)]
    parts = [text.MARK, f"\n# {title}\n", catalogue.groups[group]["description"] + "\n"]
    if specs:
        parts += ["The snippets of this page start from:\n", "```python", "import dluxshera as ds\n", "config = ds.SHERA_FLIGHT_CONFIG"]
        for spec in specs:
            parts += [f"{spec} = ds.{BUILDERS[spec]}(config)", f"{spec}_store = ds.ParameterStore.from_spec_defaults({spec})"]
        parts += ["```\n"]
    for parameter in members:
        parts += [section(parameter, catalogue, drives.get(parameter.key, [])), snippet(parameter)]
    return "\n".join(parts)


def section(p: Parameter, catalogue: Catalogue, terms: list[dict[str, Any]]) -> str:
    transform = p.get("x-transform")
    needs = {spec: text.links(catalogue.depends_on(p.key, spec)) for spec in p.by_spec}
    rows = [
        ("Symbol", f"$`{p.get('x-symbol')}`$".replace("`", "") if p.get("x-symbol") else ""),
        ("Kind", per_spec({spec: p.kind(spec) for spec in catalogue.specs})),
        ("Unit", unit(p)),
        ("Dimension", p.get("x-dimension", "")),
        ("Value" if p.get("const") is not None else "Default", default(p)),
        ("Components", ", ".join(p.get("x-components", []))),
        ("Allowed", per_spec({spec: allowed(entry) for spec, entry in p.by_spec.items()})),
        ("Prior", per_spec({spec: prior(entry.get("x-prior")) for spec, entry in p.by_spec.items()})),
        ("Acts on", ", ".join(p.get("x-acts-on", []))),
        ("Depends on", per_spec(needs)),
        ("Used by", text.links(catalogue.used_by(p.key))),
        ("Computed by", f"[`{transform.rpartition('.')[2]}`][{transform}]" if transform else ""),
        ("Error-budget terms", ", ".join(f"[{term['id']} {term['name']}][{term['id']}]" for term in terms)),
        ("Source of the value", p.get("x-source", "")),
        ("Since", p.get("x-since", "")),
    ]
    parts = [f"## {p.title} `{p.key}` {{ #{p.key} data-toc-label=\"{p.title}\" }}\n", p.get("description") + "\n"]
    if p.get("x-equation"):
        equation = p.get("x-equation")
        parts.append(f"$$\n{equation if '=' in equation or not p.get('x-symbol') else p.get('x-symbol') + ' = ' + equation}\n$$\n")
    return "\n".join([*parts, text.facts(rows)])


def per_spec(values: dict[str, str]) -> str:
    """Return what is said of each spec, once where all say the same."""
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return "; ".join(f"{value} ({spec})" for spec, value in values.items() if value)


def unit(p: Parameter) -> str:
    name = p.get("x-unit") or "1"
    return f"log10({name})" if p.get("x-scale") == "log10" else name


def default(p: Parameter) -> str:
    """Return the value of each design, once where all agree."""
    designs = p.get("x-design-values") or {}
    if len({text.number(value) for value in designs.values()}) > 1:
        return "; ".join(f"{text.number(value)} ({design})" for design, value in designs.items())
    value = next(iter(designs.values()), p.get("const", p.get("default")))
    return text.NONE if value is None else text.number(value)


def allowed(entry: dict[str, Any]) -> str:
    if "const" in entry:
        return ""
    if "enum" in entry:
        return ", ".join(map(str, entry["enum"]))
    item = entry.get("items", entry)
    limits = [
        f"{sign} {text.number(item[name])}"
        for name, sign in [("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")]
        if name in item
    ]
    what = {"number": "any number", "integer": "any integer"}.get(item.get("type", ""), item.get("type", ""))
    if limits:
        what = ("integer " if item.get("type") == "integer" else "") + " and ".join(limits)
    return f"{entry['minItems']} values, each {what}" if entry.get("type") == "array" else what


def prior(given: dict[str, Any] | None) -> str:
    if not given:
        return ""
    return ", ".join([given["kind"], *(f"{name} {text.number(value)}" for name, value in given.items() if name != "kind")])


def snippet_spec(p: Parameter) -> str | None:
    """Return the spec that the snippet uses: one in which the value can be set, if there is one."""
    usable = [spec for spec in p.by_spec if spec in BUILDERS and p.kind(spec) != "structural"]
    return next((spec for spec in usable if p.kind(spec) == "primitive"), next(iter(usable), None))


def snippet(p: Parameter) -> str:
    spec = snippet_spec(p)
    if spec is None:
        return ""
    if p.kind(spec) == "derived":
        lines: Iterable[str] = [f"{spec}_values = ds.refresh_derived({spec}_store, {spec})", f'value = {spec}_values["{p.key}"]']
    else:
        value = p.by_spec[spec]["default"]
        lines = [
            f'value = {spec}_store["{p.key}"]',
            f"{spec}_store = {spec}_store.replace(",
            f'    {{"{p.key}": {value if isinstance(value, list) else text.number(value)}}}',
            ")",
        ]
    return "\n".join(["```python", *lines, "```\n"])
