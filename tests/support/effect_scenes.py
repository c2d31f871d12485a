"""A model with every effect, and its image by a direct sum over single stars at single wavelengths."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np

import dluxshera as ds
from dluxshera.systems import SHERA_FOURPLANE_EXAMPLE_CONFIG, effects_of
from support.reference_optics import black_body_photons
from support.scenes import ABERRATED, CONTRAST, LOG_FLUX, M2_FOCAL_LENGTH, POSITION_ANGLE, SEPARATION, Scene, X, Y

NPIX, MARGIN, WAVES = 24, 11, 2  # a margin of 8 for motion and 3 for displaced pixels
ROWS = 5
SMALL = {
    "image_npix": NPIX,
    "n_wavelengths": WAVES,
    "source_offset_as": 7.0,  # farther than any source, so that models share their grids
    "aberration_margin": 6.0,
    "spectrum_a_rows": ROWS,
    "spectrum_b_rows": ROWS,
    "transmission_rows": ROWS,
    "m1_map_npix": 48,
    "surface_map_npix": 32,
}
WAVELENGTH, WIDTH = 550e-9, 41e-9  # of the flight design
PLATE_SCALE = 0.12320690002795907  # arcsec per pixel, of the flight design in focus
WAVELENGTHS = WAVELENGTH + WIDTH / 2 * np.polynomial.legendre.leggauss(WAVES)[0]
TABLE = WAVELENGTH + WIDTH * np.array([-0.7, -0.3, -0.05, 0.35, 0.6])  # rows of spectra and filter
TABLES = {f"{curve}_wavelengths_m": TABLE for curve in ("binary.spectrum_a", "binary.spectrum_b", "band.transmission")}
MAPS = ("m1_maps", "m2_maps")
FLAT = np.full(WAVES, 1 / WAVES)  # two Gauss nodes weigh the same
NOTHING = {  # defaults of effects that are not nothing
    "field.ghost_flux_ratio": 0.0,
    "field.star_log_flux": np.full(2, -300.0),
    "imaging.jitter_as": 0.0,
    "imaging.smear_x_as": 0.0,
    "detector.dark_signal": 0.0,
}
STARS = {**ABERRATED, SEPARATION: 1.3, POSITION_ANGLE: 33.0, CONTRAST: 2.2, LOG_FLUX: 6.0}
TEMPERATURES = (5790.0, 5260.0)


@cache
def everything() -> Scene:
    """Return a three-plane model with all effects, in the physics mode, at values that make them do nothing."""
    config = ds.SHERA_FLIGHT_CONFIG.replace(**SMALL, effects=effects_of(1), n_field_stars=2)
    spec = ds.build_inference_spec_physics(config)
    star_a, star_b = TEMPERATURES
    bodies = {"binary.temperature_a_k": star_a, "binary.temperature_b_k": star_b}
    store = ds.ParameterStore.from_spec_defaults(spec).replace({**STARS, **NOTHING, **TABLES, **bodies})
    return Scene(ds.SheraThreePlaneBinder(config, spec), store)


@cache
def everything_in_four_planes() -> Scene:
    """Return a four-plane model with all effects, out of focus, in the forward spec."""
    changes = {**SMALL, "effects": effects_of(2), "n_field_stars": 2, "m3_noll": tuple(range(4, 12))}
    config = SHERA_FOURPLANE_EXAMPLE_CONFIG.replace(**changes)
    spec = ds.build_forward_model_spec_from_config(config)
    store = ds.ParameterStore.from_spec_defaults(spec)
    few = {"imaging.exposure_time_s": 0.1, "imaging.frame_time_s": 0.05}  # photons, so that a few electrons count
    defocused = {M2_FOCAL_LENGTH: store[M2_FOCAL_LENGTH] * (1.0 + 5e-5)}
    updates = {key: value for key, value in STARS.items() if key != LOG_FLUX}
    return Scene(ds.SheraFourPlaneBinder(config, spec, store), store.replace({**updates, **TABLES, **few, **defocused}))


@cache
def single_star() -> Scene:
    """Return the telescope for one photon of one star at one wavelength; its image has the margin.

    It has no effect but flat maps, which it has for the sake of equal grids.
    """
    changes = {**SMALL, "image_npix": NPIX + 2 * MARGIN, "n_wavelengths": 1, "effects": MAPS}
    config = ds.SHERA_FLIGHT_CONFIG.replace(**changes)
    spec = ds.build_inference_spec_physics(config)
    alone = {SEPARATION: 1e-12, CONTRAST: 1.0, LOG_FLUX: 0.0}
    store = ds.ParameterStore.from_spec_defaults(spec).replace({**STARS, **alone})
    return Scene(ds.SheraThreePlaneBinder(config, spec), store)


def direct_sum(sources: Iterable[tuple[np.ndarray, np.ndarray]], updates=None, margin: int = 0) -> np.ndarray:
    """Return the image of stars, each a position (x, y) in arcsec and the photons at each wavelength, one by one."""
    model = single_star()
    image = 0.0
    for (x, y), photons in sources:
        for wavelength, number in zip(WAVELENGTHS, photons, strict=True):
            star = {X: x, Y: y, "band.wavelength_m": wavelength, "band.bandwidth_m": 1e-15}
            image = image + number * model.image({**star, **(updates or {})})
    cut = slice(MARGIN - margin, MARGIN + NPIX + margin)
    return image[cut, cut]


def weights_of(*curves: np.ndarray, temperature: float | None = None) -> np.ndarray:
    """Return the parts of a star's photons that two wavelengths stand for, so that their mean is that of the photons.

    Each of the curves has a value for each row of `TABLE`. The integrals are sums over
    60 Gauss-Legendre nodes between rows, where nothing bends.
    """
    assert WAVES == 2
    nodes, quadrature = np.polynomial.legendre.leggauss(60)
    borders = np.clip(TABLE, WAVELENGTH - WIDTH / 2, WAVELENGTH + WIDTH / 2)
    middle, half = (borders[1:] + borders[:-1]) / 2, np.diff(borders) / 2
    wavelengths = middle + half * nodes[:, None]
    photons = half * quadrature[:, None]
    for curve in curves:
        photons = photons * np.interp(wavelengths, TABLE, curve)
    if temperature is not None:
        photons = photons * black_body_photons(wavelengths, temperature)
    mean = np.sum(photons * (wavelengths - WAVELENGTH)) / np.sum(photons)
    share = 0.5 * mean / (WAVELENGTHS[1] - WAVELENGTH)
    return np.array([0.5 - share, 0.5 + share])


def positions() -> np.ndarray:
    """Return where stars A and B of `STARS` stand, arcsec."""
    angle, half = np.deg2rad(STARS[POSITION_ANGLE]), STARS[SEPARATION] / 2
    away = half * np.array([np.sin(angle), np.cos(angle)])
    middle = np.array([STARS[X], STARS[Y]])
    return np.stack([middle - away, middle + away])


def binary(weights=None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return stars A and B of `STARS` as sources; by default as the black bodies of `everything`."""
    total, contrast = 10.0 ** STARS[LOG_FLUX], STARS[CONTRAST]
    photons = (total * contrast / (1 + contrast), total / (1 + contrast))
    if weights is None:
        weights = [weights_of(temperature=temperature) for temperature in TEMPERATURES]
    return [(place, number * row) for place, number, row in zip(positions(), photons, weights, strict=True)]
