"""Figures of a report as SVG, drawn from the report alone. No jax.

A figure takes the colour of the text around it, so that one file fits light and dark pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from dluxshera.drawing import (
    Bar,
    Box,
    Look,
    MatrixCell,
    Series,
    Span,
    bar_chart,
    heat_map,
    layered_drawing,
    series_chart,
    span_chart,
)

ADDED: Final = ("rss", "linear")  # rules of the terms that are part of a total
LONGEST: Final = 38  # characters of a name in a box
Report = Mapping[str, Any]


def _anchor(name: str) -> str:
    return f"#{name}"


def budget_figures(report: Report, link: Callable[[str], str] = _anchor) -> dict[str, str]:
    """Return the figures of a report by name.

    Parameters
    ----------
    report : mapping
        Report, as `evaluate` returns it.
    link : callable
        Function from the id of a term, or the key of a parameter, to the target of its link; by default an anchor of
        the same page. An empty target gives no link.

    Returns
    -------
    dict of str to str
        ``<svg>`` elements: ``tree``, ``matrix``, and for each estimator ``tornado-ID``, ``waterfall-ID`` and
        ``allocation-ID``.
    """
    figures = {"tree": tree(report, link), "matrix": matrix(report, link)}
    for estimator in report["estimators"]:
        name = estimator["id"]
        figures |= {
            f"tornado-{name}": tornado(report, name, link),
            f"waterfall-{name}": waterfall(report, name, link),
            f"allocation-{name}": allocation_bars(report, name, link),
        }
    return figures


def unit_text(unit: str) -> str:
    """Return a unit as figures print it."""
    return unit.replace("uarcsec", "µas").replace("uas", "µas")


def tornado(report: Report, estimator: str, link: Callable[[str], str] = _anchor) -> str:
    """Draw the effect of each term on the answer, the largest first, without rows that are not added.

    Parameters
    ----------
    report : mapping
        Report.
    estimator : str
        Id of the estimator.
    link : callable
        Function from the id of a term to the target of its link.
    """
    unit = unit_text(report["budget"]["requirement"]["unit"])
    rows = [term for term in report["terms"] if term["rule"] in ADDED and estimator in term["results"]]
    rows.sort(key=lambda term: -term["results"][estimator]["contribution"]["value"])
    spans = []
    for term in rows:
        result, limit = term["results"][estimator], term["allocation"]
        size = result["contribution"]["value"]
        bias = result["bias"]["value"] if result["bias"] else None
        start, end, text = (
            (-size, size, f"± {size:.3g}") if bias is None else (0.0, bias, f"{bias:+.3g}" if bias else "0")
        )
        over = limit is not None and size > limit["value"]
        title = f"{term['id']}: {text} {unit}{', above its allocation' if over else ''}"
        label = f"{term['id']} {term['name']}: {text}"
        spans.append(Span(label, start, end, title, link(term["id"]), "over" if over else "plain"))
    return span_chart(spans, unit, label=f"Effect of each term, {_title(report, estimator)}")


def waterfall(report: Report, estimator: str, link: Callable[[str], str] = _anchor) -> str:
    """Draw how the formal error grows with each parameter that is fitted with the answer.

    Parameters
    ----------
    report : mapping
        Report.
    estimator : str
        Id of the estimator.
    link : callable
        Function from the key of a parameter to the target of its link.
    """
    unit = unit_text(report["budget"]["requirement"]["unit"])
    row = _estimator(report, estimator)
    if row["conditional_sigma"] is None:  # a budget without a model
        return span_chart([], unit, label="No formal error")
    before = row["conditional_sigma"]["value"]
    answer = report["budget"]["requirement"]["answer"]
    spans = [
        Span(
            f"{answer} alone: {before:.3g}", 0.0, before, f"all else known: {before:.4g} {unit}", link(answer), "total"
        )
    ]
    for step in row["waterfall"]:
        sigma = step["sigma"]["value"]
        title = f"with {step['key']}: {sigma:.4g} {unit}"
        spans.append(Span(f"+ {step['key']}: {sigma:.3g}", before, sigma, title, link(step["key"])))
        before = sigma
    spans.append(Span(f"all fitted: {before:.3g}", 0.0, before, f"formal error: {before:.4g} {unit}", "", "total"))
    return span_chart(spans, unit, label=f"Formal error with each fitted parameter, {_title(report, estimator)}")


def allocation_bars(report: Report, estimator: str, link: Callable[[str], str] = _anchor) -> str:
    """Draw the contribution of each term as a bar and its allocation as a mark, on a logarithmic axis.

    Parameters
    ----------
    report : mapping
        Report.
    estimator : str
        Id of the estimator.
    link : callable
        Function from the id of a term to the target of its link.
    """
    bars = [
        Bar(
            f"{term['id']} {term['name']}",
            link(term["id"]),
            term["results"][estimator]["contribution"]["value"],
            term["allocation"] and term["allocation"]["value"],
        )
        for term in report["terms"]
        if estimator in term["results"]
    ]
    label = f"Contributions and allocations, {_title(report, estimator)}"
    unit = unit_text(report["budget"]["requirement"]["unit"])
    return bar_chart(bars, unit, limit_name="allocation", label=label)


def matrix(report: Report, link: Callable[[str], str] = _anchor) -> str:
    """Draw the parameters by the terms that they drive; the shade is the contribution of the term to the baseline.

    Parameters
    ----------
    report : mapping
        Report.
    link : callable
        Function from the id of a term, or the key of a parameter, to the target of its link.
    """
    terms = {term["id"]: term for term in report["terms"] if term["keys"]}
    keys = dict.fromkeys(key for term in terms.values() for key in term["keys"])
    unit = unit_text(report["budget"]["requirement"]["unit"])
    cells = {}
    for name, term in terms.items():
        result = term["results"].get(report["baseline"])
        size = None if result is None else result["contribution"]["value"]
        text = "to be determined" if size is None else f"{size:.3g} {unit}"
        for key in term["keys"]:
            cells[key, name] = MatrixCell(size, f"{key} drives {name} {term['name']}: {text}")
    return heat_map(
        {key: link(key) for key in keys},
        {name: link(name) for name in terms},
        cells,
        label=f"Parameters by terms, {_title(report, report['baseline'])}",
    )


def tree(report: Report, link: Callable[[str], str] = _anchor) -> str:
    """Draw the terms below the requirement, each with its error, those below it included, and its allocation.

    Parameters
    ----------
    report : mapping
        Report.
    link : callable
        Function from the id of a term to the target of its link.
    """
    requirement, baseline = report["budget"]["requirement"], report["baseline"]
    unit = unit_text(requirement["unit"])
    total = report["rollup"][baseline]["total"]["value"]
    root = Box(
        (f"{total:.3g} of {requirement['value']:.3g} {unit}",),
        f"{requirement['id']}: {_title(report, baseline)}",
        "heavy",
        requirement["id"],
        link(requirement["id"]),
    )
    boxes, edges = {requirement["id"]: root}, []
    nodes = {node["id"]: node for node in report["tree"][baseline]}
    for term in report["terms"]:
        size, limit = nodes[term["id"]]["expected"], term["allocation"]
        text = _of_limit(size, limit, unit)
        name = term["name"] if len(term["name"]) <= LONGEST else term["name"][: LONGEST - 1] + "…"
        informative = term["rule"] not in ADDED
        over = limit is not None and size is not None and size > limit["value"]
        look: Look = "dashed" if informative else "heavy" if over else "outlined"
        title = f"{term['id']} {term['name']}: {text}" + (", not added" if informative else "")
        boxes[term["id"]] = Box((name, text), title, look, term["id"], link(term["id"]))
        edges.append((term["id"], term["parent"]))
    return layered_drawing(boxes, edges, label=f"Terms of the budget, {_title(report, baseline)}")


def _of_limit(size: float | None, limit: Mapping[str, Any] | None, unit: str) -> str:
    amount = "to be determined" if size is None else f"{size:.3g} {unit}"
    return amount + (f" of {limit['value']:.3g} {unit}" if limit else "")


def margins_by_revision(revisions: Sequence[Mapping[str, Any]], unit: str) -> str:
    """Draw the margin of every estimator at each signed revision.

    Parameters
    ----------
    revisions : sequence of mapping
        Records with ``revision`` and ``margins``, the margin by estimator id.
    unit : str
        Unit of the margins.
    """
    names = dict.fromkeys(name for item in revisions for name in item["margins"])
    series = [Series(name, tuple(item["margins"].get(name) for item in revisions)) for name in names]
    steps = [item["revision"] for item in revisions]
    return series_chart(steps, series, unit_text(unit), label="Margin by revision")


def _estimator(report: Report, name: str) -> Mapping[str, Any]:
    return next(item for item in report["estimators"] if item["id"] == name)


def _title(report: Report, estimator: str) -> str:
    return str(_estimator(report, estimator)["title"])
