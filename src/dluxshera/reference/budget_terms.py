"""Sections of the requirement and of each term of the error budget."""

from collections.abc import Iterator
from typing import Any

from dluxshera.reference import text

# Columns of the results, with "+" where positive values are written with their sign.
COLUMNS = [("contribution", ""), ("margin", "+"), ("bias", "+"), ("sigma", "")]
HEADS = [name.capitalize() for name, _ in COLUMNS]


def requirement(report: dict[str, Any]) -> list[str]:
    """Return the requirement, with its anchor and the terms below it."""
    root = report["budget"]["requirement"]
    below = [term for term in report["terms"] if term["parent"] == root["id"]]
    return [
        f'<span id="{root["id"]}"></span>\n',
        f'!!! abstract "Requirement {root["id"]}: {text.with_unit(root)} ({root["status"]})"\n',
        text.indent(text.plain(root["text"])) + "\n",
        text.indent(f"Answer: {text.link(root['answer'])}. Terms: {', '.join(map(term_link, below))}.") + "\n",
    ]


def term_link(term: dict[str, Any]) -> str:
    """Return a link to the section of a term."""
    return f"[{term['id']}][{term['id']}]"


def sections(report: dict[str, Any]) -> Iterator[str]:
    """Return the section of each term: its properties, its results for each estimator, and its checks."""
    terms = {term["id"]: term for term in report["terms"]}
    root = report["budget"]["requirement"]["id"]
    faults: dict[str, list[dict[str, Any]]] = {}
    for fault in report["trace"]["faults"]:
        faults.setdefault(fault["id"], []).append(fault)
    for term in report["terms"]:
        yield section(report, term, terms, root, faults.get(term["id"], []))


def section(
    report: dict[str, Any], term: dict[str, Any], terms: dict[str, Any], root: str, faults: list[dict[str, Any]]
) -> str:
    """Return the section of one term."""
    parent, evidence = term["parent"], term["evidence"]
    children = [other for other in report["terms"] if other["parent"] == term["id"]]
    rows = [
        ("Part of", f"[{parent}][{parent}]" if parent in terms else f"[{parent}](#{root})"),
        ("Terms below it", ", ".join(map(term_link, children))),
        ("Parameters", text.links(term["keys"])),
        ("Acts", text.plain(term["acts"])),
        ("Perturbation", f"[`{term['perturbation']['kind']}`](error-budget-methods.md#{kind_anchor(term)})"),
        ("Magnitude", magnitude(term)),
        ("Evidence", text.plain(": ".join(filter(None, [evidence["tag"], evidence.get("source")])))),
        ("Class", term["class"]),
        ("Role", term["role"] or ""),
        ("Common cause", text.plain(term["group"] or "")),
        ("Combined by", term["rule"]),
        ("Model-uncertainty factor", text.number(term["factor"]) if term["factor"] != 1 else ""),
        ("Maturity", term["maturity"] or ""),
        ("Allocation", limit_of(term)),
        ("Verified by", text.plain(term["verification"])),
        ("Owner", term["owner"] or ""),
        ("Status", term["status"]),
        ("Since", term["since"]),
        ("Note", text.plain(term["note"] or "")),
    ]
    results = [
        [
            estimator["title"],
            text.with_unit(result["sensitivity"]),
            *(text.with_unit(result[name], sign) for name, sign in COLUMNS[:2]),
            bias(result),
            text.with_unit(result["sigma"]),
            text.short(result["stealth"]) if result["stealth"] is not None else text.NONE,
            text.with_unit(result.get("linear_range")),
        ]
        for estimator in report["estimators"]
        if (result := term["results"].get(estimator["id"]))
    ]
    head = ["Estimator", "Sensitivity", *HEADS, "Stealth", "Linear to"]
    parts = [
        f"### {term['id']} {term['name']} {{ #{term['id']} }}\n",
        *(f'!!! warning "Trace: {fault["kind"]}"\n\n    {text.plain(fault["text"])}\n' for fault in faults),
        text.facts(rows),
        text.markdown_table(head, results, kind="dense") if results else "",
        checks(term),
        elasticities(term),
        f"`dluxshera budget show --term {term['id']}` prints these numbers.\n",
    ]
    return "\n".join(filter(None, parts))


def bias(result: dict[str, Any]) -> str:
    """Return the bias with its sign, the bound of one that is not resolved, and a mark on that of a refit."""
    value, bound = result["bias"], result["resolution"]
    if value and not value["value"] and bound and bound["value"]:
        return f"below {text.with_unit(bound)}"
    mark = " (refit)" if result["refit"] else ""
    return text.with_unit(value, "+") + mark


def magnitude(term: dict[str, Any]) -> str:
    """Return the magnitude as its source states it; the reference point fixes that of a term without one."""
    if term["stated"]:
        return text.plain(text.unit(term["stated"]))
    return "fixed by the reference point" if term["results"] else "to be determined"


def limit_of(term: dict[str, Any]) -> str:
    """Return the allocation with its source."""
    if not term["allocation"]:
        return "none"
    source = term["allocation_source"]
    return text.with_unit(term["allocation"]) + (f", {text.plain(source)}" if source else "")


def kind_anchor(term: dict[str, Any]) -> str:
    """Return the anchor of a kind of perturbation on the page of the methods."""
    return f"kind-{term['perturbation']['kind'].replace('_', '-')}"


def checks(term: dict[str, Any]) -> str:
    """Return the closed forms that a term is compared with."""
    rows = [
        [text.plain(check["name"]), text.with_unit(check), text.plain(check["text"])]
        for check in term.get("checks", ())
    ]
    return "Independent values:\n\n" + text.markdown_table(["Value", "", "Formula"], rows, kind="dense") if rows else ""


def elasticities(term: dict[str, Any]) -> str:
    """Return the percent by which a term of noise changes if a parameter grows by one percent."""
    rows = [[text.link(key), text.short(value, "+")] for key, value in term.get("elasticities", {}).items()]
    head = ["Parameter", "Change of sigma, % per %"]
    return "Elasticities of the noise:\n\n" + text.markdown_table(head, rows, kind="dense") if rows else ""
