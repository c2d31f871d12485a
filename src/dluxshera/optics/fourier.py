r"""Matrix Fourier transforms between a grid and frequencies that are both symmetric about zero.

Along each axis a field is the sum of an even and an odd part, which need only cosines and sines of half the size: a
quarter of the arithmetic of the complex product. The result stays in quadrants, so that a sum over stars and
wavelengths is assembled only once.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from dluxshera.optics.sine_cosine import cosine_and_sine


class Kernels(NamedTuple):
    r"""Kernels of a matrix Fourier transform for positive frequencies u and coordinates x, both ascending.

    Parameters
    ----------
    cosine, sine : Array, shape (..., m / 2, n / 2)
        Cosines and sines of :math:`2 \pi u_a x_j`.
    """

    cosine: Float[Array, "*w half_m half_n"]
    sine: Float[Array, "*w half_m half_n"]


class Quadrants(NamedTuple):
    """Values on a grid in four arrays by the signs of y and x.

    Parameters
    ----------
    below_left, below_right, above_left, above_right : Array
        Values for y below or above zero and x left or right of it, ordered by ascending moduli of y along the first
        axis and of x along the last.
    """

    below_left: Array
    below_right: Array
    above_left: Array
    above_right: Array

    def join(self) -> Array:
        """Return the values on the whole grid, in ascending order along both axes."""
        below = jnp.concatenate([self.below_left[..., ::-1], self.below_right], axis=-1)
        above = jnp.concatenate([self.above_left[..., ::-1], self.above_right], axis=-1)
        return jnp.concatenate([below[::-1], above])


def transform_kernels(x: Float[Array, " half_n"], u: Float[Array, "*w half_m"]) -> Kernels:
    """Return the kernels of a transform.

    Parameters
    ----------
    x : Array, shape (n / 2,)
        Positive coordinates, ascending.
    u : Array, shape (..., m / 2)
        Positive frequencies, ascending, in cycles per unit of x; the spacing need not be even.
    """
    return Kernels(*cosine_and_sine(2 * jnp.pi * u[..., None] * x))


def transform_by_quadrants(fields: Complex[Array, "stars n n"], kernels: Kernels) -> Quadrants:
    r"""Return the Fourier transforms :math:`\sum_{jk} U_{jk} e^{-2 \pi i (u_a y_j + u_b x_k)}` of square fields.

    Parameters
    ----------
    fields : Array, shape (stars, n, n)
        Fields on a grid with n even.
    kernels : Kernels
        Kernels of `transform_kernels` for the positive half of the fields' coordinates and of the frequencies.

    Returns
    -------
    Quadrants of Array, shape (m / 2, stars, m / 2)
        Transforms, with the stars along the middle axis, which is the order that the matrix products yield.
    """
    stars, n, _ = fields.shape
    half, m = n // 2, kernels.cosine.shape[0]
    real_and_imaginary = jnp.stack([jnp.real(fields), jnp.imag(fields)], axis=1)
    by_y = real_and_imaginary.reshape(2 * stars, n, n).transpose(1, 0, 2)

    def even_and_odd_in_x(part: Array) -> tuple[Array, Array]:
        right, left = part[..., half:], part[..., :half][..., ::-1]
        return right + left, right - left

    def transform(kernel_y: Array, kernel_x: Array, part: Array) -> tuple[Array, Array]:
        rows = (kernel_y @ part.reshape(half, -1)).reshape(-1, half)
        both = jnp.inner(rows, kernel_x).reshape(m, stars, 2, m)
        return both[:, :, 0], both[:, :, 1]

    above, below = by_y[half:], by_y[:half][::-1]
    (even_even, even_odd), (odd_even, odd_odd) = even_and_odd_in_x(above + below), even_and_odd_in_x(above - below)
    cosine, sine = kernels
    cc, cs = transform(cosine, cosine, even_even), transform(cosine, sine, even_odd)
    sc, ss = transform(sine, cosine, odd_even), transform(sine, sine, odd_odd)
    # Each sine sum has a factor of -i: one of them makes the imaginary part real, and two change the sign.
    alike = cc[0] - ss[0], cc[1] - ss[1], sc[1] + cs[1], -sc[0] - cs[0]  # for signs of y and x that are the same
    opposite = cc[0] + ss[0], cc[1] + ss[1], sc[1] - cs[1], cs[0] - sc[0]

    def plus(even_r: Array, even_i: Array, odd_r: Array, odd_i: Array) -> Array:
        return jax.lax.complex(even_r + odd_r, even_i + odd_i)

    def minus(even_r: Array, even_i: Array, odd_r: Array, odd_i: Array) -> Array:
        return jax.lax.complex(even_r - odd_r, even_i - odd_i)

    return Quadrants(minus(*alike), minus(*opposite), plus(*opposite), plus(*alike))


def symmetric_fourier_transform(
    fields: Complex[Array, "stars n n"], x: Float[Array, " half_n"], u: Float[Array, " half_m"]
) -> Complex[Array, "stars m m"]:
    r"""Return the Fourier transforms :math:`\sum_{jk} U_{jk} e^{-2 \pi i (u_a y_j + u_b x_k)}` of square fields.

    Parameters
    ----------
    fields : Array, shape (stars, n, n)
        Fields on a grid with n even.
    x : Array, shape (n / 2,)
        Positive coordinates of the fields' cells, ascending.
    u : Array, shape (m / 2,)
        Positive frequencies, ascending, in cycles per unit of x; the spacing need not be even.

    Returns
    -------
    Array, shape (stars, m, m)
        Transforms at the frequencies -u and u, in ascending order.
    """
    return jnp.moveaxis(transform_by_quadrants(fields, transform_kernels(x, u)).join(), 1, 0)
