"""Image data of a posterior: units, masked arrays, and shapes that do not fit."""

import warnings

import astropy.units as u
import numpy as np
import pytest
import xarray
from astropy.nddata import CCDData, NDData
from astropy.utils.masked import Masked

from dluxshera.errors import DataError
from dluxshera.inference import PoissonNoise, image_data, make_posterior, pixel_mask
from support import toys
from support.foreign_quantities import Pint, Unyt
from support.rows import each_row

COUNTS = np.array([[10.0, 20.0], [30.0, 40.0]])
MASK = np.array([[False, True], [False, False]])
POISSON = PoissonNoise()


@each_row("data, factor", [
    (COUNTS * u.photon, 1.0),
    (COUNTS * u.electron, 1.0),
    (COUNTS * 1e-3 * u.Unit("kphoton"), 1.0),
    (CCDData(COUNTS, unit="electron"), 1.0),
    (CCDData(COUNTS, unit="adu", meta={"GAIN": 1.7}), 1.7),
    (CCDData(COUNTS, unit="electron/s", meta={"EXPTIME": 100.0}), 100.0),
    (NDData(COUNTS, unit="photon"), 1.0),
    (Pint(COUNTS, "electron"), 1.0),
    (Unyt(COUNTS, "photon"), 1.0),
    (xarray.DataArray(COUNTS, attrs={"units": "electrons"}), 1.0),
    (xarray.DataArray(COUNTS), 1.0),
    (u.Dex(np.log10(COUNTS), u.dex(u.photon)), 1.0),
    ([[10 * u.photon, 20 * u.photon], [30 * u.photon, 40 * u.photon]], 1.0),
])  # fmt: skip
def test_data_with_a_unit_are_photons(data, factor):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(image_data(data, (2, 2), POISSON), factor * COUNTS, rtol=1e-13)


@each_row("data, message", [
    (COUNTS * u.photon / u.s, "needs the exposure time"),
    (COUNTS * u.adu, "need the gain"),
    (COUNTS * u.count, "need the gain"),
    (COUNTS * u.m, "expected photons, electrons, or a unit that converts to them, got 'm'"),
    (CCDData(COUNTS, unit="adu"), "need the gain"),
    (Pint(COUNTS, "electron / second"), "needs the exposure time"),
    (xarray.DataArray(COUNTS, attrs={"units": "furlong"}), "no such unit"),
    (COUNTS * u.mag, "got 'mag'"),
])  # fmt: skip
def test_data_of_another_unit_raise(data, message):
    with pytest.raises(DataError, match=message):
        image_data(data, (2, 2), POISSON)


@each_row("data", [
    np.ma.masked_array(COUNTS, mask=MASK),
    np.ma.masked_array(np.where(MASK, np.nan, COUNTS), mask=MASK),
    CCDData(COUNTS, unit="electron", mask=MASK),
    NDData(np.where(MASK, -5.0, COUNTS), mask=MASK),
    Masked(COUNTS * u.photon, mask=MASK),
], ids=["ma", "nan", "ccd", "nddata", "quantity"])  # fmt: skip
def test_masked_pixels_are_left_out(data):
    mask = pixel_mask(None, (2, 2), data)
    np.testing.assert_array_equal(mask, ~MASK)
    np.testing.assert_array_equal(image_data(data, (2, 2), POISSON, mask), np.where(MASK, 1.0, COUNTS))
    with pytest.raises(DataError, match="a mask that leaves out masked pixels"):
        image_data(data, (2, 2), POISSON)
    both = pixel_mask(np.array([[False, True], [True, True]]), (2, 2), data)
    np.testing.assert_array_equal(both, [[False, False], [True, True]])
    with pytest.raises(DataError, match="at least one pixel to use"):
        pixel_mask(MASK, (2, 2), data)


def test_a_posterior_of_a_masked_array_is_that_of_a_mask():
    """A corrupted pixel that is masked in the data changes nothing, as with the mask passed on its own."""
    store = toys.ParameterStore.from_spec_defaults(toys.telescope())
    free = toys.telescope().subset([toys.CONTRAST])

    def predict(store):
        return store[toys.CONTRAST] * np.array([[1.0, 2.0], [3.0, 4.0]])

    def log_likelihood(data, mask=None):
        posterior = make_posterior(predict, free, store, data, mask=mask)
        assert posterior.n_data == 3
        return float(posterior.log_likelihood(np.array([3.0])))

    expected = log_likelihood(COUNTS, ~MASK)
    corrupted = np.where(MASK, 1e6, COUNTS)
    assert log_likelihood(np.ma.masked_array(corrupted, mask=MASK)) == expected
    assert log_likelihood(CCDData(corrupted, unit="electron", mask=MASK)) == expected


def test_a_mask_without_meaning_raises():
    for mask in (np.ma.masked_array(~MASK, mask=MASK), MASK.astype(int), MASK.ravel()):
        with pytest.raises(DataError, match="mask: expected booleans"):
            pixel_mask(mask, (2, 2))


@each_row("shape, advice", [
    ((32, 32), r"Set image_npix to the size of the data, 32 \(--set image_npix=32\)"),
    ((33, 33), r"square and even: crop the data .* to data\[0:32, 0:32\], and set image_npix=32"),
    ((33, 40), r"to data\[0:32, 4:36\], and set image_npix=32"),
    ((40, 37), r"to data\[2:38, 0:36\], and set image_npix=36"),
    ((3, 32, 32), "one image of two dimensions"),
    ((1, 32), "one image of two dimensions"),
    ((1024,), "one image of two dimensions"),
])  # fmt: skip
def test_the_advice_for_another_shape_works(shape, advice):
    with pytest.raises(DataError, match=advice):
        image_data(np.ones(shape), (64, 64), POISSON)
