"""Results of one term: its effect on the answer of an estimator, its driving parameters, independent values. No jax."""

from __future__ import annotations

from typing import NamedTuple

from dluxshera.documents import Where


class TermResult(NamedTuple):
    """Effect of a term on the answer of one estimator, in the budget's unit and the unit of the term's magnitude.

    Parameters
    ----------
    contribution : float
        Sigma, or the size of the bias.
    sigma : float, optional
        Standard deviation of a term of noise; None for a term of bias.
    sensitivity, bias : float, optional
        Signed bias per unit of the magnitude, and for the magnitude; 0 where it is below the rounding error.
    stealth : float, optional
        Bias in sigmas over `residual`; None where the residuals show nothing of the perturbation.
    significance, residual : float, optional
        Significance of the perturbation in the image, and in the residuals of the fit, in sigmas.
    linear_range : float, optional
        Magnitude up to which the bias is linear to 10 %.
    second_order : float, optional
        Bias per unit of the magnitude squared.
    refit : float, optional
        Bias of a fit to the perturbed image, where the magnitude lies beyond the linear range; `bias` is then the same.
    """

    contribution: float
    sigma: float | None = None
    sensitivity: float | None = None
    bias: float | None = None
    stealth: float | None = None
    significance: float | None = None
    residual: float | None = None
    linear_range: float | None = None
    second_order: float | None = None
    refit: float | None = None


class Driver(NamedTuple):
    """A parameter that drives a term.

    Parameters
    ----------
    key : str
        Key of the parameter.
    where : tuple of str and int
        Path of the key in the document's description of the perturbation; empty if the document does not name it.
    acts : bool
        True if the image, or the noise, depends on the parameter at the reference point.
    elasticity : float, optional
        Percent by which the sigma of the term grows if the parameter grows by one percent.
    """

    key: str
    where: Where = ()
    acts: bool = True
    elasticity: float | None = None


class IndependentValue(NamedTuple):
    """A value from a closed form, to compare with a computed one.

    Parameters
    ----------
    name : str
        Short name.
    value : float
        Value, in the budget's unit.
    text : str
        Formula and assumptions.
    """

    name: str
    value: float
    text: str
