"""Images of files in photons: units, gains, exposure times, flags and masks."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData

from dluxshera.errors import DataError
from dluxshera.optics import read_image, read_pixels_to_use, write_image
from support.rows import each_row

COUNTS = np.array([[10.0, 20.0], [30.0, 40.0]])


def written(path, header=None, *hdus, values=COUNTS):
    image = fits.PrimaryHDU(values)
    image.header.update(header or {})
    fits.HDUList([image, *hdus]).writeto(path)
    return path


@each_row("header, factor", [
    ({}, 1.0),
    ({"BUNIT": "ph"}, 1.0),
    ({"BUNIT": "electron"}, 1.0),
    ({"BUNIT": "ELECTRONS"}, 1.0),
    ({"BUNIT": "e-"}, 1.0),
    ({"BUNIT": "ph/s", "EXPTIME": 1800.0}, 1800.0),
    ({"BUNIT": "ELECTRONS/S", "EXPTIME": 1800}, 1800.0),
    ({"BUNIT": "electron/h", "EXPOSURE": 1800}, 0.5),
    ({"BUNIT": "adu", "GAIN": 1.7}, 1.7),
    ({"BUNIT": "ADU", "EGAIN": 1.7, "GAIN": 120}, 1.7),  # GAIN may be a setting of the camera
    ({"BUNIT": "DN/s", "GAIN": 1.7, "EXPTIME": 10.0}, 17.0),
    ({"BUNIT": "count", "GAIN": 2}, 2.0),
    ({"BUNIT": "electron/pix"}, 1.0),
    ({"BUNIT": "DN/pixel/s", "GAIN": 2, "EXPTIME": 3}, 6.0),
    ({"BUNIT": "electron", "GAIN": 1.7, "EXPTIME": 1800.0}, 1.0),
    ({"BUNIT": "", "EXPTIME": 1800.0}, 1.0),
    ({"GAIN": 1.0}, 1.0),
])  # fmt: skip
def test_images_are_converted_to_photons(header, factor, tmp_path):
    path = written(tmp_path / f"{abs(hash(str(header)))}.fits", header)
    np.testing.assert_allclose(read_image(path).photons, factor * COUNTS, rtol=1e-14)


@each_row("header, message", [
    ({"BUNIT": "ph/s"}, "a rate needs the exposure time, seconds, as EXPTIME"),
    ({"BUNIT": "ph/s", "EXPTIME": 0.0}, "needs the exposure time"),
    ({"BUNIT": "ph/s", "EXPTIME": "1800"}, "needs the exposure time"),
    ({"BUNIT": "ph/s", "EXPTIME": True}, "needs the exposure time"),
    ({"BUNIT": "adu"}, "counts need the gain, electrons per count, as GAIN"),
    ({"BUNIT": "adu", "GAIN": -1.0}, "need the gain"),
    ({"BUNIT": "MJy/sr"}, "in photons, electrons or counts.*got 'MJy/sr'. Convert the image"),
    ({"BUNIT": "ph/s/m2", "EXPTIME": 1800.0}, "Convert the image"),
    ({"BUNIT": "nm"}, "Convert the image"),
    ({"BUNIT": "banana"}, "Convert the image"),
    ({"GAIN": 1.7}, "a unit, because the header has a gain"),
])  # fmt: skip
def test_a_unit_that_does_not_convert_raises(header, message, tmp_path):
    path = written(tmp_path / f"{abs(hash(str(header)))}.fits", header)
    with pytest.raises(DataError, match=message):
        read_image(path)


def test_logarithmic_units_convert_by_the_rules_of_astropy(tmp_path):
    path = written(
        tmp_path / "log.fits", {"BUNIT": "mag(electron/s)", "EXPTIME": 100.0}, values=np.array([[0.0, -2.5]])
    )
    np.testing.assert_allclose(read_image(path).photons, [[100.0, 1000.0]], rtol=1e-14)
    path = written(tmp_path / "dex.fits", {"BUNIT": "dex(ph)"}, values=np.array([[1.0, 3.0]]))
    np.testing.assert_allclose(read_image(path).photons, [[10.0, 1000.0]], rtol=1e-14)


@each_row("name", ["DQ", "MASK", "BPM"])
def test_flagged_pixels_are_not_used(name, tmp_path):
    flags = fits.ImageHDU(np.array([[0, 4], [0, 256]], dtype=np.int16), name=name)
    path = written(tmp_path / f"{name}.fits", {"BUNIT": "electron"}, flags)
    np.testing.assert_array_equal(read_image(path).use, [[True, False], [True, False]])


def test_an_image_that_ccddata_wrote_keeps_its_mask_and_unit(tmp_path):
    ccd = CCDData(COUNTS, unit="adu", mask=[[False, True], [False, False]], meta={"gain": 2.0})
    ccd.write(tmp_path / "ccd.fits")
    image = read_image(tmp_path / "ccd.fits")
    np.testing.assert_array_equal(image.photons, 2.0 * COUNTS)
    np.testing.assert_array_equal(image.use, ~ccd.mask)


def test_facts_and_header_of_an_extension(tmp_path):
    science = fits.ImageHDU(COUNTS, name="SCI")
    science.header["BUNIT"] = "ELECTRONS/S"
    primary = fits.PrimaryHDU()
    primary.header.update({"EXPTIME": 10.0, "RDNOISE": 3.0, "NFRAMES": 16})  # frames of a group, to some instruments
    fits.HDUList([primary, science]).writeto(tmp_path / "hst.fits")
    image = read_image(tmp_path / "hst.fits")
    np.testing.assert_array_equal(image.photons, 10.0 * COUNTS)
    assert image.read_noise == 3.0
    assert image.facts == {"extension": "SCI", "unit": "ELECTRONS/S", "exposure_time": 10.0}


def test_scaled_integers_and_blanks(tmp_path):
    image = fits.PrimaryHDU(np.array([[1, 2], [3, -32768]], dtype=np.int16))
    image.header.update({"BUNIT": "electron", "BZERO": 32768, "BLANK": -32768, "BSCALE": 2.0})
    image.writeto(tmp_path / "blank.fits")
    values = fits.getdata(tmp_path / "blank.fits")
    np.testing.assert_array_equal(read_image(tmp_path / "blank.fits").photons, values)
    np.testing.assert_array_equal(read_image(tmp_path / "blank.fits").use, [[True, True], [True, False]])


def test_pixels_without_a_value_are_not_used_in_fits_alone(tmp_path):
    values = np.array([[1.0, np.nan], [3.0, 4.0]])
    flags = fits.ImageHDU(np.array([[1, 0], [0, 0]]), name="DQ")
    written(tmp_path / "nan.fits", {}, flags, values=values)
    np.testing.assert_array_equal(read_image(tmp_path / "nan.fits").use, [[False, False], [True, True]])
    np.save(tmp_path / "nan.npy", values)
    assert read_image(tmp_path / "nan.npy").use is None


@each_row("values, expected", [
    (np.array([[True, False], [True, True]]), [[True, False], [True, True]]),
    (np.array([[0, 1], [0, 0]]), [[True, False], [True, True]]),
    (np.array([[8, 16], [0, 4]], dtype=np.uint16), [[False, False], [True, False]]),
])  # fmt: skip
def test_masks_of_files(values, expected, tmp_path):
    path = tmp_path / f"{values.dtype}.npy"
    np.save(path, values)
    np.testing.assert_array_equal(read_pixels_to_use(path), expected)
    if values.dtype != bool:
        fits.writeto(path.with_suffix(".fits"), values)
        np.testing.assert_array_equal(read_pixels_to_use(path.with_suffix(".fits")), expected)


@each_row("values, message", [
    (np.array([[1, 1], [1, 0]]), "flags that leave out 75% of the pixels.*save the mask as booleans"),
    (np.array([[1.0, 0.0], [1.0, 1.0]]), "flags that are integers"),
])  # fmt: skip
def test_a_mask_of_another_meaning_is_not_guessed(values, message, tmp_path):
    path = tmp_path / f"{values.dtype}.npy"
    np.save(path, values)
    with pytest.raises(DataError, match=message):
        read_pixels_to_use(path)


def test_an_exposure_is_read_as_it_was_written(tmp_path):
    electrons = np.array([[-1.5, 1e9 + 1], [2**40 + 1.0, 0.1]])
    write_image(tmp_path / "new" / "image.fits", electrons, {"EXPTIME": (10.0, "[s]")}, electrons > 1e8)
    image = read_image(tmp_path / "new" / "image.fits")
    np.testing.assert_array_equal(image.photons, electrons)
    np.testing.assert_array_equal(image.use, electrons <= 1e8)
    with pytest.raises(DataError, match="a name that ends with"):
        write_image(tmp_path / "image.npy", electrons, {})
