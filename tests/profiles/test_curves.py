"""Spectra and filters in profiles: tables as two lists, and the evenly spaced samples of version 0.1.0."""

import json

import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import DocumentError, ParameterError
from dluxshera.profiles import model_of, parse_profile, profile_of, shera_profiles

ROWS = [500.0, 535.0, 565.0, 600.0]
PASSED = [0.0, 0.9, 0.8, 0.1]
WAVELENGTHS = {"value": ROWS, "unit": "nm"}
FILTER = {"band.transmission": PASSED, "band.transmission_wavelengths_m": WAVELENGTHS}
BAND = {"band.wavelength_m": {"value": 550, "unit": "nm"}, "band.bandwidth_m": 4.1e-8}


def load(parameters: dict, config: dict | None = None, version: str = "0.2.0"):
    document = {
        "schema": f"dluxshera.profile/{version}",
        "kind": "observation",
        "name": "x",
        "extends": ["instrument/shera_flight"],
        "config": {"effects": ["filter", "spectra"], **(config or {})},
        "parameters": parameters,
    }
    return model_of(parse_profile(json.dumps(document), shera_profiles(), "x.json"))


def test_the_number_of_rows_is_that_of_the_lists():
    model = load(FILTER)
    assert (model.config.transmission_rows, model.config.spectrum_a_rows) == (4, 2)
    assert model.spec["band.transmission"].shape == (4,)
    assert model.values["band.transmission"] == PASSED
    np.testing.assert_allclose(model.values["band.transmission_wavelengths_m"], np.array(ROWS) * 1e-9, rtol=1e-15)
    assert load({"field.star_log_flux": [5.0, 6.0, 7.0]}, {"effects": ["field_stars"]}).config.n_field_stars == 3


@pytest.mark.parametrize(("parameters", "config", "complaint"), [
    ({**FILTER, "band.transmission_wavelengths_m": [5e-7, 6e-7]}, {}, "wavelengths_m: expected an array of shape"),
    (FILTER, {"transmission_rows": 3}, r"expected an array of shape \(3,\)"),
    ({"band.transmission": [1.0], "band.transmission_wavelengths_m": [5e-7]}, {}, r"expected an array of shape \(2,\)"),
    ({"band.transmission": PASSED}, {}, "transmission: needs band.transmission_wavelengths_m beside it"),
    (FILTER, {"transmission_rows": 50}, r"each for 0, 1, .*, 18, 19, \.\.\., 49\."),
    (FILTER, {"curve_samples": 4}, "curve_samples: unknown name"),
])  # fmt: skip
def test_lists_that_are_no_table(parameters, config, complaint):
    with pytest.raises(DocumentError, match=complaint):
        load(parameters, config)


def test_a_saved_table_is_read_again():
    model = load(FILTER)
    saved = profile_of(model.config, model.store, model.spec, name="again")
    again = model_of(parse_profile(json.dumps(saved), shera_profiles(), "again.json"))
    assert again.config.structure() == model.config.structure()
    assert {key: list(np.ravel(value)) for key, value in again.values.items()} == {
        key: list(np.ravel(value)) for key, value in model.values.items()
    }


def test_a_table_that_no_profile_holds_is_not_saved():
    config = ds.SHERA_FLIGHT_CONFIG.replace(effects=["filter"], transmission_rows=1001)
    spec = ds.build_inference_spec_basic(config)
    with pytest.raises(ParameterError, match=r"band.transmission: expected at most 1000 numbers.*cut_curve"):
        profile_of(config, spec.defaults(), spec, name="long")


def test_samples_of_0_1_0_become_a_table_across_the_band():
    samples = {"binary.spectrum_b": [1, 3.0, 2, 5, 4], "band.transmission": {"value": [0, 50, 100], "unit": "%"}}
    model = load({**samples, **BAND}, {"curve_samples": 5}, "0.1.0")
    assert model.config.spectrum_b_rows == 5
    assert model.values["binary.spectrum_b"] == [1.0, 3.0, 2.0, 5.0, 4.0]
    rows = 550e-9 + 41e-9 * np.linspace(-0.5, 0.5, 5)
    np.testing.assert_allclose(model.values["binary.spectrum_b_wavelengths_m"], rows, rtol=1e-15)
    assert model.config.transmission_rows == 3
    np.testing.assert_allclose(model.values["band.transmission_wavelengths_m"], rows[[0, 2, 4]], rtol=1e-15)
    assert load({}, {"curve_samples": 9}, "0.1.0").config == load({}).config


def test_samples_of_0_1_0_without_their_band():
    with pytest.raises(DocumentError) as error:
        load({"band.transmission": [0, 1, 1], "band.wavelength_m": 5.5e-7}, {"curve_samples": 3}, "0.1.0")
    assert error.value.key == "parameters.band.transmission"
    assert "expected band.bandwidth_m beside it" in str(error.value)
    assert "replace the samples by a table with band.transmission_wavelengths_m" in str(error.value)
