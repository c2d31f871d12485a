"""Differences in quadrature. No jax."""

from __future__ import annotations

from math import copysign, sqrt


def reserve(limit: float, allocated: float) -> float:
    """Return the part of a limit that the combined allocations leave, in quadrature; negative if they exceed it.

    Parameters
    ----------
    limit : float
        Limit on the total.
    allocated : float
        Total of the allocations, in the same unit.

    Examples
    --------
    >>> reserve(5.0, 3.0), reserve(3.0, 5.0)
    (4.0, -4.0)
    """
    left = limit - allocated
    return copysign(sqrt(abs(left) * (limit + allocated)), left)
