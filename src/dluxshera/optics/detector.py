"""What the detector does to an image before noise: motion during the exposure, displaced pixels, response, dark.

Images hold expected photo-electrons per pixel and exposure; rows grow with +y, columns with +x. Lengths are in pixels.
An effect that brings in light from outside the window takes a larger image and gives a smaller one.
"""

from typing import Final

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from dluxshera.errors import ConfigError, ShapeError

STENCIL: Final = (-2, -1, 0, 1, 2, 3)  # pixels from the one at or before the point that is interpolated
REACH: Final = 3  # pixels that the stencil needs on each side for displacements of less than a pixel


def crop(image: Float[Array, "rows rows"], margin: int) -> Float[Array, "npix npix"]:
    """Return `image` without its `margin` outermost pixels on each side.

    Raises
    ------
    ConfigError
        If `margin` is negative or leaves nothing.
    """
    size = image.shape[0]
    if not 0 <= 2 * margin < size:
        raise ConfigError("margin", expected=f"0 to {(size - 1) // 2} pixels of an image of {size}", got=margin)
    return image[margin : size - margin, margin : size - margin]


def blur(
    image: Float[Array, "rows rows"], jitter: ArrayLike, smear: Float[Array, " 2"], margin: int
) -> Float[Array, "npix npix"]:
    """Return the average of `image` over the motion of the line of sight, without its margin.

    The transfer function exp(-2 pi^2 jitter^2 |f|^2) sinc(f . smear), f in cycles per pixel, acts on the discrete
    Fourier transform of the whole image. That is exact for an image with no content at or above half a cycle per
    pixel which is periodic in the array, and keeps the light of the whole array; light crosses the border of the
    window both ways. The function is even in `jitter` and `smear`: at zero the image is unchanged and its derivative is
    zero.

    Parameters
    ----------
    image : Array (npix + 2 margin, npix + 2 margin)
        Integrals over pixels.
    jitter : float
        Standard deviation per axis of a Gaussian, isotropic line of sight, pixels.
    smear : Array (2,)
        Full length (x, y) of a uniform drift, pixels.
    margin : int
        Pixels to leave out on each side. Light from the opposite border reaches the window only over more than
        `margin` pixels: with |smear| / 2 < margin it adds at most the border's largest value times
        2 erfc((margin - |smear| / 2) / (sqrt(2) jitter)), one erfc per axis. The step in value where opposite borders
        meet is not band limited: one that is the same all along the border rings in the window by less than 0.06 of
        itself / margin^2, and the two of both axes add.

    Raises
    ------
    ConfigError
        If `margin` is negative or leaves nothing.
    """
    size = image.shape[0]
    f_y, f_x = jnp.fft.fftfreq(size)[:, None], jnp.fft.rfftfreq(size)[None, :]
    gaussian = jnp.exp(-2 * jnp.pi**2 * jnp.square(jitter) * (f_x**2 + f_y**2))
    transfer = gaussian * jnp.sinc(f_x * smear[0] + f_y * smear[1])
    blurred = jnp.fft.irfft2(jnp.fft.rfft2(image) * transfer.astype(image.dtype), s=image.shape)
    return crop(blurred, margin)


def displaced_pixels(
    image: Float[Array, "rows rows"], offset_x: Float[Array, "npix npix"], offset_y: Float[Array, "npix npix"]
) -> Float[Array, "npix npix"]:
    """Return what pixels collect that lie off their places: a pixel displaced by (d_x, d_y) has `image` at x + d.

    Lagrange's polynomial through six pixels per axis, so a displacement of zero changes nothing and light is not
    exactly conserved. At a cycle per 8.4 pixels, half the band limit of flight (D / lambda, 4.2 pixels), the error
    along an axis is at most 0.0008 of the amplitude, and 0.039 at the limit; for the testbed (3.5 pixels) 0.0023 and
    0.099. It vanishes with the displacement. The derivative with respect to it has a small step at whole pixels.

    Parameters
    ----------
    image : Array (npix + 2 margin, npix + 2 margin)
        Integrals over pixels, with a margin of at least `REACH`.
    offset_x, offset_y : Array (npix, npix)
        Displacements in pixels, at least ``-(margin - 2)`` and less than ``margin - 2``; NaN is returned beyond.

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
            remedy=f"Render it with {npix + 2 * REACH} pixels or more",
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
    """Return the whole pixels at or before each offset, and Lagrange's weights (6, npix, npix) of the stencil there."""
    whole = jnp.floor(offset)
    part = offset - whole
    weights = []
    for node in STENCIL:
        weight = jnp.ones_like(part)
        for other in STENCIL:
            if other != node:
                weight *= (part - other) / (node - other)
        weights.append(weight)
    return whole.astype(int), jnp.stack(weights)


def expected_counts(
    image: Float[Array, "npix npix"],
    response: ArrayLike,
    background: ArrayLike,
    dark_rate: ArrayLike,
    exposure_time: ArrayLike,
) -> Float[Array, "npix npix"]:
    """Return the electrons expected in each pixel: ``response * (image + background) + dark_rate * exposure_time``.

    Background is light and sees the pixels' response; the dark current does not.

    Parameters
    ----------
    image : Array (npix, npix)
        Photo-electrons of the source per exposure, after motion and displacement.
    response : float or Array (npix, npix)
        Response of each pixel relative to the nominal one.
    background : float or Array (npix, npix)
        Photo-electrons per pixel and exposure at nominal response.
    dark_rate : float or Array (npix, npix)
        Electrons per pixel and second.
    exposure_time : float
        Seconds of all frames together.
    """
    return jnp.asarray(response) * (image + background) + jnp.asarray(dark_rate) * exposure_time
