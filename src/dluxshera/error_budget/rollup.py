r"""Combination of the terms of a budget: `combine`, by the rule of each term, and the reserve of the allocations.

Random realisations combine by root sum of squares (rss). Terms of one correlation group have one cause, so they add
with their signs inside the group, and the groups combine by rss. Biases of known sign add linearly, on top:

.. math:: \sqrt{\sum_r e_r^2 + \sum_g \Big(\sum_{i \in g} e_i\Big)^2} + \Big|\sum_l e_l\Big|
"""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum, hypot, sqrt
from typing import NamedTuple, assert_never

from dluxshera.error_budget.terms import CombinationRule, TermClass


class Contribution(NamedTuple):
    """Contribution of one term: a standard deviation, or a signed bias.

    Parameters
    ----------
    value : float
        Standard deviation or signed bias, in the unit of the total.
    rule : str
        Rule by which it is added; see `combine`.
    group : str, optional
        Correlation group; its members are added with their signs.
    term_class : str
        Class of the term.
    """

    value: float
    rule: CombinationRule
    group: str | None = None
    term_class: TermClass = "random"


def combine(contributions: Iterable[Contribution]) -> float:
    """Return the total of several contributions, by the rule of each.

    Examples
    --------
    >>> scale = [Contribution(3.0, "group", "scale"), Contribution(-2.0, "group", "scale")]
    >>> round(combine([Contribution(2.0, "rss"), *scale, Contribution(-0.5, "linear")]), 3)
    2.736
    """
    rss: list[float] = []
    linear: list[float] = []
    groups: dict[str | None, list[float]] = {}
    for item in contributions:
        match item.rule:
            case "rss":
                rss.append(item.value)
            case "group":
                groups.setdefault(item.group, []).append(item.value)
            case "linear":
                linear.append(item.value)
            case "informative":
                pass
            case rule:
                assert_never(rule)
    return hypot(*rss, *map(fsum, groups.values())) + abs(fsum(linear))


def by_class(contributions: Iterable[Contribution]) -> dict[str, float]:
    """Return the total of each class; a group that spans classes is combined inside each."""
    items = [item for item in contributions if item.rule != "informative"]
    return {
        name: combine(item for item in items if item.term_class == name)
        for name in dict.fromkeys(i.term_class for i in items)
    }


def reserve(limit: float, allocated: float) -> float | None:
    """Return the part of a limit that the combined allocations leave, in quadrature; None if they exceed it.

    Parameters
    ----------
    limit : float
        Limit on the total.
    allocated : float
        Total of the allocations, in the same unit.
    """
    left = limit**2 - allocated**2
    return sqrt(left) if left >= 0 else None
