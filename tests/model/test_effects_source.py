"""Spectra, filter, ghosts, stars of the field, distortion and alignment, through the model, against direct sums."""

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.physical_models import BlackBody
from scipy.integrate import quad

import dluxshera as ds
from dluxshera.systems import effects_of
from dluxshera.systems.catalogue import SHERA_TWOPLANE_FLIGHT_CONFIG
from support import reference_optics as ref
from support.effect_scenes import (
    FLAT,
    NOTHING,
    NPIX,
    ROWS,
    STARS,
    TABLE,
    TABLES,
    WAVELENGTH,
    WAVES,
    WIDTH,
    binary,
    direct_sum,
    everything,
    weights_of,
)
from support.helpers import relative_l2, rounding
from support.scenes import M2_ZERNIKES

EXACT = rounding(float, 64**2, condition=100)  # phases are of the order of 100 radians


def test_effects_that_do_nothing_leave_the_stars_of_the_direct_sum():
    assert relative_l2(everything().image(), direct_sum(binary())) < EXACT


def test_effects_that_do_nothing_leave_a_two_plane_image():
    plain = SHERA_TWOPLANE_FLIGHT_CONFIG.replace(image_npix=NPIX, n_wavelengths=WAVES, m1_map_npix=32)
    effects = tuple(name for name in effects_of(0) if name != "black_bodies")
    images = []
    for config in (plain, plain.replace(effects=effects, n_field_stars=2)):
        spec = ds.build_inference_spec_basic(config)
        binder = ds.SheraTwoPlaneBinder(config, spec)
        updates = {key: value for key, value in {**STARS, **NOTHING}.items() if key in spec}
        images.append(binder.predict(binder.store.replace(updates)))
    assert len(spec.primitives) > 25
    assert relative_l2(images[1], images[0]) < 5e-6  # the error of an image, on grids that are not the same


def test_black_bodies_are_sums_of_monochromatic_images_with_planck_weights():
    hot, cold = 9000.0, 3200.0
    weights = []
    edges = (WAVELENGTH - WIDTH / 2, WAVELENGTH + WIDTH / 2)
    for temperature in (hot, cold):
        body = BlackBody(temperature * u.K, scale=1.0 * u.W / (u.m**2 * u.m * u.sr))

        def photons(x: float, body=body) -> float:
            return body(x * u.m).value * x  # they carry h c / lambda

        moments = [quad(lambda x, m=m: photons(x) * (x - WAVELENGTH) ** m, *edges, epsrel=1e-12)[0] for m in range(2)]
        share = 0.5 * moments[1] / moments[0] / (WIDTH / 2 / np.sqrt(3.0))  # of two nodes, at these distances
        weights.append(np.array([0.5 - share, 0.5 + share]))
    bodies = {"binary.temperature_a_k": hot, "binary.temperature_b_k": cold}
    image = everything().image(bodies)
    assert relative_l2(image, direct_sum(binary(weights))) < EXACT
    assert relative_l2(image, direct_sum(binary(weights[::-1]))) > 1e-4
    assert relative_l2(image, direct_sum(binary([FLAT, FLAT]))) > 1e-4
    assert relative_l2(image, everything().image()) > 1e-4


def test_filter_and_spectra_multiply_the_black_bodies():
    samples = np.random.default_rng(4).uniform(0.1, 1.0, (3, ROWS))
    samples[0, [0, -1]] = 0.0  # a filter may let nothing pass at the end of its table
    weights = [
        weights_of(samples[0], samples[1], temperature=5790.0),
        weights_of(samples[0], samples[2], temperature=5260.0),
    ]
    updates = dict(zip(("band.transmission", "binary.spectrum_a", "binary.spectrum_b"), samples, strict=True))
    image = everything().image(updates)
    assert relative_l2(image, direct_sum(binary(weights))) < EXACT
    dimmer = everything().image({**updates, "band.transmission": 0.5 * samples[0], "binary.spectrum_b": 7 * samples[2]})
    assert relative_l2(dimmer, image) < EXACT  # the flux is that of detected photons: only shapes act


def test_effective_wavelengths_are_means_of_photons():
    config = everything().binder.config
    spec = ds.build_forward_model_spec_from_config(config)
    rng = np.random.default_rng(6)
    transmission, spectrum = rng.uniform(0.1, 1.0, (2, ROWS))
    store = ds.ParameterStore.from_spec_defaults(spec).replace(
        {**TABLES, "band.transmission": transmission, "binary.spectrum_a": spectrum, "binary.temperature_a_k": 6500.0}
    )
    binder = ds.SheraThreePlaneBinder(config, spec, store)

    def photons(t: float) -> float:
        wavelength = WAVELENGTH + t * WIDTH
        curves = np.interp(wavelength, TABLE, transmission) * np.interp(wavelength, TABLE, spectrum)
        return curves * ref.black_body_photons(wavelength, 6500.0) / ref.black_body_photons(WAVELENGTH, 6500.0)

    rows = (TABLE[1:-1] - WAVELENGTH) / WIDTH
    total = quad(photons, -0.5, 0.5, points=rows, epsabs=0, epsrel=1e-12)[0]
    first = quad(lambda t: t * photons(t), -0.5, 0.5, points=rows, epsabs=1e-14)[0]
    mean = binder.derived(store)["band.effective_wavelength_a_m"]
    assert mean == pytest.approx(WAVELENGTH + WIDTH * first / total, abs=1e-15)  # a femtometre
    # A filter that is half as clear halves the photons of the forward spec, and moves nothing.
    half = binder.derived(store.replace({"band.transmission": 0.5 * transmission}))
    assert half["band.effective_wavelength_a_m"] == pytest.approx(mean, rel=rounding(float, 4))
    ratio = half["binary.log_flux_total"] - binder.derived(store)["binary.log_flux_total"]
    assert ratio == pytest.approx(np.log10(0.5), abs=1e-12)


def test_image_with_ghosts_is_that_of_more_stars():
    ratio, offset, magnification = 2e-2, np.array([0.4, -0.3]), -0.8
    ghost = {
        "field.ghost_flux_ratio": ratio,
        "field.ghost_x_position_as": offset[0],
        "field.ghost_y_position_as": offset[1],
        "field.ghost_magnification": magnification,
    }
    ghosts = [(offset + magnification * place, ratio * photons) for place, photons in binary()]
    image = everything().image(ghost)
    assert relative_l2(image, direct_sum([*binary(), *ghosts])) < EXACT
    assert relative_l2(image, direct_sum(binary())) > 1e-3


def test_stars_of_the_field_have_their_own_light_through_the_filter():
    x, y, log_flux = np.array([-0.9, 0.6]), np.array([0.5, 1.9]), np.array([5.0, 4.5])  # the second beyond the border
    transmission = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
    through = weights_of(transmission)
    stars = [(np.array(place), 10.0**flux * through) for *place, flux in zip(x, y, log_flux, strict=True)]
    weights = [weights_of(transmission, temperature=temperature) for temperature in (5790.0, 5260.0)]
    updates = {
        "field.star_x_position_as": x,
        "field.star_y_position_as": y,
        "field.star_log_flux": log_flux,
        "band.transmission": transmission,
    }
    assert relative_l2(everything().image(updates), direct_sum([*binary(weights), *stars])) < EXACT


def test_distortion_moves_stars_and_ghosts_outwards():
    cubic, ratio = 0.05, 0.1
    here = {"field.star_x_position_as": np.zeros(2), "field.star_y_position_as": np.zeros(2)}  # in reach when moved
    ghost = {
        "field.ghost_flux_ratio": ratio,
        "field.ghost_x_position_as": 0.0,
        "field.ghost_y_position_as": 0.0,
        "field.ghost_magnification": -1.0,
    }
    sources = [*binary(), *((-place, ratio * photons) for place, photons in binary())]
    moved = [(place * (1 + cubic * place @ place), photons) for place, photons in sources]
    image = everything().image({**here, **ghost, "system.cubic_distortion_per_as2": cubic})
    assert relative_l2(image, direct_sum(moved)) < EXACT
    assert relative_l2(image, direct_sum(sources)) > 1e-2


# Tilted before M2 or behind it, the light crosses M2 at places micrometres apart; if M2 is flat, only its edge tells.
WALK = 1e-5
FLAT_M2 = {M2_ZERNIKES: np.zeros(8)}


@pytest.mark.parametrize(
    ("decentre", "tilt"), [((3e-6, -2e-6), (0.0, 0.0)), ((0.0, 0.0), (1e-6, 2e-6)), ((2e-6, 1e-6), (-1e-6, 3e-7))]
)
def test_decentre_and_tilt_of_m2_shift_the_stars(decentre, tilt):
    geometry = ref.FLIGHT.geometry()
    b = ref.relay_to_detector(geometry)[0, 1]
    kick = np.array(decentre) / geometry["system.m2_focal_length_m"] + 2.0 * np.array(tilt)
    shift = kick * geometry["system.m2_detector_separation_m"] / b / ref.ARCSECOND
    names = ("system.m2_x_decentre_m", "system.m2_y_decentre_m", "system.m2_x_tilt_rad", "system.m2_y_tilt_rad")
    image = everything().image({**FLAT_M2, **dict(zip(names, (*decentre, *tilt), strict=True))})
    moved = [(place + shift, photons) for place, photons in binary()]
    assert np.abs(shift).max() > 0.02
    assert relative_l2(image, direct_sum(moved, FLAT_M2)) < WALK
    assert relative_l2(image, direct_sum(binary(), FLAT_M2)) > 1e-2
