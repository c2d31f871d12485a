r"""Coverage factor and interval of a combined standard uncertainty, by JCGM 100, annex G. No jax.

The effective degrees of freedom are those of Welch and Satterthwaite,

.. math:: \nu = u^4 \Big/ \sum_k \frac{u_k^4}{\nu_k}

over independent components, and the coverage factor is the quantile of Student's distribution with :math:`\nu` degrees
of freedom.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum, inf, isfinite, sqrt
from typing import Final, NamedTuple

PROBABILITY: Final = 0.95


class Component(NamedTuple):
    """An independent part of a variance.

    Parameters
    ----------
    variance : float
        Square of its standard uncertainty.
    degrees_of_freedom : float
        Degrees of freedom of the standard uncertainty; infinite where it is exact.
    """

    variance: float
    degrees_of_freedom: float = inf


class Interval(NamedTuple):
    """Coverage interval of an error.

    Parameters
    ----------
    low, high : float
        Limits.
    coverage : float
        Coverage factor: half the width over the standard uncertainty.
    degrees_of_freedom : float
        Effective degrees of freedom.
    probability : float
        Coverage probability.
    """

    low: float
    high: float
    coverage: float
    degrees_of_freedom: float
    probability: float


def effective_degrees_of_freedom(components: Iterable[Component]) -> float:
    """Return the effective degrees of freedom of the sum of independent components, by Welch and Satterthwaite.

    Parameters
    ----------
    components : iterable of Component
        Parts of the variance.

    Examples
    --------
    >>> effective_degrees_of_freedom([Component(1.0, 4), Component(1.0, 4)])
    8.0
    """
    parts = list(components)
    below = fsum(part.variance**2 / part.degrees_of_freedom for part in parts)
    return fsum(part.variance for part in parts) ** 2 / below if below else inf


def coverage_interval(components: Iterable[Component], bias: float = 0.0, probability: float = PROBABILITY) -> Interval:
    """Return the coverage interval of an error with independent components, around its bias of known sign.

    Parameters
    ----------
    components : iterable of Component
        Parts of the variance.
    bias : float
        Sum of the biases of known sign.
    probability : float
        Coverage probability.
    """
    from scipy import stats  # slow to import

    parts = list(components)
    freedom = effective_degrees_of_freedom(parts)
    upper = (1 + probability) / 2
    coverage = float(stats.t.ppf(upper, freedom) if isfinite(freedom) else stats.norm.ppf(upper))
    half = coverage * sqrt(fsum(part.variance for part in parts))
    return Interval(bias - half, bias + half, coverage, freedom, probability)
