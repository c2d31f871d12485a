"""Eigenmodes: independent combinations of parameters, sorted by their information."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import FitError, ParameterError, ShapeError
from dluxshera.inference.coordinates import warn_of_blind_directions
from dluxshera.inference.deviance import DevianceMoments
from dluxshera.inference.fisher import Expansion, FisherInformation, generalized_eigenmodes
from dluxshera.inference.labels import directions_text, names_in
from dluxshera.inference.posterior import AbstractPosterior
from dluxshera.inference.theta_prior import Theta
from dluxshera.params import ParameterStore


class EigenThetaMap(eqx.Module):
    r"""Map between theta and the amplitudes z of eigenmodes, :math:`\theta = \theta_0 + B z`.

    Built by `from_information`. Whitened amplitudes are in units of their own sigma, :math:`B^T I B = 1` with the
    information :math:`I`. Otherwise the modes are orthonormal in the metric, :math:`B^T M B = 1`, and each eigenvalue
    is the information about one amplitude.

    Parameters
    ----------
    centre : ndarray, shape (n,)
        Theta where all amplitudes are zero.
    basis : ndarray, shape (n, k)
        Modes in columns.
    projection : ndarray, shape (k, n)
        Matrix from theta - centre to the amplitudes. Components along dropped modes are left out.
    eigenvalues : ndarray, shape (k,)
        Eigenvalues, in decreasing order.
    rest : ndarray, shape (n, n - k)
        Dropped modes in columns; theta stays at the centre along them.
    scale : ndarray, shape (n,)
        Unit of each parameter in the metric.
    parameters : tuple of str
        A name for each element of theta.
    whitened : bool
        True if an amplitude is in units of its sigma.

    Examples
    --------
    >>> matrix = np.array([[1.01, 1.0, 0.0], [1.0, 1.01, 0.0], [0.0, 0.0, 4.0]])
    >>> information = FisherInformation(matrix, ("focus of M1", "focus of M2", "tip"))
    >>> modes = EigenThetaMap.from_information(information, [0.0, 0.0, 0.0], min_eigenvalue=0.1)
    >>> modes.names
    (('focus of M1', 'focus of M2'), ('tip',))
    >>> modes.dropped
    (('focus of M1', 'focus of M2'),)
    """

    centre: Float[np.ndarray, " n"]
    basis: Float[np.ndarray, "n k"]
    projection: Float[np.ndarray, "k n"]
    eigenvalues: Float[np.ndarray, " k"]
    rest: Float[np.ndarray, "n dropped"]
    scale: Float[np.ndarray, " n"]
    parameters: tuple[str, ...] = eqx.field(static=True)
    whitened: bool = eqx.field(static=True)

    @classmethod
    def from_information(
        cls,
        information: FisherInformation,
        centre: Any,
        *,
        prior_precision: Float[Array | np.ndarray, "n n"] | None = None,
        whitened: bool = True,
        count: int | None = None,
        min_eigenvalue: float = 0.0,
    ) -> EigenThetaMap:
        """Return the eigenmodes of an information matrix.

        Parameters
        ----------
        information : FisherInformation
            Information of the data.
        centre : array_like, shape (n,)
            Theta where all amplitudes are zero.
        prior_precision : ndarray, shape (n, n), optional
            Inverse covariance of the normal prior. It is added to the information and is also the metric, so that an
            eigenvalue is 1 for a mode without information from the data, and 2 where data and prior have the same
            information. A parameter without a prior is measured in its own conditional sigma.
        whitened : bool
            Measure each amplitude in units of its sigma, and drop modes without any information.
        count : int, optional
            Largest number of modes to keep, those with the largest eigenvalues.
        min_eigenvalue : float
            Smallest eigenvalue of a mode to keep.

        Raises
        ------
        ShapeError, ParameterError
            If the shapes disagree, or no mode is kept.
        """
        n = len(information.labels)
        centre = np.array(centre, dtype=float)
        if centre.shape != (n,):
            raise ShapeError("centre", expected=f"a vector of {n} numbers", got=centre)
        prior = np.zeros((n, n)) if prior_precision is None else np.asarray(prior_precision, dtype=float)
        if prior.shape != (n, n):
            raise ShapeError("prior_precision", expected=f"a matrix of shape {(n, n)}", got=prior)
        if count is not None and count < 1:
            raise ParameterError("count", expected="at least one mode", got=count)
        own = np.diag(information.matrix)
        flat = np.diag(prior) == 0
        metric = prior + np.diag(np.where(flat, np.where(own > 0, own, 1.0), 0.0))
        values, vectors = generalized_eigenmodes(information.matrix + prior, metric)
        kept = (values >= min_eigenvalue) & (np.arange(n) < (n if count is None else count))
        if whitened:
            kept &= values > 0
        if not kept.any():
            raise ParameterError(
                "min_eigenvalue",
                expected="a limit below an eigenvalue that is not zero",
                got=min_eigenvalue,
                remedy=f"The largest is {values[0]:.3g}",
            )
        size = np.sqrt(values[kept]) if whitened else np.ones(int(kept.sum()))
        modes = vectors[:, kept]
        return cls(
            centre=centre,
            basis=modes / size,
            projection=size[:, None] * (modes.T @ metric),
            eigenvalues=values[kept],
            rest=vectors[:, ~kept],
            scale=1.0 / np.sqrt(np.diag(metric)),
            parameters=information.labels,
            whitened=whitened,
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each amplitude."""
        return tuple(f"mode {i + 1}" for i in range(len(self.eigenvalues)))

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """The dominant parameters of each mode."""
        return tuple(names_in(mode / self.scale, self.parameters) for mode in self.basis.T)

    @property
    def dropped(self) -> tuple[tuple[str, ...], ...]:
        """The dominant parameters of each dropped mode."""
        return tuple(names_in(mode / self.scale, self.parameters) for mode in self.rest.T)

    def theta(self, z: Float[Array | np.ndarray, " k"]) -> Float[Array, " n"]:
        """Return theta at amplitudes z.

        Raises
        ------
        ShapeError
            If the number of amplitudes is not that of the modes.
        """
        if z.shape != self.eigenvalues.shape:
            raise ShapeError("z", expected=f"a vector of {len(self.eigenvalues)} amplitudes", got=z)
        return jnp.asarray(self.centre) + jnp.asarray(self.basis) @ z

    def z(self, theta: Theta) -> Float[Array, " k"]:
        """Return the amplitudes of theta."""
        return jnp.asarray(self.projection) @ (theta - self.centre)

    def covariance(self, of_z: Float[Array | np.ndarray, "k k"] | None = None) -> Float[np.ndarray, "n n"]:
        """Return the covariance of theta, which is zero along dropped modes.

        Parameters
        ----------
        of_z : ndarray, shape (k, k), optional
            Covariance of the amplitudes. By default the Cramer-Rao bound of the map's information.

        Raises
        ------
        FitError
            If `of_z` is None and a mode has no information.
        """
        basis = np.asarray(self.basis)
        if of_z is not None:
            return basis @ np.asarray(of_z) @ basis.T
        if not self.whitened:
            if np.any(self.eigenvalues == 0):
                blind = [names for names, value in zip(self.names, self.eigenvalues, strict=True) if value == 0]
                raise FitError(
                    f"no information about {directions_text(blind)}",
                    remedy="Drop such modes with min_eigenvalue, count, or whitened=True",
                )
            basis = basis / np.sqrt(self.eigenvalues)
        return basis @ basis.T


class EigenPosterior(AbstractPosterior):
    """Posterior as a function of the amplitudes of eigenmodes. Built by `eigen_posterior`.

    Parameters
    ----------
    posterior : AbstractPosterior
        Posterior as a function of theta.
    modes : EigenThetaMap
        Map from amplitudes to theta.
    """

    posterior: AbstractPosterior
    modes: EigenThetaMap

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each amplitude."""
        return self.modes.labels

    @property
    def n_data(self) -> int:
        """The number of unmasked pixels; not for a traced posterior."""
        return self.posterior.n_data

    @property
    def prior_mean(self) -> Float[Array | np.ndarray, " n"]:
        """The mean of the normal part of the prior of the amplitudes; 0 without one."""
        pull = self.modes.basis.T @ self.posterior.prior_precision @ (self.posterior.prior_mean - self.modes.centre)
        return jnp.linalg.pinv(self.prior_precision, hermitian=True) @ pull

    @property
    def prior_precision(self) -> Float[Array | np.ndarray, "n n"]:
        """The inverse covariance of the normal part of the prior of the amplitudes."""
        precision = jnp.asarray(self.modes.basis.T @ self.posterior.prior_precision @ self.modes.basis)
        return 0.5 * (precision + precision.T)

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Infinite limits, because a parameter's bound is not a limit of one amplitude (see `allows`)."""
        limit = np.full(len(self.labels), np.inf)
        return -limit, limit

    def allows(self, theta: Theta) -> bool:
        """Return True if every parameter lies within the bounds of its field; the amplitudes are concrete."""
        return self.posterior.allows(self.modes.theta(theta))

    def stores_at(self, theta: Theta) -> tuple[ParameterStore, ...]:
        """Return the full store of each exposure at these amplitudes."""
        return self.posterior.stores_at(self.modes.theta(theta))

    def log_prior(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-density of the prior at these amplitudes, up to a constant."""
        return self.posterior.log_prior(self.modes.theta(theta))

    def log_likelihood(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-probability of the data; NaN where the model is not valid."""
        return self.posterior.log_likelihood(self.modes.theta(theta))

    def deviance_moments(self, theta: Theta) -> DevianceMoments:
        """Return mean and variance of the deviance of all data over the noise, at these amplitudes."""
        return self.posterior.deviance_moments(self.modes.theta(theta))

    def expand(self, theta: Theta) -> Expansion:
        """Return the loss, and its gradient and the Fisher matrix by the amplitudes."""
        loss, gradient, information = self.posterior.expand(self.modes.theta(jnp.asarray(theta)))
        basis = jnp.asarray(self.modes.basis)
        information = basis.T @ information @ basis
        return Expansion(loss, basis.T @ gradient, 0.5 * (information + information.T))

    def residual(self, theta: Theta) -> Float[Array, " m"]:
        """Return the residuals of pixels and prior at these amplitudes."""
        return self.posterior.residual(self.modes.theta(theta))

    def draw_from_prior(self, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Draw theta from the prior and return its amplitudes.

        Raises
        ------
        ParameterError
            If a free parameter has no prior.
        """
        return np.asarray(self.modes.z(self.posterior.draw_from_prior(rng)))


def eigen_posterior(
    posterior: AbstractPosterior,
    theta: Theta,
    *,
    whitened: bool = True,
    count: int | None = None,
    min_eigenvalue: float = 0.0,
) -> EigenPosterior:
    """Return the posterior as a function of the amplitudes of its own eigenmodes, for any solver or sampler.

    The centre is the mean of the normal prior, or `theta` for a parameter without one; theta stays there along dropped
    modes. By default only modes without prior and information are dropped, so that the maximum is the same.

    Parameters
    ----------
    posterior : AbstractPosterior
        Posterior as a function of theta.
    theta : array_like, shape (n,)
        Point of the information; ``modes.z(theta)`` of the result is a start.
    whitened, count, min_eigenvalue
        Arguments of `EigenThetaMap.from_information`. The prior alone gives an eigenvalue of 1.

    Raises
    ------
    FitError
        If the information is not finite.
    ParameterError
        If no mode is kept.

    Warns
    -----
    BlindDirectionWarning
        If the data do not constrain a direction, as at exactly zero aberration.
    """
    information = posterior.information(theta)
    warn_of_blind_directions(information, stacklevel=3)
    precision = np.asarray(posterior.prior_precision)
    modes = EigenThetaMap.from_information(
        information,
        np.where(np.diag(precision) > 0, posterior.prior_mean, theta),
        prior_precision=precision,
        whitened=whitened,
        count=count,
        min_eigenvalue=min_eigenvalue,
    )
    return EigenPosterior(posterior, modes)
