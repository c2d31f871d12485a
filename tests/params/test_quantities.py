"""Astropy quantities in and out of a store, its table for notebooks, and its check of itself."""

import html.parser
from fractions import Fraction

import astropy.units as u
import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dluxshera as ds
from dluxshera.errors import BoundsError, ParameterError, ShapeError
from dluxshera.params import ParameterStore, unit_factor
from support.helpers import run_fresh
from support.rows import each_row

PITCH, FLUX, ZERNIKES = "system.pixel_pitch_m", "binary.log_flux_total", "primary.zernike_coeffs_nm"
FORWARD = ParameterStore.from_spec_defaults(ds.build_forward_model_spec_from_config(ds.SHERA_FLIGHT_CONFIG))
INFERENCE = ParameterStore.from_spec_defaults(ds.build_inference_spec_basic(ds.SHERA_FLIGHT_CONFIG))


@each_row(
    "key, quantity, number",
    [
        (PITCH, 4.6 * u.um, 4.6e-6),
        (PITCH, 4.6e-6 * u.m, 4.6e-6),
        (PITCH, 4600 * u.nm, 4.6e-6),
        ("band.wavelength_m", 550 * u.nm, 550e-9),
        ("binary.separation_as", 9765 * u.mas, 9.765),
        ("binary.x_position_as", 1 * u.arcmin, 60.0),
        ("binary.contrast", 3.5 * u.dimensionless_unscaled, 3.5),
        ("imaging.exposure_time_s", 0.5 * u.hour, 1800.0),
        ("imaging.full_well", 7e3 * u.photon, 7e3),
        ("system.m1_diameter_m", 22 * u.cm, 0.22),
        ("binary.spectral_flux_density", 1.7227e8 * u.photon / u.s / u.m**2 / u.nm, 1.7227e17),
    ],
)
def test_a_quantity_is_converted(key, quantity, number):
    assert float(FORWARD.replace({key: quantity})[key]) == pytest.approx(number, rel=4e-16)


def test_the_usual_units_convert_as_they_are_written():
    assert float(FORWARD.replace({PITCH: 4.6 * u.um})[PITCH]) == 4.6e-6  # and not 4.599999999999999e-06
    assert float(FORWARD.replace({"band.wavelength_m": 550 * u.nm})["band.wavelength_m"]) == 550e-9


def test_an_array_of_quantities_is_converted():
    store = FORWARD.replace({ZERNIKES: np.arange(8) * 1e-3 * u.um})
    np.testing.assert_allclose(store[ZERNIKES], np.arange(8.0), rtol=4e-16)
    assert store.quantity(ZERNIKES).unit == u.nm


def test_a_log_takes_and_gives_the_quantity_itself():
    store = INFERENCE.replace({FLUX: 1e11 * u.photon})
    assert float(store[FLUX]) == 11.0
    assert store.quantity(FLUX).unit == u.photon
    assert store.quantity(FLUX).value == pytest.approx(1e11, rel=1e-14)
    with pytest.raises(ParameterError, match=r"log_flux_total: expected a positive quantity in ph"):
        INFERENCE.replace({FLUX: 0 * u.photon})


@pytest.mark.parametrize(
    ("key", "quantity"),
    [
        (PITCH, 4.6 * u.s),
        (PITCH, 4.6 * u.arcsec),
        (PITCH, 4.6 * u.dimensionless_unscaled),
        (PITCH, 4.6 * u.mag),
        ("binary.contrast", 3.0 * u.arcsec),
        ("binary.separation_as", 3.0 * u.m),
        ("imaging.full_well", 3.0 * u.adu),
    ],
)
def test_a_wrong_dimension_is_refused_by_name(key, quantity):
    with pytest.raises(ParameterError, match=f"{key}: expected a quantity in .*converts to it, got <") as refused:
        FORWARD.replace({key: quantity})
    assert refused.value.key == key


def test_a_quantity_is_checked_like_any_value():
    with pytest.raises(BoundsError, match=r"expected >= 1e-07 and <= 0\.01 m, got -4\.6e-06"):
        FORWARD.replace({PITCH: -4.6 * u.um})
    with pytest.raises(ShapeError, match="a single number"):
        FORWARD.replace({PITCH: [4.6, 4.6] * u.um})


@pytest.mark.parametrize("store", [FORWARD, INFERENCE], ids=["forward", "inference"])
def test_quantities_come_back_as_they_went_out(store):
    again = store.replace({key: store.quantity(key) for key in store})
    for key, value in store.items():
        rel = 1e-15 if store.spec[key].scale == "log10" else 0.0
        np.testing.assert_allclose(again[key], value, rtol=rel, atol=0, err_msg=key)


@given(st.floats(1e-7, 1e-2), st.sampled_from(["m", "cm", "mm", "um", "nm", "km", "AU"]))
def test_any_length_converts_as_astropy_does(metres, unit):
    quantity = np.clip((metres * u.m).to(unit), (1.0001e-7 * u.m).to(unit), (0.009999 * u.m).to(unit))
    got = float(FORWARD.replace({PITCH: quantity})[PITCH])
    assert got == pytest.approx(quantity.to_value("m"), rel=1e-15)


UNITS = [
    "m",
    "um",
    "nm",
    "km",
    "AU",
    "arcsec",
    "uarcsec",
    "deg",
    "rad",
    "s",
    "h",
    "",
    "%",
    "K",
    "pixel",
    "arcsec/pixel",
]


def test_factors_are_those_of_astropy_to_rounding_and_whole_numbers_are_exact():
    faults = []
    for unit in UNITS:
        for to in UNITS:
            here, there = (u.percent if name == "%" else u.Unit(name, format="vounit") for name in (unit, to))
            try:
                factor = unit_factor(unit, to)
            except ValueError as error:
                if here.is_equivalent(there) or str(error) != "wrong unit":
                    faults.append(f"{unit} to {to}: {error}")
                continue
            exact = Fraction(here.decompose().scale) / Fraction(there.decompose().scale)
            if not here.is_equivalent(there) or abs(factor / float(exact) - 1) > 1e-15:
                faults.append(f"{unit} to {to}: {factor!r}")
    assert faults == []
    assert unit_factor("m", "nm") == 1e9  # astropy gives 999999999.9999999
    assert [unit_factor(unit, "m") for unit in ("nm", "um", "cm")] == [1e-9, 1e-6, 1e-2]
    assert [unit_factor(unit, "cm") for unit in ("nm", "um")] == [1e-7, 1e-4]  # 1.0000000000000001e-07 to astropy


@pytest.mark.parametrize("unit", ["furlong", "m**9999999", "(((", "1/0", "x" * 50, "10**400 m"])
def test_a_text_that_is_no_unit_raises(unit):
    with pytest.raises(ValueError, match="no such unit"):
        unit_factor(unit, "m")


def test_numbers_do_not_import_astropy():
    assert run_fresh("""
        import sys, dluxshera as ds
        store = ds.ParameterStore.from_spec_defaults(ds.build_inference_spec_basic())
        store.replace({"binary.contrast": 3.0})._repr_html_()
        print("astropy" in sys.modules)
        store.quantity("binary.contrast")
        print("astropy" in sys.modules)
    """).split() == ["False", "True"]


class Cells(html.parser.HTMLParser):
    """Collects the text of a table's rows, and that each tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.rows and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def test_a_notebook_shows_a_table():
    store = FORWARD.with_derived_allowed().replace({"system.focal_ratio": 30.0, ZERNIKES: np.arange(8.0)})
    table = Cells(store._repr_html_())
    rows = {row[0]: row[1:] for row in table.rows[1:]}
    assert table.rows[0] == ["Parameter", "Value", "Unit", "Name"]
    assert len(rows) == len(store)
    assert rows[PITCH] == ["4.6e-06", "m", "Pixel pitch"]
    assert rows["system.focal_ratio override"][0] == "30.0"
    assert rows[ZERNIKES][0].startswith("Z4 0.0, Z5 1.0, ")
    assert "log10(ph)" in INFERENCE._repr_html_()
    jax.vmap(lambda x: FORWARD.replace({PITCH: x})._repr_html_() and x)(np.ones(2))  # while it is traced


def test_a_store_checks_what_a_tree_map_made_of_it():
    FORWARD.validate()
    with pytest.raises(BoundsError):
        jax.tree.map(lambda value: -value, FORWARD).validate()
    overridden = FORWARD.with_derived_allowed().replace({"system.focal_ratio": 30.0})
    overridden.validate()
