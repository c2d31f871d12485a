"""Zernike polynomials, against the reference's own formula and their definition."""

import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.optics import ZernikeBasis, noll_orders
from support import reference_optics as ref
from support.helpers import rounding

NOLL = tuple(range(1, 23))


@pytest.fixture(scope="module")
def grid() -> np.ndarray:
    return np.linspace(-1.3, 1.3, 31)  # beyond the circle too, where the polynomials go on


def test_orders():
    indices = range(1, 40)
    assert {index: noll_orders(index) for index in indices} == {index: ref.noll_to_nm(index) for index in indices}


@pytest.mark.parametrize("magnification", [1.0, 0.37, 2.0])
def test_polynomials_equal_the_reference(grid, magnification):
    basis = ZernikeBasis(NOLL, grid)
    for i, index in enumerate(NOLL):
        ours = np.asarray(basis.opd(jnp.eye(len(NOLL))[i], magnification))
        truth = ref.zernike(index, magnification * grid, magnification * grid[:, None])
        # Terms of a polynomial of order 5 or 6 are up to 20 r^6 times larger than their sum.
        size = max(1.0, np.abs(truth).max())
        np.testing.assert_allclose(ours, truth, rtol=0, atol=rounding(float, 10, condition=100 * size))


def test_polynomials_have_unit_rms_on_the_full_circle():
    x = ref.cell_centres(400, 1.0 / 200.0)
    inside = np.hypot(x, x[:, None]) <= 1.0
    basis = ZernikeBasis(NOLL, x)
    for i in range(len(NOLL)):
        values = np.asarray(basis.opd(jnp.eye(len(NOLL))[i]))[inside]
        # The rim in whole cells: about 0.7 N^(-3/2) of the area at random, times the square of the value there.
        assert np.mean(values**2) == pytest.approx(1.0, abs=2e-3 * max(1.0, values.max() ** 2 / 5.0))


def test_opd_is_linear_in_its_coefficients(grid):
    basis = ZernikeBasis(ref.NOLL_INDICES, grid)
    coefficients = jnp.linspace(-3.0, 4.0, 8)
    total = sum(c * np.asarray(basis.opd(jnp.eye(8)[i])) for i, c in enumerate(coefficients))
    np.testing.assert_allclose(np.asarray(basis.opd(coefficients)), total, atol=rounding(float, 8, condition=300))
