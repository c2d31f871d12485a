"""Symmetric positive definite matrices of parameters in different units, scaled to a unit diagonal before use.

Angles in arcseconds and aberrations in nanometres give an information matrix whose entries differ by many orders of
magnitude. Dividing by the roots of the diagonal elements removes the units and most of the condition number.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Matrix = Float[np.ndarray, "n n"]


def unit_diagonal(matrix: Matrix) -> tuple[Float[np.ndarray, " n"], Matrix]:
    """Return the roots of the diagonal elements, and the matrix divided by them in rows and columns."""
    scale = np.sqrt(np.diag(matrix))
    return scale, matrix / np.outer(scale, scale)


def scaled_inverse(matrix: Matrix) -> Matrix:
    """Return the inverse, symmetrised."""
    scale, scaled = unit_diagonal(matrix)
    inverse = np.linalg.inv(scaled)
    return 0.5 * (inverse + inverse.T) / np.outer(scale, scale)


def scaled_root(matrix: Matrix) -> Matrix:
    """Return the lower triangular root: the Cholesky factor."""
    scale, scaled = unit_diagonal(matrix)
    return scale[:, None] * np.linalg.cholesky(scaled)
