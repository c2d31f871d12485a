"""Photons, the diffraction limit and how full pixels become: against astropy by hand, and the package's own image."""

from math import log10, pi

import astropy.units as u
import jax
import numpy as np
import pytest
from scipy.special import j1

import dluxshera as ds
from dluxshera.optics import block_mean, cell_centres, peak_pixel_fraction
from dluxshera.systems import CONFIGS, SHERA_FLIGHT_CONFIG, SHERA_RESOLVER, TARGETS, native_pupil
from dluxshera.systems.aperture import aperture_numbers
from dluxshera.systems.transforms import log_photons
from support import keys as f
from support.apertures import open_area_fraction
from support.rows import every_row

SINGLE = {name: CONFIGS[name] for name in ("shera_flight", "shera_testbed")}  # the others have one of their apertures
EVERY = [(name, target) for name in CONFIGS for target in ("alpha Cen", "36 Oph", "HR 2667/8")]


def test_photons_by_hand():
    """Every number with its unit, from the targets' and designs' own attributes and the aperture's geometry."""
    with every_row() as row:
        for name, target in EVERY:
            with row(name, target):
                check_photons(CONFIGS[name], TARGETS[target])


def check_photons(config, binary):
    design = config.design
    store = ds.ParameterStore.from_spec_defaults(ds.build_forward_model_spec_from_config(config, binary))
    derived = SHERA_RESOLVER.resolve(store.spec, store)
    got = {key: store.with_derived_allowed().replace(derived).quantity(key) for key in derived}

    diameter = design.m1_diameter_m * u.m
    area = aperture_numbers(config).open_fraction * pi / 4 * diameter**2
    density = binary.spectral_flux_density * u.photon / u.s / u.m**2 / u.m
    total = density * area * (design.bandwidth_m * u.m) * (1800 * u.s) * design.throughput
    frame = total * (0.05 * u.s) / (1800 * u.s)
    brighter = max(binary.contrast, 1.0) / (1 + binary.contrast)
    peak = frame * brighter * aperture_numbers(config).peak_fraction
    expected = {
        f.OPEN_AREA: area,
        f.LOG_FLUX: total,
        f.LOG_FLUX_A: total * binary.contrast / (1 + binary.contrast),
        f.LOG_FLUX_B: total / (1 + binary.contrast),
        f.EFFECTIVE_WAVELENGTH: 550 * u.nm,
        f.DIFFRACTION_LIMIT: (550 * u.nm / diameter).to(u.arcsec, u.dimensionless_angles()),
        f.FRAME_PHOTONS: frame,
        f.PEAK_PHOTONS: peak,
        f.FULL_WELL_MARGIN: design.full_well * u.photon / peak,
    }
    for key, value in expected.items():
        assert got[key].to_value(value.unit) == pytest.approx(value.value, rel=1e-12), key
    both = (got[f.LOG_FLUX_A] + got[f.LOG_FLUX_B]) / got[f.LOG_FLUX]
    assert both.to_value(u.dimensionless_unscaled) == pytest.approx(1.0, rel=1e-12)


def test_open_areas_of_the_designs():
    """The published open fractions, and the aperture by its own geometry."""
    for config, published in ((ds.SHERA_FLIGHT_CONFIG, 0.972), (ds.SHERA_TESTBED_CONFIG, 0.88)):
        fraction = aperture_numbers(config).open_fraction
        assert fraction == pytest.approx(published, abs=2e-3)
        # A native cell that the edges of both a circle and a strut cross is not exact, 1e-7 of the pupil on the whole.
        assert fraction == pytest.approx(open_area_fraction(config), rel=2e-7)


def test_the_mean_of_a_top_hat_is_its_centre():
    """The effective wavelength as a sum over the band, whatever its width."""
    for width in (1e-9, 41e-9, 110e-9):
        edges = np.linspace(550e-9 - width / 2, 550e-9 + width / 2, 10_001)
        centres = 0.5 * (edges[1:] + edges[:-1])
        spec = ds.build_forward_model_spec_from_config(ds.SHERA_FLIGHT_CONFIG)
        store = ds.ParameterStore.from_spec_defaults(spec).replace({f.BANDWIDTH: width})
        value = SHERA_RESOLVER.resolve(spec, store, (f.EFFECTIVE_WAVELENGTH,))[f.EFFECTIVE_WAVELENGTH]
        assert value == pytest.approx(np.average(centres), rel=1e-12)


def test_the_peak_of_an_airy_pattern():
    """A clear circle: the central pixel holds pi/4 of a squared pixel in lambda / D, less its curvature."""
    x = cell_centres(256) / 2.0
    disk = (np.hypot(x, x[:, None]) <= 0.5).astype(complex)
    disk /= np.linalg.norm(disk)  # all light has a power of 1
    pixel = 0.05
    curvature = (np.pi * pixel) ** 2 / 24  # of (2 J1(r) / r)^2 = 1 - r^2 / 4 + ..., averaged over the pixel
    peak = peak_pixel_fraction(disk, x, pixel)
    assert peak == pytest.approx(np.pi / 4 * pixel**2 * (1 - curvature), rel=2e-3)
    # A pixel of 6 lambda / D about the centre: the light in a square, by a fine sum over the Airy pattern.
    r = np.pi * np.hypot(*np.meshgrid(*[np.linspace(-3, 3, 601)[:-1] + 0.005] * 2))
    square = np.pi / 4 * np.sum((2 * j1(r) / r) ** 2) * 0.01**2
    assert peak_pixel_fraction(disk, x, 6.0) == pytest.approx(square, rel=5e-3)
    assert peak_pixel_fraction(disk, x, 500.0) <= 1.0
    tilted = disk * np.exp(2j * np.pi * (3.3 * x + 1.7 * x[:, None]))
    assert peak_pixel_fraction(tilted, x, pixel) == pytest.approx(peak, rel=1e-3)


def native_field(config):
    """Amplitudes of the native cells at the design's wavelength; all light has a power of 1."""
    native = native_pupil(config)
    phase = np.pi * config.mask_design_wavelength_m / config.design.wavelength_m
    field = native.open * (1.0 + native.mask * np.expm1(1j * phase))
    return field / np.sqrt(native.open.sum())


@pytest.mark.parametrize("name", SINGLE)
def test_no_pixel_further_out_is_brighter(name):
    """The peak lies well within the reach of the search: a Fourier transform of the whole pattern has none beyond."""
    field = native_field(CONFIGS[name])
    coarse = block_mean(field, 8)  # 256 cells; their mean dims the edge of the pattern by 5 %
    pattern = np.abs(np.fft.fftshift(np.fft.fft2(coarse, (1024, 1024)))) ** 2  # quarters of lambda / D
    row, column = np.unravel_index(np.argmax(pattern), pattern.shape)
    assert max(abs(row - 512), abs(column - 512)) / 4 < 16
    y, x = np.ogrid[-512:512, -512:512]
    assert pattern[np.maximum(abs(x), abs(y)) >= 64].max() < 0.5 * pattern.max()


@pytest.mark.parametrize("name", SINGLE)
def test_the_peak_fraction_is_that_of_the_native_cells(name):
    """The pattern of the native cells, sampled four times per pixel, without a coarse grid, and summed over pixels."""
    config = CONFIGS[name]
    design = config.design
    pixel = design.plate_scale * design.m1_diameter_m / design.wavelength_m
    field = 2.0 * block_mean(native_field(config), 2)  # of 1,024 cells: within 1e-4 in these directions
    x = cell_centres(len(field)) / 2.0
    angles = 0.25 * pixel * np.arange(-int(32 / pixel), int(32 / pixel) + 1)  # +-8 lambda / D
    waves = np.exp(-2j * np.pi * np.outer(angles, x)) / np.sqrt(len(field))
    pattern = np.abs(waves @ field @ waves.T) ** 2 * (0.25 * pixel) ** 2
    pixels = sum(pattern[i : len(angles) - 3 + i, j : len(angles) - 3 + j] for i in range(4) for j in range(4))
    # Both find the brightest pixel to an eighth of its width, and the sum over a pixel is 1e-3 too large at its peak.
    assert aperture_numbers(config).peak_fraction == pytest.approx(pixels.max(), rel=3e-3)


def test_the_peak_fraction_is_that_of_the_models_image():
    """A star moved over a pixel in quarters, through the three-plane model with both mirrors: an independent path."""
    config = SHERA_FLIGHT_CONFIG.replace(image_npix=64, n_wavelengths=1, pixel_nodes=3)
    spec = ds.build_inference_spec_basic(config)
    binder = ds.SheraThreePlaneBinder(config, spec)
    single = binder.store.replace({f.SEPARATION: 1e-9, f.CONTRAST: 1e12, f.LOG_FLUX: 0.0})
    scale = spec[f.PLATE_SCALE].default
    x, y = (np.ravel(offset) * scale for offset in np.meshgrid(np.arange(4) / 4, np.arange(4) / 4))

    @jax.jit
    def brightest(x, y):
        return binder.predict(single.replace({f.X_POSITION: x, f.Y_POSITION: y})).max()

    peaks = [float(brightest(*at)) for at in zip(x, y, strict=True)]
    fraction = aperture_numbers(config).peak_fraction
    # M2's edge and the crop behind it take some light, about 1e-3 of the whole.
    assert max(peaks) == pytest.approx(fraction, rel=3e-3)
    assert min(peaks) < 0.99 * fraction


def test_the_numbers_of_an_aperture_follow_the_masks_file(tmp_path):
    """They are kept for the next spec, but not beyond a change of the file."""
    path = tmp_path / "mask.npy"
    np.save(path, np.zeros((512, 512), np.float32))
    config = SHERA_FLIGHT_CONFIG.replace(diffractive_pupil=str(path))
    clear = aperture_numbers(config)
    assert aperture_numbers(config) is clear
    assert aperture_numbers(config.replace(name="x", image_npix=32, effects=["ghosts"])) is clear
    assert aperture_numbers(config.replace(strut_width=0.02)) is not clear
    assert clear == aperture_numbers(SHERA_FLIGHT_CONFIG.replace(diffractive_pupil=None))
    np.save(path, (np.indices((512, 512)).sum(axis=0) // 32 % 2).astype(np.float64))
    assert aperture_numbers(config).peak_fraction < 0.5 * clear.peak_fraction


def test_photons_beyond_the_range_of_floating_point_keep_their_logarithm():
    few = log_photons(1.0, 5e-324, 1800.0, 1.1e-7, 0.09, 1.0)
    many = log_photons(1e200, 1.0, 1e100, 1e60, 1.0, 1.0)
    assert float(few) == pytest.approx(log10(5e-324) + log10(1800 * 1.1e-7) + log10(pi / 4 * 0.09**2), abs=1e-9)
    assert float(many) == pytest.approx(360 + log10(pi / 4), abs=1e-9)
