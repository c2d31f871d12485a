"""The trace of a report: requirement, term, transform, parameter and test as a graph, checked both ways. No jax.

A link is real if the computed derivatives confirm it: a term names every parameter on which the answer depends, and no
other. The checks read the report alone, so that a report of another origin can be checked too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dluxshera.error_budget.schema_columns import TO_BE_DETERMINED

FAULTS: Final = {
    "dead": "declared dependency with a zero derivative",
    "undeclared": "dependency of the answer that no term declares",
    "orphan parameter": "parameter with neither a term nor an exclusion",
    "orphan term": "term that no parameter drives",
    "idle exclusion": "exclusion of a parameter whose bias a term has",
}


def trace_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the graph of a report and its faults.

    Parameters
    ----------
    report : mapping
        Report with its requirement, terms and parameters.

    Returns
    -------
    dict
        ``nodes`` with ``id``, ``kind`` (requirement, term, answer, transform, parameter or test) and ``title``;
        ``edges``, pairs of ids that point towards the requirement; and ``faults`` with ``kind``, ``id`` and ``text``.
    """
    requirement, terms = report["budget"]["requirement"], report["terms"]
    nodes = {
        requirement["id"]: ("requirement", requirement["text"]),
        requirement["answer"]: ("answer", "fitted parameter whose error is budgeted"),
    }
    edges: dict[tuple[str, str], None] = {(requirement["answer"], requirement["id"]): None}
    parameters = {row["key"]: row for row in report["parameters"]}
    for term in terms:
        nodes[term["id"]] = ("term", term["name"])
        edges[term["id"], term["parent"]] = None
        if test := _test_of(term):
            nodes[test] = ("test", "verification")
            edges[test, term["id"]] = None
        for key in term["keys"]:
            row = parameters.get(key, {})
            nodes.setdefault(key, ("parameter", row.get("title", key)))
            transforms = row.get("transforms", [])
            for name in transforms:
                nodes.setdefault(name, ("transform", name.rpartition(".")[2]))
                edges[key, name] = None
                edges[name, term["id"]] = None
            if not transforms:
                edges[key, term["id"]] = None
    for row in report["parameters"]:
        nodes.setdefault(row["key"], ("parameter", row["title"]))
    return {
        "nodes": [{"id": name, "kind": kind, "title": title} for name, (kind, title) in nodes.items()],
        "edges": [list(edge) for edge in edges],
        "faults": [{"kind": kind, "id": name, "text": text} for kind, name, text in _faults(report)],
    }


def _test_of(term: Mapping[str, Any]) -> str:
    """Return the test that a term's verification names, as pytest writes it, or nothing."""
    evidence = (term.get("verified") or {}).get("evidence") or ""
    return evidence if evidence.startswith("tests/") else ""


def _faults(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    answer = report["budget"]["requirement"]["answer"]
    fitted = [set(estimator["free_keys"]) for estimator in report["estimators"]]
    biased: set[str] = set()
    for term in report["terms"]:
        results = [result for result in term["results"].values() if result["sensitivity"] is not None]
        if results or _open(term):
            biased |= set(term["keys"])
        if results and not any(result["contribution"]["value"] for result in results):
            yield "dead", term["id"], f"no estimator's answer changes with {', '.join(term['keys']) or 'the term'}"
        if not term["keys"] and term["perturbation"]["kind"] not in UNDRIVEN and not _open(term):
            yield "orphan term", term["id"], "no parameter drives it"
    for row in report["parameters"]:
        key = row["key"]
        if key == answer:
            continue
        if row["exclusion"] and key in biased:
            yield "idle exclusion", key, f"it is excluded, but drives {', '.join(row['terms'])}"
        if row["exclusion"] or key in biased:
            continue
        free_everywhere = all(key in free for free in fitted)
        if row["acts"] and not free_everywhere:
            largest = max((abs(item["value"]), item["unit"]) for item in row["derivatives"].values())
            yield (
                "undeclared",
                key,
                f"the answer changes by up to {largest[0]:.3g} {largest[1]}, and no term declares it",
            )
        elif not row["terms"]:
            yield "orphan parameter", key, "it has neither a term nor an exclusion"


def _open(term: Mapping[str, Any]) -> bool:
    return TO_BE_DETERMINED in (term["evidence"]["tag"], term["status"])


# Kinds of perturbation whose numbers come from outside the model.
UNDRIVEN: Final = frozenset({"given", "children", "numerics"})
