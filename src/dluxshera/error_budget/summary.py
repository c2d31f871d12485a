"""A report on the terminal, in a few lines and tables: completeness before margins. No jax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dluxshera.console import print_table, printable
from dluxshera.error_budget.figures import unit_text
from dluxshera.error_budget.report_tables import NO_RESULT
from dluxshera.errors import UnknownKeyError


def verdict_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the verdict of a report: completeness, open inputs, faults of the trace, then margin and deficits.

    Parameters
    ----------
    report : mapping
        Report.
    """
    counts, requirement = report["completeness"], report["budget"]["requirement"]
    unit = unit_text(requirement["unit"])
    covered = counts["with_term"] + counts["excluded"]
    lines = [
        f"Completeness: {covered} of {counts['parameters']} parameters have a term or a reasoned exclusion "
        f"({len(counts['open'])} open)",
        f"Inputs: {len(counts['illustrative'])} illustrative, {len(counts['undetermined'])} to be determined; "
        f"{len(counts['unverified'])} terms without a verification",
        f"Trace: {len(report['trace']['faults'])} faults",
    ]
    total = report["rollup"][report["baseline"]]
    margin = total["margin"]["value"]
    lines.append(
        f"{requirement['id']}, {_title(report, report['baseline'])}: {total['total']['value']:.3g} of "
        f"{requirement['value']:.3g} {unit}, {'margin' if margin >= 0 else 'DEFICIT'} {abs(margin):.3g} {unit}"
        f"{' (illustrative)' if total['illustrative'] else ''}"
    )
    others = [item for item in report["deficits"] if item["estimator"] in (None, report["baseline"])]
    lines += [
        f"Deficit of {item['id']}, {_of(report, item)}: {item['value']:.3g} {unit}"
        for item in others
        if (item["id"], item["kind"]) != (requirement["id"], "error")
    ]
    return lines


def print_budget(report: Mapping[str, Any], estimator: str = "") -> None:
    """Print the verdict of a report, the totals, and the terms of one estimator.

    Parameters
    ----------
    report : mapping
        Report.
    estimator : str
        Id of the estimator; by default the baseline.

    Raises
    ------
    UnknownKeyError
        If the report has no such estimator.
    """
    chosen = estimator or report["baseline"]
    if chosen not in report["rollup"]:
        raise UnknownKeyError(chosen, report["rollup"], expected="an estimator of the report")
    unit = unit_text(report["budget"]["requirement"]["unit"])
    print(printable(report["budget"]["title"]))
    for line in verdict_lines(report):
        print(printable(line))
    totals = [
        (item["title"], *(f"{report['rollup'][item['id']][name]['value']:.4g}" for name in ("total", "margin")))
        for item in report["estimators"]
    ]
    print_table(("Estimator", f"Total, {unit}", f"Margin, {unit}"), totals)
    shares = report["rollup"][chosen]["shares"]
    rows = []
    for term in report["terms"]:
        result = term["results"].get(chosen, NO_RESULT)
        numbers = [_bounded(result, "contribution"), *map(_short, (term["allocation"], result["margin"]))]
        rows.append((term["id"], term["name"], *numbers, _bounded(result, "bias"), f"{100 * shares[term['id']]:.1f} %"))
    head = ("Term", "Name", "Contribution", "Allocation", "Margin", "Bias", "Share")
    print(f"{_title(report, chosen)}, {unit}")
    print_table(head, rows)


def print_term(report: Mapping[str, Any], name: str) -> None:
    """Print what a report has on one term, with the results of every estimator.

    Parameters
    ----------
    report : mapping
        Report.
    name : str
        Id of the term.

    Raises
    ------
    UnknownKeyError
        If the report has no such term.
    """
    terms = {term["id"]: term for term in report["terms"]}
    if name not in terms:
        raise UnknownKeyError(name, terms, expected="a term of the report")
    term = terms[name]
    facts = {
        "Part of": term["parent"],
        "Acts": term["acts"],
        "Parameters": ", ".join(term["keys"]),
        "Magnitude": term["stated"] or "",
        "Evidence": f"{term['evidence']['tag']}: {term['evidence']['source']}",
        "Class": term["class"],
        "Rule": term["rule"],
        "Allocation": _with_unit(term["allocation"]),
        "Verification": term["verification"],
        "Status": term["status"],
    }
    print_table((term["id"], term["name"]), [(title, text) for title, text in facts.items() if text])
    names = ("sensitivity", "contribution", "margin", "bias", "sigma", "linear_range")
    rows = [
        (estimator["title"], *(_with_unit(term["results"].get(estimator["id"], NO_RESULT)[name]) for name in names))
        for estimator in report["estimators"]
    ]
    print_table(("Estimator", "Sensitivity", "Contribution", "Margin", "Bias", "Sigma", "Linear to"), rows)


def _of(report: Mapping[str, Any], deficit: Mapping[str, Any]) -> str:
    return "allocations" if deficit["estimator"] is None else _title(report, deficit["estimator"])


def _title(report: Mapping[str, Any], estimator: str) -> str:
    return next(str(item["title"]) for item in report["estimators"] if item["id"] == estimator)


def _short(quantity: Mapping[str, Any] | None) -> str:
    return "" if quantity is None else f"{quantity['value']:.3g}"


def _bounded(result: Mapping[str, Any], name: str) -> str:
    """Return a value, and for a bias that is not resolved the bound below which it lies."""
    value, bound = result[name], result["resolution"]
    if value and value["value"] == 0 and bound and bound["value"]:
        return f"< {_short(bound)}"
    return _short(value)


def _with_unit(quantity: Mapping[str, Any] | None) -> str:
    return "" if quantity is None else f"{quantity['value']:.3g} {unit_text(quantity['unit'])}".rstrip()
