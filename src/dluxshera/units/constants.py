"""Unit conversion factors, exact by definition, and the units of the suffixes in keys."""

from math import pi
from typing import Final

ARCSEC: Final = pi / (180 * 3600)  # radians
DEGREE: Final = pi / 180  # radians
NANOMETRE: Final = 1e-9  # metres

SUFFIX_UNITS: Final = {  # the longest suffix of a key decides
    "_as_per_pix": "arcsec/pixel",
    "_per_as2": "arcsec**-2",
    "_per_m": "m**-1",
    "_m2": "m**2",
    "_as": "arcsec",
    "_deg": "deg",
    "_k": "K",
    "_nm": "nm",
    "_m": "m",
    "_pix": "pixel",
    "_rad": "rad",
    "_s": "s",
}


def units_of_suffix(key: str) -> str | None:
    """Return the VOUnit string of the suffix of a `key`, or None without one.

    Examples
    --------
    >>> units_of_suffix("system.plate_scale_as_per_pix")
    'arcsec/pixel'
    """
    fits = [suffix for suffix in SUFFIX_UNITS if key.endswith(suffix)]
    return SUFFIX_UNITS[max(fits, key=len)] if fits else None
