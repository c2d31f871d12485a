"""Files of images: data in photons with the pixels to use, and exposures that are written with their origin."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from dluxshera.errors import DataError
from dluxshera.files import write_bytes
from dluxshera.optics.array_files import FITS_SUFFIXES, ShapeCheck, StoredArray, check_suffix, read_stored
from dluxshera.units import header_facts, in_photons

SATURATED: Final = 1  # flag of a pixel in the extension DQ of `write_image`


class ImageData(NamedTuple):
    """Image of a file. Returned by `read_image`.

    Parameters
    ----------
    photons : ndarray, shape (rows, columns)
        Detected photons per pixel.
    use : ndarray of bool or None
        True for the pixels to use, by the flags and the values in the file; None for all.
    read_noise : float or None
        Standard deviation of each pixel by read noise, electrons: ``RDNOISE`` of the header; None if it has none.
    facts : dict
        ``extension``, ``unit``, ``exposure_time`` and ``gain``, as plain data.
    """

    photons: Float[np.ndarray, "rows columns"]
    use: Bool[np.ndarray, "rows columns"] | None
    read_noise: float | None
    facts: dict[str, Any]


def read_image(
    path: str | Path, *, extension: str | int | None = None, check_shape: ShapeCheck | None = None
) -> ImageData:
    """Read an image in photons.

    ``BUNIT`` of the header names photons, electrons, counts or data numbers, or one of these per time; numbers without
    a unit are photons. Counts are multiplied by the gain (``EGAIN`` or ``GAIN``, electrons per count) and rates by the
    exposure time (``EXPTIME`` or ``EXPOSURE``, seconds). Pixels that an extension ``DQ``, ``MASK`` or ``BPM`` of the
    same version flags, and pixels of a FITS image without a value (NaN, or BLANK of integers), are not used.

    Parameters
    ----------
    path : str or Path
        FITS file, or ``.npy`` file of photons.
    extension : str or int, optional
        Name or number of the FITS extension. By default the only image of the file, masks and errors not counted.
    check_shape : callable, optional
        Function that raises for a shape that is not accepted, before the image is read.

    Raises
    ------
    DataError
        If the file has no such image, or its unit does not convert to photons.
    """
    stored = read_stored(path, extension=extension, check_shape=check_shape)
    if stored.values.dtype.kind not in "iuf":
        raise DataError(str(path), expected="real numbers", got=stored.values)
    facts = {"unit": stored.unit, **header_facts(stored.header)}
    photons = _photons(path, stored, facts)
    use = None if stored.flags is None else _good(path, stored.flags)
    if stored.extension and np.isnan(photons).any():  # in FITS, NaN and BLANK are pixels without a value
        use = ~np.isnan(photons) if use is None else use & ~np.isnan(photons)
    return ImageData(
        photons,
        use,
        _positive_number(stored.header, "RDNOISE"),
        {"extension": stored.extension, **{name: fact for name, fact in facts.items() if fact is not None}},
    )


def read_pixels_to_use(path: str | Path, *, check_shape: ShapeCheck | None = None) -> Bool[np.ndarray, "rows columns"]:
    """Read a mask of the pixels to use.

    Parameters
    ----------
    path : str or Path
        ``.npy`` file of booleans, True for a pixel to use, as masks are everywhere in the package; or a FITS or
        ``.npy`` image of integers, data-quality flags that are 0 for a pixel to use.
    check_shape : callable, optional
        Function that raises for a shape that is not accepted, before the mask is read.

    Raises
    ------
    DataError
        If the file has no such array, or flags of 0 and 1 leave out most pixels, as a mask of the other meaning does.
    """
    stored = read_stored(path, check_shape=check_shape)
    if stored.values.dtype == bool:
        return stored.values
    use = _good(path, stored.values)
    if np.mean(use) < 0.5 and stored.values.max() == 1:
        remedy = "If 1 is a pixel to use, save the mask as booleans with numpy.save"
        got = f"flags that leave out {np.mean(~use):.0%} of the pixels"
        raise DataError(str(path), expected="data-quality flags, 0 for a pixel to use", got=got, remedy=remedy)
    return use


def write_image(
    path: str | Path,
    electrons: Float[np.ndarray, "rows columns"],
    cards: Mapping[str, tuple[Any, str]],
    saturated: Bool[np.ndarray, "rows columns"] | None = None,
) -> None:
    """Write an exposure to a FITS file, from which `read_image` reads the same numbers. An existing file is replaced.

    Parameters
    ----------
    path : str or Path
        File with a suffix of FITS. Missing folders are created.
    electrons : ndarray, shape (rows, columns)
        Electrons per pixel, float64.
    cards : mapping of str to (object, str)
        Value and comment of each card of the header, by keyword.
    saturated : ndarray of bool, optional
        Pixels to flag in the extension ``DQ``.

    Raises
    ------
    DataError
        If the name has no suffix of FITS.
    """
    from astropy.io import fits  # slow to import

    path = Path(path)
    check_suffix(path, FITS_SUFFIXES, "Exposures are written as FITS, which keeps their unit")
    image = fits.PrimaryHDU(np.asarray(electrons, dtype=np.float64))
    image.header["BUNIT"] = ("electron", "detected photons")
    for name, (value, comment) in cards.items():
        image.header[name] = (value, comment) if comment else value
    hdus = fits.HDUList([image])
    if saturated is not None:
        flags = fits.ImageHDU(np.where(saturated, SATURATED, 0).astype(np.uint8), name="DQ")
        flags.header["COMMENT"] = "0 is a pixel to use; 1 exceeds the full well in a frame"
        hdus.append(flags)
    content = io.BytesIO()
    hdus.writeto(content)
    write_bytes(path, content.getvalue())


def _photons(path: str | Path, stored: StoredArray, facts: dict[str, Any]) -> np.ndarray:
    values = stored.values.astype(np.float64)
    unit = (stored.unit or "").strip()
    if not unit:
        if facts["gain"] not in (None, 1.0):
            remedy = "Set BUNIT in the header to electron, or to adu for data numbers, which are multiplied by the gain"
            raise DataError(str(path), expected="a unit, because the header has a gain", remedy=remedy)
        return values
    try:
        return np.asarray(in_photons(values, unit, exposure_time=facts["exposure_time"], gain=facts["gain"]))
    except ValueError as error:
        is_other = str(error) in ("wrong unit", "no such unit")
        remedy = "Convert the image, or correct BUNIT" if is_other else f"It does not convert: {error}"
        expected = "an image in photons, electrons or counts, or in one of these per time"
        raise DataError(str(path), expected=expected, got=unit, remedy=remedy) from None


def _good(path: str | Path, flags: np.ndarray) -> np.ndarray:
    if flags.dtype.kind not in "iub":
        raise DataError(str(path), expected="flags that are integers, 0 for a pixel to use", got=flags)
    return flags == 0


def _positive_number(header: Mapping[str, Any], name: str) -> float | None:
    value = header.get(name)
    return float(value) if isinstance(value, int | float) and 0 < value < float("inf") else None
