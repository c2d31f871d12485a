"""Where the light goes: plane by plane, and what the window holds."""

import numpy as np
import pytest

from support import reference_optics as ref
from support.helpers import relative_l2, rounding
from support.scenes import ABERRATED, CONFIGS, LOG_FLUX, PLATE_SCALE, SEPARATION, scene

NPIX, PERIOD_NPIX = 64, 256
PLANES = ["pupil", "surface_1_in", "surface_1_out", "exit", "image"]


def whole_period(image_npix: int):
    """A model whose image of 256 pixels spans one period of the transform of its sampled pupil, at one wavelength.

    The density is a trigonometric polynomial of degree 63 in that period, so that 256 samples of it at any offset give
    its integral exactly: no light is lost outside, and no quadrature is in the way.
    """
    cell = ref.FLIGHT.m1_diameter / NPIX
    plate_scale = ref.FLIGHT.wavelength / cell / PERIOD_NPIX / ref.ARCSECOND
    updates = {**ABERRATED, PLATE_SCALE: plate_scale, LOG_FLUX: 3.0, SEPARATION: 4.0}
    sizes = {"pupil_npix": NPIX, "image_npix": image_npix, "n_wavelengths": 1, "gap_npix": 96}
    return scene(CONFIGS["flight"], "inference", updates, **sizes)


@pytest.fixture(scope="module")
def wide():
    model = whole_period(PERIOD_NPIX)
    return model, model.image(), {key: float(value) for key, value in model.binder.energy(model.store).items()}


def test_image_holds_what_reaches_the_detector(wide):
    """Parseval: the power of the field is the integral of its transform."""
    _, image, energy = wide
    tight = rounding(float, PERIOD_NPIX**2)
    assert image.sum() == pytest.approx(energy["exit"], rel=tight)
    assert energy["image"] == pytest.approx(image.sum(), rel=tight)


def test_pupil_holds_the_flux_and_planes_only_lose(wide):
    model, _, energy = wide
    assert set(energy) == set(PLANES)
    tight = rounding(float, PERIOD_NPIX**2)
    assert energy["pupil"] == pytest.approx(10.0 ** float(model.store[LOG_FLUX]), rel=tight)
    passed = np.array([energy[plane] for plane in PLANES])
    assert np.all(np.diff(passed) <= tight * passed[0])
    assert passed[3] > (1.0 - 1e-5) * passed[0]


@pytest.mark.parametrize("image_npix", [32, 64])
def test_window_loss_is_the_light_around_the_window(wide, image_npix):
    _, whole, energy = wide
    model = whole_period(image_npix)
    window = model.image()
    assert relative_l2(window, ref.crop(whole, image_npix)) < rounding(float, NPIX**2, condition=10)
    ring = whole.copy()
    edge = (PERIOD_NPIX - image_npix) // 2
    ring[edge:-edge, edge:-edge] = 0.0
    held = float(model.binder.energy(model.store)["image"])
    assert energy["exit"] - held == pytest.approx(ring.sum(), rel=rounding(float, PERIOD_NPIX**2, condition=10))
    assert ring.sum() > 0.05 * whole.sum()


def test_planes_equal_the_reference():
    """M2 shrunk into the beam, so that every plane loses something to speak of."""
    updates = {**ABERRATED, "system.m2_diameter_m": 0.0175, LOG_FLUX: 0.0, SEPARATION: 3.0}
    sizes = {"pupil_npix": 128, "image_npix": 64, "n_wavelengths": 1}
    model = scene(CONFIGS["flight"], "inference", updates, **sizes)
    energy = {key: float(value) for key, value in model.binder.energy(model.store).items()}
    params, structure = model.params(), ref.Structure.of(ref.FLIGHT, 128)
    contrast = float(params["binary.contrast"])
    share = (contrast / (1.0 + contrast), 1.0 / (1.0 + contrast))
    (wavelength,), _ = ref.wavelengths(params, 1)
    truth = dict.fromkeys(("surface_1_out", "exit"), 0.0)  # nothing stops the light on its way back
    for direction, fraction in zip(ref.star_directions(params), share, strict=True):
        pupil = ref.pupil_field(params, structure, wavelength, direction)
        returned = ref.through_m2(pupil, params, wavelength)  # propagation keeps the power that left M2
        for plane in truth:
            truth[plane] += fraction * np.sum(np.abs(returned) ** 2)
    assert energy["surface_1_out"] < 0.95
    # The edge crosses some 400 of 12,900 cells, whose coverage by points and by distance differs by about a twentieth.
    for plane, value in truth.items():
        assert energy[plane] == pytest.approx(value, abs=2e-4), plane
    window = ref.reference_image(params, structure, image_npix=64, n_wavelengths=1).sum()
    assert energy["image"] == pytest.approx(window, abs=2e-4)


def test_alpha_centauri_in_the_flight_window():
    """Of the light, 64 pixels hold 26 %, 128 hold 74 % and 256 hold 90 %."""
    model = scene(CONFIGS["flight"])
    image = model.image() / 10.0 ** float(model.binder.derived(model.store)[LOG_FLUX])
    for image_npix, share in ((64, 0.26), (128, 0.74), (256, 0.90)):
        assert ref.crop(image, image_npix).sum() == pytest.approx(share, abs=0.006)
