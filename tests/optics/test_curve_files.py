"""Files of curves: units, order, photons, and what is refused."""

import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u
from astropy.table import QTable

from dluxshera.errors import DataError
from dluxshera.optics import read_curve
from support.helpers import rounding

WAVELENGTHS = np.array([500.0, 540.0, 590.0, 600.0])
VALUES = np.array([0.1, 0.8, 0.7, 0.0])


def ecsv(path, wavelengths, values):
    QTable({"wavelength": wavelengths, "flux": values}).write(path, format="ascii.ecsv")
    return path


@pytest.mark.parametrize("unit", [u.nm, u.AA, u.um, u.m])
def test_ecsv_in_any_unit_and_order(tmp_path, unit):
    path = ecsv(tmp_path / "filter.ecsv", (WAVELENGTHS * u.nm).to(unit)[::-1], VALUES[::-1])
    wavelengths, values = read_curve(path)
    np.testing.assert_allclose(wavelengths, WAVELENGTHS * 1e-9, rtol=rounding(float))
    np.testing.assert_array_equal(values, VALUES)


@pytest.mark.parametrize("head", ["wavelength [nm],transmission", "wavelength (nm), transmission [%]", "λ,T"])
def test_csv_with_units_in_its_head(tmp_path, head):
    path = tmp_path / "filter.csv"
    scale = 100 if "%" in head else 1
    rows = [f"{w},{scale * v}" for w, v in zip(WAVELENGTHS, VALUES, strict=True)]
    path.write_text("\n".join([head, *rows]), encoding="utf-8")
    wavelengths, values = read_curve(path, unit="nm")
    np.testing.assert_allclose(wavelengths, WAVELENGTHS * 1e-9, rtol=rounding(float))
    np.testing.assert_allclose(values, VALUES, rtol=rounding(float))


@pytest.mark.parametrize("unit", ["W m-2 nm-1", "ph s-1 cm-2 AA-1", "Jy"])
def test_spectra_come_as_photons_per_wavelength(tmp_path, unit):
    _, values = read_curve(ecsv(tmp_path / "star.ecsv", WAVELENGTHS * u.nm, VALUES * u.Unit(unit)))
    given, metres, hc = VALUES * u.Unit(unit), WAVELENGTHS * u.nm, const.h * const.c
    rate = {
        "W m-2 nm-1": lambda: given * metres / hc,
        "ph s-1 cm-2 AA-1": lambda: given / u.ph,
        "Jy": lambda: given / (const.h * metres),  # F_nu c / lambda^2 over h c / lambda
    }[unit]()
    np.testing.assert_allclose(values, rate.to_value(1 / (u.s * u.m**2 * u.m)), rtol=1e-12)


def test_what_is_no_curve(tmp_path):
    nm, ones = WAVELENGTHS * u.nm, np.ones(4)
    files = {
        "none.ecsv": None,
        "curve.txt": "wavelength [nm],value\n500,1\n600,1\n",
        "bare.csv": "wavelength,value\n500,1\n600,1\n",
        "hertz.csv": "wavelength [Hz],value\n500,1\n600,1\n",
        "florin.csv": "wavelength [florin],value\n500,1\n600,1\n",
        "value.csv": "wavelength [nm],value [kg]\n500,1\n600,1\n",
        "three.csv": "wavelength [nm],value,error\n500,1,1\n600,1,1\n",
        "short.csv": "wavelength [nm],value\n500,1\n",
        "empty.csv": "",
        "hole.csv": "wavelength [nm],value\n500,\n600,1\n",
        "words.csv": "wavelength [nm],value\n500,one\n600,two\n",
        "ragged.csv": "wavelength [nm],value\n500,1,2\n600,1\n",
        "naked.ecsv": "wavelength,value\n500,1\n600,1\n",
    }
    for name, text in files.items():
        if text is not None:
            (tmp_path / name).write_text(text)
    ecsv(tmp_path / "nan.ecsv", nm, [1.0, np.nan, 1.0, 1.0])
    ecsv(tmp_path / "minus.ecsv", nm, [1.0, 1.0, -0.1, 1.0])
    ecsv(tmp_path / "twice.ecsv", [500, 500, 600] * u.nm, ones[:3])
    ecsv(tmp_path / "zero.ecsv", [0, 500, 600] * u.nm, ones[:3])
    (tmp_path / "latin.csv").write_bytes("λ [nm],value\n500,1\n".encode("utf-16"))
    for name, complaint in {
        "none.ecsv": "expected an existing file",
        "curve.txt": "ends with .ecsv or .csv",
        "bare.csv": "Pass unit",
        "hertz.csv": "unit of length, got 'Hz'",
        "florin.csv": "unit of length",
        "value.csv": "spectral flux density, got 'kg'",
        "three.csv": "3 columns and 2 rows",
        "short.csv": "2 columns and 1 rows",
        "empty.csv": "two columns|a complete table",
        "hole.csv": "value: expected a column of numbers",
        "words.csv": "value: expected a column of numbers",
        "ragged.csv": "a complete table",
        "naked.ecsv": "a complete table",
        "nan.ecsv": "flux: expected finite numbers, got nan at index 1",
        "minus.ecsv": "not negative, got -0.1 at index 2",
        "twice.ecsv": "distinct positive wavelengths",
        "zero.ecsv": "distinct positive wavelengths",
        "latin.csv": "a complete table",
    }.items():
        with pytest.raises(DataError, match=complaint) as caught:
            read_curve(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_units_of_file_and_caller_must_agree(tmp_path):
    path = ecsv(tmp_path / "filter.ecsv", WAVELENGTHS * u.nm, VALUES)
    assert read_curve(path, unit="nm")[0][0] == pytest.approx(500e-9, rel=1e-15)
    with pytest.raises(DataError, match="The unit in the head of the first column is nm"):
        read_curve(path, unit="um")
