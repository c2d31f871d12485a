r"""Magnitudes as their sources state them, and their conversion to a standard deviation. No jax.

The conversions are those of the GUM (JCGM 100, 4.3): a uniform distribution of the half-width `a` has the standard
deviation :math:`a / \sqrt 3`, a triangular one :math:`a / \sqrt 6`, an arcsine one :math:`a / \sqrt 2`. A bound is
taken as the half-width of a uniform distribution, because nothing else is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, assert_never

from jaxtyping import Float

from dluxshera.error_budget.requirement import Quantity

if TYPE_CHECKING:
    import numpy as np

Statement: TypeAlias = Literal["standard deviation", "multiple", "uniform", "triangular", "arcsine", "bound"]

HALF_WIDTHS: Final[Mapping[str, float]] = {  # half-width over standard deviation
    "uniform": sqrt(3),
    "bound": sqrt(3),
    "triangular": sqrt(6),
    "arcsine": sqrt(2),
}


@dataclass(frozen=True)
class Magnitude:
    """Size of a perturbation, as its source states it.

    Parameters
    ----------
    value : float
        Number that the source states.
    unit : str
        Its unit, a VOUnit string.
    statement : str
        Meaning of the number: ``standard deviation``, ``multiple`` of it, or the half-width of a ``uniform``,
        ``triangular`` or ``arcsine`` distribution, or a ``bound``.
    coverage : float, optional
        Number of standard deviations of a ``multiple``.
    degrees_of_freedom : float
        Degrees of freedom of the standard deviation; infinite where it is exact.

    Examples
    --------
    >>> Magnitude(3.0, "nm", "uniform").standard_deviation()
    Quantity(value=1.7320508075688774, unit='nm')
    """

    value: float
    unit: str
    statement: Statement = "standard deviation"
    coverage: float | None = None
    degrees_of_freedom: float = inf

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Magnitude:
        """Return the magnitude that a document describes; `content` satisfies `magnitude_schema`."""
        return cls(
            float(content["value"]),
            content["unit"],
            content.get("as", "standard deviation"),
            float(content["coverage"]) if "coverage" in content else None,
            float(content.get("degrees_of_freedom", inf)),
        )

    @property
    def divisor(self) -> float:
        """The stated number over the standard deviation."""
        match self.statement:
            case "standard deviation":
                return 1.0
            case "multiple":
                return 1.0 if self.coverage is None else self.coverage
            case "uniform" | "triangular" | "arcsine" | "bound":
                return HALF_WIDTHS[self.statement]
            case statement:
                assert_never(statement)

    def standard_deviation(self) -> Quantity:
        """Return the standard deviation, with the sign of the stated number."""
        return Quantity(self.value / self.divisor, self.unit)

    def text(self) -> str:
        """Return the statement and its conversion in words.

        Examples
        --------
        >>> Magnitude(6.0, "nm", "multiple", coverage=3).text()
        '6 nm, 3 standard deviations: 2 nm'
        """
        stated, standard = (f"{number:.4g} {self.unit}".strip() for number in (self.value, self.value / self.divisor))
        freedom = f", {self.degrees_of_freedom:g} degrees of freedom" if isfinite(self.degrees_of_freedom) else ""
        match self.statement:
            case "standard deviation":
                return f"{stated}, a standard deviation{freedom}"
            case "multiple":
                return f"{stated}, {self.divisor:g} standard deviations{freedom}: {standard}"
            case "bound":
                return f"at most {stated}, as the half-width of a uniform distribution{freedom}: {standard}"
            case "uniform" | "triangular" | "arcsine":
                return f"half-width {stated} of a distribution that is {self.statement}{freedom}: {standard}"
            case statement:
                assert_never(statement)

    def quantile(self, probability: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return quantiles of the distribution, in the magnitude's unit.

        A standard deviation with finite degrees of freedom has Student's distribution, scaled (JCGM 101, 6.4.9).

        Parameters
        ----------
        probability : array of float
            Probabilities, above 0 and below 1; a large probability has a quantile with the sign of the magnitude.
        """
        from scipy import stats  # slow to import

        match self.statement:
            case "standard deviation" | "multiple":
                exact = not isfinite(self.degrees_of_freedom)
                shape = stats.norm() if exact else stats.t(self.degrees_of_freedom)
                return self.value / self.divisor * shape.ppf(probability)
            case "uniform" | "bound":
                return self.value * (2 * probability - 1)
            case "triangular":
                return self.value * stats.triang(0.5, loc=-1, scale=2).ppf(probability)
            case "arcsine":
                return self.value * stats.arcsine(loc=-1, scale=2).ppf(probability)
            case statement:
                assert_never(statement)

    def draw(self, rng: np.random.Generator, n: int) -> Float[np.ndarray, " n"]:
        """Return draws from the distribution, in the magnitude's unit.

        Parameters
        ----------
        rng : Generator
            Generator of random numbers.
        n : int
            Number of draws.
        """
        return self.quantile(rng.uniform(size=n))

    def as_dict(self) -> dict[str, Any]:
        """Return the statement as plain data, as in a document."""
        data: dict[str, Any] = {"value": self.value, "unit": self.unit}
        if self.statement != "standard deviation":
            data["as"] = self.statement
        if self.coverage is not None:
            data["coverage"] = self.coverage
        if isfinite(self.degrees_of_freedom):
            data["degrees_of_freedom"] = self.degrees_of_freedom
        return data
