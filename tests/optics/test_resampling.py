"""Matrices between grids, against direct sums, closed forms, and faults that they must not have."""

import numpy as np
import pytest

from dluxshera.optics import centred_points, largest_residual, matrix_of_samples, matrix_of_sums
from support.helpers import relative_l2

NATIVE, CELLS, PER_DIAMETER, BAND = 256, 60, 54, 20.0
SOURCE, TARGET = centred_points(NATIVE, 1.0 / NATIVE), centred_points(CELLS, 1.0 / PER_DIAMETER)


def pupil_matrix(**changes) -> np.ndarray:
    return matrix_of_sums(SOURCE, TARGET, **{"band": BAND, "width": 1.0 / NATIVE, **changes})


def integral(raster: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Fourier integral of a raster of square cells, each integrated by 6 x 6 nodes instead of a sinc, times cells^2."""
    nodes, weights = np.polynomial.legendre.leggauss(6)
    x = (SOURCE[:, None] + 0.5 * nodes / NATIVE).ravel()
    kernel = np.exp(-2j * np.pi * np.outer(frequencies, x)) * np.tile(0.5 * weights, NATIVE)
    kernel = kernel.reshape(-1, NATIVE, 6).sum(axis=2)
    return kernel @ raster @ kernel.T


def sums(values: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    kernel = np.exp(-2j * np.pi * np.outer(frequencies, TARGET))
    return kernel @ values @ kernel.T


def rasters() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    one_cell = np.zeros((NATIVE, NATIVE))
    one_cell[0, -1] = 1.0  # the corner, where the fit has cells on one side only
    return {
        "grey": rng.uniform(size=(NATIVE, NATIVE)),
        "blocks": np.kron(rng.integers(0, 2, (32, 32)), np.ones((8, 8))),
        "complex": rng.normal(size=(NATIVE, NATIVE)) + 1j * rng.normal(size=(NATIVE, NATIVE)),
        "one cell": one_cell,
    }


@pytest.mark.parametrize("n", [2, 8, 60])
def test_points_are_centred(n):
    x = centred_points(n, 0.25)
    np.testing.assert_array_equal(x, -x[::-1])
    np.testing.assert_allclose(np.diff(x), 0.25, rtol=1e-15)
    assert x.size == n


@pytest.mark.parametrize("name", rasters())
def test_fourier_sums_agree_in_the_band(name):
    raster, matrix = rasters()[name], pupil_matrix()
    frequencies = np.linspace(-BAND, BAND, 61) + 0.0137  # apart from those of the fit
    frequencies = frequencies[np.abs(frequencies) <= BAND]
    found, truth = sums(matrix @ raster @ matrix.T, frequencies), integral(raster, frequencies)
    # The residuals of the cells along both axes add at random; for one cell, they are the bound itself.
    scale = np.linalg.norm(raster)
    assert np.abs(found - truth).max() < 2.5e-4 * scale
    if name != "one cell":
        assert relative_l2(found, truth) < 1e-5
    beyond = np.array([BAND + 3.0, BAND + 5.0])  # the agreement ends with the band
    assert np.abs(sums(matrix @ raster @ matrix.T, beyond) - integral(raster, beyond)).max() > 1e-2 * scale


def test_stated_residual_is_that_of_the_sums():
    matrix = pupil_matrix()
    stated = largest_residual(matrix, SOURCE, TARGET, BAND, width=1.0 / NATIVE)
    frequencies = np.linspace(-BAND, BAND, 997 * 3)
    wanted = np.sinc(frequencies / NATIVE)[:, None] * np.exp(-2j * np.pi * np.outer(frequencies, SOURCE))
    found = np.exp(-2j * np.pi * np.outer(frequencies, TARGET)) @ matrix
    assert np.abs(found - wanted).max() == pytest.approx(stated, rel=0.05)
    assert stated < 2.5e-4
    assert largest_residual(2.0 * matrix, SOURCE, TARGET, BAND, width=1.0 / NATIVE) > 0.9


def unregularised() -> np.ndarray:
    """The same fit by plain least squares."""
    frequencies = np.linspace(-BAND, BAND, 400)
    wanted = np.sinc(frequencies / NATIVE)[:, None] * np.exp(-2j * np.pi * np.outer(frequencies, SOURCE))
    kernel = np.exp(-2j * np.pi * np.outer(frequencies, TARGET))
    both = (np.concatenate([part.real, part.imag]) for part in (kernel, wanted))
    return np.linalg.lstsq(*both, rcond=0.0)[0]


def test_regularised_fit_has_small_elements():
    """Without the cut the fit has elements that multiply every later rounding, and cancel each other."""
    good, unstable = pupil_matrix(), unregularised()
    assert np.abs(good).max() < 2.0
    assert np.abs(unstable).max() > 100.0
    power = [np.sum((matrix @ rasters()["grey"] @ matrix.T) ** 2) for matrix in (good, unstable)]
    assert power[1] > 1e4 * power[0]


def test_too_few_cells_for_the_band_are_seen():
    """With 14 cells more than two for each cycle the fit is good; with none, it fails at the end of the band."""
    few = centred_points(46, 1.0 / 40)
    matrix = matrix_of_sums(SOURCE, few, BAND, width=1.0 / NATIVE)
    assert largest_residual(matrix, SOURCE, few, BAND, width=1.0 / NATIVE) > 0.1
    assert largest_residual(pupil_matrix(), SOURCE, TARGET, BAND, width=1.0 / NATIVE) < 2.5e-4


def test_cells_as_points_are_seen():
    """The width of the native cells is a factor of 1 - (pi f / 256)^2 / 6: 1 % at the end of the band."""
    raster = rasters()["blocks"]
    frequencies = np.array([-19.0, -7.3, 18.1])
    truth = integral(raster, frequencies)
    for width, low, high in ((1.0 / NATIVE, 0.0, 1e-4), (0.0, 1e-3, 1.0)):
        matrix = pupil_matrix(width=width)
        assert low <= relative_l2(sums(matrix @ raster @ matrix.T, frequencies), truth) < high


SAMPLES, PIXELS, FREQUENCY, PITCH = 60, 64, 0.25, 1.5
AT, CENTRES = centred_points(SAMPLES, PITCH), centred_points(PIXELS, 1.0)


def waves() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Amplitudes, frequencies (cycles per pixel) and phases of a function in the band; one is at its end."""
    rng = np.random.default_rng(1)
    frequencies = np.append(rng.uniform(0.0, FREQUENCY, 30), [0.0, FREQUENCY])
    return rng.normal(size=32), frequencies, rng.uniform(0.0, 2.0 * np.pi, 32)


def test_samples_of_a_band_limited_function():
    """Values elsewhere, and means over pixels by the difference of the integral at the pixel's edges."""
    amplitude, frequency, phase = waves()

    def values(x):
        return np.cos(2 * np.pi * x[:, None] * frequency + phase) @ amplitude

    def integrals(x):
        angle = 2 * np.pi * frequency[frequency > 0]
        moving = (np.sin(x[:, None] * angle + phase[frequency > 0]) / angle) @ amplitude[frequency > 0]
        return moving + x * (amplitude * np.cos(phase))[frequency == 0].sum()

    scale = np.abs(amplitude).sum()
    interpolated = matrix_of_samples(AT, CENTRES, FREQUENCY) @ values(AT)
    assert np.abs(interpolated - values(CENTRES)).max() < 1e-5 * scale
    means = matrix_of_samples(AT, CENTRES, FREQUENCY, width=1.0, cut=1e-6) @ values(AT)
    truth = integrals(CENTRES + 0.5) - integrals(CENTRES - 0.5)
    assert np.abs(means - truth).max() < 1e-5 * scale
    assert np.abs(interpolated - truth).max() > 1e-2 * scale  # a value at the centre is not the mean


def test_pixel_means_keep_the_light_and_need_their_samples():
    flat = matrix_of_samples(AT, CENTRES, FREQUENCY, width=1.0) @ np.ones(SAMPLES)
    np.testing.assert_allclose(flat, 1.0, atol=1e-5)
    sparse = centred_points(36, 2.5)  # less than two samples in a period
    matrix = matrix_of_samples(sparse, CENTRES, FREQUENCY, width=1.0)
    assert largest_residual(matrix.T, CENTRES, sparse, FREQUENCY, width=1.0) > 1e-2


def test_one_is_the_transpose_of_the_other():
    np.testing.assert_array_equal(
        matrix_of_samples(AT, CENTRES, FREQUENCY, width=1.0), matrix_of_sums(CENTRES, AT, FREQUENCY, width=1.0).T
    )
