"""The review of a report against a sign-off or an earlier report: changes since then, faults that block a release."""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose
from typing import Any, Literal, NamedTuple

from dluxshera.error_budget.sign_off import field_hashes, row_values, rows_of, signed

ReviewMark = Literal["added", "dropped", "re-allocated", "re-worded", "suspect"]


class RowChange(NamedTuple):
    """A change of one row since it was approved.

    Parameters
    ----------
    id : str
        Id of the requirement or term.
    mark : {'added', 'dropped', 're-allocated', 're-worded', 'suspect'}
        Kind of change. A row is suspect if a computed value moved beyond its tolerance, or a row above it changed.
    text : str
        Description.
    """

    id: str
    mark: ReviewMark
    text: str


def changes_since(report: Mapping[str, Any], sign_off: Mapping[str, Any]) -> list[RowChange]:
    """Return the changes of a report since its rows were signed.

    Parameters
    ----------
    report : mapping
        Report, as `evaluate` returns it.
    sign_off : mapping
        Sign-off, as `signed` returns it.

    Returns
    -------
    list of RowChange
        In the order of the report, followed by the rows that it no longer has.
    """
    rows, changes = rows_of(report), []
    floor = report["provenance"]["relative_tolerance"] * report["budget"]["requirement"]["value"]
    for name, row in rows.items():
        if (entry := sign_off["rows"].get(name)) is None:
            changes.append(RowChange(name, "added", row.get("name") or "requirement"))
        else:
            changes += _changes(name, row, row_values(report, name), entry, floor, sign_off["unit"])
    changes += [
        RowChange(name, "dropped", entry["revision"]) for name, entry in sign_off["rows"].items() if name not in rows
    ]
    return _with_children(rows, changes)


def _changes(
    name: str, row: Mapping[str, Any], values: Mapping[str, float], entry: Mapping[str, Any], floor: float, unit: str
) -> list[RowChange]:
    changes: list[RowChange] = []
    old, new = entry["fields"], field_hashes(row)
    differ = [field for field in dict.fromkeys([*old, *new]) if old.get(field) != new.get(field)]
    if "allocation" in differ:
        amount = row["allocation"]
        changes.append(RowChange(name, "re-allocated", f"{amount['value']:.6g} {amount['unit']}" if amount else "none"))
    if other := [field for field in differ if field != "allocation"]:
        changes.append(RowChange(name, "re-worded", ", ".join(other)))
    for estimator, value in values.items():
        before = entry["values"].get(estimator)
        if before is None:
            changes.append(RowChange(name, "suspect", f"{estimator} is a new estimator"))
        elif not isclose(value, before, rel_tol=entry["tolerance"], abs_tol=floor):
            changes.append(RowChange(name, "suspect", f"{estimator}: {before:.4g} became {value:.4g} {unit}"))
    return changes


def _with_children(rows: Mapping[str, Mapping[str, Any]], changes: list[RowChange]) -> list[RowChange]:
    """Return the changes, with each row suspect whose parent, or a row above it, states something else."""
    changed = {change.id for change in changes if change.mark in ("re-allocated", "re-worded")}
    marked = {change.id for change in changes if change.mark in ("suspect", "added")}
    extended = list(changes)
    for name, row in rows.items():
        parent, seen = str(row.get("parent")), {name}
        while parent in rows and parent not in seen:
            if parent in changed and name not in marked:
                extended.append(RowChange(name, "suspect", f"{parent} above it changed"))
                break
            seen.add(parent)
            parent = str(rows[parent].get("parent"))
    order = {name: i for i, name in enumerate(rows)}
    return sorted(extended, key=lambda change: order.get(change.id, len(order)))


def changes_between(old: Mapping[str, Any], new: Mapping[str, Any], tolerance: float = 0.01) -> list[RowChange]:
    """Return the changes from one report to another, as if every row of the first had been signed.

    Parameters
    ----------
    old, new : mapping
        Reports.
    tolerance : float
        Relative change of a computed value after which a row is suspect.
    """
    return changes_since(new, signed(old, role="earlier report", revision="earlier", tolerance=tolerance))


def release_faults(report: Mapping[str, Any], sign_off: Mapping[str, Any]) -> list[str]:
    """Return the reasons why a report cannot be released: rows that are unsigned, suspect or to be determined.

    Parameters
    ----------
    report : mapping
        Report.
    sign_off : mapping
        Its sign-off.
    """
    faults = [
        f"{change.id}: not signed" if change.mark == "added" else f"{change.id}: {change.mark}, {change.text}"
        for change in changes_since(report, sign_off)
    ]
    return faults + [f"{name}: to be determined" for name in report["completeness"]["undetermined"]]
