"""The parameter pages: a table of all parameters, and a page for each group."""

from collections.abc import Callable, Iterable
from typing import Any

from dluxshera.reference import snippets, text
from dluxshera.reference.coverage import MarkedTest
from dluxshera.reference.inputs import Catalogue, Label, ParameterEntry, words

DESIGN = "shera_flight"  # the table shows the values of this design
VALUE_DIGITS = 8
EFFECTS_SPEC = "effects"  # the spec with the parameters of all optional effects


def pages(catalogue: Catalogue, report: dict[str, Any] | None, tests: dict[str, list[MarkedTest]]) -> dict[str, str]:
    """Return the text of each page by its file name.

    Parameters
    ----------
    catalogue : Catalogue
        Content of the schemas.
    report : dict or None
        Error-budget report; its terms are listed with each parameter.
    tests : dict of str to list of MarkedTest
        Tests that cover each function, by its dotted name.
    """
    drives: dict[str, list[dict[str, Any]]] = {}
    for term in report["terms"] if report else []:
        for key in term["keys"]:
            drives.setdefault(key, []).append(term)
    return {"index.md": index_page(catalogue)} | {
        f"{group}.md": group_page(group, catalogue, drives, tests) for group in catalogue.groups
    }


def index_page(catalogue: Catalogue) -> str:
    """Return the table of all parameters."""
    several = len(catalogue.systems) > 1
    columns = [spec for spec in catalogue.spec_names if spec != EFFECTS_SPEC]
    optional = EFFECTS_SPEC in catalogue.spec_names
    rows = []
    for p in catalogue.parameters.values():
        kinds = {spec: ", ".join(kinds_of(p, spec)) for spec in columns}
        if optional and not any(kinds.values()):
            kinds |= {"forward": ", ".join(kinds_of(p, EFFECTS_SPEC)) + "*"}
        facets = {
            "Group": [catalogue.groups[p.group]["title"]],
            "Kind": sorted({p.kind(label) for label in p.by_spec}),
            "Unit": [unit(p)],
        }
        row = [
            text.breaking_link(p.key) + text.facets(facets | ({"System": p.systems} if several else {})),
            p.title,
            unit(p),
            value(p, DESIGN, digits=7),
            *(kinds[spec] or text.NONE for spec in columns),
        ]
        if several:
            row.append("all" if p.systems == catalogue.systems else ", ".join(map(short_name, p.systems)))
        rows.append(row)
    head = ["Parameter", "Title", "Unit", "Default", *(words(spec) for spec in columns)]
    starred = " A star marks a parameter of an optional effect." if optional else ""
    systems = ", ".join(f"[`{name}`](../systems/{name}.md)" for name in catalogue.systems)
    which = f"the systems {systems}" if several else f"the system {systems}"
    return "\n".join(
        [
            "---\nhide: [toc]\n---\n",
            "# Parameters\n",
            text.MARK + "\n",
            f"All {len(rows)} parameters of {which}. You set *primitive* values; *derived* values are computed from "
            "other parameters; *structural* values are fixed by the configuration. The kind depends on the spec, and "
            f"there is a column for each spec.{starred} Defaults are those of `{DESIGN}`, rounded; the "
            "[schemas](../schemas.md) have all digits. Select a heading to sort the table, or filter it.\n",
            text.markdown_table(head + ["systems"] * several, rows, kind="data"),
        ]
    )


def kinds_of(p: ParameterEntry, spec: str) -> list[str]:
    """Return the kinds that a parameter has in the specs of one name, over all systems."""
    return list(dict.fromkeys(p.kind(label) for label in p.by_spec if label.spec == spec))


def short_name(system: str) -> str:
    """Return the name of a system without the prefix that all systems share."""
    return system.removeprefix("shera_")


def group_page(
    group: str, catalogue: Catalogue, drives: dict[str, list[dict[str, Any]]], tests: dict[str, list[MarkedTest]]
) -> str:
    """Return the page of one group, with a section for each of its parameters."""
    members = catalogue.of_group(group)
    title = catalogue.groups[group]["title"]
    parts = [
        f"# {title}\n",
        text.MARK + "\n",
        catalogue.groups[group]["description"] + "\n",
        snippets.preamble(members),
    ]
    for parameter in members:
        parts += [
            section(parameter, catalogue, drives.get(parameter.key, []), tests),
            snippets.snippet(parameter, catalogue),
        ]
    return "\n".join(parts)


def section(
    p: ParameterEntry, catalogue: Catalogue, terms: list[dict[str, Any]], tests: dict[str, list[MarkedTest]]
) -> str:
    """Return the section of one parameter."""
    labels = [label for label in catalogue.specs if label.system in p.systems]
    covering = [test for entry in p.by_spec.values() for test in tests.get(entry.get("x-transform", ""), [])]

    def each(describe: Callable[[dict[str, Any]], str]) -> str:
        return catalogue.combined({label: describe(entry) for label, entry in p.by_spec.items()})

    def where_derived(describe: Callable[[dict[str, Any]], str]) -> str:
        derived = {label: entry for label, entry in p.by_spec.items() if entry.get("x-depends-on")}
        return catalogue.combined({label: describe(entry) for label, entry in derived.items()})

    rows = [
        ("Symbol", f"${p.get('x-symbol')}$" if p.get("x-symbol") else ""),
        ("Kind", catalogue.combined({label: p.kind(label) for label in labels})),
        ("Effect", effect(p)),
        ("Systems", ", ".join(f"[`{name}`](../systems/{name}.md)" for name in p.systems)),
        ("Unit", unit(p)),
        ("Dimension", p.get("x-dimension", "")),
        ("Default" if p.get("default", p.get("x-default-of-each")) is not None else "Value", values_by_design(p)),
        ("Source of the value", each(lambda entry: text.plain(entry.get("x-source", "")))),
        ("Components", each(lambda entry: ", ".join(entry.get("x-components", [])))),
        ("Allowed", each(allowed)),
        ("Prior", each(lambda entry: prior(entry.get("x-prior")))),
        ("Acts on", each(lambda entry: ", ".join(entry.get("x-acts-on", [])) or "nothing")),
        ("Depends on", where_derived(lambda entry: text.links(entry["x-depends-on"]))),
        ("Used by", text.links(catalogue.used_by(p.key))),
        ("Computed by", where_derived(lambda entry: transform(entry.get("x-transform", "")))),
        ("Tested by", tested_by(covering)),
        ("Error-budget terms", ", ".join(f"[{term['id']} {term['name']}][{term['id']}]" for term in terms)),
        ("Status", p.get("x-status", "")),
        ("Since", p.get("x-since", "")),
    ]
    parts = [
        f'## {p.title} `{p.key}` {{ #{p.key} data-toc-label="{p.title}" }}\n',
        deprecation(p),
        text.plain(p.get("description")) + "\n",
        equations(p, catalogue),
        text.facts(rows),
    ]
    return "\n".join(filter(None, parts))


def effect(p: ParameterEntry) -> str:
    """Return the optional effect that a parameter belongs to, with a link to its description."""
    name = p.get("x-effect", "")
    return f"[`{name}`](../systems/{p.systems[-1]}.md#effects), an optional effect of the configuration" if name else ""


def deprecation(p: ParameterEntry) -> str:
    """Return the warning of a deprecated parameter."""
    notice = p.get("x-deprecated", "")
    return f'!!! warning "Deprecated"\n\n    {text.plain(notice)}\n' if notice else ""


def equations(p: ParameterEntry, catalogue: Catalogue) -> str:
    """Return the equation, or the equation of each spec if they differ."""
    specs: dict[str, list[Label]] = {}
    for label, entry in p.by_spec.items():
        if entry.get("x-equation"):
            specs.setdefault(entry["x-equation"], []).append(label)
    return "\n".join(
        (f"In {catalogue.named(labels, p.by_spec)}:\n\n" if len(specs) > 1 else "") + f"$$\n{equation}\n$$\n"
        for equation, labels in specs.items()
    )


def transform(name: str) -> str:
    """Return a link to the API entry of a function."""
    return f"[`{name.rpartition('.')[2]}`][{name}]" if name else ""


def tested_by(tests: Iterable[MarkedTest]) -> str:
    """Return each test by its name in pytest, with its first line."""
    return "<br>".join(f"`{test.node}`, line {test.line}" for test in dict.fromkeys(tests))


def unit(p: ParameterEntry) -> str:
    """Return the unit, in the form ``log10(unit)`` for a logarithm."""
    name = text.plain(p.get("x-unit") or "1")
    return f"log10({name})" if p.get("x-scale") == "log10" else name


def values_of(p: ParameterEntry) -> dict[str, Any]:
    """Return the value by the name of the design; a value that no design sets has an empty name."""
    values: dict[str, Any] = {}
    for entry in p.by_spec.values():
        default = entry.get("const", entry.get("default", entry.get("x-default-of-each")))
        for design, number in (entry.get("x-design-values") or {"": default}).items():
            values.setdefault(design, number)
    return values


def value(p: ParameterEntry, design: str, digits: int) -> str:
    """Return the value in `design`, or in the first design that has the parameter."""
    values = values_of(p)
    number = values.get(design, next(iter(values.values())))
    return text.NONE if number is None else text.number(number, digits)


def values_by_design(p: ParameterEntry) -> str:
    """Return the value in each design, or one value if all agree; the schema has all digits."""
    designs: dict[str, list[str]] = {}
    for design, number in values_of(p).items():
        designs.setdefault(text.NONE if number is None else text.number(number, VALUE_DIGITS), []).append(f"`{design}`")
    if len(designs) == 1:
        return next(iter(designs))
    return "; ".join(f"{shown} in {', '.join(names)}" for shown, names in designs.items())


def allowed(entry: dict[str, Any]) -> str:
    """Return the values that the schema accepts, in words."""
    if "const" in entry:
        return "fixed by the configuration"
    if "enum" in entry:
        return ", ".join(map(str, entry["enum"]))
    item = entry.get("items", entry)
    if item.get("type") == "array":
        return f"{entry['minItems']} rows of {allowed(item)}"
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
    phrase = {"number": "any number", "integer": "any integer"}.get(item.get("type", ""), item.get("type", ""))
    if limits:
        phrase = ("integer " if item.get("type") == "integer" else "") + " and ".join(limits)
    return f"{entry['minItems']} values, each {phrase}" if entry.get("type") == "array" else phrase


def prior(entry: dict[str, Any] | None) -> str:
    """Return the kind of a prior and its numbers."""
    if not entry:
        return ""
    return ", ".join(
        [
            words(entry["kind"]),
            *(f"{words(name)} {text.number(value, VALUE_DIGITS)}" for name, value in entry.items() if name != "kind"),
        ]
    )
