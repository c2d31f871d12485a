"""What the detector does to an image before noise: motion during the exposure, displaced pixels, response, dark.

Images hold expected photo-electrons per pixel and exposure; rows grow with +y, columns with +x. Lengths are in pixels.
An effect that brings in light from outside the window takes a larger image and gives a smaller one.
"""

from math import erfc, floor, sqrt
from typing import Final

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from dluxshera.errors import ConfigError, ShapeError

STENCIL: Final = (-2, -1, 0, 1, 2, 3)  # pixels from the one at or before the point that is interpolated
REACH: Final = 3  # pixels that the stencil needs on each side for displacements of less than a pixel
RINGING: Final = 0.12  # over margin^2: what `blur` lets steps at the borders of the array leave in the window


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
        meet is not band limited: it rings in the window by less than 0.06 of itself / margin^2 where it is the same all
        along the border or the smear is along one axis. Where neither is so, 0.06 |smear_x smear_y| / margin comes on
        top, at most 0.06 / margin. The two of both axes add.

    Raises
    ------
    ConfigError
        If `margin` is negative or leaves nothing.
    """
    size = image.shape[0]
    f_y, f_x = jnp.fft.fftfreq(size)[:, None], jnp.fft.rfftfreq(size)[None, :]
    gaussian = jnp.exp(-2 * jnp.pi**2 * jnp.square(jitter) * (f_x**2 + f_y**2))
    transfer = gaussian * _sinc(f_x * smear[0] + f_y * smear[1])
    blurred = jnp.fft.irfft2(jnp.fft.rfft2(image) * transfer.astype(image.dtype), s=image.shape)
    return crop(blurred, margin)


def _sinc(x: Array) -> Array:
    """Return sin(pi x) / (pi x); jnp.sinc's derivative is -4 pi at 1e-17, where terms of an oblique smear cancel."""
    small = jnp.abs(x) < 0.01
    square = jnp.square(jnp.pi * x)
    away = jnp.where(small, 1.0, jnp.pi * x)
    near = 1.0 - square / 6 * (1.0 - square / 20 * (1.0 - square / 42))
    return jnp.where(small, near, jnp.sin(away) / away)


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


def margin_for(
    jitter: float = 0.0, smear: tuple[float, float] = (0.0, 0.0), displacement: float = 0.0, leak: float = 2e-3
) -> int:
    """Return how many pixels an image must have beyond the window, on each side, for `expected_exposure`.

    Parameters
    ----------
    jitter, smear, displacement : float
        The largest of what `blur` and `displaced_pixels` are to be given, pixels; zero stands for no such effect.
    leak : float
        What the opposite border and the step where borders meet may leave in the window, as a part of the largest
        value along the border. The step alone needs a margin of sqrt(0.12 / leak).

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
        raise ConfigError("leak", expected="a part of the border's light, above zero", got=leak)
    margin, oblique = 0, min(1.0, abs(smear[0] * smear[1]))
    if jitter or half:
        margin = floor(half) + 1
        while _leak(margin, jitter, half, oblique) > leak:
            margin += 1
    return margin + (floor(displacement) + REACH if displacement else 0)


def _leak(margin: int, jitter: float, half: float, oblique: float) -> float:
    """Return what `blur` lets borders of one leave in the window."""
    far = erfc((margin - half) / (sqrt(2) * jitter)) if jitter else 0.0
    return RINGING / margin**2 + RINGING * oblique / margin + 2 * far


def expected_exposure(
    image: Float[Array, "rows rows"],
    npix: int,
    *,
    motion: tuple[ArrayLike, Float[Array, " 2"]] | None = None,
    offsets: Float[Array, "2 npix npix"] | None = None,
    response: ArrayLike = 1.0,
    background: ArrayLike = 0.0,
    dark_rate: ArrayLike = 0.0,
    exposure_time: ArrayLike = 0.0,
) -> Float[Array, "npix npix"]:
    """Return the electrons expected in each pixel of the window, from an optical image that is wide enough.

    The light moves (`blur`), falls on displaced pixels (`displaced_pixels`) and is counted (`expected_counts`).

    Parameters
    ----------
    image : Array (npix + 2 margin, npix + 2 margin)
        Photo-electrons of the source per pixel and exposure, with the margin of `margin_for` around the window.
    npix : int
        Pixels across the window.
    motion : (float, Array (2,)), optional
        Jitter and smear, pixels; None does not transform at all.
    offsets : Array (2, npix, npix), optional
        Displacements of the pixels along x and y, pixels; None leaves them in their places.
    response, background, dark_rate, exposure_time
        As `expected_counts` takes them.

    Raises
    ------
    ShapeError
        If the image is smaller than the window, or than displaced pixels need, or not centred on it.
    """
    margin, odd = divmod(image.shape[0] - npix, 2)
    if odd or margin < 0:
        expected = f"{npix} pixels across and an equal margin on each side"
        raise ShapeError("image", expected=expected, got=image, remedy="Render it with `margin_for` pixels around")
    if motion is not None:
        image = blur(image, *motion, 0)
    window = crop(image, margin) if offsets is None else displaced_pixels(image, *offsets)
    return expected_counts(window, response, background, dark_rate, exposure_time)
