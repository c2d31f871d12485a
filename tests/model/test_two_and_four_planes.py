"""Two-, three- and four-plane systems are one relay: where they describe the same light, they give the same image."""

from functools import cache

import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import ConfigError
from dluxshera.systems import SHERA_FOURPLANE_EXAMPLE_CONFIG, SheraConfig
from dluxshera.systems.catalogue import SHERA_TWOPLANE_FLIGHT_CONFIG
from support.helpers import relative_l2
from support.scenes import COEFFS_M1, COEFFS_M2

BINDERS = {2: ds.SheraTwoPlaneBinder, 3: ds.SheraThreePlaneBinder, 4: ds.SheraFourPlaneBinder}
CONFIGS = {2: SHERA_TWOPLANE_FLIGHT_CONFIG, 3: ds.SHERA_FLIGHT_CONFIG, 4: SHERA_FOURPLANE_EXAMPLE_CONFIG}
SPECS = {
    "forward": ds.build_forward_model_spec_from_config,
    "inference": ds.build_inference_spec_basic,
    "physics": ds.build_inference_spec_physics,
}
SMALL = {"image_npix": 32, "n_wavelengths": 2, "aberration_margin": 16.0}  # for twenty times the coefficients
SCALE = "system.plate_scale_as_per_pix"
# Nothing here is symmetric: not the binary, its place, nor the aberration, so a mirrored image would differ.
SCENE = {
    "binary.separation_as": 1.2,
    "binary.position_angle_deg": 33.0,
    "binary.x_position_as": 0.21,
    "binary.y_position_as": -0.13,
    "primary.zernike_coeffs_nm": 4 * COEFFS_M1,
}
GRIDS = 2e-6  # what models on different grids differ by, at most twice the error of the fit of each


@cache
def binder(planes: int, spec: str = "forward", **changes):
    config: SheraConfig = CONFIGS[planes].replace(**{**SMALL, **changes})
    return BINDERS[planes](config, SPECS[spec](config))


def image(model, updates) -> np.ndarray:
    return np.asarray(model.predict(model.store.replace(updates)))


def test_three_planes_without_anything_on_m2_are_two():
    three, two = binder(3), binder(2)
    scale = float(three.derived(three.store)[SCALE])
    found = image(three, SCENE)
    assert relative_l2(found, image(two, {**SCENE, SCALE: scale})) < GRIDS
    assert relative_l2(found[:, ::-1], found) > 0.1
    assert relative_l2(found[::-1], found) > 0.1


@pytest.mark.parametrize("spec", ["forward", "inference", "physics"])
def test_a_third_surface_without_power_changes_nothing(spec: str):
    three, four = (binder(planes, spec, gap_npix=600) for planes in (3, 4))  # one grid, which holds the light of both
    scene = {**SCENE, "secondary.zernike_coeffs_nm": 4 * COEFFS_M2}
    assert relative_l2(image(four, scene), image(three, scene)) < GRIDS


def test_a_third_surface_acts_through_aperture_aberration_power_and_place():
    four = binder(4)
    scene = {**SCENE, "tertiary.zernike_coeffs_nm": 10 * COEFFS_M2}
    plain = image(four, scene)
    for key, value in {
        "system.m3_diameter_m": 0.02,  # over which its polynomials are spread
        "tertiary.zernike_coeffs_nm": 20 * COEFFS_M2,
        "system.m3_power_per_m": 0.02,
        "system.m3_detector_separation_m": 1.01 * four.store["system.m3_detector_separation_m"],
    }.items():
        assert relative_l2(image(four, {**scene, key: value}), plain) > 1e-3, key


def test_power_in_the_third_surface_scales_the_image_as_the_ray_matrix_says():
    """The telescope with a powered M3, refocused, images as the two-plane telescope of the same plate scale."""
    config = SHERA_FOURPLANE_EXAMPLE_CONFIG
    powered = config.replace(**SMALL, design=replaced(config.design, m3_power_per_m=1.5))
    four = ds.SheraFourPlaneBinder(powered, ds.build_forward_model_spec_from_config(powered))
    derived = four.derived(four.store)
    flat = float(binder(4).derived(binder(4).store)[SCALE])
    assert abs(float(derived["system.defocus_nm"])) < 1e-6
    assert abs(float(derived[SCALE]) / flat - 1) > 0.01
    config = binder(2).config
    store = binder(2).store.replace({SCALE: float(derived[SCALE])})  # with it, since its pixels see a wider band
    two = ds.SheraTwoPlaneBinder(config, binder(2).spec, store)
    assert relative_l2(image(four, SCENE), image(two, {**SCENE, SCALE: float(derived[SCALE])})) < GRIDS


def replaced(design, **changes):
    from dataclasses import replace

    return replace(design, **changes)


@pytest.mark.parametrize("planes", [2, 3, 4])
def test_energy_is_counted_plane_by_plane(planes: int):
    model = binder(planes)
    passed = {key: float(value) for key, value in model.energy(model.store).items()}
    assert list(passed) == ["pupil", "beyond_grid", *model.optics.plane_names[1:], "image"]
    total = 10 ** float(model.derived(model.store)["binary.log_flux_total"])
    assert passed["pupil"] == pytest.approx(total, rel=1e-12)
    carried = passed["pupil"] - passed["beyond_grid"]
    for name in model.optics.plane_names[1:]:
        assert passed[name] == pytest.approx(carried, rel=1e-9)  # no edge stops what the grid carries
    assert 0.01 * total < passed["image"] < carried < 0.999 * total


@pytest.mark.parametrize("planes", [2, 4])
@pytest.mark.parametrize("spec", ["forward", "inference", "physics"])
def test_every_continuous_key_acts_where_its_spec_says(planes: int, spec: str):
    import jax

    from dluxshera.params import pack_params, unpack_params

    model = binder(planes, spec)
    scene = {key: value for key, value in SCENE.items() if key in model.spec}
    scene |= {
        f"{group}.zernike_coeffs_nm": COEFFS_M2
        for group in ("secondary", "tertiary")
        if group != "primary" and f"{group}.zernike_coeffs_nm" in model.spec
    }
    base = model.store.replace(scene)
    free = model.spec.subset(model.spec.primitives)
    theta = np.asarray(pack_params(base, free))
    scales = np.where(theta == 0, 1e-3, np.abs(theta))

    @jax.jit
    def weighted(t):
        def total(t):
            picture = model.predict(unpack_params(t, free, base))
            weights = np.cos(np.arange(picture.size).reshape(picture.shape) ** 1.3)
            return (weights * picture).sum(), abs(picture).sum()

        return jax.value_and_grad(total, has_aux=True)(t)

    (_, brightness), gradient = weighted(theta)
    gradient, brightness = np.asarray(gradient) * scales, float(brightness)
    start = 0
    for field in free.fields:
        size = len(field.labels)
        here, start = slice(start, start + size), start + size
        if "image" not in field.acts_on:
            assert np.all(gradient[here] == 0), field.key
            continue
        assert np.any(np.abs(gradient[here]) > 1e-9 * brightness), field.key
        i = here.start + int(np.argmax(np.abs(gradient[here])))
        step = (1e-8 if field.key.startswith("system.") else 1e-5) * scales[i]
        ahead, behind = theta.copy(), theta.copy()
        ahead[i] += step
        behind[i] -= step
        numeric = float(weighted(ahead)[0][0] - weighted(behind)[0][0]) / (2 * step) * scales[i]
        assert gradient[i] == pytest.approx(numeric, rel=2e-4, abs=1e-7 * brightness), field.key


@pytest.mark.parametrize("planes", [2, 3, 4])
def test_a_binder_takes_the_configuration_of_its_system_alone(planes: int):
    other = CONFIGS[2 if planes == 3 else 3].replace(**SMALL)
    with pytest.raises((ConfigError, TypeError), match="config"):  # the type checker of the tests is asked first
        BINDERS[planes](other, ds.build_forward_model_spec_from_config(other))


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_a_batch_is_the_images_one_by_one(chunk: int):
    model = binder(3)
    stores = [model.store.replace({**SCENE, "binary.x_position_as": 0.1 * i}) for i in range(5)]
    single = np.stack([np.asarray(model.predict(store)) for store in stores])
    np.testing.assert_allclose(
        np.asarray(model.predict_batch(stores, chunk)), single, rtol=1e-10, atol=1e-10 * single.max()
    )


def test_a_batch_says_what_it_cannot_do():
    model = binder(3)
    with pytest.raises(ConfigError, match="stores: expected at least one"):
        model.predict_batch([])
    with pytest.raises(ConfigError, match="chunk: expected a positive"):
        model.predict_batch([model.store], 0)
