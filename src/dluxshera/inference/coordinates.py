"""Coordinates of theta for solvers and samplers: scaled by the prior, whitened by the information, without bounds."""

from __future__ import annotations

import warnings
from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import BoundsError
from dluxshera.inference.fisher import FisherInformation
from dluxshera.inference.labels import directions_text
from dluxshera.inference.matrices import scaled_root
from dluxshera.inference.posterior import AbstractPosterior
from dluxshera.inference.theta_prior import Theta


class BlindDirectionWarning(UserWarning):
    """The data do not constrain a direction at a point of a fit. The message names its parameters."""


class Coordinates(eqx.Module):
    """Coordinates z, as many as theta has elements, with smooth functions between z and theta. Abstract."""

    @abstractmethod
    def theta(self, z: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return theta at z."""

    @abstractmethod
    def z(self, theta: Theta) -> Float[Array, " n"]:
        """Return z at theta."""

    @abstractmethod
    def log_det(self, z: Float[Array, " n"]) -> Float[Array, ""]:
        """Return log |d theta / d z|, the difference between the log-density of z and that of theta."""


class Whitening(Coordinates):
    """Linear coordinates, theta = centre + transform @ z, in which the posterior is about a unit normal.

    Parameters
    ----------
    centre : Array, shape (n,)
        Theta at z = 0.
    transform : Array, shape (n, n)
        Derivative of theta by z, a lower triangular matrix.
    """

    centre: Float[Array, " n"]
    transform: Float[Array, "n n"]

    def theta(self, z: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return theta at z."""
        return self.centre + self.transform @ z

    def z(self, theta: Theta) -> Float[Array, " n"]:
        """Return z at theta."""
        return jax.scipy.linalg.solve_triangular(self.transform, theta - self.centre, lower=True)

    def log_det(self, z: Float[Array, " n"]) -> Float[Array, ""]:
        """Return log |d theta / d z|, a constant."""
        return jnp.sum(jnp.log(jnp.diag(self.transform)))


class Unbounded(Coordinates):
    r"""Unbounded coordinates, element by element.

    With one limit, :math:`\theta = a + e^z` or :math:`\theta = b - e^{-z}`; with two,
    :math:`\theta = a + (b - a) / (1 + e^{-z})`; without, :math:`\theta = z`. Theta increases with z and never reaches a
    limit.

    Parameters
    ----------
    lower, upper : array_like, shape (n,)
        Limits of theta, ``posterior.bounds``; infinite if there is none.
    """

    lower: Float[np.ndarray, " n"]
    upper: Float[np.ndarray, " n"]

    def theta(self, z: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return theta at z."""
        below, above, width = self._finite()
        both = below & above
        # Measured from the nearer limit, which keeps the precision there.
        near_low, near_high = (self._low() + width * jax.nn.sigmoid(z), self._high() - width * jax.nn.sigmoid(-z))
        grown = jnp.exp(jnp.where(both, 0.0, jnp.where(below, z, jnp.where(above, -z, 0.0))))
        half = jnp.where(below, self._low() + grown, self._high() - grown)
        return jnp.where(both, jnp.where(z < 0, near_low, near_high), jnp.where(below | above, half, z))

    def z(self, theta: Theta) -> Float[Array, " n"]:
        """Return z at theta, infinite at a limit and NaN beyond one."""
        below, above, _ = self._finite()
        from_low = jnp.log(jnp.where(below, theta - self._low(), 1.0))
        from_high = jnp.log(jnp.where(above, self._high() - theta, 1.0))
        return jnp.where(below | above, from_low - from_high, theta)

    def log_det(self, z: Float[Array, " n"]) -> Float[Array, ""]:
        """Return log |d theta / d z|."""
        below, above, width = self._finite()
        inside = jnp.log(width) + jax.nn.log_sigmoid(z) + jax.nn.log_sigmoid(-z)
        return jnp.sum(jnp.where(below & above, inside, jnp.where(below, z, jnp.where(above, -z, 0.0))))

    def _finite(self) -> tuple[Array, Array, Array]:
        below, above = jnp.isfinite(self.lower), jnp.isfinite(self.upper)
        return below, above, jnp.where(below & above, self._high() - self._low(), 1.0)

    def _low(self) -> Array:
        return jnp.where(jnp.isfinite(self.lower), self.lower, 0.0)

    def _high(self) -> Array:
        return jnp.where(jnp.isfinite(self.upper), self.upper, 0.0)


class Composed(Coordinates):
    """Composition of two coordinates: theta = outer(inner(z)).

    Parameters
    ----------
    outer, inner : Coordinates
        Outer and inner coordinates.
    """

    outer: Coordinates
    inner: Coordinates

    def theta(self, z: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return theta at z."""
        return self.outer.theta(self.inner.theta(z))

    def z(self, theta: Theta) -> Float[Array, " n"]:
        """Return z at theta."""
        return self.inner.z(self.outer.z(theta))

    def log_det(self, z: Float[Array, " n"]) -> Float[Array, ""]:
        """Return log |d theta / d z|."""
        return self.outer.log_det(self.inner.theta(z)) + self.inner.log_det(z)


def prior_coordinates(posterior: AbstractPosterior) -> Whitening:
    """Return coordinates in which the normal part of the prior of a `posterior` is a unit normal.

    An element without a normal prior keeps its own unit and origin.
    """
    precision = np.asarray(posterior.prior_precision)
    empty = np.diag(precision) == 0
    covariance = FisherInformation(precision + np.diag(np.where(empty, 1.0, 0.0)), posterior.labels).covariance()
    return Whitening(jnp.asarray(posterior.prior_mean), jnp.asarray(scaled_root(covariance)))


def whiten(posterior: AbstractPosterior, theta: Theta, damping: float = 1.0) -> Whitening:
    """Return coordinates whitened by the full Fisher matrix of the posterior at theta.

    Scaling each parameter alone would leave a condition number of about 5e9, because the defocus of the two mirrors and
    the plate scale have nearly the same effect on the image.

    Parameters
    ----------
    posterior : AbstractPosterior
        Posterior to whiten.
    theta : array_like, shape (n,)
        Point of the expansion, and centre of the coordinates.
    damping : float
        Factor on the prior's part of the information. Above 1 it shortens steps in the directions that the data
        constrain least: Levenberg-Marquardt damping with the prior as metric.

    Raises
    ------
    FitError
        If a direction has neither information nor a prior, or the matrix is not finite.

    Warns
    -----
    BlindDirectionWarning
        If only the prior constrains a direction.
    """
    information = posterior.information(theta)
    warn_of_blind_directions(information, stacklevel=3)
    covariance = information.with_precision(damping * np.asarray(posterior.prior_precision)).covariance()
    return Whitening(jnp.asarray(theta, dtype=jnp.result_type(float)), jnp.asarray(scaled_root(covariance)))


def unbounded_coordinates(posterior: AbstractPosterior, theta: Theta, covariance: Float[np.ndarray, "n n"]) -> Composed:
    """Return unbounded coordinates in which a normal distribution about theta is about a unit normal.

    Parameters
    ----------
    posterior : AbstractPosterior
        Posterior with the bounds.
    theta : array_like, shape (n,)
        Point at z = 0: the maximum of the posterior.
    covariance : ndarray, shape (n, n)
        Covariance of theta about that point: the Laplace approximation.

    Raises
    ------
    BoundsError
        If theta is not inside the bounds.
    """
    lower, upper = posterior.bounds
    outside = ~((np.asarray(theta) > lower) & (np.asarray(theta) < upper))
    if np.any(outside):
        i = int(np.argmax(outside))
        raise BoundsError(
            posterior.labels[i], expected=f"a value between {lower[i]} and {upper[i]}", got=float(theta[i])
        )
    free = Unbounded(lower, upper)
    centre = free.z(theta)
    slope = np.asarray(jax.jvp(free.theta, (centre,), (jnp.ones_like(centre),))[1])  # the map is element by element
    return Composed(free, Whitening(centre, jnp.asarray(scaled_root(covariance / np.outer(slope, slope)))))


def warn_of_blind_directions(information: FisherInformation, stacklevel: int) -> None:
    """Warn about directions without information, which exist at exactly zero aberration; their parameters are named.

    Warns
    -----
    BlindDirectionWarning
    """
    if blind := information.singular_directions():
        warnings.warn(
            f"at this point the data do not constrain {directions_text(blind)}: start away from zero aberration",
            BlindDirectionWarning,
            stacklevel=stacklevel + 1,
        )
