"""Units as text, and the conversion of numbers. astropy is imported only where a unit has to be read or converted."""

from __future__ import annotations

import re
from functools import lru_cache
from math import isfinite
from typing import Any, Final

_VOUNIT: Final = re.compile(r"[A-Za-z0-9 .*/()%-]*")
_BOUNDED: Final = re.compile(r"(?!.*[0-9]{3}).{0,60}")  # no exponent that takes long to compute
_WORD: Final = re.compile(r"[A-Za-z]+-?")
_POWER: Final = re.compile(r"1e([+-][0-9]+)([A-Za-z]+)")
_PREFIXES: Final = {3: "k", 6: "M", -3: "m", -6: "u", -9: "n", -12: "p"}
_OTHER_NAMES: Final = {  # names in headers of images and in attributes, as astropy spells them
    **dict.fromkeys(("e-", "electrons"), "electron"),
    **dict.fromkeys(("photons", "photon"), "photon"),
    **dict.fromkeys(("counts", "count", "cts"), "count"),
    **dict.fromkeys(("adus", "adu", "dn", "dns"), "adu"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("dimensionless", "unitless"), ""),
}


def converted(numbers: Any, unit: Any, to: Any) -> Any:
    """Return numbers in another unit, by astropy's rules; those of a logarithmic unit, such as ``dex(ph)``, included.

    Parameters
    ----------
    numbers : float or ndarray
        Numbers in `unit`.
    unit, to : object
        Units: of astropy, or of another package or text, which `parsed_unit` reads.

    Raises
    ------
    ValueError
        If one of them is not a unit, or their dimensions differ.
    """
    one, other = parsed_unit(unit), parsed_unit(to)
    if is_logarithmic(one) or is_logarithmic(other):
        import numpy as np
        from astropy import units

        try:
            with np.errstate(all="ignore"):  # a logarithm beyond the floats is infinite, which the caller checks
                return one.to(other, numbers)
        except (units.UnitsError, units.UnitTypeError, TypeError, AttributeError, ValueError, OverflowError):
            raise ValueError("wrong unit") from None
    return scaled(numbers, factors_between(one, other))


def scaled(numbers: Any, factors: tuple[float, float]) -> Any:
    """Return numbers times the first of two `factors` between units, see `factors_between`.

    Parameters
    ----------
    numbers : float or ndarray
        Numbers in one unit.
    factors : tuple of float
        Factor to the other unit, and back.
    """
    # Division by a whole power of ten is rounded once: 4.6 um is 4.6e-06 m, and not 4.599999999999999e-06 m.
    multiply, divide = factors
    return numbers * multiply if multiply >= 1 else numbers / divide


def factors_between(unit: Any, to: Any) -> tuple[float, float]:
    """Return the factors from one astropy unit to another, and back.

    Parameters
    ----------
    unit, to : object
        Units of astropy.

    Raises
    ------
    ValueError
        If their dimensions differ, or one is logarithmic, so that there is no factor.
    """
    from astropy import units

    try:
        if is_logarithmic(unit) or is_logarithmic(to):
            raise ValueError("wrong unit")
        factors = _whole(float(unit.to(to))), _whole(float(to.to(unit)))
    except (units.UnitsError, TypeError, AttributeError, OverflowError, ZeroDivisionError):
        raise ValueError("wrong unit") from None
    if not all(isfinite(factor) and factor > 0 for factor in factors):
        raise ValueError("no such unit")
    return factors


@lru_cache(maxsize=256)
def vounit(text: str) -> Any:
    """Return the astropy unit of a VOUnit string; empty for a pure number, and ``%`` for percent.

    Raises
    ------
    ValueError
        If it is not a VOUnit string. The message has the VOUnit string for another spelling, such as µm.
    """
    if len(text) <= 40 and _VOUNIT.fullmatch(text) and _BOUNDED.fullmatch(text):
        if text == "%":
            from astropy import units

            return units.percent
        if (unit := _read(text, "vounit")) is not None:
            return unit
    raise ValueError(f"no such unit{_suggestion(text)}")


def parsed_unit(unit: Any) -> Any:
    """Return a unit as one of astropy.

    Parameters
    ----------
    unit : object
        Unit of astropy; or of another package, or text, in any spelling that astropy reads, or in one of those common
        in headers of images: ``ELECTRONS/S``, ``DN``, ``e-``.

    Raises
    ------
    ValueError
        If it is not a unit.
    """
    from astropy import units

    if isinstance(unit, units.UnitBase) or is_logarithmic(unit):
        return unit
    text = (unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)).strip()
    if _BOUNDED.fullmatch(text):
        for spelling in (text, _WORD.sub(_astropy_name, text)):
            if (parsed := _read(spelling, None)) is not None:
                return parsed
    raise ValueError("no such unit")


def is_logarithmic(unit: Any) -> bool:
    """Return whether a unit is one of astropy's logarithmic units."""
    from astropy import units

    return isinstance(unit, units.FunctionUnitBase)


def _read(text: str, spelling: str | None) -> Any:
    """Return the astropy unit of a text in a format of astropy, or None."""
    import warnings

    from astropy import units

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return units.Unit(text, format=spelling)
        except (ValueError, TypeError, OverflowError, ZeroDivisionError):
            return None


def _suggestion(text: str) -> str:
    """Return the VOUnit string for a unit in another spelling, as the end of a message; nothing if there is none."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            unit = parsed_unit(text) if text.strip() else None
            spelled = "" if unit is None else _with_prefix(str(unit.to_string("vounit")), unit)
        except (ValueError, TypeError, AttributeError):
            return ""
    return f", write {spelled}" if spelled and _VOUNIT.fullmatch(spelled) and spelled != text else ""


def _with_prefix(spelled: str, unit: Any) -> str:
    """Return a VOUnit string that begins with a power of ten with a prefix instead: uarcsec for 1e-06arcsec."""
    if (match := _POWER.fullmatch(spelled)) and int(match[1]) in _PREFIXES:
        prefixed = f"{_PREFIXES[int(match[1])]}{match[2]}"
        return prefixed if _read(prefixed, "vounit") == unit else spelled
    return spelled


def _astropy_name(match: re.Match[str]) -> str:
    word = match[0].lower()
    if word in _OTHER_NAMES:
        return _OTHER_NAMES[word]
    return match[0][:-1] if len(match[0]) > 4 and match[0].endswith("s") else match[0]


def _whole(factor: float) -> float:
    """Return a factor that is whole but for rounding as a whole number, and any other factor as it is."""
    near = float(round(factor)) if isfinite(factor) else factor
    return near if near and abs(factor / near - 1) < 1e-14 else factor
