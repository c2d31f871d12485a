"""The transforms: derivatives against finite differences, Euler sums, and the two plate scales in and out of focus."""

import jax
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.systems import CONFIGS, PARAMETERS, SHERA_FOURPLANE_EXAMPLE_CONFIG, SHERA_RESOLVER
from dluxshera.systems import transforms as t
from dluxshera.units import ARCSEC
from support import keys as f
from support.helpers import central_difference
from support.rows import each_row, every_row

# The effects that bring transforms of plain numbers.
WITH = {0: ("electronics",), 1: ("alignment", "electronics"), 2: ("alignment", "electronics")}
EPS = np.finfo(np.float64).eps
SPECS = {
    config.system_id: ds.build_forward_model_spec_from_config(config.replace(effects=WITH[config.surfaces]))
    for config in (ds.SHERA_FLIGHT_CONFIG, SHERA_FOURPLANE_EXAMPLE_CONFIG, CONFIGS["shera_twoplane_flight"])
}
# Those of tables are in test_effects_transforms.py.
TRANSFORMS = [
    (SPECS[system_id], transform)
    for system_id in SPECS
    for transform in SHERA_RESOLVER.registry(system_id).values()
    if not any(PARAMETERS[key].is_list for key in transform.inputs)
]
FLIGHT = SPECS["shera_threeplane"]
LENGTHS = (f.M1_FOCAL_LENGTH, f.M2_FOCAL_LENGTH, f.M1_M2_SEPARATION, f.M2_DETECTOR_SEPARATION)


def values_near_the_design(spec, seed=0):
    """Every number of a spec a little off its design, derived ones included, and a third surface with power."""
    rng = np.random.default_rng(seed)
    values = {key: spec[key].default for key in spec.primitives} | spec.structural
    values = {key: value * (1 + 1e-4 * rng.normal()) for key, value in values.items() if np.isscalar(value)}
    values |= {f.M3_POWER: 0.3} if f.M3_POWER in spec else {}
    values |= {key: 1e-6 * rng.normal() for key in spec.primitives if spec[key].effect == "alignment"}
    return values | SHERA_RESOLVER.resolve(spec, values)


def test_derivatives_agree_with_finite_differences_of_the_numpy_function():
    with every_row() as row:
        for spec, transform in TRANSFORMS:
            values = values_near_the_design(spec)
            inputs = [float(values[key]) for key in transform.inputs]
            slopes = jax.grad(transform.fn, argnums=tuple(range(len(inputs))))(*inputs)
            for i, (slope, x) in enumerate(zip(slopes, inputs, strict=True)):
                step = 1e-5 * abs(x)

                def along(d, i=i, fn=transform.fn, inputs=inputs):
                    return np.float64(fn(*inputs[:i], inputs[i] + d, *inputs[i + 1 :]))

                # Rounding of a difference over the step; the relay's terms are up to 3e3 times a small result.
                size = 3e3 if transform.key == f.DEFOCUS else 150 * abs(along(0.0))
                expected = central_difference(along, step)
                with row(spec.system_id, transform.key, transform.inputs[i]):
                    assert float(slope) == pytest.approx(expected, rel=1e-8, abs=30 * EPS * size / step)


def test_numpy_and_jax_give_the_same():
    with every_row() as row:
        for spec, transform in TRANSFORMS:
            values = values_near_the_design(spec, seed=1)
            inputs = [float(values[key]) for key in transform.inputs]
            with row(spec.system_id, transform.key):
                plain = transform.fn(*inputs)
                assert not isinstance(plain, jax.Array)
                traced = jax.jit(transform.fn)(*inputs)
                slack = 1e-8 * (transform.key == f.DEFOCUS)
                assert float(traced) == pytest.approx(float(plain), rel=1e-11, abs=slack)


def log_derivatives(fn, lengths):
    """Return the logarithmic derivative of a function by each of its arguments."""
    value = fn(*lengths)
    slopes = jax.grad(fn, argnums=tuple(range(len(lengths))))(*lengths)
    return [float(slope) * x / float(value) for slope, x in zip(slopes, lengths, strict=True)]


def test_euler_sums_of_the_flight_design():
    """An image scale in metres per radian is homogeneous in the lengths, of degree one: figures of optics.md."""
    f1, f2, s, distance = (FLIGHT[key].default for key in LENGTHS)
    efl = log_derivatives(t.effective_focal_length, (f1, f2, s))
    assert efl == pytest.approx([142.30, -11.74, -129.56], abs=6e-3)
    assert sum(efl) == pytest.approx(1.0, abs=1e-9)
    scale = log_derivatives(lambda *x: 1 / t.image_plate_scale(4.6e-6, *x), (f1, f2, s, distance))
    assert scale == pytest.approx([0.0, -0.845, 0.917, 0.928], abs=6e-4)
    assert scale[0] == 0.0
    assert sum(scale) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_euler_sums_of_four_planes(seed):
    """A power counts with the degree minus one."""
    rng = np.random.default_rng(seed)
    f1, f2, s, distance = (FLIGHT[key].default * (1 + 0.01 * rng.normal()) for key in LENGTHS)
    lengths = (f1, f2, s, 0.4 * distance, 0.3 * (1 + rng.random()), 0.6 * distance)
    for fn, arguments in (
        (t.four_plane_focal_length, lengths[:-1]),
        (lambda *x: 1 / t.four_plane_image_plate_scale(4.6e-6, *x), lengths),
    ):
        parts = log_derivatives(fn, arguments)
        assert sum(parts) - 2 * parts[4] == pytest.approx(1.0, abs=1e-9)


@each_row("name", CONFIGS)
def test_the_two_plate_scales_agree_in_focus(name):
    spec = ds.build_forward_model_spec_from_config(CONFIGS[name])
    if f.REFOCUSED_PLATE_SCALE not in spec:
        assert spec[f.PLATE_SCALE].kind == "primitive"
        return
    values = SHERA_RESOLVER.resolve(spec, {key: spec[key].default for key in spec.primitives})
    assert values[f.PLATE_SCALE] == pytest.approx(values[f.REFOCUSED_PLATE_SCALE], rel=1e-12)
    assert abs(values[f.DEFOCUS]) < 1e-6


def test_the_two_plate_scales_part_out_of_focus_as_published():
    """Microarcseconds of alpha Cen's separation for a nanometre of each length: figures of optics.md."""
    lengths = tuple(FLIGHT[key].default for key in LENGTHS)
    pitch, per_nm = FLIGHT[f.PIXEL_PITCH].default, 9.765e6 * 1e-9

    def shifts(fn):
        slopes = jax.grad(fn, argnums=(0, 1, 2, 3))(*lengths)
        return np.array([-float(slope) / float(fn(*lengths)) * per_nm for slope in slopes])

    by_image = shifts(lambda f1, f2, s, distance: t.image_plate_scale(pitch, f1, f2, s, distance))
    by_focal = shifts(lambda f1, f2, s, distance: t.refocused_plate_scale(pitch, t.effective_focal_length(f1, f2, s)))
    assert by_focal == pytest.approx([2.30, 2.10, -2.28, 0.0], abs=6e-3)
    assert by_image == pytest.approx([0.0, 0.151, 0.016, 0.014], abs=6e-4)
    assert by_image[2] + by_image[3] == pytest.approx(0.030, abs=6e-4)  # the detector tied to M1
    f1, f2, s, distance = lengths
    defocus = jax.grad(lambda x: t.relay_defocus(0.22, f1, f2, x, distance))(s)
    assert abs(float(defocus)) * 1e-9 == pytest.approx(4.8e-3, abs=6e-5)  # nm rms for a nanometre


@pytest.mark.parametrize("shift", [1e-6, -1e-5, 1e-4])
def test_a_moved_detector_parts_the_scales_by_the_known_amount(shift):
    """p / B against p / f: B - f = shift times the slope of the chief ray, exactly."""
    f1, f2, s, distance = (FLIGHT[key].default for key in LENGTHS)
    pitch = FLIGHT[f.PIXEL_PITCH].default
    image = t.image_plate_scale(pitch, f1, f2, s, distance + shift)
    focal_length = t.effective_focal_length(f1, f2, s)
    expected = pitch / (focal_length + shift * (1 - s / f2)) / ARCSEC
    assert image == pytest.approx(expected, rel=1e-11)
    assert t.refocused_plate_scale(pitch, focal_length) != pytest.approx(image, rel=1e-7)
