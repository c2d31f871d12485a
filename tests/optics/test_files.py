"""Files of maps and curves: units, order, sizes, photons, and the errors of invalid files."""

import io

import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable

from dluxshera.errors import DataError
from dluxshera.optics import cell_centres, read_curve, read_map, write_map
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


@pytest.mark.parametrize("text", [
    "500,0.1\n600,0.2\n700,0.3\n",
    "\n500,0.1\n600,0.2\n",
    "# a filter\n500,0.1\n600,0.2\n",
    "\ufeff500,0.1\n600,0.2\n",
    "wavelength,0.1\n600,0.2\n700,0.3\n",
    '"5e-7","0.1"\n6e-7,0.2\n7e-7,0.3\n',
    "nan,inf\n500,0.1\n600,0.2\n",
    " 500 , 0.1\n600,0.2\n700,0.3\n",
])  # fmt: skip
def test_a_table_without_a_head_does_not_lose_its_first_row(text, tmp_path):
    (tmp_path / "filter.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"a first line that names the columns, got '.*Add a first line"):
        read_curve(tmp_path / "filter.csv", unit="nm")


def test_a_byte_order_mark_is_no_part_of_the_head(tmp_path):
    (tmp_path / "filter.csv").write_text("\ufeffwavelength [nm],T\n500,0.1\n600,0.2\n", encoding="utf-8")
    np.testing.assert_allclose(read_curve(tmp_path / "filter.csv")[0], [5e-7, 6e-7])


@pytest.mark.parametrize("unit", ["dex(m)", "mag(1)", "1e999 m", "m**9999999"])
def test_units_of_wavelengths_that_are_no_length(unit, tmp_path):
    (tmp_path / "filter.csv").write_text(f"wavelength [{unit}],T\n500,0.1\n600,0.2\n")
    with pytest.raises(DataError, match="unit of length"):
        read_curve(tmp_path / "filter.csv")


def test_magnitudes_are_converted_by_the_rules_of_astropy(tmp_path):
    (tmp_path / "filter.csv").write_text("wavelength [nm],T [mag(1)]\n500,0\n600,2.5\n")
    np.testing.assert_allclose(read_curve(tmp_path / "filter.csv")[1], [1.0, 0.1])
    (tmp_path / "star.csv").write_text("wavelength [nm],flux [mag(AB)]\n500,0\n600,2.5\n")
    _, values = read_curve(tmp_path / "star.csv")
    janskys = np.array([3630.780547701, 363.0780547701])  # of AB magnitudes 0 and 2.5
    expected = janskys * 1e-26 / (const.h.value * np.array([5e-7, 6e-7]))
    np.testing.assert_allclose(values, expected, rtol=1e-9)


def test_units_of_file_and_caller_must_agree(tmp_path):
    path = ecsv(tmp_path / "filter.ecsv", WAVELENGTHS * u.nm, VALUES)
    assert read_curve(path, unit="nm")[0][0] == pytest.approx(500e-9, rel=1e-15)
    with pytest.raises(DataError, match="The unit in the head of the first column is nm"):
        read_curve(path, unit="um")


def sampled(f, coordinates):
    return f(coordinates, coordinates[:, None])


def quadratic(x, y):
    return 1.0 + x - 2.0 * y + 3.0 * x**2 - y**2 + x * y


@pytest.mark.parametrize("unit", ["nm", "um", "m"])
def test_fits_round_trip(tmp_path, unit):
    opd = 1e-9 * np.random.default_rng(2).normal(size=(9, 9))
    path = tmp_path / "new" / "map.fits"
    for values in (np.zeros((4, 4)), opd):  # the second replaces the first
        write_map(path, values, unit)
    assert fits.getheader(path)["BUNIT"] == unit
    np.testing.assert_allclose(read_map(path, 9), opd, rtol=rounding(float), atol=0)
    assert [p.name for p in path.parent.iterdir()] == ["map.fits"]


def test_first_image_extension_and_other_sizes(tmp_path):
    opd = sampled(quadratic, cell_centres(12))
    image = fits.ImageHDU(opd.astype(np.float32).astype(float))
    image.header["BUNIT"] = "um"
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "map.fits")
    np.save(tmp_path / "map.npy", opd)
    coarse = read_map(tmp_path / "map.fits", 4)
    np.testing.assert_allclose(coarse, 1e-6 * opd.reshape(4, 3, 4, 3).mean(axis=(1, 3)), rtol=0, atol=1e-12)
    fine = read_map(tmp_path / "map.npy", 31, unit="nm")
    np.testing.assert_allclose(fine, 1e-9 * sampled(quadratic, cell_centres(31)), rtol=0, atol=1e-9 * 1e-12)


@pytest.mark.parametrize(("values", "complaint"), [
    (np.ones((3, 4)), "square"),
    (np.ones((3, 3, 3)), "two dimensions"),
    (np.ones((3, 3), dtype=complex), "real numbers"),
    (np.ones((3, 3), dtype=bool), "real numbers"),
    (np.array([[1.0, np.nan], [np.inf, 1.0]]), r"nan at index \(0, 1\).*2 of 4"),
])  # fmt: skip
def test_arrays_that_are_no_map(tmp_path, values, complaint):
    path = tmp_path / "map.npy"
    np.save(path, values)
    with pytest.raises(DataError, match=complaint) as caught:
        read_map(path, 4, unit="nm")
    assert str(path) in str(caught.value)


def test_pickles_and_other_files_are_refused(tmp_path):
    pickled, archive = tmp_path / "pickled.npy", io.BytesIO()
    np.save(pickled, np.array([[1, None], [2, 3]], dtype=object), allow_pickle=True)
    np.savez(archive, opd=np.ones((3, 3)))
    (tmp_path / "archive.npy").write_bytes(archive.getvalue())
    (tmp_path / "empty.npy").write_bytes(b"")
    write_map(tmp_path / "whole.fits", np.ones((40, 40)))
    (tmp_path / "cut.fits").write_bytes((tmp_path / "whole.fits").read_bytes()[:4000])
    (tmp_path / "empty.fits").write_bytes(b"")
    fits.PrimaryHDU().writeto(tmp_path / "bare.fits")
    for name in ("pickled.npy", "archive.npy", "empty.npy", "cut.fits", "empty.fits", "bare.fits"):
        with pytest.raises(DataError, match=name):
            read_map(tmp_path / name, 4, unit="nm")


def test_names_and_units_that_do_not_fit(tmp_path):
    opd = tmp_path / "map.npy"
    np.save(opd, np.ones((4, 4)))
    write_map(tmp_path / "map.fits", np.ones((4, 4)), "nm")
    for path, unit, complaint in (
        (opd, None, "Pass unit"),
        (opd, "arcsec", "unit of length"),
        (opd, "florin", "unit of length"),
        (tmp_path / "map.fits", "um", "The unit in BUNIT of the FITS header is nm"),
        (tmp_path / "none.npy", "nm", "expected an existing file"),
        (tmp_path / "map.txt", "nm", "ends with"),
    ):
        with pytest.raises(DataError, match=complaint) as caught:
            read_map(path, 4, unit=unit)
        assert str(path) in str(caught.value)
    with pytest.raises(DataError, match="ends with"):
        write_map(tmp_path / "map.npy", np.ones((4, 4)))
    with pytest.raises(DataError, match="finite"):
        write_map(tmp_path / "map.fits", np.full((4, 4), np.nan))
