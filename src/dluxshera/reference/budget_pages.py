"""Pages of the error budget beside its overview: parameters and trace, verification, cases, and changes."""

from typing import Any

from dluxshera.error_budget import budget_figures, changes_since, margins_by_revision
from dluxshera.reference import budget, text

COVERAGE = {
    "answer": "the answer",
    "term": "term",
    "excluded": "excluded",
    "open": "**open**",
}


def pages(report: dict[str, Any], sign_off: dict[str, Any] | None) -> dict[str, str]:
    """Return the text of each page by its file name.

    Parameters
    ----------
    report : dict
        Error-budget report.
    sign_off : dict or None
        Sign-off of the report's budget.
    """
    return {
        "error-budget.md": budget.page(report),
        "error-budget-parameters.md": parameters(report),
        "error-budget-verification.md": verification(report),
        "error-budget-cases.md": cases(report),
        "error-budget-changes.md": changes_page(report, sign_off),
    }


def _page(title: str, *parts: str, wide: bool = False) -> str:
    head = ["---\nhide: [toc]\n---\n"] if wide else []
    return "\n".join([*head, f"# {title}\n", text.MARK + "\n", *parts])


def parameters(report: dict[str, Any]) -> str:
    """Return the page of the parameters: their coverage, the faults of the trace, and the matrix."""
    counts, trace = report["completeness"], report["trace"]
    names = {estimator["id"]: estimator["title"] for estimator in report["estimators"]}
    rows = []
    for row in report["parameters"]:
        terms = ", ".join(f"[{name}][{name}]" for name in row["terms"])
        reason = text.plain(row["exclusion"] or "")
        derivatives = (row["derivatives"].get(name) for name in names)
        rows.append(
            [
                text.breaking_link(row["key"]),
                COVERAGE[row["status"]],
                terms or reason or text.NONE,
                *(text.with_unit(item, "+") if item else text.NONE for item in derivatives),
            ]
        )
    faults = [[item["kind"], _target(item["id"], report), text.plain(item["text"])] for item in trace["faults"]]
    figure = budget_figures(report, budget.target_elsewhere)["matrix"]
    caption = (
        "Parameters, at the left, by the terms that they drive. The shade is the contribution of the term to the "
        "baseline, on a logarithmic scale; an empty square is a term without effect on it."
    )
    return _page(
        "Parameters and trace of the error budget",
        f"Of {counts['parameters']} parameters, optional effects included, {counts['with_term']} drive a term, "
        f"{counts['excluded']} are excluded with a reason, and {len(counts['open'])} are open. Each link is checked "
        "both ways with the derivatives of the answer, which one reverse pass of the model gives for all parameters: a "
        "term names every parameter on which the answer depends, and no other.\n",
        "## Faults of the trace\n",
        text.markdown_table(["Fault", "At", ""], faults, kind="dense") if faults else "There are none.\n",
        "## Matrix of parameters and terms\n",
        text.figure(figure, "Matrix of parameters and terms", caption),
        "## Coverage of the parameters\n",
        "The derivative is that of the answer's bias by the parameter, in a fit that does not know the change; of a "
        "list or a map, the root sum of squares over its elements.\n",
        text.markdown_table(["Parameter", "Coverage", "Terms, or reason", *names.values()], rows, kind="compact data"),
        wide=True,
    )


def _target(name: str, report: dict[str, Any]) -> str:
    if name in {term["id"] for term in report["terms"]}:
        return f"[{name}][{name}]"
    return text.link(name) if "." in name else f"`{name}`"


def verification(report: dict[str, Any]) -> str:
    """Return the verification matrix: method, phase, evidence and result of each term."""
    rows = []
    for term in report["terms"]:
        record = term.get("verified") or {}
        rows.append(
            [
                f"[{term['id']}][{term['id']}]",
                text.plain(term["name"]),
                record.get("method") or text.NONE,
                record.get("phase") or text.NONE,
                f"`{record['evidence']}`" if record.get("evidence") else text.NONE,
                record.get("result") or text.NONE,
                text.plain(term["verification"]),
            ]
        )
    head = ["Term", "Name", "Method", "Phase", "Evidence", "Result", "Text"]
    return _page(
        "Verification of the error budget",
        "Each term is verified by test, analysis, inspection or demonstration. The evidence of an analysis is a test "
        "of this package, which `pytest` runs by the name below.\n",
        text.markdown_table(head, rows, kind="data"),
    )


def cases(report: dict[str, Any]) -> str:
    """Return the page of the cases: the same terms for other targets, time scales and scenarios."""
    names = {estimator["id"]: estimator["title"] for estimator in report["estimators"]}
    first = {"title": "Reference", "time": None, "rollup": report["rollup"]}
    rows = [
        [text.plain(case["title"]), case["time"] or text.NONE, *(_total(case["rollup"].get(name)) for name in names)]
        for case in [first, *report["cases"]]
    ]
    return _page(
        "Cases of the error budget",
        "The cases evaluate the same terms at other targets, time scales, magnitudes or estimators. The first row is "
        "the [reference case](error-budget.md).\n",
        text.markdown_table(
            ["Case", "Time", *(f"{title}, total (margin)" for title in names.values())], rows, kind="data"
        ),
    )


def _total(total: dict[str, Any] | None) -> str:
    if total is None:
        return text.NONE
    return f"{text.with_unit(total['total'])} ({text.with_unit(total['margin'], '+')})"


def changes_page(report: dict[str, Any], sign_off: dict[str, Any] | None) -> str:
    """Return the page of the changes: since the last sign-off, by revision, and by version of the document."""
    versions: dict[str, list[str]] = {}
    for term in report["terms"]:
        versions.setdefault(term["since"], []).append(f"[{term['id']}][{term['id']}]")
    log = [[version, ", ".join(ids)] for version, ids in sorted(versions.items(), reverse=True)]
    parts = ["## Since the last sign-off\n"]
    if sign_off is None:
        parts.append("The budget has no sign-off: no row is approved. `dluxshera budget sign` records one.\n")
    else:
        since = changes_since(report, sign_off)
        rows = [[_target(item.id, report), item.mark, text.plain(item.text)] for item in since]
        parts.append(text.markdown_table(["Row", "Change", ""], rows) if rows else "No row changed.\n")
        figure = margins_by_revision(sign_off["revisions"], sign_off["unit"])
        parts += ["## Margin by revision\n", text.figure(figure, "Margin by revision", "Margin of each estimator.")]
    parts += ["## Rows by version of the document\n", text.markdown_table(["Since", "Rows"], log)]
    return _page("Changes of the error budget", *parts)
