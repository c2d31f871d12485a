"""The parameter pages: one table of all, and a page for each group."""

from typing import Any

from dluxshera.reference import drawing, text
from dluxshera.reference.sources import Catalogue, Parameter

# What the snippets say: the design they start from, and the public function that builds each exported spec.
DESIGN, CONFIG = "shera_flight", "SHERA_FLIGHT_CONFIG"
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
    """Return the table of all parameters and the drawing of each spec."""
    designs = list(dict.fromkeys(name for p in catalogue.parameters.values() for name in p.get("x-design-values", {})))
    rows = [
        [
            text.link(p.key),
            p.title,
            catalogue.groups[p.group]["title"],
            *(p.kind(spec) for spec in catalogue.specs),
            unit(p),
            *(value(p, design, digits=7) for design in designs or [""]),
        ]
        for p in catalogue.parameters.values()
    ]
    values = [f"`{design}`" for design in designs] or ["Default"]
    head = ["Parameter", "Title", "Group", *(spec.capitalize() for spec in catalogue.specs), "Unit", *values]
    parts = [
        "---\nhide: [toc]\n---\n",
        text.MARK,
        "\n# Parameters\n",
        f"All {len(rows)} parameters of the model. A *primitive* value is yours to set, a *derived* one is computed "
        "from others, a *structural* one is fixed by the configuration. Choose a heading to sort by it, or type to "
        "filter.\n",
        text.table(head, rows, data=True),
    ]
    for spec, schema in catalogue.specs.items():
        parts += [
            f"## What depends on what: {spec} {{ data-search-exclude }}\n",
            schema["description"] + "\n",
            graph(catalogue, spec),
        ]
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
        for key in keys
        if key in drawn
    }
    caption = "Each arrow goes from a parameter to one that is computed from it. Filled: derived. Dashed: structural."
    alone = [key for key in keys if key not in drawn]
    svg = drawing.figure(drawing.graph(nodes, edges), f"Dependencies of the {spec} spec", caption)
    return svg + (f"\nOutside the drawing, since nothing is derived from them: {text.links(alone)}.\n" if alone else "")


def group_page(group: str, catalogue: Catalogue, drives: dict[str, list[dict[str, Any]]]) -> str:
    """Return the page of one group: a section for each of its parameters."""
    members = catalogue.of_group(group)
    title = catalogue.groups[group]["title"]
    parts = [text.MARK, f"\n# {title}\n", catalogue.groups[group]["description"] + "\n", preamble(members)]
    for parameter in members:
        parts += [section(parameter, catalogue, drives.get(parameter.key, [])), snippet(parameter)]
    return "\n".join(parts)


def preamble(members: list[Parameter]) -> str:
    """Return the code from which the snippets of a page start."""
    used = [(snippet_spec(p), p) for p in members]
    specs = [spec for spec in BUILDERS if any(spec == name for name, _ in used)]
    if not specs:
        return ""
    lines = ["import dluxshera as ds"]
    if any(name and p.kind(name) == "derived" for name, p in used):
        lines.append("from dluxshera.systems.transforms import SHERA_RESOLVER")
    for spec in specs:
        lines += [
            f"\n{spec} = ds.{BUILDERS[spec]}(\n    ds.{CONFIG}\n)",
            f"{spec}_store = ds.ParameterStore.from_spec_defaults({spec})",
        ]
    return "\n".join(["The snippets of this page start from:\n", "```python", *lines, "```\n"])


def section(p: Parameter, catalogue: Catalogue, terms: list[dict[str, Any]]) -> str:
    """Return what is known of one parameter."""
    transform = p.get("x-transform")
    needs = {spec: text.links(catalogue.depends_on(p.key, spec)) for spec in p.by_spec}
    rows = [
        ("Symbol", f"$`{p.get('x-symbol')}`$".replace("`", "") if p.get("x-symbol") else ""),
        ("Kind", per_spec({spec: p.kind(spec) for spec in catalogue.specs})),
        ("Unit", unit(p)),
        ("Dimension", p.get("x-dimension", "")),
        ("Default" if p.get("default") is not None else "Value", default(p)),
        ("Components", ", ".join(p.get("x-components", []))),
        ("Allowed", per_spec({spec: allowed(entry) for spec, entry in p.by_spec.items()})),
        ("Prior", per_spec({spec: prior(entry.get("x-prior")) for spec, entry in p.by_spec.items()})),
        ("Acts on", ", ".join(p.get("x-acts-on", []))),
        ("Depends on", per_spec(needs)),
        ("Used by", text.links(catalogue.used_by(p.key))),
        ("Computed by", f"[`{transform.rpartition('.')[2]}`][{transform}]" if transform else ""),
        ("Error-budget terms", ", ".join(f"[{term['id']} {term['name']}][{term['id']}]" for term in terms)),
        ("Source of the value", text.plain(p.get("x-source", ""))),
        ("Since", p.get("x-since", "")),
    ]
    parts = [
        f'## {p.title} `{p.key}` {{ #{p.key} data-toc-label="{p.title}" }}\n',
        text.plain(p.get("description")) + "\n",
    ]
    if p.get("x-equation"):
        parts.append(f"$$\n{p.get('x-equation')}\n$$\n")
    return "\n".join([*parts, text.facts(rows)])


def per_spec(values: dict[str, str]) -> str:
    """Return what is said of each spec, once where all say the same."""
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return "; ".join(f"{value} ({spec})" for spec, value in values.items() if value)


def unit(p: Parameter) -> str:
    """Return the unit, as the logarithm that the value is where it is one."""
    name = text.plain(p.get("x-unit") or "1")
    return f"log10({name})" if p.get("x-scale") == "log10" else name


def value(p: Parameter, design: str, digits: int | None = None) -> str:
    """Return the value in `design`, that of the schema where the design says nothing."""
    given = p.get("x-design-values", {}).get(design, p.get("const", p.get("default")))
    return text.NONE if given is None else text.number(given, digits)


def default(p: Parameter) -> str:
    """Return the value of each design, once where all agree; what is computed is rounded."""
    digits = None if "default" in next(iter(p.by_spec.values())) else 8
    values = {design: value(p, design, digits) for design in p.get("x-design-values", {}) or [""]}
    if len(set(values.values())) > 1:
        return "; ".join(f"{said} ({design})" for design, said in values.items())
    return next(iter(values.values()))


def allowed(entry: dict[str, Any]) -> str:
    """Return the values that the schema accepts, in words."""
    if "const" in entry:
        return ""
    if "enum" in entry:
        return ", ".join(map(str, entry["enum"]))
    item = entry.get("items", entry)
    limits = [
        f"{sign} {text.number(item[name])}"
        for name, sign in [
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
        ]
        if name in item
    ]
    what = {"number": "any number", "integer": "any integer"}.get(item.get("type", ""), item.get("type", ""))
    if limits:
        what = ("integer " if item.get("type") == "integer" else "") + " and ".join(limits)
    return f"{entry['minItems']} values, each {what}" if entry.get("type") == "array" else what


def prior(given: dict[str, Any] | None) -> str:
    """Return the kind of a prior and its numbers."""
    if not given:
        return ""
    return ", ".join(
        [given["kind"], *(f"{name} {text.number(value, 8)}" for name, value in given.items() if name != "kind")]
    )


def snippet_spec(p: Parameter) -> str | None:
    """Return the spec that the snippet uses: one in which the value can be set, if there is one."""
    usable = [spec for spec in p.by_spec if spec in BUILDERS and p.kind(spec) != "structural"]
    return next((spec for spec in usable if p.kind(spec) == "primitive"), next(iter(usable), None))


def snippet(p: Parameter) -> str:
    """Return code that shows the value and, where it can be, sets it, with what it prints."""
    spec = snippet_spec(p)
    if spec is None:
        return ""
    given = p.get("x-design-values", {}).get(DESIGN)
    store, printed = f"{spec}_store", f"{given:.6g}" if isinstance(given, float) and given else ""
    if p.kind(spec) == "derived":
        lines = [f"derived = SHERA_RESOLVER.resolve({spec}, {store})", f'value = derived["{p.key}"]']
    else:
        lines = [f'value = {store}["{p.key}"]']
    if printed:
        lines.append('print(f"{value:.6g}")')
    if p.kind(spec) == "primitive":
        lines.append(f'{store} = {store}.replace(\n    {{"{p.key}": {new_value(p.by_spec[spec]["default"])}}}\n)')
    output = ["```{ .text .output .no-copy }", printed, "```\n"] if printed else []
    return "\n".join(["```python", *lines, "```\n", *output])


def new_value(default: Any) -> str:
    """Return the Python text of a value to set: the default, rounded."""
    return str(default) if isinstance(default, list) else text.number(default, 8)
