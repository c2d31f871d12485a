"""Images in photons: units of photons, electrons and counts, and rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dluxshera.units.conversion import converted, is_logarithmic, parsed_unit


def in_photons(numbers: Any, unit: Any, *, exposure_time: float | None = None, gain: float | None = None) -> Any:
    """Return the numbers of an image as detected photons, which are photo-electrons.

    Parameters
    ----------
    numbers : float or ndarray
        Numbers of the image.
    unit : object
        Unit of photons, electrons, counts or data numbers (``adu``), or of one of these per time, per pixel or not.
    exposure_time : float, optional
        Exposure time in seconds, which a rate is multiplied by.
    gain : float, optional
        Electrons per count or data number.

    Raises
    ------
    ValueError
        If it is another unit, or the exposure time or the gain is needed and missing.
    """
    from astropy import units

    parsed = parsed_unit(unit)
    if not is_logarithmic(parsed) and parsed.is_equivalent(units.dimensionless_unscaled):
        return converted(numbers, parsed, units.dimensionless_unscaled)
    per_pixel = () if is_logarithmic(parsed) else (parsed * units.pixel,)
    counts = (units.adu, units.count, getattr(units, "DN", units.adu))  # astropy 7.0 has no DN
    for base in (units.photon, units.electron, *counts):
        for per, is_rate in ((base, False), (base / units.s, True)):
            unit = next((each for each in (parsed, *per_pixel) if each.is_equivalent(per)), None)
            if unit is None:
                continue
            factor = 1.0
            if base in counts:
                if gain is None:
                    raise ValueError("counts need the gain, electrons per count, as GAIN in the header")
                factor *= gain
            if is_rate:
                if exposure_time is None:
                    raise ValueError("a rate needs the exposure time, seconds, as EXPTIME in the header")
                factor *= exposure_time
            return converted(numbers, unit, per) * factor
    raise ValueError("wrong unit")


def header_facts(header: Any) -> dict[str, float | None]:
    """Return the exposure time and the gain in the header of an image, as keyword arguments of `in_photons`.

    Parameters
    ----------
    header : mapping or None
        Header of a FITS file, or ``meta`` of a CCDData. The exposure time is ``EXPTIME`` or ``EXPOSURE``, in seconds;
        the gain is ``EGAIN`` or ``GAIN``, in electrons per count. A number that is not positive counts as missing.
    """
    return {
        "exposure_time": _positive(header, ("EXPTIME", "EXPOSURE")),
        "gain": _positive(header, ("EGAIN", "GAIN")),
    }


def _positive(header: Any, names: tuple[str, ...]) -> float | None:
    for name in names if isinstance(header, Mapping) else ():
        value = header.get(name)
        if isinstance(value, int | float) and 0 < value < float("inf") and value is not True:
            return float(value)
    return None
