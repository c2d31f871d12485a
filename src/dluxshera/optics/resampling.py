r"""Matrices that move band-limited data from one grid to another, fitted by least squares. Plain NumPy.

Both grids have an even number of points and are symmetric about zero, so that the even and the odd parts of the data
are fitted apart, with cosines and with sines. There are more frequencies in the band than unknowns, and many solutions
that are nearly as good; the fit keeps the singular values above a fraction of the largest, which leaves the one with
small elements.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float

CUT: Final = 1e-5  # singular values below this fraction of the largest are left out
_PER_CYCLE: Final = 8  # frequencies of the fit for each cycle over the longer of the two grids


def centred_points(n: int, spacing: float) -> Float[np.ndarray, " {n}"]:
    """Return `n` coordinates with a `spacing`, ascending and symmetric about zero."""
    return (np.arange(n) - (n - 1) / 2) * spacing


def matrix_of_sums(
    source: Float[np.ndarray, " n"],
    target: Float[np.ndarray, " m"],
    band: float,
    *,
    width: float = 0.0,
    cut: float = CUT,
) -> Float[np.ndarray, "m n"]:
    r"""Return the matrix from values at `source` to values at `target` that keeps their Fourier sums in a band.

    It satisfies :math:`\sum_j R_{jc} e^{-2 \pi i f X_j} = \operatorname{sinc}(f d) e^{-2 \pi i f x_c}` for
    :math:`|f| \le P`, with x the source, X the target, P the `band` and d the `width`.

    Parameters
    ----------
    source, target : ndarray, shape (n,), (m,)
        Coordinates in any unit of length, ascending and symmetric about zero; n and m are even.
    band : float
        Highest frequency at which the sums agree, cycles per unit of length.
    width : float
        Width of the cell around each source coordinate over which a value is constant; 0 for points.
    cut : float
        Smallest singular value of the fit, as a fraction of the largest.
    """
    longest = max(source[-1] - source[0], target[-1] - target[0])
    frequencies = np.linspace(0.0, band, int(_PER_CYCLE * band * longest) + 2)
    x, X = source[source.size // 2 :], target[target.size // 2 :]
    cell = np.sinc(frequencies * width)[:, None]
    even, odd = (
        _least_squares(
            wave(2 * np.pi * np.outer(frequencies, X)), cell * wave(2 * np.pi * np.outer(frequencies, x)), cut
        )
        for wave in (np.cos, np.sin)
    )
    same, opposite = (even + odd) / 2, (even - odd) / 2
    return np.block([[same[::-1, ::-1], opposite[::-1]], [opposite[:, ::-1], same]])


def matrix_of_samples(
    source: Float[np.ndarray, " n"],
    target: Float[np.ndarray, " m"],
    band: float,
    *,
    width: float = 0.0,
    cut: float = CUT,
) -> Float[np.ndarray, "m n"]:
    """Return the matrix from samples of a band-limited function to its values, or means over pixels, elsewhere.

    Parameters
    ----------
    source, target : ndarray, shape (n,), (m,)
        Coordinates of the samples and of the results in any unit of length, ascending and symmetric about zero; n and m
        are even.
    band : float
        Highest frequency of the function, cycles per unit of length.
    width : float
        Width of the pixel around each target coordinate over which the function is averaged; 0 for its value.
    cut : float
        Smallest singular value of the fit, as a fraction of the largest.
    """
    return matrix_of_sums(target, source, band, width=width, cut=cut).T


def largest_residual(
    matrix: Float[np.ndarray, "m n"],
    source: Float[np.ndarray, " n"],
    target: Float[np.ndarray, " m"],
    band: float,
    *,
    width: float = 0.0,
) -> float:
    """Return the largest difference between both sides of the equation that `matrix_of_sums` satisfies, in the band.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
        Matrix of `matrix_of_sums`.
    source, target, band, width
        Arguments of `matrix_of_sums`.
    """
    frequencies = np.linspace(-band, band, 997)
    sums = np.exp(-2j * np.pi * np.outer(frequencies, target)) @ matrix
    transforms = np.sinc(frequencies * width)[:, None] * np.exp(-2j * np.pi * np.outer(frequencies, source))
    return float(np.abs(sums - transforms).max())


def _least_squares(kernel: np.ndarray, transforms: np.ndarray, cut: float) -> np.ndarray:
    """Return the solution of the normal equations in the directions whose singular value is above the cut.

    The squares of these singular values are far above the rounding of the product, and an error in the weakest of them
    moves the sums by less than the cut.
    """
    values, vectors = np.linalg.eigh(kernel.T @ kernel)
    kept = values > cut**2 * values[-1]
    return (vectors[:, kept] / values[kept]) @ (vectors[:, kept].T @ (kernel.T @ transforms))
