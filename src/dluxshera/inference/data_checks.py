"""Checks of image data and masks: masked pixels, shape and values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from dluxshera.errors import DataError, first_index
from dluxshera.inference.pixel_numbers import real_numbers
from dluxshera.units import measured

if TYPE_CHECKING:
    from dluxshera.inference.likelihood import Noise


def image_data(data: Any, shape: tuple[int, ...], noise: Noise, mask: Any = None) -> Float[Array, " *image"]:
    """Return image data as photons, checked.

    Parameters
    ----------
    data : array_like
        Image, photons per pixel, or with a unit (see `dluxshera.units.measured`). Photons and electrons are the same.
        A rate is multiplied by the exposure time, and counts by the gain, in the header of a CCDData. Integers are
        converted, because integer arithmetic would truncate results.
    shape : tuple of int
        Shape of the model's image.
    noise : Noise
        Noise model, which decides which values are possible.
    mask : array_like of bool, optional
        True for the pixels to use, as `pixel_mask` returns it. Data of other pixels may have any value, and are 1 in
        the result.

    Raises
    ------
    DataError
        If the data are not real and finite numbers of that shape, have a unit that is not one of photons, are masked
        where `mask` uses them, or are impossible for the noise model.
    """
    array = real_numbers("data", data)
    check_image_shape("data", array.shape, shape)
    masked = _masked(data)
    counted = np.zeros(shape, bool) if masked is None else masked if mask is None else masked & np.asarray(mask)
    if counted.any():
        place = tuple(int(i) for i in np.argwhere(counted)[0])
        remedy = "Pass the mask of pixel_mask(None, shape, data)"
        raise DataError("data", expected="a mask that leaves out masked pixels", got=array, remedy=remedy, index=place)
    if mask is not None:
        array = np.where(mask, array, 1.0)
    if (index := first_index(array, lambda count: not np.isfinite(count))) is not None:
        remedy = "Correct or mask the pixel (--mask)"
        raise DataError("data", expected="finite numbers", got=array, index=index, remedy=remedy)
    noise.check(array)
    return jnp.asarray(array)


def pixel_mask(mask: Any, shape: tuple[int, ...], data: Any = None) -> Bool[Array, " *image"] | None:
    """Return a mask of the pixels to use, checked, or None if all are used.

    Parameters
    ----------
    mask : array_like of bool, or None
        True for the pixels to use: ``~frame.saturated``. None for all of them.
    shape : tuple of int
        Shape of the model's image.
    data : array_like, optional
        Image data. Masked pixels of a masked array, a CCDData or an NDData, whose own masks are True for a pixel
        without a value, are not used.

    Raises
    ------
    DataError
        If the mask is not boolean, has another shape, or masks every pixel.
    """
    masked = None if data is None else _masked(data)
    if mask is None and masked is None:
        return None
    array = np.ones(shape, bool) if mask is None else np.asarray(mask)
    if array.dtype != bool or array.shape != shape or (mask is not None and _masked(mask) is not None):
        raise DataError(
            "mask", expected=f"booleans of shape {shape}, True for a pixel to use", got=f"{array.dtype} {array.shape}"
        )
    if masked is not None and masked.shape == shape:  # another shape is an error of the data
        array = array & ~masked
    if not array.any():
        raise DataError(
            "mask", expected="at least one pixel to use", got=array, remedy="True is a pixel to use: ~mask?"
        )
    return jnp.asarray(array)


def check_image_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Check that an image has the shape of the model's, which is square and even.

    Parameters
    ----------
    name : str
        Name of the argument or file in the error.
    shape, expected : tuple of int
        Shape of the image, and that of the model's.

    Raises
    ------
    DataError
        If they differ. The remedy is the setting of the model, or the window that an odd or rectangular image is
        cropped to.
    """
    if shape != expected:
        got = np.broadcast_to(np.float64(0.0), shape)  # takes no memory
        raise DataError(name, expected=f"an image of shape {expected}", got=got, remedy=_crop_advice(shape))


def _crop_advice(shape: tuple[int, ...]) -> str:
    if len(shape) != 2 or min(shape) < 2:
        return "Pass one image of two dimensions"
    rows, columns = shape
    size = min(shape) - min(shape) % 2
    if rows == columns == size:
        return f"Set image_npix to the size of the data, {size} (--set image_npix={size})"
    top, left = (rows - size) // 2, (columns - size) // 2
    window = f"data[{top}:{top + size}, {left}:{left + size}]"
    return (
        f"Images of a model are square and even: crop the data around the stars, for example to {window}, and set"
        f" image_npix={size}"
    )


def _masked(value: Any) -> np.ndarray | None:
    """Return the mask of a value, True for an element without a value."""
    try:
        return measured(value).mask
    except ValueError:
        return None
