"""The facade: old names mean what they meant, warn once, and bring none of the old faults back."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import ConfigError, DerivedKeyError, ParameterError, UnknownKeyError
from dluxshera.models import OLD_NAMES, REMOVAL, ModelParams, OldNameWarning, SheraThreePlane_Model
from support.helpers import CENTRAL_STEP, central_difference, rounding, run_fresh
from support.page_runner import ROOT
from support.rows import each_row

CONFIG = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=32)
FORWARD = ds.build_forward_model_spec_from_config(CONFIG)
INFERENCE = ds.build_inference_spec_basic(CONFIG)
ARCSEC = np.pi / (180 * 3600)
M2_ZERNIKES = "secondary.zernike_coeffs_nm"

# What scripts say, and what is meant: value and key, each a few per cent off the flight design or alpha Cen.
MEANT = {
    "separation": (9.5, "binary.separation_as"),
    "position_angle": (15.0, "binary.position_angle_deg"),
    "x_position": (0.02, "binary.x_position_as"),
    "y_position": (-0.03, "binary.y_position_as"),
    "contrast": (3.3, "binary.contrast"),
    "log_flux": (11.5, "binary.log_flux_total"),
    "psf_pixel_scale": (0.12, "system.plate_scale_as_per_pix"),
    "binary.separation": (9.5, "binary.separation_as"),
    "binary.position_angle": (15.0, "binary.position_angle_deg"),
    "binary.x_position": (0.02, "binary.x_position_as"),
    "binary.y_position": (-0.03, "binary.y_position_as"),
    "binary.log_flux": (11.5, "binary.log_flux_total"),
    "imaging.psf_pixel_scale": (0.12, "system.plate_scale_as_per_pix"),
    "m1.diameter": (0.21, "system.m1_diameter_m"),
    "m2.diameter": (0.02, "system.m2_diameter_m"),
    "m1.focal_length": (0.60436, "system.m1_focal_length_m"),
    "m2.focal_length": (-0.05451, "system.m2_focal_length_m"),
    "system.plane_separation": (0.55414, "system.m1_m2_separation_m"),
}


def spec_of(key: str) -> ds.ParamSpec:
    return FORWARD if key in FORWARD.primitives else INFERENCE


def quietly(name: str, value: float, spec: ds.ParamSpec) -> ModelParams:
    params = ModelParams(spec=spec)
    with pytest.warns(OldNameWarning):
        params.set(name, value)
    return params


def test_the_table_is_what_scripts_mean():
    assert dict(OLD_NAMES) == {name: key for name, (_, key) in MEANT.items()}


@each_row("name", MEANT)
def test_an_old_name_gives_the_image_of_its_key(name: str):
    """The facade builds its model with the values that are set, so the truth is of a model built with them.

    M2 has aberrations: its diameter acts by the beam's part of their polynomials alone, as no light meets its edge.
    """
    value, key = MEANT[name]
    spec = spec_of(key)
    params = quietly(name, value, spec)
    with pytest.warns(OldNameWarning):
        assert params.get(name) == value
    aberrations = np.linspace(-9.0, 12.0, len(CONFIG.m2_noll))
    params.set(M2_ZERNIKES, aberrations)
    base = ds.ParameterStore.from_spec_defaults(spec).replace({M2_ZERNIKES: aberrations})
    binder = ds.SheraThreePlaneBinder(CONFIG, spec, base.replace({key: value}))
    truth = binder.predict(binder.store)
    image = SheraThreePlane_Model(params, CONFIG).model()
    np.testing.assert_allclose(image, truth, rtol=rounding(float), atol=rounding(float) * float(truth.max()))
    unmoved = ds.SheraThreePlaneBinder(CONFIG, spec, base).predict(base)
    assert not np.allclose(truth, unmoved, rtol=1e-5, atol=0)  # so that the name matters


USES = {
    "get": lambda p: p.get("separation"),
    "item": lambda p: p["separation"],
    "attribute": lambda p: p.separation,
    "set": lambda p: p.set("separation", 9.0),
    "set item": lambda p: p.__setitem__("separation", 9.0),
    "set attribute": lambda p: setattr(p, "separation", 9.0),
    "update": lambda p: p.update({"separation": 9.0}),
    "constructor": lambda p: ModelParams({"separation": 9.0}, spec=p.store.spec),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_each_use_warns_once(use):
    params = ModelParams(spec=INFERENCE)
    with pytest.warns(OldNameWarning) as said:
        use(params)
    (only,) = said
    assert str(only.message) == f"separation is an old name, accepted until version {REMOVAL}: use binary.separation_as"


def test_a_warning_points_at_the_line_of_the_script():
    told = run_fresh("""
        import warnings
        from dluxshera.models import ModelParams
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            params = ModelParams({"separation": 9.0})
            params.set("separation", 9.1)
            params["separation"] = 9.2
            params.separation = 9.3
            params.update({"separation": 9.4})
            params.get("separation"), params["separation"], params.separation
        print(*(f"{one.filename}:{one.lineno}" for one in caught))
    """)
    assert told.split() == [f"<string>:{line}" for line in (6, 7, 8, 9, 10, 11, 11, 11)]


def test_a_line_in_a_loop_warns_once_under_pythons_own_filter_and_outside_main():
    params = ModelParams(spec=INFERENCE)
    with warnings.catch_warnings(record=True) as said:
        warnings.resetwarnings()
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # as Python does outside __main__
        for value in (9.0, 9.1, 9.2):
            params.set("separation", value)
    assert len(said) == 1


def test_keys_do_not_warn():
    params = ModelParams({"binary.contrast": 3.0}, spec=INFERENCE)
    params["binary.separation_as"] = 9.0
    params.update({"system.plate_scale_as_per_pix": 0.12})
    assert params["binary.contrast"] == 3.0
    assert set(params.as_dict()) == set(params) - set(INFERENCE.structural)


def test_every_name_without_a_dot_is_an_attribute():
    found = {name for name, value in vars(ModelParams).items() if isinstance(value, property)} - {"store"}
    assert found == {name for name in OLD_NAMES if "." not in name}


@pytest.mark.parametrize(("asked", "near"), [
    ("seperation", "separation"),
    ("binary.separation_arcsec", "binary.separation_as"),
    ("m1.zernike_coeffs_nm", "primary.zernike_coeffs_nm"),
])  # fmt: skip
def test_an_unknown_name_is_refused_with_what_is_near(asked: str, near: str):
    params = ModelParams(spec=INFERENCE)
    for use in (
        lambda: params.get(asked),
        lambda: params.set(asked, 1.0),
        lambda: params.update({asked: 1.0}),
        lambda: ModelParams({asked: 1.0}, spec=INFERENCE),
    ):
        with pytest.raises(UnknownKeyError) as refused:
            use()
        assert near in refused.value.matches


def test_attributes_are_not_guessed():
    params = ModelParams(spec=INFERENCE)
    with pytest.raises(AttributeError):
        params.seperation = 9.0
    with pytest.raises(AttributeError):
        params.focal_length  # noqa: B018 - the access is the test


def test_what_the_spec_does_not_have_is_refused_with_where_it_is():
    with pytest.raises(ParameterError, match=r"m2\.focal_length.*build_forward_model_spec_from_config"):
        ModelParams(spec=INFERENCE).get("m2.focal_length")


def test_an_update_is_all_or_nothing():
    params = ModelParams(spec=INFERENCE)
    before = params.store
    with pytest.raises(ParameterError):
        params.update({"binary.contrast": 3.0, "binary.separation_as": -1.0})
    with pytest.warns(OldNameWarning), pytest.raises(ParameterError, match="another under the name separation"):
        params.update({"binary.separation_as": 9.0, "separation": 9.1})
    assert params.store == before


def test_what_is_set_acts_on_the_model_and_not_on_a_copy():
    model = SheraThreePlane_Model(config=CONFIG)
    other, before = model.params.copy(), np.asarray(model.model())
    model.params.set("binary.log_flux_total", model.params.get("binary.log_flux_total") + np.log10(2.0))
    assert float(model.model().sum()) == pytest.approx(2.0 * before.sum(), rel=rounding(float, before.size))
    assert np.array_equal(SheraThreePlane_Model(other, CONFIG).model(), before)
    assert model.binder.store == model.params.store


def image_scale(values) -> float:
    """Pixel pitch over the height at which the ray of unit angle meets the detector, in arcsec: p / B."""
    s, f2 = values["system.m1_m2_separation_m"], values["system.m2_focal_length_m"]
    height = s + values["system.m2_detector_separation_m"] * (1.0 - s / f2)
    return float(values["system.pixel_pitch_m"] / height / ARCSEC)


@pytest.mark.parametrize("name", ["psf_pixel_scale", "imaging.psf_pixel_scale"])
def test_the_plate_scale_is_never_missing_or_stale(name: str):
    params = ModelParams(spec=FORWARD)
    seen = set()
    for length in (-0.0545, -0.0546, -0.0547):
        params["system.m2_focal_length_m"] = length
        with pytest.warns(OldNameWarning):
            got = float(params[name])
        assert got == pytest.approx(image_scale(params.store), rel=rounding(float, 10))
        assert params.as_dict()["system.plate_scale_as_per_pix"] == got
        seen.add(got)
    assert len(seen) == 3


def test_a_derived_value_cannot_be_set_beside_what_it_follows_from():
    params = ModelParams(spec=FORWARD)
    with pytest.warns(OldNameWarning), pytest.raises(DerivedKeyError, match="pixel_pitch_m"):
        params.set("psf_pixel_scale", 0.12)


def fit(params: ModelParams, key: str, data: np.ndarray, steps: int = 6) -> None:
    """Fit one parameter in place, by Newton's steps in a script's manner."""

    def loss(value):
        trial = params.copy()
        trial.set(key, value)
        return 0.5 * jnp.sum((SheraThreePlane_Model(trial, CONFIG).model() - data) ** 2 / data)

    def residual(value):
        trial = params.copy()
        trial.set(key, value)
        return (SheraThreePlane_Model(trial, CONFIG).model() - data) / jnp.sqrt(data)

    for _ in range(steps):
        value = jnp.asarray(params.get(key))
        slope = jax.jvp(residual, (value,), (jnp.ones_like(value),))[1]
        params.set(key, value - jax.grad(loss)(value) / jnp.sum(slope**2))


def test_the_plate_scale_is_right_after_a_fit_of_it():
    true, key = 0.1231, "system.plate_scale_as_per_pix"
    data = SheraThreePlane_Model(ModelParams({key: true}, spec=INFERENCE), CONFIG).model()
    params = ModelParams(spec=INFERENCE)
    assert abs(params[key] - true) > 1e-5
    fit(params, key, data)
    with pytest.warns(OldNameWarning):
        assert float(params.psf_pixel_scale) == pytest.approx(true, rel=1e-9)
    np.testing.assert_allclose(SheraThreePlane_Model(params, CONFIG).model(), data, rtol=1e-6)


def test_the_plate_scale_is_right_after_a_fit_of_the_geometry():
    true, key = 0.6404, "system.m2_detector_separation_m"
    data = SheraThreePlane_Model(ModelParams({key: true}, spec=FORWARD), CONFIG).model()
    params = ModelParams(spec=FORWARD)
    fit(params, key, data)
    assert float(params[key]) == pytest.approx(true, rel=1e-9)
    with pytest.warns(OldNameWarning):
        got = float(params.get("psf_pixel_scale"))
    assert got == pytest.approx(image_scale({**params.store, key: true}), rel=1e-8)


def test_a_start_at_zero_aberration_has_a_gradient():
    rng = np.random.default_rng(0)
    true = ModelParams({"primary.zernike_coeffs_nm": rng.normal(0, 5, 8)}, spec=INFERENCE)
    data = SheraThreePlane_Model(true, CONFIG).model()

    def loss(params):
        return jnp.sum((SheraThreePlane_Model(params, CONFIG).model() - data) ** 2 / data)

    start = ModelParams(spec=INFERENCE)
    assert not np.any(start["primary.zernike_coeffs_nm"])
    slope = np.abs(jax.grad(loss)(start)["primary.zernike_coeffs_nm"])
    assert np.all(slope > 1e-3 * slope.max())


def test_gradients_by_params_and_by_a_model_are_finite_differences():
    weights = jnp.asarray(np.random.default_rng(1).normal(size=(32, 32)))
    params = ModelParams(spec=INFERENCE)
    model = SheraThreePlane_Model(params, CONFIG)
    by_params = jax.grad(lambda p: jnp.sum(weights * SheraThreePlane_Model(p, CONFIG).model()))(params)
    by_model = jax.jit(jax.grad(lambda m: jnp.sum(weights * m.model())))(model)
    assert isinstance(by_params, ModelParams)
    assert isinstance(by_model, SheraThreePlane_Model)
    for key in ("binary.separation_as", "binary.contrast", "system.m1_diameter_m", "band.wavelength_m"):
        at = float(params[key])

        def moved(step, key=key, at=at):
            other = params.copy()
            other.set(key, at * (1 + step))
            return np.sum(weights * SheraThreePlane_Model(other, CONFIG).model())

        truth = float(central_difference(moved, CENTRAL_STEP))
        noise = rounding(float, weights.size) * float(jnp.linalg.norm(weights * model.model())) / CENTRAL_STEP
        assert at * float(by_params[key]) == pytest.approx(truth, rel=1e-8, abs=noise)
        assert abs(truth) > 1e3 * noise
        np.testing.assert_allclose(by_model.params[key], by_params[key], rtol=rounding(float, 1e4))


def test_what_a_traced_function_sets_stays_in_it():
    params = ModelParams(spec=INFERENCE)

    @jax.jit
    def total(inner: ModelParams):
        inner.set("binary.log_flux_total", 10.0)
        return SheraThreePlane_Model(inner, CONFIG).model().sum()

    before = params.store
    assert 0 < float(total(params)) < 1e10
    assert params.store is before


def test_a_model_refuses_what_is_not_its_own():
    told = run_fresh("""
        import dluxshera as ds
        from dluxshera.models import SheraThreePlane_Model
        try:
            SheraThreePlane_Model({"binary.separation_as": 9.0})
        except ds.errors.ConfigError as refused:
            print(refused.key, refused.remedy)
    """)
    assert told == "params ModelParams(values) takes a dict\n"
    other = ds.build_forward_model_spec_from_config(ds.SHERA_FLIGHT_CONFIG.replace(m1_noll=(4, 5)))
    with pytest.raises(ConfigError, match="Noll"):
        SheraThreePlane_Model(ModelParams(spec=other), CONFIG)


def test_the_page_on_migration_has_every_name():
    page = (ROOT / "docs" / "how-to" / "migrate.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `")]
    shown = {old.strip(" `"): key for names, key, _ in rows for old in names.split(",")}
    assert shown == {name: f"[`{key}`][{key}]" for name, key in OLD_NAMES.items()}
    for _, link, unit in rows:
        field = FORWARD[link.rpartition("[")[2].strip("]")]
        assert unit == (f"log10({field.units})" if field.scale == "log10" else field.units)
    assert f"version {REMOVAL}" in page
