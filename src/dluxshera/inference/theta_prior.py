"""Priors of theta: those of the fields, or that of a calibration in their place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, TypeAlias

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import NonFiniteError, ParameterError, ShapeError, UnknownKeyError
from dluxshera.inference.matrices import scaled_inverse
from dluxshera.params import Bounds, LogUniform, Normal, ParamField, ParamSpec, Prior, TruncatedNormal
from dluxshera.units import check_plain

Theta: TypeAlias = Float[Array | np.ndarray, " n"]  # packed values of the free parameters
DRAWS: Final = 1000  # at least a thousandth of a prior lies within the bounds; fewer draws than that are repeated


@dataclass(frozen=True, eq=False, init=False)
class NormalPrior:
    """Normal prior of several parameters with correlations, such as the result of a calibration or an earlier fit.

    Parameters
    ----------
    labels : sequence of str
        Labels of elements of theta, such as ``primary.zernike_coeffs_nm[Z4]``.
    mean : array_like, shape (k,)
        Mean, in the order of the labels and in the units of the parameters.
    covariance : array_like, shape (k, k)
        Covariance, symmetric and positive definite.

    Raises
    ------
    ShapeError, NonFiniteError, ParameterError
        If the shapes disagree, a number is not finite or carries a unit, or the covariance is not positive definite.

    Examples
    --------
    >>> prior = NormalPrior(("m1.focus", "m2.focus"), [3.0, -1.0], [[4.0, -1.9], [-1.9, 1.0]])
    >>> NormalPrior(prior.labels, prior.mean, [[4.0, 2.1], [2.1, 1.0]])
    Traceback (most recent call last):
        ...
    dluxshera.errors.ParameterError: covariance: expected a symmetric and positive definite matrix, got an array of
        shape (2, 2) and dtype float64. Leave out a label whose value is exact, and fix it instead.
    """

    labels: tuple[str, ...]
    mean: Float[np.ndarray, " k"]
    covariance: Float[np.ndarray, "k k"]

    def __init__(self, labels: Sequence[str], mean: Any, covariance: Any) -> None:
        k = len(labels)
        if len(set(labels)) != k or not k:
            raise ParameterError("labels", expected="names, each once", got=labels)
        check_plain(mean=mean, covariance=covariance)
        object.__setattr__(self, "labels", tuple(labels))
        for name, argument, shape in (("mean", mean, (k,)), ("covariance", covariance, (k, k))):
            value = np.array(argument, dtype=float)
            if value.shape != shape:
                raise ShapeError(name, expected=f"an array of shape {shape}, for {k} labels", got=value)
            if not np.all(np.isfinite(value)):
                raise NonFiniteError(name, got=value)
            object.__setattr__(self, name, value)
        variance = np.diag(self.covariance)
        scale = np.sqrt(np.where(variance > 0, variance, 1.0))
        correlation = self.covariance / np.outer(scale, scale)
        if not (
            np.all(variance > 0)
            and np.allclose(correlation, correlation.T, rtol=0, atol=1e-10)
            and np.linalg.eigvalsh(correlation).min() > k * np.finfo(float).eps
        ):
            raise ParameterError(
                "covariance",
                expected="a symmetric and positive definite matrix",
                got=self.covariance,
                remedy="Leave out a label whose value is exact, and fix it instead",
            )

    @property
    def precision(self) -> Float[np.ndarray, "k k"]:
        """The inverse of the covariance."""
        return scaled_inverse(self.covariance)


class ThetaPrior(eqx.Module):
    """Prior of theta. Built by `prior_of`.

    Parameters
    ----------
    mean : ndarray, shape (n,)
        Mean of the normal and truncated normal priors; 0 for other elements.
    precision : ndarray, shape (n, n)
        Inverse covariance of the same priors; 0 for other elements.
    labels : tuple of str
        A name for each element of theta.
    limits : tuple of Bounds
        Bounds of the field of each element.
    priors : tuple of (int, int, Prior)
        Priors of the fields, without those that a calibration replaces, each with the range of its elements: the first
        one, and the one after the last.
    calibrated : tuple of int
        Elements whose prior is that of a calibration.
    periods : tuple of float or None
        Period of each element that is circular. Such an element has no bounds, and its prior is evaluated at the value
        nearest to the prior's centre among those that whole turns apart mean the same.
    """

    mean: Float[np.ndarray, " n"]
    precision: Float[np.ndarray, "n n"]
    labels: tuple[str, ...] = eqx.field(static=True)
    limits: tuple[Bounds, ...] = eqx.field(static=True)
    priors: tuple[tuple[int, int, Prior], ...] = eqx.field(static=True)
    calibrated: tuple[int, ...] = eqx.field(static=True)
    periods: tuple[float | None, ...] = eqx.field(static=True)

    def nearest(self, theta: Theta) -> Theta:
        """Return theta with each circular element moved by whole turns, to the nearest to its prior's centre."""
        if not any(self.periods):
            return theta
        circular = np.array([period is not None for period in self.periods])
        period = np.array([period or 1.0 for period in self.periods])
        middle = np.zeros(circular.size)  # of the supports of priors without a mean
        for start, stop, prior in self.priors:
            if not isinstance(prior, Normal | TruncatedNormal):
                middle[start:stop] = prior.centre
        turns = jnp.round((theta - (self.mean + middle)) / period)
        return theta - jnp.where(circular, period * turns, 0.0)

    def log_density(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-density, up to a constant; minus infinity outside the support of a prior."""
        return _log_density(self, theta)

    def residual(self, theta: Theta) -> Float[Array, " m"]:
        """Return a vector whose squared norm, halved, is minus the log-density, up to a constant."""
        theta = self.nearest(theta)
        empty = jnp.diag(self.precision) == 0
        root = jnp.linalg.cholesky(self.precision + jnp.diag(jnp.where(empty, 1.0, 0.0)))
        parts = [jnp.where(empty, 0.0, root.T @ (theta - self.mean))]
        for start, stop, prior in self.priors:
            value = jnp.asarray(theta)[start:stop]
            if isinstance(prior, LogUniform):
                parts.append(jnp.sqrt(2.0 * (prior.log_density(jnp.asarray(prior.low)) - prior.log_density(value))))
            elif not isinstance(prior, Normal):
                parts.append(jnp.where(jnp.isneginf(prior.log_density(value)), jnp.inf, 0.0))
        return jnp.concatenate(parts)

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Lower and upper limits: the field's bounds, or the prior's support where it is narrower; may be infinite.

        A circular element has none.
        """
        free = (-np.inf, np.inf)
        intervals = [
            bound.interval if period is None else free for bound, period in zip(self.limits, self.periods, strict=True)
        ]
        lower, upper = np.array(intervals, dtype=float).reshape(-1, 2).T.copy()
        for start, stop, prior in self.priors:
            low, high = prior.support
            if self.periods[start] is None:
                lower[start:stop] = np.maximum(lower[start:stop], low)
                upper[start:stop] = np.minimum(upper[start:stop], high)
        return lower, upper

    def allows(self, theta: Theta) -> bool:
        """Return True if every element of a concrete theta lies within the bounds of its field."""
        return bool(np.all(self._allowed(np.asarray(theta, dtype=float))))

    def _allowed(self, theta: Float[np.ndarray, " n"]) -> np.ndarray:
        """Return a mask of the elements within the bounds of their fields."""
        return np.array(
            [
                np.isfinite(value) if period is not None else bound.contains(float(value))
                for bound, period, value in zip(self.limits, self.periods, theta, strict=True)
            ],
            dtype=bool,
        )

    def sample(self, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Draw theta within the bounds of its fields: draws beyond them are repeated.

        Raises
        ------
        ParameterError
            If an element has no prior, or almost all of a calibration lies beyond the bounds.
        """
        drawn, together = self._drawn(rng), list(self.calibrated)
        outside, repeats = ~self._allowed(drawn), 0
        while np.any(outside):
            if repeats == DRAWS:
                i = int(np.argmax(outside))
                raise ParameterError(
                    self.labels[i],
                    expected=f"a prior with draws {self.limits[i]}",
                    got=f"{DRAWS} draws beyond",
                    remedy="Move the prior of the calibration, or widen the bounds",
                )
            if np.any(outside[together]):
                outside[together] = True  # a calibration draws all of its elements together
            drawn = np.where(outside, self._drawn(rng), drawn)
            outside, repeats = ~self._allowed(drawn), repeats + 1
        return drawn

    def _drawn(self, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        drawn = np.full(len(self.labels), np.nan)
        for start, stop, prior in self.priors:
            drawn[start:stop] = prior.sample(rng, (stop - start,))
        if self.calibrated:
            each = np.array(self.calibrated)
            root = np.linalg.inv(np.linalg.cholesky(self.precision[np.ix_(each, each)]))
            drawn[each] = self.mean[each] + root.T @ rng.normal(size=each.size)
        if np.any(missing := np.isnan(drawn)):
            raise ParameterError(
                self.labels[int(np.argmax(missing))].partition("[")[0],
                expected="a prior to draw from",
                got=None,
                remedy="Hold the parameter fixed, or set a prior",
            )
        return drawn


@eqx.filter_jit
def _log_density(prior: ThetaPrior, theta: Theta) -> Array:
    theta = prior.nearest(theta)
    error = theta - prior.mean
    log_density = -0.5 * jnp.sum(error * (prior.precision @ error))
    for start, stop, each in prior.priors:
        log_density += jnp.sum(_beyond_normal(each, jnp.asarray(theta)[start:stop]))
    return log_density


def prior_of(fields: Sequence[tuple[str, ParamField]], calibration: NormalPrior | None = None) -> ThetaPrior:
    """Return the prior of theta.

    Parameters
    ----------
    fields : sequence of (str, ParamField)
        Label and field of each element, in the order of theta.
    calibration : NormalPrior, optional
        Calibration that replaces the fields' priors of its labels.

    Raises
    ------
    UnknownKeyError
        If theta has no label of the calibration.
    """
    labels = tuple(label for label, _ in fields)
    calibrated: tuple[int, ...] = ()
    if calibration is not None:
        for label in calibration.labels:
            if label not in labels:
                raise UnknownKeyError(label, labels, expected="a label of theta")
        calibrated = tuple(labels.index(label) for label in calibration.labels)
    acting = [None if i in calibrated else field.prior for i, (_, field) in enumerate(fields)]
    normal = [prior if isinstance(prior, Normal | TruncatedNormal) else None for prior in acting]
    mean = np.array([prior.mean if prior else 0.0 for prior in normal])
    precision = np.diag([prior.sigma**-2 if prior else 0.0 for prior in normal])
    if calibration is not None:
        mean[list(calibrated)] = calibration.mean
        precision[np.ix_(calibrated, calibrated)] = calibration.precision
    runs = [
        (prior, [i for i, _ in run])
        for prior, run in groupby(enumerate(acting), key=lambda numbered: numbered[1])
        if prior is not None
    ]
    return ThetaPrior(
        mean=mean,
        precision=precision,
        labels=labels,
        limits=tuple(field.bounds for _, field in fields),
        priors=tuple((run[0], run[-1] + 1, prior) for prior, run in runs),
        calibrated=calibrated,
        periods=tuple(field.period for _, field in fields),
    )


def flat_prior(free: ParamSpec) -> ThetaPrior:
    """Return a flat prior of the parameters `free`, within their bounds."""
    n = len(free.labels)
    fields = [field for _, field in labelled(free)]
    limits, periods = tuple(field.bounds for field in fields), tuple(field.period for field in fields)
    return ThetaPrior(np.zeros(n), np.zeros((n, n)), free.labels, limits, (), (), periods)


def labelled(free: ParamSpec) -> list[tuple[str, ParamField]]:
    """Return the label and the field of each element of the parameters `free`."""
    return [(label, field) for field in free.fields for label in field.labels]


def free_parameters(spec: ParamSpec, keys: Iterable[str] | None = None) -> ParamSpec:
    """Return the spec of the parameters to fit.

    Parameters
    ----------
    spec : ParamSpec
        Spec of the model.
    keys : iterable of str, optional
        Keys of the parameters, in the order of theta. By default each primitive that has a prior.

    Raises
    ------
    UnknownKeyError
        If the spec does not have a key; near matches are named.
    """
    return spec.subset([key for key in spec.primitives if spec[key].prior] if keys is None else keys)


def _beyond_normal(prior: Prior, value: Array) -> Any:
    """Return the log-density of a prior without the normal part, which mean and precision represent."""
    if isinstance(prior, Normal):
        return 0.0
    density = prior.log_density(value)
    return jnp.where(jnp.isneginf(density), -jnp.inf, 0.0) if isinstance(prior, TruncatedNormal) else density
