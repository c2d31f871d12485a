"""Kinds of perturbation against independent images: differences, means over moved stars, loops and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from math import hypot, pi, sqrt
from typing import Any

import erfa
import jax.numpy as jnp
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.documents import parse_yaml
from dluxshera.error_budget import (
    Estimator,
    MapEnsemble,
    Quantity,
    ReferenceModels,
    TermResult,
    check_against_specs,
    image_slope,
    numerics_record,
    parse_budget,
    perturbation_kinds,
)
from dluxshera.errors import BoundsError, DocumentError, ParameterError
from dluxshera.inference import image_jacobian
from error_budget.conftest import Case, case
from support.helpers import central_difference, relative_l2
from support.rows import every_row
from validation import budget

SEPARATION, SCALE = "binary.separation_as", "system.plate_scale_as_per_pix"
X, Y = "binary.x_position_as", "binary.y_position_as"
M1_Z = "primary.zernike_coeffs_nm"
Z4 = [1, 0, 0, 0, 0, 0, 0, 0]
RESPONSE, OFFSETS = "detector.pixel_response", ("detector.pixel_x_offset_pix", "detector.pixel_y_offset_pix")
JITTER, BACKGROUND = "imaging.jitter_as", "field.background"
FRAMES = 36_000  # in a visit of 1800 s of frames of 0.05 s


def perturbation(kind: str, **content: Any) -> Any:
    """Return a perturbation as from a document."""
    return perturbation_kinds()[kind].parse(content)


def change(small: Case, kind: str, unit: str, **content: Any) -> Any:
    """Return the change of the image by a perturbation."""
    return perturbation(kind, **content).image_change(small.evaluation, unit)


def results(small: Case, kind: str, value: float, unit: str, **content: Any) -> dict[str, TermResult]:
    """Return the results of a perturbation by estimator."""
    return perturbation(kind, **content).results(small.evaluation, Quantity(value, unit))


def moved_pair(small: Case, dx: float, dy: float) -> np.ndarray:
    """Return the image of the fitted model with both stars moved, arcsec."""
    store = small.inference.store
    updates = {X: float(store[X]) + dx, Y: float(store[Y]) + dy}
    return np.asarray(small.inference.predict(store.replace(updates)))


def normal_equations(small: Case, estimator: Estimator, change: np.ndarray) -> float:
    """Return the bias of the separation in microarcseconds, by the normal equations."""
    fitted = small.evaluation.directions["inference"]
    rows = fitted.jacobian[fitted.rows(estimator.free)].reshape(-1, change.size)
    weighted = rows / small.evaluation.image.ravel()
    sizes = np.sqrt(np.sum(rows * weighted, axis=1))
    covariance = np.linalg.inv((rows / sizes[:, None]) @ (weighted / sizes[:, None]).T)
    return 1e6 * float(covariance[0] @ (weighted / sizes[:, None]) @ change.ravel()) / sizes[0]


# --- The reverse pass ------------------------------------------------------------------------------------------------


def test_the_reverse_pass_gives_the_forward_derivatives_of_all_keys(small: Case):
    """For each scalar, and along a random direction of each array, maps of mirrors and pixels among them."""
    evaluation, rng = small.evaluation, np.random.default_rng(1)
    with every_row() as each:
        for key in evaluation.derivatives(evaluation.estimators[0]):
            if key.endswith("_wavelengths_m"):
                continue  # a flat table does not depend on where its rows are
            model = evaluation.model_of([key])
            value = np.asarray(model.store[key])
            direction = rng.normal(size=value.shape) if value.ndim else np.asarray(1.0)
            with each(key):
                slope = image_slope(model, {key: direction})
                for estimator in evaluation.estimators:
                    terms = evaluation.weights_of(estimator) * slope
                    found = np.sum(evaluation.derivatives(estimator)[key] * direction)
                    assert found == pytest.approx(terms.sum(), abs=1e-9 * np.abs(terms).sum() + 1e-300)


def test_all_effects_of_the_system_have_derivatives(small: Case):
    keys = set(small.evaluation.derivatives(small.evaluation.estimators[0]))
    assert keys >= {*small.forward.store, RESPONSE, *OFFSETS, JITTER, BACKGROUND, "field.ghost_flux_ratio"}
    assert keys >= {"primary.uncalibrated_map_nm", "secondary.calibrated_map_nm", "binary.spectrum_a"}
    assert keys >= {"system.m2_x_tilt_rad", "system.cubic_distortion_per_as2", "band.transmission"}


@pytest.mark.parametrize(
    ("key", "step"),
    [
        ("band.wavelength_m", 1e-11),
        ("system.m2_focal_length_m", 1e-7),
        ("binary.contrast", 1e-3),
        ("system.cubic_distortion_per_as2", 1e-6),
        ("system.m2_x_tilt_rad", 1e-8),
    ],
)
def test_the_derivatives_are_those_of_differences_of_images(small: Case, key: str, step: float):
    evaluation = small.evaluation
    model = evaluation.model_of([key])
    at = float(model.store[key])
    slope = central_difference(lambda by: np.asarray(model.predict(model.store.replace({key: at + by}))), step)
    for estimator in evaluation.estimators[1:]:
        terms = evaluation.weights_of(estimator) * slope
        found = float(evaluation.derivatives(estimator)[key])
        assert found == pytest.approx(terms.sum(), rel=1e-4, abs=1e-6 * np.abs(terms).sum())


def test_effects_that_do_nothing_leave_the_image_as_it_is(small: Case):
    """To the accuracy of the grids, which the larger windows and the maps change."""
    for model in small.evaluation.models():
        assert relative_l2(np.asarray(model.predict(model.store)), small.evaluation.image) < 2e-6


# --- Variation, kernel and distortion --------------------------------------------------------------------------------


def quadrature(distribution: str) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes of unit variance and weights of a distribution, many more than the package uses."""
    if distribution == "normal":
        nodes, weights = np.polynomial.hermite_e.hermegauss(9)
        return nodes, weights / weights.sum()
    if distribution == "uniform":
        nodes, weights = np.polynomial.legendre.leggauss(9)
        return sqrt(3) * nodes, weights / 2
    nodes = sqrt(2) * np.cos(pi * (np.arange(9) + 0.5) / 9)
    return nodes, np.full(9, 1 / 9)


@pytest.mark.parametrize("distribution", ["normal", "uniform", "arcsine"])
def test_a_variation_is_the_mean_image_over_its_distribution(small: Case, distribution: str):
    found = change(small, "variation", "nm", direction={M1_Z: Z4}, distribution=distribution)
    store = small.inference.store
    nodes, weights = quadrature(distribution)
    values = [np.asarray(store[M1_Z]) + node * np.array(Z4) for node in nodes]
    mean = sum(
        w * np.asarray(small.inference.predict(store.replace({M1_Z: v}))) for w, v in zip(weights, values, strict=True)
    )
    assert found.slope is None
    assert found.power == 2
    difference = mean - small.evaluation.image
    assert relative_l2(np.asarray(found.truth(1.0)) - small.evaluation.image, difference) < 1e-4
    for name, result in results(small, "variation", 1.0, "nm", direction={M1_Z: Z4}, distribution=distribution).items():
        estimator = next(each for each in small.budget.estimators if each.id == name)
        assert result.bias == pytest.approx(normal_equations(small, estimator, difference), rel=1e-3, abs=1e-3)
        assert result.sensitivity == 0.0
        assert result.second_order == pytest.approx(result.bias)


def test_a_variation_grows_with_the_square(small: Case):
    whole, tenth = (results(small, "variation", size, "nm", direction={M1_Z: Z4}) for size in (0.5, 0.05))
    for name, result in whole.items():
        assert tenth[name].bias == pytest.approx(result.bias / 100, rel=0.01)
        assert tenth[name].linear_range > 0.5


def test_jitter_is_the_mean_over_a_moving_line_of_sight(small: Case):
    """The stars are moved instead; their light from beyond the window comes in, as in the package."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    weights = weights / weights.sum()
    size = 0.05 * float(small.inference.store[SCALE])
    mean = sum(
        a * b * moved_pair(small, size * x, size * y)
        for x, a in zip(nodes, weights, strict=True)
        for y, b in zip(nodes, weights, strict=True)
    )
    difference = mean - small.evaluation.image
    found = change(small, "kernel", "pixel", width=JITTER, in_pixels=True)
    blurred = np.asarray(found.truth(0.05)) - small.evaluation.image
    assert relative_l2(blurred, difference) < 0.02  # by the light of the periodic array at the border
    inside = np.s_[8:-8, 8:-8]
    assert relative_l2(blurred[inside], difference[inside]) < 5e-3


def test_a_known_kernel_leaves_the_difference(small: Case):
    """The variances of kernels add, so that a change about a known width is the change of its square."""
    known = change(small, "kernel", "mas", width=JITTER, expected={"value": 20.0, "unit": "mas"})
    alone = change(small, "kernel", "mas", width=JITTER)
    width = sqrt(20.2**2 - 20.0**2)
    expected = np.asarray(alone.truth(width)) - small.evaluation.image
    assert known.power == 1
    # The image of the difference is blurred by the known width too, by a few percent of it.
    assert relative_l2(np.asarray(known.truth(0.2)) - small.evaluation.image, expected) < 0.1
    pixels = change(small, "kernel", "pixel", width=JITTER, in_pixels=True)
    scale = 1e3 * float(small.inference.store[SCALE])
    np.testing.assert_allclose(pixels.truth(0.1), alone.truth(0.1 * scale), rtol=1e-12)


@pytest.mark.parametrize("power", [1, 3])
def test_a_distortion_moves_all_light(small: Case, power: int):
    """Light that moves by d changes a pixel by -d times the gradient, and the gradient is that of moving the stars."""
    found = change(small, "image_distortion", "pixel", radius_pix=40.0, power=power)
    scale = float(small.inference.store[SCALE])
    by_x = scale * central_difference(lambda s: moved_pair(small, s, 0.0), 1e-4)
    by_y = scale * central_difference(lambda s: moved_pair(small, 0.0, s), 1e-4)
    npix = small.evaluation.image.shape[0]
    y, x = (np.indices((npix, npix)) - (npix - 1) / 2) / 40.0
    growth = (x**2 + y**2) ** ((power - 1) / 2)
    assert relative_l2(found.slope, growth * (x * by_x + y * by_y)) < 0.02  # by the interpolation between pixels
    assert relative_l2(np.asarray(found.truth(1e-3)) - small.evaluation.image, 1e-3 * found.slope) < 1e-2


def test_a_linear_distortion_is_a_change_of_scale(small: Case):
    """All light moves in proportion to its distance: a smaller plate scale, but for the flux of a pixel."""
    fixed = results(small, "image_distortion", 1e-4, "pixel", radius_pix=40.0, power=1)["fixed_scale"]
    relative = 1e-4 / 40.0
    assert fixed.bias == pytest.approx(9.765e6 * relative, rel=0.2)


def test_a_distortion_of_places_alone_is_a_longer_separation(small: Case):
    """A star at half the separation moves by k times the cube of that; the midpoint stays."""
    coefficient = 1e-8
    moved = results(
        small, "step", coefficient, "arcsec**-2", model="forward", direction={"system.cubic_distortion_per_as2": 1}
    )
    for result in moved.values():
        assert result.bias == pytest.approx(1e6 * 2 * coefficient * (9.765 / 2) ** 3, rel=1e-4)
        assert result.residual < 1e-3 * result.significance


def test_a_temperature_moves_several_lengths_with_their_signs(small: Case):
    """A tube of 5 ppm/K between the mirrors, and a detector mount that compensates a part of it."""
    coefficients = {
        "system.m1_m2_separation_m": {"value": 2770.0, "unit": "nm.K**-1"},
        "system.m2_detector_separation_m": {"value": -3.2, "unit": "um.K**-1"},
    }
    found = change(small, "common_cause", "mK", model="forward", coefficients=coefficients)
    model = small.evaluation.model_of(["system.m1_m2_separation_m"])
    s, length = (float(model.store[key]) for key in coefficients)

    def image(kelvin: float) -> np.ndarray:
        moved = {"system.m1_m2_separation_m": s + 2.77e-6 * kelvin}
        moved["system.m2_detector_separation_m"] = length - 3.2e-6 * kelvin
        return np.asarray(model.predict(model.store.replace(moved)))

    assert relative_l2(found.slope, 1e-3 * central_difference(image, 1e-2)) < 1e-5


# --- Light, spectra and velocity -------------------------------------------------------------------------------------


def test_a_parameter_at_its_bound_is_stepped_to_one_side(small: Case):
    step = change(small, "step", "ph", model="forward", direction={BACKGROUND: 1})
    np.testing.assert_allclose(np.asarray(step.slope), 1.0, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(step.truth(360.0)) - small.evaluation.image, 360.0, rtol=1e-8)
    with pytest.raises(BoundsError):
        step.truth(-1.0)
    found = results(small, "step", 360.0, "ph", model="forward", direction={BACKGROUND: 1})
    for estimator in small.budget.estimators[1:]:
        expected = normal_equations(small, estimator, np.full(small.evaluation.image.shape, 360.0))
        assert found[estimator.id].bias == pytest.approx(expected, rel=1e-6)
        assert found[estimator.id].linear_range > 360.0


def test_a_ghost_is_the_star_at_its_own_place(small: Case):
    """Two stars of a millionth of the flux, reflected through a place beside the axis."""
    place = {"field.ghost_x_position_as": 0.5, "field.ghost_y_position_as": -0.3, "field.ghost_magnification": -1}
    light = change(small, "added_light", "", key="field.ghost_flux_ratio", at=place)
    store = small.inference.store
    updates = {X: 0.5 - float(store[X]), Y: -0.3 - float(store[Y]), "binary.position_angle_deg": 180.0 + 14.508}
    ghost = np.asarray(small.inference.predict(store.replace(updates)))
    assert relative_l2(light.slope, ghost) < 1e-5
    np.testing.assert_allclose(light.truth(1e-6) - small.evaluation.image, 1e-6 * light.slope, atol=1e-9 * ghost.max())


def test_the_spectra_of_the_stars_shift_as_the_band_does(small: Case):
    """Tilts of both spectra by one shift make the same image as two stars of shifted weights, one by one."""
    one, other, both = (change(small, "spectrum", "pm", stars=stars) for stars in (["A"], ["B"], ["A", "B"]))
    np.testing.assert_allclose(one.slope + other.slope, both.slope, atol=1e-9 * np.abs(both.slope).max())
    centre, width = (float(small.forward.store[f"band.{name}_m"]) for name in ("wavelength", "bandwidth"))
    nodes = centre + width / 2 * np.array([-1, 1]) / sqrt(3)  # of two Gauss-Legendre nodes
    config = small.reference.config.replace(n_wavelengths=1)
    spec = ds.build_forward_model_spec_from_config(config)
    narrow = {"band.bandwidth_m": 1e-15}
    values = {key: value for key, value in small.forward.store.items() if key in spec}
    flux = float(small.forward.derived(small.forward.store)["binary.log_flux_total"])

    def images(contrast: float) -> np.ndarray:
        rows = []
        for node in nodes:
            store = ds.ParameterStore(
                {**values, **narrow, "band.wavelength_m": node, "binary.contrast": contrast}, spec
            )
            binder = ds.SheraThreePlaneBinder(config, spec, store)
            log_flux = float(binder.derived(store)["binary.log_flux_total"])
            rows.append(np.asarray(binder.predict(store)) * 10 ** (flux - log_flux))
        return np.array(rows)

    contrast = float(small.forward.store["binary.contrast"])
    stars = {"A": (images(1e12), contrast / (1 + contrast)), "B": (images(1e-12), 1 / (1 + contrast))}
    for star, found in (("A", one), ("B", other)):
        blue, red = stars[star][0] * stars[star][1]
        expected = 1e-12 * (red - blue) / (nodes[1] - nodes[0])
        assert relative_l2(found.slope, expected) < 1e-4, star


def test_a_warmer_star_is_bluer(small: Case):
    """The shift of the effective wavelength of a black body, by integrals of Planck's law."""
    temperature, step = 5790.0, 10.0
    centre, width = 550e-9, 41e-9
    wavelengths = centre + width * np.linspace(-0.5, 0.5, 20_001)

    def mean(kelvin: float) -> float:
        photons = wavelengths**-4 / np.expm1(0.014387768775039337 / (wavelengths * kelvin))
        relative = photons / (wavelengths**-4 / np.expm1(0.014387768775039337 / (wavelengths * temperature)))
        return float(np.sum(relative * wavelengths) / np.sum(relative))

    shift = mean(temperature + step) - mean(temperature)
    body = {"stars": ["A"], "temperature": {"value": temperature, "unit": "K"}}
    warmer, shifted = change(small, "spectrum", "K", **body), change(small, "spectrum", "m", stars=["A"])
    assert relative_l2(step * warmer.slope, shift * shifted.slope) < 2e-3  # of two wavelengths only the mean counts


def test_velocity_aberration_is_that_of_special_relativity(small: Case):
    """Of two stars about the direction of the velocity, by ERFA, which takes velocities in units of that of light."""
    speed, separation = 7500.0, np.deg2rad(9.765 / 3600)
    beta = speed / 299792458.0
    stars = [np.array([np.sin(sign * separation / 2), 0.0, np.cos(separation / 2)]) for sign in (-1, 1)]
    seen = [erfa.ab(star, np.array([0.0, 0.0, beta]), 1e12, sqrt(1 - beta**2)) for star in stars]
    change = (np.linalg.norm(seen[1] - seen[0]) - np.linalg.norm(stars[1] - stars[0])) * 180 / pi * 3.6e9
    found = results(small, "velocity_aberration", speed / 1e3, "km.s**-1")
    closed = perturbation("velocity_aberration").independent_values(small.evaluation)[0].value
    for result in found.values():
        assert result.bias == pytest.approx(change, rel=1e-4)
        assert result.bias == pytest.approx(closed * speed, rel=1e-6)
    assert closed == pytest.approx(-0.0326, abs=5e-5)


# --- Detector --------------------------------------------------------------------------------------------------------


def test_response_that_depends_on_the_signal(small: Case):
    """By a loop over pixels."""
    image = small.evaluation.image
    bent = change(small, "nonlinearity", "")
    wide = change(small, "charge_widening", "")
    level = image / FRAMES / 7000.0
    np.testing.assert_allclose(bent.truth(-1e-3), image * (1 - 1e-3 * level), rtol=1e-12)
    expected = image.copy()
    for row in range(1, 95):
        for column in range(1, 95):
            leaving = 1e-3 * level[row, column] * image[row, column]
            expected[row, column] -= leaving
            for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                expected[row + dy, column + dx] += leaving / 4
    inner = np.s_[2:-2, 2:-2]
    np.testing.assert_allclose(np.asarray(wide.truth(1e-3))[inner], expected[inner], rtol=1e-12)


def test_the_noise_of_the_detector_adds_to_that_of_the_photons(small: Case):
    """Against sigmas from the normal equations, with 36,000 readings of 0.5 electrons and 2 electrons a second."""
    variance = {"read": FRAMES * 0.5**2, "dark": 2.0 * 1800.0, "sky": 0.0}
    fitted = small.evaluation.directions["inference"]
    photons = small.evaluation.image.ravel()

    def sigma(estimator: Estimator, added: float) -> float:
        rows = fitted.jacobian[fitted.rows(estimator.free)].reshape(-1, photons.size)
        rows = rows / np.sqrt(np.sum(rows**2 / photons, axis=1))[:, None]
        scale = 1e6 / np.sqrt(np.sum(fitted.jacobian[0].ravel() ** 2 / photons))
        return scale * float(np.sqrt(np.linalg.inv((rows / (photons + added)) @ rows.T)[0, 0]))

    for sources in (["read"], ["dark"], ["read", "dark", "sky"]):
        found = perturbation("detector_noise", sources=sources).results(small.evaluation, None)
        added = sum(variance[source] for source in sources)
        for estimator in small.budget.estimators[1:]:
            expected = sqrt(sigma(estimator, added) ** 2 - sigma(estimator, 0.0) ** 2)
            assert found[estimator.id].sigma == pytest.approx(expected, rel=1e-3)


@pytest.fixture(scope="module")
def electronic(small_text: str) -> Case:
    """The same budget with electronics and a sky switched on in the document."""
    head = "  overrides: # Noll 4 to 11\n"
    on = "    - effects=[background, electronics]\n    - field.background=30000 ph\n    - detector.read_noise=3 ph\n"
    return case(small_text.replace(head, head + on))


def test_electronics_of_the_document_enter_the_noise(small: Case, electronic: Case):
    read, added = FRAMES * 9.0, 30_000.0 + 3600.0
    expected = 1 / (small.evaluation.image.ravel() + added + read)
    np.testing.assert_allclose(electronic.evaluation.weights, expected, rtol=1e-5)
    noise = perturbation("detector_noise", sources=["read", "dark", "sky"])
    parts = [
        noise.results(electronic.evaluation, None),
        *(perturbation(kind).results(electronic.evaluation, None) for kind in ("marginalisation",)),
    ]
    for estimator in small.budget.estimators[1:]:
        photon = electronic.evaluation.conditional_sigma(estimator)
        total = hypot(photon, *(part[estimator.id].sigma for part in parts))
        assert total == pytest.approx(electronic.evaluation.sigma(estimator), rel=1e-6)
        assert photon == pytest.approx(small.evaluation.conditional_sigma(estimator), rel=1e-5)
        assert electronic.evaluation.sigma(estimator) > 1.005 * small.evaluation.sigma(estimator)


def test_the_state_of_the_reference_point_is_that_of_its_image(small: Case):
    state = small.reference.state(small.evaluation)
    frame = small.evaluation.image / FRAMES
    assert state["brightest_pixel"]["value"] == pytest.approx(frame.max())
    assert state["saturated_pixels"] == np.sum(frame > 7000.0) > 0
    assert state["severity"] == "warning"
    assert "full well of 7,000" in state["findings"][0]["text"]
    assert state["defocus"]["value"] == pytest.approx(0.0, abs=1e-6)
    assert set(state["condition"]) == {"full", "calibrated_m2", "fixed_scale"}
    left_out = perturbation("saturation").results(small.evaluation, None)
    assert all(0 < result.sigma < 0.2 for result in left_out.values())


def test_a_short_frame_is_not_saturated(small_text: str):
    head = "  overrides: # Noll 4 to 11\n"
    calm = case(small_text.replace(head, head + "    - imaging.frame_time_s=0.04 s\n"))
    state = calm.reference.state(calm.evaluation)
    assert (state["saturated_pixels"], state["findings"], state["severity"]) == (0, [], "information")
    assert all(each.sigma == 0.0 for each in perturbation("saturation").results(calm.evaluation, None).values())


def test_the_numerics_are_those_of_the_record(small: Case):
    """The record itself is compared in `tests/model/test_convergence_evidence.py`."""
    found = perturbation("numerics").results(small.evaluation, None)
    assert found["full"] == TermResult(contribution=numerics_record()["bound_uas"]["23"])
    assert found["fixed_scale"].contribution == numerics_record()["bound_uas"]["14"]


# --- Ensembles -------------------------------------------------------------------------------------------------------


def drawn(rng: np.random.Generator, npix: int, exponent: float, removed: int, circle: bool) -> tuple[np.ndarray, float]:
    """Return a map of a power law, and its mean square, by Fourier transforms and least squares of monomials."""
    box = 2 * npix
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(box), np.fft.fftfreq(box)))
    f[0, 0] = np.inf if exponent else 1.0
    white = np.fft.fft2(rng.normal(size=(box, box)))
    opd = np.fft.ifft2(white * f ** (-exponent / 2)).real[:npix, :npix]
    place = (np.arange(npix) - (npix - 1) / 2) / (npix / 2)
    x, y = np.meshgrid(place, place)
    inside = (x**2 + y**2 <= 1) if circle else np.ones_like(x, bool)
    monomials = np.stack([np.ones_like(x), x, y])[:removed]
    if removed:
        fit, *_ = np.linalg.lstsq(monomials[:, inside].T, opd[inside], rcond=None)
        opd = opd - np.tensordot(fit, monomials, axes=1)
    return opd, float(np.mean(opd[inside] ** 2))


@pytest.mark.parametrize(
    ("exponent", "removed", "circle"), [(0.0, 0, False), (2.5, 3, True), (1.0, 1, False), (3.5, 0, True)]
)
def test_the_closed_form_of_an_ensemble_is_that_of_drawn_maps(exponent: float, removed: int, circle: bool):
    """Of 400 maps, within three standard errors of a standard deviation; a tenth more lies outside."""
    npix, n, rng = 24, 400, np.random.default_rng(3)
    weights = rng.normal(size=(npix, npix)) + np.linspace(-1, 1, npix)
    maps = [drawn(rng, npix, exponent, removed, circle) for _ in range(n)]
    biases = np.array([np.sum(weights * opd) for opd, _ in maps])
    mean_square = float(np.mean([square for _, square in maps]))
    ensemble = MapEnsemble(npix, exponent, (1, 2, 3)[:removed], circle)
    found = ensemble.standard_deviation(weights)
    measured = sqrt(np.mean(biases**2) / mean_square)
    allowed = 3 / sqrt(2 * n) * (1 if exponent < 2 else 1.5)  # the mean square of steep maps is itself uncertain
    assert measured == pytest.approx(found, rel=allowed)
    assert measured != pytest.approx(1.3 * found, rel=allowed)
    own = np.array([np.sum(weights * ensemble.draw(rng)) for _ in range(n)])
    assert np.std(own) == pytest.approx(found, rel=3 / sqrt(2 * n))


def test_white_response_and_places_have_their_closed_forms(small: Case):
    """For response the rms times the root of the sum of (h mu)^2; for places that of the gradients."""
    evaluation = small.evaluation
    found = results(small, "map_ensemble", 1e-3, "", keys=[RESPONSE])
    places = results(small, "map_ensemble", 1e-3, "pixel", keys=list(OFFSETS))
    scale = float(small.inference.store[SCALE])
    by_x = scale * central_difference(lambda s: moved_pair(small, s, 0.0), 1e-4)
    by_y = scale * central_difference(lambda s: moved_pair(small, 0.0, s), 1e-4)
    for estimator in evaluation.estimators:
        weights = evaluation.weights_of(estimator)
        expected = 1e-3 * np.linalg.norm(weights * evaluation.image)
        assert found[estimator.id].contribution == pytest.approx(expected, rel=1e-5)
        expected = 1e-3 * hypot(np.linalg.norm(weights * by_x), np.linalg.norm(weights * by_y))
        assert places[estimator.id].contribution == pytest.approx(expected, rel=5e-3)
        assert found[estimator.id].bias is None


def test_the_ensemble_of_a_surface_is_that_of_images_with_drawn_maps(small: Case):
    """The image with a map is computed, and fitted to first order; 40 maps."""
    key, evaluation, n = "primary.uncalibrated_map_nm", small.evaluation, 40
    kind = perturbation("map_ensemble", keys=[key], exponent=2.5, removed=[1, 2, 3], circle=True)
    found = kind.results(evaluation, Quantity(0.1, "nm"))
    model, rng = evaluation.model_of([key]), np.random.default_rng(5)
    ensemble = kind.ensemble(evaluation, key)
    biases = []
    for _ in range(n):
        opd = 0.1 * ensemble.draw(rng)
        up, down = (np.asarray(model.predict(model.store.replace({key: sign * opd}))) for sign in (1, -1))
        biases.append([np.sum(evaluation.weights_of(each) * (up - down) / 2) for each in evaluation.estimators])
    for i, estimator in enumerate(evaluation.estimators):
        measured = sqrt(np.mean(np.array(biases)[:, i] ** 2))
        assert measured == pytest.approx(found[estimator.id].contribution, rel=3 / sqrt(2 * n))


# --- Beyond the linear range, and below the resolution ---------------------------------------------------------------


def refitted(small: Case, estimator: Estimator, data: np.ndarray) -> float:
    """Return the bias of the separation in a fit to an image, by Gauss and Newton in NumPy, microarcseconds."""
    model, free = small.inference, small.inference.store.spec.subset(estimator.free)
    theta = np.array(ds.pack_params(model.store, free))
    start = theta[0]
    for _ in range(8):
        image, jacobian = image_jacobian(model.predict, ds.unpack_params(jnp.asarray(theta), free, model.store), free)
        noise = np.sqrt(np.asarray(image).ravel())
        rows = np.asarray(jacobian).reshape(len(theta), -1) / noise
        sizes = np.linalg.norm(rows, axis=1)
        change = (data - np.asarray(image)).ravel() / noise
        theta += np.linalg.lstsq((rows / sizes[:, None]).T, change, rcond=None)[0] / sizes
    return 1e6 * float(theta[0] - start)


def test_beyond_the_linear_range_the_row_is_a_refit(small: Case):
    """Response that changes by a fifth at full well; the two estimators that a small window constrains well."""
    step = change(small, "nonlinearity", "")
    whitened, sizes = np.ravel(step.slope) * np.sqrt(small.evaluation.weights), (0.05, 0.3)
    for estimator in small.budget.estimators[1:]:
        bias = small.evaluation._biases[estimator.id]
        inside, beyond = (bias.result(step, whitened, size, np.asarray(step.truth(size)), 1e6) for size in sizes)
        assert sizes[0] < inside.linear_range < sizes[1]
        assert (inside.refit, inside.misfit) == (None, None)
        assert inside.bias == pytest.approx(inside.sensitivity * sizes[0], rel=1e-12)
        assert beyond.bias == beyond.refit != pytest.approx(beyond.sensitivity * sizes[1], rel=1e-3)
        assert beyond.contribution == abs(beyond.bias)
        assert beyond.misfit > 100
        truth = np.asarray(step.truth(sizes[1]))
        assert beyond.bias == pytest.approx(refitted(small, estimator, truth), rel=1e-3)
        assert small.evaluation.refit(estimator, truth) == pytest.approx(beyond.bias)


def test_rows_are_those_of_refits_at_their_magnitude_and_a_tenth(small: Case):
    """A sample of the rows; `tests/validation/budget.py` has all of them at full size."""
    ids = ("EB-2.5", "EB-3.1", "EB-3.4", "EB-4.3", "EB-5.1")
    records = budget.refits(small.budget, small.evaluation, ids, ("fixed_scale",))
    assert [record["part"] for record in records] == [1.0, 0.1] * len(ids)
    assert budget.judge_refits(records) == []
    wrong = [{**record, "bias_uas": 1.1 * record["bias_uas"]} for record in records]
    assert len(budget.judge_refits(wrong)) == len(records)


def test_a_magnitude_that_no_fit_reaches_is_told(small: Case):
    with pytest.raises(ParameterError, match="a perturbed image to which a fit converges"):
        results(
            small,
            "step",
            0.3 * float(np.mean(small.evaluation.image)),
            "ph",
            model="forward",
            direction={BACKGROUND: 1},
        )


def test_a_bias_below_the_resolution_has_a_bound(small: Case):
    found = results(small, "step", 1.0, "nm", model="forward", direction={"system.m1_m2_separation_m": 1})
    full, fixed = found["full"], found["fixed_scale"]
    assert full.bias == 0.0 < full.resolution
    assert fixed.resolution < 1e-3 * abs(fixed.bias)


# --- Faults ----------------------------------------------------------------------------------------------------------

ROW = """
  - id: X
    name: X
    parent: EB-0
    acts: X.
    perturbation: PERTURBATION
    magnitude: MAGNITUDE
    evidence: {tag: illustrative, source: none}
    class: drift
    rule: rss
    status: draft
    since: 0.2.0
"""
FAULTS: dict[str, tuple[str, str, str]] = {
    "no map": ("{kind: map_ensemble, keys: [band.wavelength_m]}", '{value: 1, unit: ""}', r"keys\[0\]: not a map"),
    "unit of a map": (
        "{kind: map_ensemble, keys: [detector.pixel_response]}", "{value: 1, unit: nm}", "magnitude.unit",
    ),
    "logarithm": (
        "{kind: added_light, key: binary.spectrum_a}", '{value: 1, unit: ""}', "key: not one number",
    ),
    "place of a ghost": (
        "{kind: added_light, key: field.ghost_flux_ratio, at: {field.ghost_x_positio_as: 1}}",
        '{value: 1, unit: ""}', "at.*not a primitive.*did you mean",
    ),
    "unit of a shift": ("{kind: spectrum, stars: [A]}", "{value: 1, unit: K}", "magnitude.unit"),
    "star": ("{kind: spectrum, stars: [C]}", "{value: 1, unit: pm}", r"stars\[0\]"),
    "distribution": (
        "{kind: variation, direction: {band.wavelength_m: 1}, distribution: cauchy}", "{value: 1, unit: pm}",
        "distribution",
    ),
    "width": ("{kind: kernel, width: band.wavelength_m, in_pixels: true}", "{value: 1, unit: nm}", "magnitude.unit"),
    "velocity": ("{kind: velocity_aberration}", "{value: 1, unit: m}", "magnitude.unit"),
    "noise with a magnitude": ("{kind: detector_noise, sources: [read]}", "{value: 1, unit: ph}", "magnitude"),
    "cause": (
        "{kind: common_cause, model: forward, coefficients: {band.wavelength_m: {value: 1, unit: pm.K**-1}}}",
        "{value: 1, unit: nm}", "magnitude.unit",
    ),
    "slash": (
        "{kind: common_cause, model: forward, coefficients: {band.wavelength_m: {value: 1, unit: pm/K}}}",
        "{value: 1, unit: K}", "without a slash",
    ),
    "coefficient": (
        "{kind: common_cause, model: forward, coefficients: {band.wavelength_m: {value: 1, unit: furlong.K**-1}}}",
        "{value: 1, unit: K}", "unit: no such unit",
    ),
    "radius": ("{kind: image_distortion, radius_pix: 0}", "{value: 1, unit: pixel}", "radius_pix"),
}  # fmt: skip


@pytest.fixture(scope="module")
def checked(small: Case) -> Callable[[str], None]:
    """A check of a document against the specs, without a model."""

    def check(text: str) -> None:
        budget = parse_budget(parse_yaml(text, "budget.yaml"))
        check_against_specs(budget, small.reference.forward_spec, small.reference.inference)

    return check


def test_a_fault_of_a_perturbation_is_at_its_place(checked: Callable[[str], None], small_text: str):
    checked(small_text)
    with every_row() as each:
        for name, (content, magnitude, message) in FAULTS.items():
            with each(name):
                row = ROW.replace("PERTURBATION", content).replace("MAGNITUDE", magnitude)
                with pytest.raises(DocumentError, match=message) as raised:
                    checked(small_text + row)
                assert raised.value.line > small_text.count("\n")


def test_a_spec_of_a_budget_has_the_effects_and_what_they_replace(small: Case):
    spec = small.reference.forward_spec
    assert {BACKGROUND, RESPONSE, "primary.calibrated_map_nm", "band.effective_wavelength_m"} <= set(spec)
    assert isinstance(small.reference, ReferenceModels)
