"""Fisher information of an image about its parameters, from the derivatives of an image model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dluxshera.errors import FitError
from dluxshera.inference.labels import directions_text, label_index, names_in
from dluxshera.inference.likelihood import Noise
from dluxshera.inference.matrices import scaled_inverse, unit_diagonal
from dluxshera.params import ParameterStore, ParamSpec, Predict, image_model


class Expansion(NamedTuple):
    """Expansion of a posterior about one point, from the image and its derivatives there.

    Parameters
    ----------
    loss : Array
        Negative log-density, up to a constant of the data.
    gradient : Array, shape (n,)
        Gradient of the loss, prior included.
    information : Array, shape (n, n)
        Fisher matrix of the data alone.
    """

    loss: Float[Array, ""]
    gradient: Float[Array, " n"]
    information: Float[Array, "n n"]


def image_jacobian(
    predict: Predict, store: ParameterStore, free: ParamSpec
) -> tuple[Float[Array, " *image"], Float[Array, "n *image"]]:
    """Return the image and its derivatives by the free parameters.

    Parameters
    ----------
    predict : AbstractImageModel or callable
        Image model, which has derivatives of its own, or any function from store to image; see `image_model`.
    store : ParameterStore
        Point of the derivatives.
    free : ParamSpec
        Parameters of the derivatives; ``free.labels`` names the rows.

    Returns
    -------
    image : Array
        Photons per pixel.
    jacobian : Array, shape (n, ...)
        Photons per pixel and unit of each parameter.
    """
    return image_model(predict).expand(store, free)


@dataclass(frozen=True)
class FisherInformation:
    """A Fisher matrix with the names of its rows.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
        Symmetric matrix, in the inverse units of the parameters.
    labels : tuple of str
        A name for each row.

    Examples
    --------
    >>> information = FisherInformation(np.array([[4.0, 1.0], [1.0, 2.0]]), ("focus", "scale"))
    >>> information.conditional_sigma("focus")
    0.5
    >>> print(f"{information.sigma('focus'):.4f}, {information.correlation()[0, 1]:.4f}")
    0.5345, -0.3536
    >>> information.marginal(["focus"]).matrix
    array([[3.5]])
    """

    matrix: Float[np.ndarray, "n n"]
    labels: tuple[str, ...]

    @classmethod
    def checked(cls, matrix: Float[np.ndarray, "n n"], labels: tuple[str, ...]) -> FisherInformation:
        """Return the information of a matrix, checked to be finite.

        Raises
        ------
        FitError
            If the matrix is not finite; the parameters are named.
        """
        if not np.all(np.isfinite(matrix)):
            names = [label for label, value in zip(labels, np.diag(matrix), strict=True) if not np.isfinite(value)]
            raise FitError(
                f"the Fisher matrix is not finite in {', '.join(names)}", remedy="Check the model image for NaN"
            )
        return cls(matrix, labels)

    def _index(self, label: str) -> int:
        return label_index(label, self.labels, "the Fisher matrix")

    def subset(self, labels: Iterable[str]) -> FisherInformation:
        """Return the information about some parameters with the others held fixed."""
        keep = [self._index(label) for label in labels]
        return FisherInformation(self.matrix[np.ix_(keep, keep)], tuple(self.labels[i] for i in keep))

    def marginal(self, labels: Iterable[str]) -> FisherInformation:
        """Return the information about some parameters with the others fitted too: the Schur complement.

        A direction of the others that has no information itself is left out.
        """
        keep = [self._index(label) for label in labels]
        rest = [i for i in range(len(self.labels)) if i not in keep]
        values, vectors = generalized_eigenmodes(self.matrix[np.ix_(rest, rest)])
        informed = values > 0
        cross = (self.matrix[np.ix_(keep, rest)] @ vectors[:, informed]) / np.sqrt(values[informed])
        matrix = self.matrix[np.ix_(keep, keep)] - cross @ cross.T
        return FisherInformation(matrix, tuple(self.labels[i] for i in keep))

    def with_prior(self, sigma: Float[np.ndarray, " n"]) -> FisherInformation:
        """Return the information plus that of independent normal priors; an infinite sigma adds none."""
        return self.with_precision(np.diag(1.0 / np.asarray(sigma) ** 2))

    def with_precision(self, precision: Float[Array | np.ndarray, "n n"]) -> FisherInformation:
        """Return the information plus that of a normal prior, its inverse covariance."""
        return FisherInformation(self.matrix + np.asarray(precision), self.labels)

    def singular_directions(self) -> list[tuple[str, ...]]:
        """Return the labels of the parameters in each direction without information.

        An element of an array is such a direction if the data are a million times less sensitive to it than to another
        element of the array, as at a point of symmetry. For the remaining parameters, each scaled by its own
        information, a combination is such a direction if its information is not above the matrix's rounding error.
        """
        information = np.diag(self.matrix)
        arrays = np.array([label.partition("[")[0] for label in self.labels])
        most = np.array([information[arrays == array].max() for array in arrays])
        insensitive = ~(information > 1e-12 * most)
        blind: list[tuple[str, ...]] = [(self.labels[i],) for i in np.flatnonzero(insensitive)]
        rest = np.flatnonzero(~insensitive)
        scale = np.sqrt(np.where(insensitive, 1.0, information))
        correlation = self.matrix[np.ix_(rest, rest)] / np.outer(scale[rest], scale[rest])
        values, vectors = np.linalg.eigh(correlation)
        noise_floor = 10 * len(rest) * np.finfo(float).eps
        names = [self.labels[i] for i in rest]
        return blind + [names_in(vector, names) for vector in vectors.T[values < noise_floor]]

    def covariance(self) -> Float[np.ndarray, "n n"]:
        """Return the Cramer-Rao bound: the inverse of the matrix.

        Raises
        ------
        FitError
            If a direction has no information; the parameters in it are named.
        """
        if blind := self.singular_directions():
            raise FitError(
                f"the Fisher matrix is singular: no information about {directions_text(blind)}",
                remedy="Hold one of them fixed, add a prior, or avoid a point of symmetry such as zero aberration",
            )
        return scaled_inverse(self.matrix)

    def correlation(self) -> Float[np.ndarray, "n n"]:
        """Return the correlations of the Cramer-Rao bound.

        Raises
        ------
        FitError
            If a direction has no information; the parameters in it are named.
        """
        return unit_diagonal(self.covariance())[1]

    def information_modes(self, precision: Float[Array | np.ndarray, "n n"]) -> InformationModes:
        """Return the combinations of parameters that are uncorrelated in both the data and the prior.

        Parameters
        ----------
        precision : ndarray, shape (n, n)
            Inverse covariance of the prior of all parameters: ``posterior.prior_precision``.

        Raises
        ------
        FitError
            If the prior does not constrain a direction; its parameters are named.
        """
        prior = FisherInformation(np.asarray(precision), self.labels)
        if blind := prior.singular_directions():
            raise FitError(
                f"the prior does not constrain {directions_text(blind)}",
                remedy="Give a prior to each parameter, or take a subset",
            )
        return InformationModes(*generalized_eigenmodes(self.matrix, prior.matrix), self.labels)

    def sigma(self, label: str) -> float:
        """Return the 1-sigma bound of one parameter with all others fitted (marginal)."""
        i = self._index(label)
        return float(np.sqrt(self.covariance()[i, i]))

    def conditional_sigma(self, label: str) -> float:
        """Return the 1-sigma bound of one parameter with all others held fixed; infinite without information."""
        i = self._index(label)
        return float(self.matrix[i, i]) ** -0.5 if self.matrix[i, i] > 0 else np.inf


class InformationModes(NamedTuple):
    """Combinations of parameters, sorted by the information of the data relative to that of the prior.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Information of the data over that of the prior.
    vectors : ndarray, shape (n, n)
        A mode in each column: a change of theta by one sigma of the prior.
    labels : tuple of str
        Label of each element of theta.
    """

    values: Float[np.ndarray, " n"]
    vectors: Float[np.ndarray, "n n"]
    labels: tuple[str, ...]


def generalized_eigenmodes(
    matrix: Float[np.ndarray, "n n"], metric: Float[np.ndarray, "n n"] | None = None
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n n"]]:
    """Return the eigenvalues of an information matrix in a metric, in decreasing order, and the eigenvectors.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
        Symmetric matrix, positive semidefinite up to rounding.
    metric : ndarray, shape (n, n), optional
        Positive definite matrix. By default the diagonal of `matrix`: each parameter in its own conditional sigma.

    Returns
    -------
    values : ndarray, shape (n,)
        Eigenvalues; exactly 0 if not above the rounding error of the matrix.
    vectors : ndarray, shape (n, n)
        Eigenvectors in columns, orthonormal in the metric.
    """
    size = np.diag(matrix) if metric is None else np.diag(metric)
    scale = 1.0 / np.sqrt(np.where(size > 0, size, 1.0))
    root = np.diag(scale)
    if metric is not None:
        root = scale[:, None] * np.linalg.inv(np.linalg.cholesky(metric * np.outer(scale, scale))).T
    within = root.T @ matrix @ root
    values, vectors = np.linalg.eigh(0.5 * (within + within.T))
    noise_floor = 10 * len(values) * np.finfo(float).eps * values[-1:]
    return np.where(values > noise_floor, values, 0.0)[::-1], (root @ vectors)[:, ::-1]


def fisher_information(predict: Predict, store: ParameterStore, free: ParamSpec, noise: Noise) -> FisherInformation:
    r"""Return the Fisher information :math:`J W J^T` about the free parameters, exact for the noise.

    Parameters
    ----------
    predict : AbstractImageModel or callable
        Image model, or function from store to image.
    store : ParameterStore
        Point of the derivatives.
    free : ParamSpec
        Free parameters.
    noise : Noise
        Noise model, which determines the weights W.
    """
    image, jacobian = image_model(predict).expand(store, free)
    return FisherInformation.checked(np.asarray(_of_noise(noise, image, jacobian)), free.labels)


def fisher_from_jacobian(
    jacobian: Float[Array, "n *image"], weights: Float[Array, " *image"], labels: tuple[str, ...]
) -> FisherInformation:
    """Return the Fisher information of an image with known derivatives.

    Parameters
    ----------
    jacobian : ndarray, shape (n, ...)
        Derivative of the image by each element of theta.
    weights : ndarray, shape (...)
        Information of each pixel on its own value; one over the variance for Gaussian noise.
    labels : tuple of str
        Label of each element of theta.

    Raises
    ------
    FitError
        If a derivative or a weight is not finite.
    """
    return FisherInformation.checked(np.asarray(_of_weights(jacobian, weights)), labels)


def information_matrix(jacobian: Float[Array, "n *image"], weights: Float[Array, " *image"]) -> Float[Array, "n n"]:
    """Return J W J^T, symmetric to the last bit."""
    rows = jacobian.reshape(len(jacobian), -1)
    matrix = (rows * jnp.ravel(weights)) @ rows.T
    return 0.5 * (matrix + matrix.T)


@eqx.filter_jit
def _of_noise(noise: Noise, image: Array, jacobian: Array) -> Array:
    return information_matrix(jacobian, noise.fisher_weights(image))


_of_weights = jax.jit(information_matrix)
