"""Position of the observer, for parallax."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Float

from dluxshera.errors import BoundsError, first_index

YEARS: Final = (1900.0, 2100.0)  # of the series of ERFA
J2000: Final = 2451545.0


def earth_position(times_yr: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 3"]:
    """Return the barycentric position of the Earth, au, on the axes of the ICRS; from ERFA's ``epv00``.

    It stands for the position of the telescope: a low orbit is 5e-5 au away from the centre of the Earth, and a halo
    orbit around L2 0.01 au.

    Parameters
    ----------
    times_yr : ndarray of shape (n,)
        Times, Julian years (TDB).

    Raises
    ------
    BoundsError
        If a time is not between 1900 and 2100, where the series is valid to 12 km.
    """
    first, last = YEARS
    if (index := first_index(times_yr, lambda year: not first <= year <= last)) is not None:
        expected = f"Julian years from {first:.0f} to {last:.0f}"
        raise BoundsError(
            "times_yr", expected=expected, got=times_yr, index=index, remedy="Check the unit of the times"
        )
    return _positions(np.asarray(times_yr, float).tobytes())


@lru_cache(maxsize=64)
def _positions(times: bytes) -> np.ndarray:
    """Return the positions at the times of an array; a mission asks for the same ones again and again."""
    import erfa  # takes 0.1 s to load

    _, barycentric = erfa.epv00(J2000, (np.frombuffer(times) - 2000.0) * 365.25)
    positions = np.array(barycentric["p"])
    positions.flags.writeable = False
    return positions
