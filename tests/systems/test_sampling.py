"""The sampling that a configuration needs: figures of the designs, what each value does, and limits from optics."""

import random

import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import ConfigError
from dluxshera.optics import EDGE_CELLS
from dluxshera.systems import CONFIGS, SHERA_FLIGHT_CONFIG, TARGETS, Reach, sampling_for
from dluxshera.units import ARCSEC
from support.rows import each_row

FLIGHT = SHERA_FLIGHT_CONFIG
# By hand: alpha Cen is 9.765 arcsec apart, M1 has 0.22 m, and the band ends at 529.5 nm; no aberrations.
SCALE = 0.1232
REACH = Reach(
    offset=9.765 / 2 / SCALE,
    frequency=SCALE * np.pi / 648000 * 0.22 / 529.5e-9,
    blur=0.0,
    plate_scale=SCALE,
    relative_bandwidth=41 / 529.5,
    beams=(0.73,),
    spreads=(7.9e-5,),
)


def flight(reach=REACH, **changes):
    return sampling_for(FLIGHT.replace(**changes), reach)


def factors_above_five(number):
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number


def random_cases(seed, number):
    """Return configurations of flight and reaches that other designs, stars and bands might have."""
    rng, cases = random.Random(seed), []
    for _ in range(number):
        config = FLIGHT.replace(
            image_npix=2 * rng.randint(8, 400), effects=[name for name in ("m1_maps", "m2_maps") if rng.random() < 0.3]
        )
        config = config.replace(m1_map_npix=rng.randint(3, 300), surface_map_npix=rng.randint(3, 300))
        frequency = rng.uniform(0.05, 0.5)
        cases.append((config, Reach(
            offset=rng.uniform(0, 200), frequency=frequency, blur=rng.choice([0.0, rng.uniform(0, 5)]),
            plate_scale=0.1, relative_bandwidth=rng.uniform(0.001, 0.3), beams=(rng.uniform(0.1, 0.95),),
            spreads=(rng.choice([-1, 1]) * rng.uniform(0, 5e-3),),
        )))  # fmt: skip
    return cases


def test_figures_of_the_flight_design():
    """The detector sees 42 cycles per diameter: half the image and the offset of a star, times 0.248 cycles a pixel."""
    seen = (128 + REACH.offset) * REACH.frequency
    assert seen == pytest.approx(41.6, abs=0.1)
    sampling = flight()
    grid = sampling.exit
    assert 46 <= grid.band <= 50
    assert 106 <= grid.per_diameter <= 112
    assert 120 <= grid.npix <= 128  # with four cells or more on each side for the light that spreads
    assert 1.55 <= sampling.pitch <= 1.62
    assert 172 <= sampling.image_samples <= 182  # 160 over the image, and some beyond each border
    assert sampling.n_wavelengths in (8, 9)
    assert sampling.image_npix == 256
    assert len(sampling.grids) == 3  # pupil, M2 and exit
    assert sampling.grids == (grid,) * 3


@each_row("name", CONFIGS)
def test_every_design_has_a_small_grid(name):
    """Derived from the values of its own spec, as a model has it."""
    config = CONFIGS[name]
    design = config.design
    shortest = design.wavelength_m - 0.5 * design.bandwidth_m
    reach = REACH._replace(
        offset=0.5 * TARGETS["alpha Cen"].separation_as * ARCSEC / design.plate_scale,
        frequency=design.plate_scale * design.m1_diameter_m / shortest,
        relative_bandwidth=design.bandwidth_m / shortest,
        beams=(0.73, 0.16)[: config.surfaces],
        spreads=(7.9e-5, 4e-3)[: config.surfaces],
    )
    sampling = sampling_for(config, reach)
    assert len(sampling.grids) == config.surfaces + 2
    assert 100 <= sampling.exit.per_diameter <= 120
    assert sampling.exit.npix <= (250 if config.surfaces == 2 else 160)  # light spreads in front of M3
    assert sampling.n_wavelengths in ((19, 20) if "testbed" in name else (8, 9))


def test_the_grids_hold_what_optics_demands():
    """Limits that hold whatever the rounding: what is seen, Nyquist's theorem, and the light between the planes."""
    for config, reach in random_cases(1, 200):
        sampling = sampling_for(config, reach)
        seen = (0.5 * config.image_npix + reach.offset) * reach.frequency
        assert sampling.exit.band >= seen + 2.0 + reach.blur
        assert sampling.exit.band <= 1.1 * seen + 4.0 * reach.blur + 8.0, "a larger grid than the image needs"
        for grid in sampling.grids:
            assert grid.per_diameter > 2.0 * grid.band
            assert grid.npix > grid.per_diameter
        for grid in sampling.grids[1:]:
            # Light of P cycles per diameter walks by P times the spread to each side.
            assert grid.npix / grid.per_diameter > 1.0 + 2.0 * sampling.exit.band * abs(reach.spreads[0])
        # The intensity has twice the frequencies of the field: from -f to f cycles per pixel.
        assert 1.0 / sampling.pitch > 2.0 * reach.frequency
        assert 1.0 / sampling.pitch < 2.6 * reach.frequency
        assert sampling.image_samples * sampling.pitch > sampling.image_npix
        assert sampling.largest_offset > reach.offset
        assert sampling.largest_frequency > reach.frequency
        assert sampling.largest_blur > reach.blur


def test_grids_are_even_and_of_small_factors_where_they_are_transformed():
    for config, reach in random_cases(2, 200):
        sampling = sampling_for(config, reach)
        assert sampling.image_samples % 2 == sampling.image_npix % 2 == 0
        for grid in sampling.grids:
            assert grid.npix % 2 == grid.per_diameter % 2 == 0
        for grid in sampling.grids[1:]:  # no Fourier transform is done on that of the pupil alone
            assert factors_above_five(grid.npix) == 1, grid


def largest_error_of_the_band(n, cycles):
    """Return the largest error of Gauss-Legendre nodes for fringes of up to a number of cycles over the band."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    fringes = np.linspace(0.0, cycles, 300)[:, None]
    return np.abs(np.cos(np.pi * fringes * nodes) @ weights / 2 - np.sinc(fringes[:, 0])).max()


def test_wavelengths_follow_the_fringes_across_the_band():
    """Light from opposite edges of the pupil interferes; its fringe in the far corner turns most often in the band."""
    for config, reach in random_cases(3, 100):
        sampling = sampling_for(config, reach)
        cycles = (0.5 * config.image_npix + reach.offset) * reach.frequency * reach.relative_bandwidth
        assert largest_error_of_the_band(sampling.n_wavelengths, cycles) < 0.05
        if cycles > 3:
            assert largest_error_of_the_band(int(0.75 * sampling.n_wavelengths) - 1, cycles) > 0.1
    assert largest_error_of_the_band(flight().n_wavelengths, 41.6 * REACH.relative_bandwidth) < 1e-2


SIZES = {
    "image_npix": [flight(image_npix=n) for n in range(16, 600, 34)],
    "offset": [flight(REACH._replace(offset=x)) for x in range(0, 300, 13)],
    "blur": [flight(REACH._replace(blur=x)) for x in (0.0, 0.5, 1.0, 1.1, 2.0, 4.0, 9.0)],
    "relative_bandwidth": [flight(REACH._replace(relative_bandwidth=x)) for x in (1e-6, 0.01, 0.05, 0.1, 0.3)],
    "frequency": [flight(REACH._replace(frequency=x)) for x in (0.05, 0.1, 0.2, 0.3, 0.5)],
    "spreads": [flight(REACH._replace(spreads=(x,))) for x in (0.0, 1e-4, 1e-3, 4e-3)],
}
GROWS = {
    "image_npix": ("band", "npix", "image_samples", "n_wavelengths"),
    "offset": ("band", "npix", "n_wavelengths"),
    "blur": ("band", "npix"),
    "relative_bandwidth": ("n_wavelengths",),
    "frequency": ("band", "npix", "image_samples", "n_wavelengths"),
    "spreads": ("npix",),
}


@each_row("cause", SIZES)
def test_sizes_grow_with_what_they_depend_on_and_with_nothing_else(cause):
    of = {
        "band": lambda item: item.exit.band,
        "npix": lambda item: item.exit.npix,
        "image_samples": lambda item: item.image_samples,
        "n_wavelengths": lambda item: item.n_wavelengths,
    }
    for name, size in of.items():
        sizes = [size(item) for item in SIZES[cause]]
        if name in GROWS[cause]:
            assert sizes == sorted(sizes), name
            assert sizes[-1] > sizes[0], name
        else:
            assert len(set(sizes)) == 1, name


def test_models_of_similar_values_have_the_same_sampling():
    """A fit whose start is off by a few parts in a thousand compiles nothing anew."""
    near = REACH._replace(
        offset=REACH.offset + 0.05, frequency=REACH.frequency * 1.0005, blur=0.2, beams=(0.7305,), spreads=(7.91e-5,)
    )
    assert flight(near) == flight()


def test_a_map_widens_the_grids_before_it():
    """A field that is exact to P behind a map of B cycles per diameter must be exact to P + 2 B in front of it."""
    plain = flight().exit
    on_m1 = flight(effects=["m1_maps"], m1_map_npix=64)
    assert on_m1.grids[1:] == (plain, plain)
    assert plain.band + 2 * 32 <= on_m1.grids[0].band <= plain.band + 2 * 32 + 2
    # A map of M2 has 64 cells over its diameter: 0.73 of them on the beam, so that a diameter of the pupil holds 46.7.
    on_m2 = flight(effects=["m2_maps"], surface_map_npix=64)
    assert on_m2.grids[2] == plain
    assert on_m2.grids[0] == on_m2.grids[1]
    assert plain.band + 0.73 * 64 <= on_m2.grids[1].band <= plain.band + 0.73 * 64 + 2
    both = flight(effects=["m1_maps", "m2_maps"], m1_map_npix=64, surface_map_npix=64)
    assert both.grids[1:] == on_m2.grids[1:]
    assert both.grids[1].band + 64 <= both.grids[0].band <= both.grids[1].band + 66
    # Behind the pupil all grids have the same width in diameters, or more. The pupil's has the cells of its edge alone.
    for grid in both.grids[1:]:
        assert grid.npix / grid.per_diameter >= plain.npix / plain.per_diameter
    for grid in (both.grids[0], on_m1.grids[0]):
        assert grid.npix == grid.per_diameter + 2 * EDGE_CELLS


def test_effects_of_the_detector_widen_the_image():
    moved = flight(effects=["motion"], motion_margin=20)
    assert moved.image_npix == 256 + 2 * 20
    assert moved.exit.band > flight().exit.band
    assert moved.largest_offset == flight().largest_offset


@each_row(
    "field, stated",
    [
        ("pupil_npix", lambda item: item.exit.per_diameter),
        ("gap_npix", lambda item: item.exit.npix),
    ],
)
def test_a_stated_grid_may_only_be_finer(field, stated):
    least = stated(flight())
    assert flight(**{field: least}) == flight()
    finer = flight(**{field: 2 * least})
    assert stated(finer) == 2 * least
    if field == "pupil_npix":
        assert finer.exit.band == pytest.approx(2 * flight().exit.band, rel=0.1)  # all of the cells hold band
    with pytest.raises(ConfigError) as error:
        flight(**{field: least - 2})
    assert error.value.key == field
    message = str(error.value)
    assert f"at least {least}" in message
    assert f"got {least - 2}" in message
    assert "Raise it, or leave it out to derive it" in message


def test_stated_wavelengths_are_taken_and_samples_of_a_pixel_only_raised():
    """Fewer wavelengths are a choice; samples of the intensity are not."""
    assert flight(n_wavelengths=3).n_wavelengths == 3
    assert flight(pixel_nodes=2).pitch == 0.5
    assert flight(pixel_nodes=2).image_samples >= 512
    # One sample per pixel is coarser than an image of 0.5 cycles per pixel needs, and changes nothing.
    coarse = REACH._replace(frequency=0.5)
    assert flight(coarse, pixel_nodes=1) == flight(coarse)


def test_a_stated_offset_and_margin_widen_the_band():
    wide = flight(source_offset_as=12.0)
    assert wide.largest_offset == pytest.approx(12.0 / SCALE)
    assert wide.exit.band == pytest.approx((128 + 12.0 / SCALE) * REACH.frequency, rel=0.1)
    assert flight(source_offset_as=0.1) == flight()
    assert flight(aberration_margin=12.0).exit.band == pytest.approx(flight().exit.band + 8, abs=1.5)
    assert flight(aberration_margin=0.5) == flight()


def test_the_derived_sizes_are_those_of_the_binder():
    """The reach of a store by hand, and by the model."""
    config = FLIGHT.replace(image_npix=32, diffractive_pupil=None)
    spec = ds.build_forward_model_spec_from_config(config)
    binder = ds.SheraThreePlaneBinder(config, spec)
    assert binder.optics.sampling == sampling_for(config, REACH)
