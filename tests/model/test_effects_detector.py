"""Background, motion, pixels and dark current, through the model, against closed forms and direct sums."""

import numpy as np
import pytest

from support.effect_scenes import MARGIN, NPIX, PLATE_SCALE, binary, direct_sum, everything, everything_in_four_planes
from support.helpers import relative_l2, rounding

EXACT = rounding(float, 64**2, condition=100)
BAND_LIMIT = 0.22 / (550e-9 - 20.5e-9) * PLATE_SCALE * np.pi / 648000  # cycles per pixel


def moved_by(offsets, weights) -> np.ndarray:
    """Return the weighted mean of images whose stars are displaced, offsets (x, y) in arcsec."""
    places = [
        (place + offset, weight * photons)
        for offset, weight in zip(offsets, weights, strict=True)
        for place, photons in binary()
    ]
    return direct_sum(places)


def border() -> float:
    """Return the largest value along the border of the image that is rendered, which `blur` lets ring by a part."""
    wide = direct_sum(binary(), margin=MARGIN)
    return max(wide[0].max(), wide[-1].max(), wide[:, 0].max(), wide[:, -1].max())


def test_background_response_and_dark_current_add_and_multiply_exactly():
    plain, response = everything().image(), np.random.default_rng(2).uniform(0.9, 1.1, (NPIX, NPIX))
    background, dark = {"field.background": 40.0}, {"detector.dark_signal": 7.0}
    uneven = {"detector.pixel_response": response}
    size = float(plain.max())
    for updates, truth in (
        (background, plain + 40.0),
        (dark, plain + 7.0),
        (uneven, response * plain),
        ({**background, **dark, **uneven}, response * (plain + 40.0) + 7.0),
    ):
        np.testing.assert_allclose(everything().image(updates), truth, rtol=0, atol=rounding(float, 4) * size)


def test_jitter_is_the_mean_over_a_gaussian_of_positions():
    sigma = 0.06  # arcsec, half a pixel
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    offsets = [(sigma * x, sigma * y) for x in nodes for y in nodes]
    truth = moved_by(offsets, np.outer(weights, weights).ravel() / (2 * np.pi))
    image = everything().image({"imaging.jitter_as": sigma})
    assert np.abs(image - truth).max() < 0.12 / MARGIN**2 * border()
    assert relative_l2(everything().image(), truth) > 0.05


@pytest.mark.parametrize("smear", [(0.2, 0.0), (0.0, 0.2), (0.15, -0.1)])
def test_smear_is_the_mean_over_a_line_of_positions(smear):
    nodes, weights = np.polynomial.legendre.leggauss(6)
    truth = moved_by(np.outer(nodes / 2, smear), weights / 2)
    image = everything().image({"imaging.smear_x_as": smear[0], "imaging.smear_y_as": smear[1]})
    oblique = min(1.0, abs(smear[0] * smear[1]) / PLATE_SCALE**2)
    assert np.abs(image - truth).max() < (0.12 / MARGIN**2 + 0.12 * oblique / MARGIN) * border()
    assert relative_l2(everything().image(), truth) > 0.02


def interpolation_error(displacement: float) -> float:
    """Return the error of Lagrange's polynomial through six points for a wave at the band limit."""
    steps = np.arange(-2, 4)
    whole = np.floor(displacement)
    part = displacement - whole
    weights = [np.prod([(part - other) / (node - other) for other in steps if other != node]) for node in steps]
    waves = np.exp(2j * np.pi * BAND_LIMIT * (steps + whole))
    return abs(np.dot(weights, waves) - np.exp(2j * np.pi * BAND_LIMIT * displacement))


def test_displaced_pixels_have_what_falls_where_they_are():
    """Four groups of pixels, scattered over the image, each against a model whose stars are displaced the other way."""
    displacements = np.array([(0.03, -0.02), (-0.04, 0.05), (0.2, 0.1), (-0.3, 0.0)])
    group = np.random.default_rng(9).integers(0, 4, (NPIX, NPIX))
    offsets = displacements[group]
    image = everything().image(
        {"detector.pixel_x_offset_pix": offsets[..., 0], "detector.pixel_y_offset_pix": offsets[..., 1]}
    )
    whole = np.linalg.norm(direct_sum(binary(), margin=MARGIN))
    for number, displacement in enumerate(displacements):
        truth, there = moved_by([-displacement * PLATE_SCALE], [1.0]), group == number
        bound = sum(interpolation_error(along) for along in displacement) * whole
        error = np.linalg.norm((image - truth)[there])
        assert error < bound
        assert error < 0.1 * np.linalg.norm((everything().image() - truth)[there])


def test_dark_current_and_read_noise_count_seconds_and_frames():
    model = everything_in_four_planes()
    detector = {"detector.dark_current": 3.0, "detector.read_noise": 2.0, "imaging.exposure_time_s": 90.0}
    store = model.store.replace({**detector, "imaging.frame_time_s": 0.1})
    derived = model.binder.derived(store)
    assert derived["detector.dark_signal"] == pytest.approx(270.0)
    assert derived["detector.total_read_noise"] == pytest.approx(60.0)
    dark = np.asarray(model.binder.predict(store)) - np.asarray(
        model.binder.predict(store.replace({"detector.dark_current": 0.0}))
    )
    np.testing.assert_allclose(dark, 270.0, rtol=0, atol=1e-15 * float(np.max(model.binder.predict(store))))


def test_exposure_has_the_variance_it_says_and_flags_what_is_full():
    model = everything_in_four_planes()
    store = model.store.replace({"detector.read_noise": 400.0, "imaging.exposure_time_s": 90.0})
    expected = np.asarray(model.binder.predict(store))
    frames = 90.0 / store["imaging.frame_time_s"]
    full_well = float(np.median(expected)) / frames
    store = store.replace({"imaging.full_well": full_well})
    exposures = [model.binder.expose(store, seed) for seed in range(3)]
    np.testing.assert_allclose(exposures[0].variance, expected + frames * 400.0**2, rtol=1e-12)
    np.testing.assert_array_equal(exposures[0].saturated, expected / frames > full_well)
    assert exposures[0].saturated_fraction == 0.5
    chi2 = [np.mean((one.electrons - expected) ** 2 / one.variance) for one in exposures]
    assert np.abs(np.array(chi2) - 1.0).max() < 4 * np.sqrt(2 / NPIX**2)
    np.testing.assert_array_equal(exposures[0].electrons, model.binder.expose(store, 0).electrons)
    assert (
        np.corrcoef((exposures[0].electrons - expected).ravel(), (exposures[1].electrons - expected).ravel())[0, 1]
        < 0.2
    )
