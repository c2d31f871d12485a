"""Correlations between rows: the matrix that causes and stated coefficients make, and its clusters. No jax."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dluxshera.error_budget.terms import Correlation

ROUNDING = 1e-9  # of the eigenvalues of a correlation matrix


class Pair(NamedTuple):
    """Two rows, by their indices, with the correlation of their perturbations.

    Parameters
    ----------
    i, j : int
        Indices of the rows.
    r : float, optional
        Correlation coefficient; None if it is unknown.
    """

    i: int
    j: int
    r: float | None


def pairs_of(ids: Sequence[str], causes: Sequence[str | None], correlations: Iterable[Correlation]) -> list[Pair]:
    """Return the pairs of rows that are correlated: by a common cause, or by a stated coefficient.

    Parameters
    ----------
    ids : sequence of str
        Identifiers of the rows. Correlations of other rows are left out.
    causes : sequence of str or None
        Common cause of each row.
    correlations : iterable of Correlation
        Stated coefficients.
    """
    index = {name: i for i, name in enumerate(ids)}
    by_cause = [
        Pair(i, j, 1.0) for j, cause in enumerate(causes) for i in range(j) if cause is not None and causes[i] == cause
    ]
    return by_cause + [
        Pair(index[item.first], index[item.second], item.r)
        for item in correlations
        if item.first in index and item.second in index
    ]


def correlation_matrix(size: int, pairs: Iterable[Pair]) -> Float[np.ndarray, " n n"]:
    """Return the matrix of correlation coefficients, with 0 for an unknown one.

    Parameters
    ----------
    size : int
        Number of rows.
    pairs : iterable of Pair
        Correlated rows.
    """
    matrix = np.eye(size)
    for i, j, r in pairs:
        matrix[i, j] = matrix[j, i] = r or 0.0
    return matrix


def negative_direction(matrix: Float[np.ndarray, " n n"]) -> list[float]:
    """Return the combination of rows with the most negative variance; empty if the matrix is a correlation matrix.

    Parameters
    ----------
    matrix : array of float
        Symmetric matrix with ones on its diagonal.
    """
    if not len(matrix):
        return []
    values, vectors = np.linalg.eigh(matrix)
    return [] if values[0] >= -ROUNDING * len(matrix) else [float(part) for part in vectors[:, 0]]


def clusters(size: int, pairs: Iterable[Pair]) -> list[list[int]]:
    """Return the sets of rows that are correlated with one another, each row in one set; unknown coefficients are 0.

    Parameters
    ----------
    size : int
        Number of rows.
    pairs : iterable of Pair
        Correlated rows.
    """
    label = list(range(size))
    for i, j, r in pairs:
        if r:
            old, new = label[j], label[i]
            label = [new if name == old else name for name in label]
    return [[i for i in range(size) if label[i] == name] for name in dict.fromkeys(label)]
