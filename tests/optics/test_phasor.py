"""Sines and cosines by polynomials, against decimal arithmetic, the mathematical library, and their derivatives."""

from decimal import Decimal, localcontext
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.optics import cosine_and_sine, phasor, phasors
from support.helpers import central_difference

EPS = np.finfo(np.float64).eps
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798")


def exact(x: float) -> tuple[Decimal, Decimal]:
    """The cosine and the sine of a float64 to 50 digits, by their series."""
    with localcontext() as context:
        context.prec = 80
        value = Decimal(x)
        value -= 2 * PI * (value / (2 * PI)).to_integral_value()
        cosine, sine, term, order = Decimal(0), Decimal(0), Decimal(1), 0
        while abs(term) > Decimal(10) ** -60:
            if order % 2 == 0:
                cosine += term if order % 4 == 0 else -term
            else:
                sine += term if order % 4 == 1 else -term
            order += 1
            term *= value / order
        return cosine, sine


def error(x: np.ndarray) -> np.ndarray:
    """The larger error of the two at each phase."""
    ours = np.array(cosine_and_sine(jnp.asarray(x)))
    truth = [exact(float(value)) for value in x]
    return np.array([max(abs(float(Decimal(float(o)) - t)) for o, t in zip(pair, truths, strict=True))
                     for pair, truths in zip(ours.T, truth, strict=True)])  # fmt: skip


BOUND = 2e-16  # as stated


def test_series_of_the_truth():
    cosine, sine = exact(1.0)
    assert (float(cosine), float(sine)) == (0.5403023058681398, 0.8414709848078965)
    assert float(exact(float(Fraction(355)))[1]) == pytest.approx(-3.0144353359488449e-05, rel=1e-15)
    with localcontext() as context:
        context.prec = 60
        assert abs(sum(part * part for part in exact(123456.789)) - 1) < Decimal("1e-50")


@pytest.mark.parametrize("largest", [1.0, 100.0, 1e4, 1e6])
def test_random_phases(largest):
    x = np.random.default_rng(0).uniform(-largest, largest, 600)
    assert np.all(error(x) < BOUND)


def test_borders_of_the_octants():
    """The nearest float64 to odd multiples of pi / 4, where the quadrant changes, and to multiples of pi / 2."""
    multiples = np.concatenate([np.arange(-25, 26), [999, 12345, 1000001, -1273239]])
    x = multiples * (np.pi / 4)
    x = np.concatenate([x, np.nextafter(x, np.inf), np.nextafter(x, -np.inf)])
    assert np.all(error(x) < BOUND)
    np.testing.assert_array_equal(cosine_and_sine(jnp.zeros(1)), [[1.0], [0.0]])


def test_a_million_phases_against_the_mathematical_library():
    x = np.random.default_rng(1).uniform(-1e6, 1e6, 1_000_000)
    cosine, sine = cosine_and_sine(jnp.asarray(x))
    far = np.maximum(np.abs(cosine - np.cos(x)), np.abs(sine - np.sin(x)))
    assert np.all(far < BOUND + EPS)
    assert np.abs(np.asarray(cosine) ** 2 + np.asarray(sine) ** 2 - 1.0).max() < 8 * EPS


def test_single_precision():
    x = np.random.default_rng(2).uniform(-100.0, 100.0, 2000).astype(np.float32)
    cosine, sine = cosine_and_sine(jnp.asarray(x))
    assert cosine.dtype == sine.dtype == jnp.float32
    eps = np.finfo(np.float32).eps
    tolerance = 2 * eps + np.spacing(np.abs(x))
    assert np.all(np.abs(np.asarray(cosine, float) - np.cos(x.astype(float))) < tolerance)
    assert np.all(np.abs(np.asarray(sine, float) - np.sin(x.astype(float))) < tolerance)
    assert phasor(jnp.asarray(x)).dtype == jnp.complex64


def test_derivatives_in_both_modes():
    x = jnp.asarray(np.random.default_rng(3).uniform(-50.0, 50.0, 40))
    tangent = jnp.asarray(np.random.default_rng(4).normal(size=40))
    value, slope = jax.jvp(phasor, (x,), (tangent,))
    np.testing.assert_allclose(slope, 1j * tangent * value, rtol=0, atol=4 * EPS * np.abs(tangent).max())
    numeric = central_difference(lambda h: np.exp(1j * (np.asarray(x) + h * np.asarray(tangent))), 1e-3)
    np.testing.assert_allclose(slope, numeric, atol=1e-10)
    forward = jax.jacfwd(lambda x: jnp.concatenate(cosine_and_sine(x)))(x)
    reverse = jax.jacrev(lambda x: jnp.concatenate(cosine_and_sine(x)))(x)
    np.testing.assert_array_equal(forward, reverse)
    np.testing.assert_allclose(forward[:40], np.diag(-np.sin(x)), rtol=0, atol=4 * EPS)
    curvature = jax.vmap(jax.grad(jax.grad(lambda x: cosine_and_sine(x)[1])))(x)  # across the quadrants' borders too
    np.testing.assert_allclose(curvature, -np.sin(x), rtol=0, atol=4 * EPS)


def test_phasors_of_several_arrays():
    rng = np.random.default_rng(5)
    phases = [rng.normal(size=shape) for shape in ((), (3,), (2, 4, 5), (1, 0))]
    values = jax.jit(phasors)(*map(jnp.asarray, phases))
    for phase, value in zip(phases, values, strict=True):
        assert value.shape == phase.shape
        np.testing.assert_allclose(value, np.exp(1j * phase), rtol=0, atol=4 * EPS)
