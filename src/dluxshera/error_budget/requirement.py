"""The root of a budget: a requirement on one fitted parameter, and the estimators that are judged by it. No jax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dluxshera.params import ParamField, unit_factor


@dataclass(frozen=True)
class Quantity:
    """A number with its unit, a VOUnit string.

    Parameters
    ----------
    value : float
        The number.
    unit : str
        Unit, a VOUnit string.
    """

    value: float
    unit: str

    def to(self, unit: str) -> Quantity:
        """Return the quantity in another unit.

        Parameters
        ----------
        unit : str
            VOUnit string.

        Raises
        ------
        ValueError
            If the unit is none, or its dimension differs.
        """
        return self if unit == self.unit else Quantity(self.value * unit_factor(self.unit, unit), unit)

    def as_dict(self) -> dict[str, Any]:
        """Return the quantity as plain data."""
        return {"value": self.value, "unit": self.unit}


@dataclass(frozen=True)
class Requirement:
    """The root of a budget: the largest error that the answer may have.

    Parameters
    ----------
    id, text, status : str
        Identifier, wording, and how far the value can be relied on.
    answer : str
        Quantity whose error is budgeted: a key of the inference spec, or any name in a budget without a model.
    limit : Quantity
        Largest 1-sigma error of the answer.
    source : str
        Source of the limit.
    """

    id: str
    text: str
    answer: str
    limit: Quantity
    status: str
    source: str = ""


@dataclass(frozen=True)
class Estimator:
    """A way to fit the image: the parameters in `free` are fitted, and all others are known.

    Parameters
    ----------
    id, title, note : str
        Identifier, name, and assumptions.
    free : tuple of str
        Keys of the inference spec.
    """

    id: str
    title: str
    free: tuple[str, ...]
    note: str


def unit_of(field: ParamField) -> str:
    """Return the unit of a parameter's value; a logarithm has none."""
    return "" if field.scale == "log10" else field.units


def quotient(unit: str, by: str) -> str:
    """Return the VOUnit string of one unit divided by another.

    Parameters
    ----------
    unit, by : str
        VOUnit strings; empty for a number without a unit.

    Examples
    --------
    >>> quotient("uarcsec", "m.s**-1")
    'uarcsec/(m.s**-1)'
    """
    if not by:
        return unit
    return f"{unit}/{by}" if by.isalpha() else f"{unit}/({by})"
