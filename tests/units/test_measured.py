"""The gate of every value that carries a unit or a mask: converted or rejected, never stripped in silence."""

import json
import sys
import warnings
from datetime import timedelta
from math import log10

import astropy.units as u
import numpy as np
import pytest
import xarray
from astropy.nddata import CCDData, NDData
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import TimeDelta
from astropy.utils.masked import Masked

import dluxshera as ds
from dluxshera.errors import DataError, ParameterError
from dluxshera.inference import GaussianNoise
from dluxshera.optics import cut_curve, read_map, write_map
from dluxshera.params import ParameterStore
from dluxshera.units import in_photons, measured, parsed_unit, vounit
from support.foreign_quantities import Dataset, Pint, Unyt
from support.helpers import run_fresh
from support.rows import each_row

PITCH, ZERNIKES, SEPARATION = "system.pixel_pitch_m", "primary.zernike_coeffs_nm", "binary.separation_as"
FLUX = "binary.log_flux_total"
FORWARD = ParameterStore.from_spec_defaults(ds.build_forward_model_spec_from_config(ds.SHERA_FLIGHT_CONFIG))
INFERENCE = ParameterStore.from_spec_defaults(ds.build_inference_spec_basic(ds.SHERA_FLIGHT_CONFIG))
FINE = np.arange(8) * 1e-3  # micrometres


def column(numbers, unit, cls=Table):
    return cls({"z": np.asarray(numbers)}, units={"z": unit})["z"]


class PandasTimedelta(timedelta):
    """Time with the attributes of pandas's: a unit of its resolution, and a value that is in nanoseconds."""

    unit, value = "us", 1_800_000_000_000


@each_row("value, expected", [
    (column(FINE, "um"), np.arange(8.0)),
    (column(FINE, "um", QTable), np.arange(8.0)),
    (MaskedColumn(FINE, unit="um"), np.arange(8.0)),
    (Pint(FINE, "micrometer"), np.arange(8.0)),
    (Unyt(FINE, "μm"), np.arange(8.0)),
    (Unyt(FINE * 1e4, "Å"), np.arange(8.0)),
    (xarray.DataArray(FINE, attrs={"units": "um"}), np.arange(8.0)),
    (xarray.DataArray(FINE, attrs={"units": "microns"}), np.arange(8.0)),
    (xarray.DataArray(np.arange(8.0)), np.arange(8.0)),
    (Dataset(FINE, "um"), np.arange(8.0)),
    (Dataset(FINE, b"um"), np.arange(8.0)),
    (NDData(FINE, unit="um"), np.arange(8.0)),
    ([x * u.um for x in FINE], np.arange(8.0)),
    (tuple(Pint(x, "micrometer") for x in FINE), np.arange(8.0)),
    ([x * u.um for x in FINE[:4]] + [x * u.nm for x in np.arange(4.0, 8.0)], np.arange(8.0)),
    (Table({"z": np.arange(8.0)})["z"], np.arange(8.0)),
    (Masked(FINE * u.um, mask=False), np.arange(8.0)),
])  # fmt: skip
def test_values_with_a_unit_are_converted(value, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = FORWARD.replace({ZERNIKES: value})
    np.testing.assert_allclose(store[ZERNIKES], expected, rtol=1e-14)


@each_row("key, value, expected", [
    (SEPARATION, Pint(9700.0, "milliarcsecond"), 9.7),
    (SEPARATION, Unyt(9.7, "arcsec"), 9.7),
    (SEPARATION, xarray.DataArray(9700.0, attrs={"units": "mas"}), 9.7),
    (PITCH, Pint(4.6, "micrometer"), 4.6e-6),
    (PITCH, Pint(np.float64(4.6), "micrometer"), 4.6e-6),
    ("imaging.exposure_time_s", Pint(0.5, "hour"), 1800.0),
    ("imaging.full_well", u.Dex(3.0, u.dex(u.photon)), 1000.0),
    ("imaging.full_well", u.Magnitude(-7.5, u.mag(u.photon)), 1000.0),
    ("binary.contrast", Unyt(3.5, "dimensionless"), 3.5),
])  # fmt: skip
def test_scalars_with_a_unit_are_converted(key, value, expected):
    assert float(FORWARD.replace({key: value})[key]) == pytest.approx(expected, rel=1e-12)


@each_row("value, expected", [
    (u.Dex(11.0, u.dex(u.photon)), 11.0),
    (u.Magnitude(-25.0, u.mag(u.photon)), 10.0),
    (u.Decibel(110.0, u.dB(u.photon)), 11.0),
    (2e11 * u.photon, log10(2e11)),
    (u.Dex(8.0, u.dex(1e3 * u.photon)), 11.0),
])  # fmt: skip
def test_a_logarithmic_parameter_takes_logarithmic_units(value, expected):
    assert float(INFERENCE.replace({FLUX: value})[FLUX]) == pytest.approx(expected, rel=1e-13)


@each_row("key, value", [
    (SEPARATION, Pint(9700, "meter")),
    (SEPARATION, Unyt(9.7, "m")),
    (SEPARATION, xarray.DataArray(9.7, attrs={"units": "furlong"})),
    (SEPARATION, [9.7 * u.m]),
    (SEPARATION, Dataset(9.7, "m")),
    (ZERNIKES, [1 * u.nm, *range(7)]),
    (ZERNIKES, [1 * u.nm] * 7 + [1 * u.s]),
    (ZERNIKES, column(FINE, "s")),
    (ZERNIKES, np.ma.masked_array(np.arange(8.0), mask=[0, 1, 0, 0, 0, 0, 0, 0])),
    (ZERNIKES, MaskedColumn(FINE, unit="um", mask=[0, 1, 0, 0, 0, 0, 0, 0])),
    (ZERNIKES, Masked(FINE * u.um, mask=[0, 1, 0, 0, 0, 0, 0, 0])),
    (ZERNIKES, [np.ma.masked, *range(7)]),
    (SEPARATION, np.ma.masked),
    (SEPARATION, Masked(9.7 * u.arcsec, mask=True)),
    (FLUX, u.Dex(11.0, u.dex(u.m))),
    (FLUX, u.Dex(11.0)),
    (FLUX, np.ma.masked),
    (SEPARATION, 1j * u.arcsec),
    (SEPARATION, "9.7 arcsec"),
    ("imaging.exposure_time_s", PandasTimedelta(minutes=30)),
    ("imaging.exposure_time_s", np.timedelta64(30, "m")),
    ("imaging.exposure_time_s", TimeDelta(1800 * u.s)),
])  # fmt: skip
def test_a_wrong_unit_or_a_masked_value_raises(key, value):
    store = INFERENCE if key == FLUX else FORWARD
    with pytest.raises(ParameterError, match=f"{key}: expected"):
        store.replace({key: value})


def test_a_plain_masked_array_without_masked_elements_is_numbers():
    store = FORWARD.replace({ZERNIKES: np.ma.masked_array(np.arange(8.0), mask=False)})
    np.testing.assert_array_equal(store[ZERNIKES], np.arange(8.0))


def test_set_derived_takes_the_same_values():
    key, free = "system.plate_scale_as_per_pix", PITCH
    plain = ds.set_derived(FORWARD, key, 0.1, solve_for=free)
    for value in (100 * u.mas / u.pix, Pint(100.0, "milliarcsecond / pixel"), Unyt(0.1, "arcsec/pixel")):
        assert ds.set_derived(FORWARD, key, value, solve_for=free)[free] == pytest.approx(float(plain[free]), rel=1e-14)
    for wrong in (0.1 * u.m, Pint(0.1, "meter"), np.ma.masked, "0.1"):
        with pytest.raises(ParameterError, match=key):
            ds.set_derived(FORWARD, key, wrong, solve_for=free)


UNCHECKED = """
import json
from dataclasses import replace
import astropy.units as u, numpy as np, xarray
import dluxshera as ds
from dluxshera.errors import SheraError
from dluxshera.inference import NormalPrior
from dluxshera.params import LogUniform, Normal, TruncatedNormal, Uniform
from support.foreign_quantities import Dataset, Pint, Unyt

in_metres = xarray.DataArray(2.0, attrs={"units": "m"})
diameter = lambda value: replace(ds.SHERA_FLIGHT_CONFIG.design, m1_diameter_m=value).m1_diameter_m
values = [22 * u.cm, Pint(22, "centimeter"), Unyt(0.22, "m"), np.array(0.22), 0.11 * in_metres.assign_attrs(units="m")]
values[-1].attrs["units"] = "m"
faults = []
for make in (
    lambda: diameter(22 * u.s), lambda: diameter(Pint(0.22, "second")), lambda: diameter(Unyt(0.22, "kg")),
    lambda: diameter(np.ma.masked), lambda: diameter(u.Dex(1.0, u.dex(u.s))),
    lambda: Normal(9.7 * u.arcsec, 0.1), lambda: Normal(9.7, Unyt(0.1, "arcsec")), lambda: Normal(np.ma.masked, 0.1),
    lambda: TruncatedNormal(0.0, 1.0, Pint(-1.0, "meter"), 1.0), lambda: Uniform(0.0, Unyt(1.0, "m")),
    lambda: LogUniform(1.0, in_metres), lambda: NormalPrior(("a.b",), Unyt([1.0], "m"), [[1.0]]),
    lambda: NormalPrior(("a.b",), [1.0], [[1.0 * u.m**2]]),
):
    try:
        faults.append(repr(make()))
    except SheraError as error:
        faults.append(str(error))
print(json.dumps([list(map(diameter, values)), faults]))
"""


def test_designs_convert_and_priors_take_plain_numbers_where_no_type_checker_runs():
    diameters, faults = json.loads(run_fresh(UNCHECKED, {"PYTHONPATH": ":".join(sys.path)}))
    np.testing.assert_allclose(diameters, 0.22, rtol=1e-15)
    assert len(faults) == 13
    assert [text for text in faults[:5] if not text.startswith("design.m1_diameter_m: expected a number")] == []
    assert [text for text in faults[5:] if "expected numbers without a unit or a mask" not in text] == []


@each_row("variance, expected", [
    (4.0 * u.photon**2, 4.0), (4.0 * u.electron**2, 4.0), (Pint(4.0, "electron ** 2"), 4.0), (np.float32(4.0), 4.0),
])  # fmt: skip
def test_variances_convert(variance, expected):
    assert float(GaussianNoise(variance).variance) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("variance", [4.0 * u.m, 4.0 * u.electron, 4.0 * u.adu**2, Unyt(4.0, "s")], ids=str)
def test_variances_of_another_unit_raise(variance):
    with pytest.raises(DataError, match=r"variance: expected photons.* squared"):
        GaussianNoise(variance)


def test_maps_and_curves_take_units(tmp_path):
    opd = np.arange(16.0).reshape(4, 4)
    for values in (opd * u.nm, Pint(opd, "nanometer"), Unyt(opd * 1e-9, "m")):
        write_map(tmp_path / "map.fits", values)
        np.testing.assert_allclose(read_map(tmp_path / "map.fits", 4), opd * 1e-9, rtol=1e-14)
    with pytest.raises(DataError, match="opd: expected a length"):
        write_map(tmp_path / "map.fits", opd * u.s)
    wavelengths = np.linspace(500.0, 600.0, 11)
    plain = cut_curve(wavelengths * 1e-9, wavelengths, 550e-9, 20e-9)
    for argument in (wavelengths * u.nm, column(wavelengths, "nm"), Pint(wavelengths, "nanometer")):
        curve = cut_curve(argument, wavelengths * u.percent, 0.55 * u.um, 20 * u.nm)
        np.testing.assert_allclose(curve.wavelengths, plain.wavelengths, rtol=1e-14)
        np.testing.assert_array_equal(curve.values, plain.values)
    with pytest.raises(DataError, match="wavelengths: expected a length"):
        cut_curve(wavelengths * u.THz, wavelengths, 550e-9, 20e-9)
    with pytest.raises(DataError, match="values: expected no masked value"):
        cut_curve(wavelengths * 1e-9, np.ma.masked_greater(wavelengths, 590.0), 550e-9, 20e-9)


@each_row("unit, base", [
    ("ELECTRONS/S", u.electron / u.s), ("ELECTRONS", u.electron), ("e-", u.electron), ("e-/s", u.electron / u.s),
    ("ADU", u.adu), ("ADU/s", u.adu / u.s), ("COUNTS/S", u.count / u.s), ("counts", u.count),
    ("photon / sec", u.photon / u.s), ("meters", u.m), ("arcseconds", u.arcsec), ("µm", u.um), ("dimensionless", u.one),
])  # fmt: skip
def test_names_of_units_in_headers(unit, base):
    assert parsed_unit(unit) == base


@each_row("text", ["furlongs per fortnight", "m**9999999", "x" * 100, "10**400 m", "((", "1/0"])
def test_other_texts_are_no_unit(text):
    with pytest.raises(ValueError, match="no such unit"):
        parsed_unit(text)


@each_row("text, spelling", [
    ("µm", "um"), ("μm", "um"), ("Å", "Angstrom"), ("micron", "um"), ("nanometer", "nm"), ("°", "deg"), ("hours", "h"),
    ("uas", "uarcsec"), ("µas", "uarcsec"), ("μas", "uarcsec"), ("kilometer", "km"),
])  # fmt: skip
def test_another_spelling_of_a_unit_is_offered(text, spelling):
    with pytest.raises(ValueError, match=f"^no such unit, write {spelling}$"):
        vounit(text)


@each_row("unit, facts, factor", [
    ("photon", {}, 1.0), ("electron", {}, 1.0), ("ph/s", {"exposure_time": 1800.0}, 1800.0),
    ("DN/s", {"gain": 2.0, "exposure_time": 10.0}, 20.0), ("DN", {"gain": 2.0}, 2.0),
    ("kadu", {"gain": 2.0}, 2000.0), ("ct/h", {"gain": 2.0, "exposure_time": 7200.0}, 4.0), ("", {}, 1.0),
])  # fmt: skip
def test_images_in_photons(unit, facts, factor):
    assert in_photons(np.array([3.0]), unit, **facts)[0] == pytest.approx(3.0 * factor, rel=1e-14)


@each_row("unit, message", [
    ("adu", "need the gain"), ("DN", "need the gain"), ("count/s", "need the gain"),
    ("electron/s", "needs the exposure time"),
    ("MJy/sr", "wrong unit"), ("m", "wrong unit"), ("photon/s/m2", "wrong unit"), ("banana", "no such unit"),
])  # fmt: skip
def test_images_that_are_not_photons(unit, message):
    with pytest.raises(ValueError, match=message):
        in_photons(1.0, unit)


def test_plain_values_pass_unchanged():
    for value in (1.0, [1.0, 2.0], np.arange(3), "text", None, {"a": 1}, [[1, 2], [3, 4]]):
        assert measured(value).numbers is value
        assert measured(value)[1:] == (None, None)
    ccd = CCDData(np.ones((2, 2)), unit="adu", mask=[[True, False], [False, False]])
    assert measured(ccd).mask[0, 0]
    assert measured(ccd).unit == u.adu
