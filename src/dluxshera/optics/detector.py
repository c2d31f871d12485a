"""The detector before noise: image motion and displaced pixels.

Images are expected photo-electrons per pixel and exposure. The row index increases with +y and the column index with
+x. Lengths are in pixels. Effects that bring in light from outside the window take a larger image and return a smaller
one.
"""

from __future__ import annotations

from math import erfc, floor, sqrt
from typing import Final

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from dluxshera.errors import ConfigError, ShapeError

STENCIL: Final = (-2, -1, 0, 1, 2, 3)  # offsets of the samples from the pixel at or before the interpolated point
REACH: Final = 3  # pixels that the stencil needs on each side for displacements of less than a pixel
RINGING: Final = 0.12  # over margin^2: bound of the ringing in the window by a unit step at the border, in `blur`


def crop(image: Float[Array, "rows rows"], margin: int) -> Float[Array, "npix npix"]:
    """Remove the outermost pixels of an image.

    Parameters
    ----------
    image : Array, shape (npix + 2 margin, npix + 2 margin)
        Image with a margin.
    margin : int
        Number of pixels to remove on each side.

    Returns
    -------
    Array, shape (npix, npix)
        Image without the margin.

    Raises
    ------
    ConfigError
        If `margin` is negative or no pixel is left.
    """
    size = image.shape[0]
    if not 0 <= 2 * margin < size:
        raise ConfigError("margin", expected=f"0 to {(size - 1) // 2} pixels of an image of {size}", got=margin)
    return image[margin : size - margin, margin : size - margin]


def blur(
    image: Float[Array, "rows rows"], jitter: ArrayLike, smear: Float[Array, " 2"], margin: int
) -> Float[Array, "npix npix"]:
    """Average an image over the motion of the line of sight, and remove its margin.

    The discrete Fourier transform of the whole image is multiplied by exp(-2 pi^2 jitter^2 |f|^2) sinc(f . smear), with
    f in cycles per pixel. This is exact for an image that is periodic in the array and has no content at or above half
    a cycle per pixel, and conserves the light of the whole array; light crosses the border of the window in both
    directions. The result is even in `jitter` and `smear`: at zero the image is unchanged and the derivative is zero.

    Parameters
    ----------
    image : Array, shape (npix + 2 margin, npix + 2 margin)
        Integrals over pixels.
    jitter : float
        Standard deviation per axis of a Gaussian, isotropic motion of the line of sight, pixels.
    smear : Array, shape (2,)
        Full length (x, y) of a uniform drift, pixels.
    margin : int
        Number of pixels to remove on each side; see the notes.

    Returns
    -------
    Array, shape (npix, npix)
        Integrals over pixels of the window.

    Raises
    ------
    ConfigError
        If `margin` is negative or no pixel is left.

    Notes
    -----
    The array is periodic, so light from the opposite border reaches the window over a distance of more than `margin`
    pixels. For |smear| / 2 < margin it adds at most the border's largest value times
    2 erfc((margin - |smear| / 2) / (sqrt(2) jitter)), one erfc per axis. The step in value between opposite borders is
    not band limited. It rings in the window by less than 0.06 / margin^2 of the step if the step is uniform along the
    border or the smear is along one axis; otherwise, 0.06 |smear_x smear_y| / margin is added, at most 0.06 / margin.
    The contributions of both axes add.
    """
    size = image.shape[0]
    f_y, f_x = jnp.fft.fftfreq(size)[:, None], jnp.fft.rfftfreq(size)[None, :]
    gaussian = jnp.exp(-2 * jnp.pi**2 * jnp.square(jitter) * (f_x**2 + f_y**2))
    transfer = gaussian * _sinc(f_x * smear[0] + f_y * smear[1])
    blurred = jnp.fft.irfft2(jnp.fft.rfft2(image) * transfer.astype(image.dtype), s=image.shape)
    return crop(blurred, margin)


def _sinc(x: Array) -> Array:
    """Return sin(pi x) / (pi x) with an accurate derivative near zero.

    The derivative of `jnp.sinc` is -4 pi at 1e-17, an argument that occurs where the terms of an oblique smear cancel.
    """
    small = jnp.abs(x) < 0.01
    square = jnp.square(jnp.pi * x)
    argument = jnp.where(small, 1.0, jnp.pi * x)
    series = 1.0 - square / 6 * (1.0 - square / 20 * (1.0 - square / 42))
    return jnp.where(small, series, jnp.sin(argument) / argument)


def displaced_pixels(
    image: Float[Array, "rows rows"], offset_x: Float[Array, "npix npix"], offset_y: Float[Array, "npix npix"]
) -> Float[Array, "npix npix"]:
    """Return the image on displaced pixels: a pixel displaced by d = (d_x, d_y) has the value of `image` at x + d.

    The image is interpolated by Lagrange's polynomial through six pixels per axis. A displacement of zero changes
    nothing; light is not exactly conserved. For a wave of one cycle per 8.4 pixels, half the band limit of the flight
    design (D / lambda, one cycle per 4.2 pixels), the error along an axis is at most 0.0008 of the amplitude, and 0.039
    at the band limit; for the testbed (3.5 pixels) 0.0023 and 0.099. The error vanishes with the displacement. The
    derivative with respect to the displacement has a small step at whole pixels.

    Parameters
    ----------
    image : Array, shape (npix + 2 margin, npix + 2 margin)
        Integrals over pixels, with a margin of at least `REACH`.
    offset_x, offset_y : Array, shape (npix, npix)
        Displacements in pixels, at least ``-(margin - 2)`` and less than ``margin - 2``. The result is NaN beyond.

    Raises
    ------
    ShapeError
        If the margin is less than `REACH` or not the same on all sides.
    """
    size, npix = image.shape[0], offset_x.shape[0]
    margin, odd = divmod(size - npix, 2)
    if odd or margin < REACH:
        raise ShapeError(
            "image",
            expected=f"{npix} pixels across and an equal margin of at least {REACH} on each side",
            got=image,
            remedy=f"Compute it with {npix + 2 * REACH} pixels or more",
        )
    first_y, weights_y = _stencil(offset_y)
    first_x, weights_x = _stencil(offset_x)
    places = jnp.arange(npix) + margin
    steps = jnp.array(STENCIL)[:, None, None]
    rows = places[:, None] + first_y + steps
    columns = places[None, :] + first_x + steps
    values = image[rows[:, None], columns[None, :]]
    inside = jnp.ones(offset_x.shape, bool)
    for first in (first_y, first_x):
        inside &= (first + STENCIL[0] >= -margin) & (first + STENCIL[-1] <= margin)
    return jnp.where(inside, jnp.einsum("iyx,jyx,ijyx->yx", weights_y, weights_x, values), jnp.nan)


def _stencil(offset: Array) -> tuple[Array, Array]:
    """Return the pixel at or before each offset, and Lagrange's weights of the stencil there, shape (6, npix, npix)."""
    whole = jnp.floor(offset)
    fraction = offset - whole
    weights = []
    for node in STENCIL:
        weight = jnp.ones_like(fraction)
        for other in STENCIL:
            if other != node:
                weight *= (fraction - other) / (node - other)
        weights.append(weight)
    return whole.astype(int), jnp.stack(weights)


def exposure_margin(
    jitter: float = 0.0, smear: tuple[float, float] = (0.0, 0.0), displacement: float = 0.0, leak: float = 2e-3
) -> int:
    """Return the number of pixels that `blur` and `displaced_pixels` need beyond the window, on each side.

    Parameters
    ----------
    jitter : float
        Largest jitter of `blur`, pixels; zero without jitter.
    smear : (float, float)
        Largest smear (x, y) of `blur`, pixels; zeros without smear.
    displacement : float
        Largest displacement of `displaced_pixels`, pixels; zero without displacements.
    leak : float
        Largest spurious light in the window by the periodic array of `blur`, as a fraction of the largest value along
        the border. The step between opposite borders alone needs a margin of sqrt(0.12 / leak).

    Raises
    ------
    ConfigError
        If an argument is negative, or `leak` is not above zero.
    """
    half = max(abs(drift) for drift in smear) / 2
    for name, value in (("jitter", jitter), ("smear", half), ("displacement", displacement)):
        if not 0.0 <= value < float("inf"):
            raise ConfigError(name, expected="pixels, finite and not negative", got=value)
    if not leak > 0.0:
        raise ConfigError("leak", expected="a fraction of the border's light, above zero", got=leak)
    margin, oblique = 0, min(1.0, abs(smear[0] * smear[1]))
    if jitter or half:
        margin = floor(half) + 1
        while _leak(margin, jitter, half, oblique) > leak:
            margin += 1
    return margin + (floor(displacement) + REACH if displacement else 0)


def _leak(margin: int, jitter: float, half: float, oblique: float) -> float:
    """Return the bound of the spurious light in the window in `blur` for values of one along the border."""
    far = erfc((margin - half) / (sqrt(2) * jitter)) if jitter else 0.0
    return RINGING / margin**2 + RINGING * oblique / margin + 2 * far
