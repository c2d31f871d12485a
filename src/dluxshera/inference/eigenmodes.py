"""Eigenmodes: combinations of parameters about which the data speak independently, best known first."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import FitError, ParameterError, ShapeError
from dluxshera.inference.coordinates import warn_of_blind_directions
from dluxshera.inference.fisher import FisherInformation, generalized_eigenmodes
from dluxshera.inference.labels import directions_text, names_in
from dluxshera.inference.posterior import AbstractPosterior, Expansion
from dluxshera.inference.theta_prior import Theta
from dluxshera.params import ParameterStore


class EigenThetaMap(eqx.Module):
    r"""Between theta and the amplitudes z of eigenmodes: :math:`\theta = \theta_0 + B z`.

    Made by `from_information`. Whitened, an amplitude is in units of its own sigma, :math:`B^T I B = 1` for the
    information :math:`I`. Otherwise the modes are orthonormal in the metric, :math:`B^T M B = 1`, and each eigenvalue
    is the information about one amplitude.

    Parameters
    ----------
    centre : ndarray, shape (n,)
        Theta where all amplitudes are zero.
    basis : ndarray, shape (n, k)
        A mode in each column.
    projection : ndarray, shape (k, n)
        From theta - centre to the amplitudes; what lies in no mode is left out.
    eigenvalues : ndarray, shape (k,)
        From the largest down.
    rest : ndarray, shape (n, n - k)
        The modes that were dropped: theta stays at the centre along them.
    scale : ndarray, shape (n,)
        The unit of each parameter in the metric.
    parameters : tuple of str
        A name for each element of theta.
    whitened : bool
        Whether an amplitude is in units of its sigma.

    Examples
    --------
    >>> matrix = np.array([[1.01, 1.0, 0.0], [1.0, 1.01, 0.0], [0.0, 0.0, 4.0]])
    >>> known = FisherInformation(matrix, ("focus of M1", "focus of M2", "tip"))
    >>> modes = EigenThetaMap.from_information(known, [0.0, 0.0, 0.0], min_eigenvalue=0.1)
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
            Of the data.
        centre : array_like, shape (n,)
            Theta where all amplitudes are zero.
        prior_precision : ndarray, shape (n, n), optional
            Inverse covariance of the normal prior, which is added and is the metric too, so that an eigenvalue is 1
            where the data say nothing and 2 where they say as much as the prior. A parameter without a prior, and all
            if there is none, is measured in its own conditional sigma.
        whitened : bool
            Measure each amplitude in units of its sigma. Modes without any information are dropped then.
        count : int, optional
            Keep so many modes at most, the best known.
        min_eigenvalue : float
            Keep no mode with a smaller eigenvalue.

        Raises
        ------
        ShapeError, ParameterError
            If the parts do not fit together, or no mode is kept.
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
        unknown = np.diag(prior) == 0
        metric = prior + np.diag(np.where(unknown, np.where(own > 0, own, 1.0), 0.0))
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
        """The parameters that are large in each mode."""
        return tuple(names_in(mode / self.scale, self.parameters) for mode in self.basis.T)

    @property
    def dropped(self) -> tuple[tuple[str, ...], ...]:
        """The parameters that are large in each mode that was dropped."""
        return tuple(names_in(mode / self.scale, self.parameters) for mode in self.rest.T)

    def theta(self, z: Float[Array | np.ndarray, " k"]) -> Float[Array, " n"]:
        """Return theta at amplitudes z.

        Raises
        ------
        ShapeError
            If there is not one amplitude for each mode.
        """
        if z.shape != self.eigenvalues.shape:
            raise ShapeError("z", expected=f"a vector of {len(self.eigenvalues)} amplitudes", got=z)
        return jnp.asarray(self.centre) + jnp.asarray(self.basis) @ z

    def z(self, theta: Theta) -> Float[Array, " k"]:
        """Return the amplitudes of theta."""
        return jnp.asarray(self.projection) @ (theta - self.centre)

    def covariance(self, of_z: Float[Array | np.ndarray, "k k"] | None = None) -> Float[np.ndarray, "n n"]:
        """Return the covariance of theta, with nothing along the modes that were dropped.

        Parameters
        ----------
        of_z : ndarray, shape (k, k), optional
            The covariance of the amplitudes; by default the Cramer-Rao bound of the information that the map is of.

        Raises
        ------
        FitError
            If that bound is asked for, and a mode has no information.
        """
        basis = np.asarray(self.basis)
        if of_z is not None:
            return basis @ np.asarray(of_z) @ basis.T
        if not self.whitened:
            if np.any(self.eigenvalues == 0):
                blind = [names for names, value in zip(self.names, self.eigenvalues, strict=True) if value == 0]
                raise FitError(
                    f"no information about {directions_text(blind)}",
                    remedy="Drop such modes: min_eigenvalue, count, or whitened=True",
                )
            basis = basis / np.sqrt(self.eigenvalues)
        return basis @ basis.T


class EigenPosterior(AbstractPosterior):
    """A posterior as a function of the amplitudes of eigenmodes. Made by `eigen_posterior`.

    Parameters
    ----------
    posterior : AbstractPosterior
        As a function of theta.
    modes : EigenThetaMap
        From amplitudes to theta.
    """

    posterior: AbstractPosterior
    modes: EigenThetaMap

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each amplitude."""
        return self.modes.labels

    @property
    def n_data(self) -> int:
        """The number of pixels that count; not for a traced posterior."""
        return self.posterior.n_data

    @property
    def prior_mean(self) -> Float[Array | np.ndarray, " n"]:
        """The mean of the normal part of the prior of the amplitudes; 0 where there is none."""
        pull = self.modes.basis.T @ self.posterior.prior_precision @ (self.posterior.prior_mean - self.modes.centre)
        return jnp.linalg.pinv(self.prior_precision, hermitian=True) @ pull

    @property
    def prior_precision(self) -> Float[Array | np.ndarray, "n n"]:
        """The inverse covariance of the normal part of the prior of the amplitudes."""
        precision = jnp.asarray(self.modes.basis.T @ self.posterior.prior_precision @ self.modes.basis)
        return 0.5 * (precision + precision.T)

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """No limits: those of the parameters are none of a single amplitude (see `allows`)."""
        limit = np.full(len(self.labels), np.inf)
        return -limit, limit

    def allows(self, theta: Theta) -> bool:
        """Return whether every parameter lies within the bounds of its field; the amplitudes are concrete."""
        return self.posterior.allows(self.modes.theta(theta))

    def stores_at(self, theta: Theta) -> tuple[ParameterStore, ...]:
        """Return the full store of each exposure at given amplitudes."""
        return self.posterior.stores_at(self.modes.theta(theta))

    def log_prior(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-density of the prior at given amplitudes, up to a constant."""
        return self.posterior.log_prior(self.modes.theta(theta))

    def log_likelihood(self, theta: Theta) -> Float[Array, ""]:
        """Return the log-probability of the data; NaN where the model is not valid."""
        return self.posterior.log_likelihood(self.modes.theta(theta))

    def expand(self, theta: Theta) -> Expansion:
        """Return loss, and gradient and Fisher matrix by the amplitudes."""
        loss, gradient, information = self.posterior.expand(self.modes.theta(jnp.asarray(theta)))
        basis = jnp.asarray(self.modes.basis)
        information = basis.T @ information @ basis
        return Expansion(loss, basis.T @ gradient, 0.5 * (information + information.T))

    def residual(self, theta: Theta) -> Float[Array, " m"]:
        """Return the residuals of the pixels and the prior at given amplitudes."""
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
    """Return a posterior of the amplitudes of its own eigenmodes, to be fitted as any other.

    The centre, at which theta stays along modes that are dropped, is the mean of the normal prior, and `theta` for what
    has none. By default only modes without prior and information are dropped, so that the maximum is the same.

    Parameters
    ----------
    posterior : AbstractPosterior
    theta : array_like, shape (n,)
        Where the information is taken; ``modes.z(theta)`` of the result is a start.
    whitened, count, min_eigenvalue
        As `EigenThetaMap.from_information` has them; an eigenvalue of 1 is what the prior alone gives.

    Raises
    ------
    FitError
        If the information is not finite.
    ParameterError
        If no mode is kept.

    Warns
    -----
    BlindDirectionWarning
        If the data say nothing of a direction, as at exactly zero aberration.
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
