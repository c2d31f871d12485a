"""The line of sight of a misaligned telescope, against rays traced through augmented matrices."""

from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.optics import RayMatrix, line_of_sight
from support import reference_optics as ref
from support.helpers import rounding

F1, F2, S, L = (
    ref.FLIGHT.geometry()[f"system.{name}_m"]
    for name in ("m1_focal_length", "m2_focal_length", "m1_m2_separation", "m2_detector_separation")
)
F3, TO_M3 = 0.9, 0.25


# A ray is (height, angle, 1): the third row lets a matrix add to the other two.
def space(length):
    return np.array([[1.0, length, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def mirror(focal_length, decentre=0.0, tilt=0.0):
    """Return a mirror, unfolded: move to its own axis, bend, turn by twice the tilt, move back."""
    to_axis = np.array([[1.0, 0.0, -decentre], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    bend = np.array([[1.0, 0.0, 0.0], [-1.0 / focal_length, 1.0, 2.0 * tilt], [0.0, 0.0, 1.0]])
    return np.linalg.inv(to_axis) @ bend @ to_axis


def traced(parts, angle, height=0.0):
    """Return where the ray of a star at `angle` that enters the pupil at `height` meets the detector."""
    return (reduce(lambda ray, part: part @ ray, parts, np.array([height, angle, 1.0])))[0]


def three_planes(decentre=0.0, tilt=0.0):
    return [mirror(F1), space(S), mirror(F2, decentre, tilt), space(L)]


def four_planes(decentre=0.0, tilt=0.0):
    return [mirror(F1), space(S), mirror(F2, decentre, tilt), space(TO_M3), mirror(F3), space(L - TO_M3)]


THREE = (RayMatrix().gap(L), RayMatrix().surface(F1).gap(S).surface(F2).gap(L))
FOUR = (
    RayMatrix().gap(TO_M3).surface(F3).gap(L - TO_M3),
    RayMatrix().surface(F1).gap(S).surface(F2).gap(TO_M3).surface(F3).gap(L - TO_M3),
)


@pytest.mark.parametrize(("system", "matrices"), [(three_planes, THREE), (four_planes, FOUR)])
@pytest.mark.parametrize(("decentre", "tilt"), [(3e-6, 0.0), (0.0, 2e-6), (-4e-6, 5e-6)])
def test_image_moves_as_traced_rays_do(system, matrices, decentre, tilt):
    moved = line_of_sight(decentre, tilt, 1.0 / F2, *matrices)
    assert abs(moved) > 1e-8
    star = 2e-5
    for height in (0.0, 0.1):  # any ray of the pupil, for the whole image moves
        perturbed = traced(system(decentre, tilt), star, height)
        # A star at the place to which the image moved would land there without the misalignment.
        assert perturbed == pytest.approx(traced(system(), star + moved, height), abs=1e-14)


def test_signs_on_the_flight_design():
    """A positive tilt moves the image to +; a positive decentre of M2, which diverges, to -."""
    assert line_of_sight(0.0, 1e-6, 1.0 / F2, *THREE) == pytest.approx(2e-6 * L / THREE[1].b, rel=rounding(float, 4))
    assert line_of_sight(1e-6, 0.0, 1.0 / F2, *THREE) == pytest.approx(
        1e-6 / F2 * L / THREE[1].b, rel=rounding(float, 4)
    )
    assert line_of_sight(0.0, 1e-6, 1.0 / F2, *THREE) > 0.0 > line_of_sight(1e-6, 0.0, 1.0 / F2, *THREE)


def test_decentre_that_a_tilt_about_the_centre_of_curvature_undoes():
    """A sphere turned about its centre of curvature, 2 f away, is the same sphere: decentre 2 f t with tilt -t."""
    tilt = 3e-6
    assert line_of_sight(2.0 * F2 * tilt, -tilt, 1.0 / F2, *THREE) == pytest.approx(0.0, abs=1e-20)


def test_both_axes_and_derivatives():
    decentre, tilt = jnp.array([1e-6, -2e-6]), jnp.array([3e-6, 0.0])
    moved = line_of_sight(decentre, tilt, 1.0 / F2, *THREE)
    np.testing.assert_allclose(
        moved, [line_of_sight(float(d), float(t), 1.0 / F2, *THREE) for d, t in zip(decentre, tilt, strict=True)]
    )

    def of(values):
        f2, length = values
        whole = RayMatrix().surface(F1).gap(S).surface(f2).gap(length)
        return line_of_sight(1e-6, 1e-6, 1.0 / f2, RayMatrix().gap(length), whole)

    at, h = jnp.array([F2, L]), 1e-6
    numeric = [(of(at.at[i].add(h)) - of(at.at[i].add(-h))) / (2 * h) for i in range(2)]
    np.testing.assert_allclose(jax.grad(of)(at), numeric, rtol=1e-6)
