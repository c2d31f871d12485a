"""The relay of ray matrices, against the published values, dense products and conservation laws."""

import abcdLux
import jax
import numpy as np
import pytest

from dluxshera.optics import RayMatrix, two_mirror_telescope
from support import reference_optics as ref
from support.helpers import rounding

F1, F2, S, L = (
    "system.m1_focal_length_m",
    "system.m2_focal_length_m",
    "system.m1_m2_separation_m",
    "system.m2_detector_separation_m",
)
# The power of the telescope is what is left of M1's after about 140 times more was added and taken away.
TIGHT = rounding(float, 10, condition=150)


def to_detector(f1, f2, s, distance) -> RayMatrix:
    return two_mirror_telescope(f1, f2, s).gap(distance)


def lengths(design: ref.Design) -> tuple[float, ...]:
    geometry = design.geometry()
    return tuple(geometry[key] for key in (F1, F2, S, L))


@pytest.fixture(params=ref.DESIGNS)
def design(request) -> ref.Design:
    return ref.DESIGNS[request.param]


@pytest.mark.parametrize("perturbed", [False, True])
def test_matrix_is_the_product_of_its_parts(design, perturbed):
    geometry = design.geometry()
    if perturbed:
        geometry = {**geometry, F1: 1.001 * geometry[F1], F2: 0.997 * geometry[F2], L: 1.01 * geometry[L]}
    ours = np.array(to_detector(*(geometry[key] for key in (F1, F2, S, L)))).reshape(2, 2)
    np.testing.assert_allclose(ours, ref.relay_to_detector(geometry), rtol=TIGHT, atol=TIGHT)
    f1, f2, s, distance = (geometry[key] for key in (F1, F2, S, L))
    lens, space = abcdLux.abcd_lens, abcdLux.abcd_free_space
    parts = [lens(f1), space(s), lens(f2), space(distance)]
    # abcdLux works in jax's default precision, whatever that is here.
    single = rounding(np.float32, 10, condition=150)
    np.testing.assert_allclose(ours, np.asarray(abcdLux.compose_abcd(parts)), rtol=single, atol=single)


def test_matrix_keeps_the_etendue(design):
    f1, f2, s, distance = lengths(design)
    for m in (
        RayMatrix().surface(f1),
        RayMatrix().surface(f1).gap(s),
        two_mirror_telescope(f1, f2, s),
        to_detector(f1, f2, s, distance),
    ):
        assert m.a * m.d - m.b * m.c == pytest.approx(1.0, abs=TIGHT)


def test_a_focused_telescope_images_infinity(design):
    m = to_detector(*lengths(design))
    assert m.a == pytest.approx(0.0, abs=TIGHT)
    assert m.b == pytest.approx(m.effective_focal_length, rel=TIGHT)


def test_plane_of_m2_in_collimated_space(design):
    f1, _, s, _ = lengths(design)
    m = RayMatrix().surface(f1).gap(s)
    expected = {ref.FLIGHT: (6.668063, 12.033391), ref.TESTBED: (3.017576, 9.429926)}[design]
    assert (m.collimated_distance, 1.0 / m.a) == pytest.approx(expected, abs=5e-7)
    assert m.a == pytest.approx(1.0 - s / f1, rel=TIGHT)
    assert m.collimated_distance == pytest.approx(s / m.a, rel=TIGHT)


def logarithmic_derivatives(f, values) -> np.ndarray:
    slopes = np.array(jax.grad(f, argnums=(0, 1, 2, 3))(*values))
    return slopes * np.array(values) / f(*values)


def test_scales_have_the_dimension_of_a_length(design):
    """Euler: a function of lengths that is itself a length has logarithmic derivatives that sum to one."""
    values = lengths(design)
    by_height = logarithmic_derivatives(lambda *v: to_detector(*v).b, values)
    by_power = logarithmic_derivatives(lambda *v: to_detector(*v).effective_focal_length, values)
    # 142 - 12 - 130 = 1: the sum keeps fewer digits than its terms.
    assert by_height.sum() == pytest.approx(1.0, abs=10 * TIGHT)
    assert by_power.sum() == pytest.approx(1.0, abs=150 * TIGHT)
    if design is ref.FLIGHT:
        np.testing.assert_allclose(by_height, [0.0, -0.845, 0.917, 0.928], atol=5e-4)
        np.testing.assert_allclose(by_power, [142.30, -11.74, -129.56, 0.0], atol=5e-3)


def test_plate_scale_of_the_image_is_stiff_and_that_of_refocusing_is_not():
    """Microarcseconds of alpha Cen's separation, 9.765 arcsec, for a nanometre of each length (flight)."""
    values = lengths(ref.FLIGHT)
    separation_uas = 9.765e6
    per_nm = 1e-9 / np.array(values) * separation_uas
    image = logarithmic_derivatives(lambda *v: to_detector(*v).b, values) * per_nm
    refocused = logarithmic_derivatives(lambda *v: to_detector(*v).effective_focal_length, values) * per_nm
    # A separation measured in pixels and read with an unchanged scale grows with the focal length.
    np.testing.assert_allclose(np.abs(image), [0.0, 0.151, 0.016, 0.014], atol=5e-4)
    np.testing.assert_allclose(refocused, [2.30, 2.10, -2.28, 0.0], atol=5e-3)
    # The detector tied to M1: s and L move against each other.
    tied = jax.grad(lambda s: to_detector(values[0], values[1], s, values[3] + (s - values[2])).b)(values[2])
    focal_length = ref.effective_focal_length(ref.FLIGHT.geometry())
    assert tied * 1e-9 / focal_length * separation_uas == pytest.approx(0.030, abs=5e-4)
