"""Where the light goes: plane by plane, and what the window holds."""

import numpy as np
import pytest

from support import reference_optics as ref
from support.helpers import relative_l2, rounding
from support.native_optics import NATIVE_NPIX, native_mask, native_structure
from support.scenes import ABERRATED, CONFIGS, LOG_FLUX, SEPARATION, SINGLE_STAR, scene

PLANES = ["pupil", "beyond_grid", "surface_1_in", "surface_1_out", "exit", "image"]
TIGHT = rounding(float, 128**2)
STARS = {**ABERRATED, SEPARATION: 4.0, LOG_FLUX: 3.0}


def windowed(image_npix: int):
    """A model of the same sampling but for the window."""
    sizes = {"image_npix": image_npix, "n_wavelengths": 2}
    model = scene(CONFIGS["flight"], "inference", STARS, **sizes)
    return model, {key: float(value) for key, value in model.binder.energy(model.store).items()}


@pytest.fixture(scope="module")
def wide():
    return windowed(128)


def test_the_planes_and_the_light_beyond_hold_the_flux(wide):
    model, energy = wide
    assert list(energy) == PLANES
    total = 10.0 ** float(model.store[LOG_FLUX])
    assert energy["pupil"] == pytest.approx(total, rel=TIGHT)
    assert energy["pupil"] - energy["beyond_grid"] == pytest.approx(energy["surface_1_in"], rel=TIGHT)
    passed = np.array([energy[plane] for plane in PLANES[2:]])
    assert np.all(np.diff(passed) <= TIGHT * total)
    assert energy["exit"] == pytest.approx(energy["surface_1_in"], rel=TIGHT)  # no edge stops what the grid carries
    assert energy["image"] == pytest.approx(model.image().sum(), rel=TIGHT)


@pytest.fixture(scope="module")
def native() -> ref.Structure:
    """The flight pupil on native cells."""
    design = ref.FLIGHT
    return native_structure(
        design.m2_diameter / design.m1_diameter,
        design.n_struts,
        design.strut_width,
        design.strut_rotation_deg,
        native_mask(),
    )


def test_the_grid_carries_the_light_within_its_band(native):
    """Within 20 cycles per diameter of the axis, as the sum over native cells has it, and not much beyond."""
    model = scene(CONFIGS["flight"], "inference", {**SINGLE_STAR, LOG_FLUX: 0.0}, image_npix=16, n_wavelengths=1)
    grid = model.binder.optics.sampling.exit
    energy = model.binder.energy(model.store)
    step = np.exp(1j * np.pi * ref.MASK_WAVELENGTH_M / ref.FLIGHT.wavelength)
    field = native.coverage * (1.0 + native.mask * (step - 1.0))
    x = ref.cell_centres(NATIVE_NPIX, 1.0 / NATIVE_NPIX)

    def within(cycles: float) -> float:
        """The intensity has no frequency above a diameter, so that two samples of each cycle have its integral."""
        frequencies = ref.cell_centres(round(4 * cycles), 0.5)
        kernel = np.exp(-2j * np.pi * frequencies[:, None] * x) * np.sinc(frequencies / NATIVE_NPIX)[:, None]
        density = np.abs(kernel @ field @ kernel.T) ** 2
        return float(0.25 * density.sum() / NATIVE_NPIX**2 / native.coverage.sum())

    carried = 1.0 - float(energy["beyond_grid"])
    inside, nyquist = within(np.floor(grid.band)), within(0.5 * grid.per_diameter)
    assert 0.1 < inside < carried < 1.0
    assert carried < nyquist + 0.01


@pytest.mark.parametrize("image_npix", [32, 64])
def test_window_loss_is_the_light_around_the_window(wide, image_npix):
    model, energy = wide
    whole = model.image()
    window, held = windowed(image_npix)
    assert relative_l2(window.image(), ref.crop(whole, image_npix)) < 2e-6
    ring = whole.copy()
    edge = (128 - image_npix) // 2
    ring[edge:-edge, edge:-edge] = 0.0
    assert energy["image"] - held["image"] == pytest.approx(ring.sum(), rel=1e-6)
    assert ring.sum() > 0.05 * whole.sum()
    assert held["beyond_grid"] > energy["beyond_grid"] > 0.0


def test_alpha_centauri_in_the_flight_window():
    """Of the light, 64 pixels hold 26 %, 128 hold 74 % and 256 hold 90 %."""
    model = scene(CONFIGS["flight"], n_wavelengths=3)
    image = model.image() / 10.0 ** float(model.binder.derived(model.store)[LOG_FLUX])
    for image_npix, share in ((64, 0.26), (128, 0.74), (256, 0.90)):
        assert ref.crop(image, image_npix).sum() == pytest.approx(share, abs=0.006)
