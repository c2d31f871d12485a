"""A linear axis: round numbers between two ends."""

from __future__ import annotations

import math
from collections.abc import Iterable


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Return the multiples of 1, 2 or 5 times a power of ten from one end to the other.

    Parameters
    ----------
    low, high : float
        Ends of the axis.
    most : int
        Largest number of ticks.

    Returns
    -------
    list of float
        Multiples within the ends, at most `most` of them.

    Examples
    --------
    >>> ticks(-1.2, 3.1)
    [-1.0, 0.0, 1.0, 2.0, 3.0]
    """
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return [float(f"{i * step:.12g}") for i in range(first, last + 1)]
    return [low, high]


def extent(values: Iterable[float]) -> tuple[float, float]:
    """Return the ends of an axis that holds zero and all values, which are finite numbers.

    Parameters
    ----------
    values : iterable of float
        Values to hold.
    """
    everything = [0.0, *values]
    low, high = min(everything), max(everything)
    return (low, high) if high > low else (0.0, 1.0)
