"""Each key of an effect acts as its field says; its derivative is a finite difference; new values need no new trace."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from support.compilation import optimised
from support.effect_scenes import everything, everything_in_four_planes
from support.helpers import central_difference, probe_step, relative_l2, within_reach

ACTS = 1e-6  # the least change of the image, in units of its length, for a change of a key by its scale
STEP = 4e-5  # the part of itself by which the image changes over a step of the difference; over 1e-5 rounding has 2e-6
AGREE = 1e-6
SCALES = {
    "system.m2_x_decentre_m": 1e-6,
    "system.m2_y_decentre_m": 1e-6,
    "system.m2_x_tilt_rad": 1e-6,
    "system.m2_y_tilt_rad": 1e-6,
    "system.cubic_distortion_per_as2": 1e-2,
    "binary.temperature_a_k": 1e3,
    "binary.temperature_b_k": 1e3,
    "field.ghost_flux_ratio": 1e-2,
    "detector.dark_current": 1e3,
    "detector.dark_signal": 1e3,
    "binary.spectrum_a_wavelengths_m": 1e-9,
    "binary.spectrum_b_wavelengths_m": 1e-9,
    "band.transmission_wavelengths_m": 1e-9,
}  # others: 1, of whatever unit, or a tenth of it where it is an angle or an offset
# Where every effect acts and nothing is even about the point.
AT = {
    "system.m2_x_decentre_m": 1e-7,
    "system.m2_y_tilt_rad": -1e-7,
    "system.cubic_distortion_per_as2": 3e-3,
    "field.ghost_flux_ratio": 0.03,
    "field.ghost_x_position_as": 0.4,
    "field.ghost_y_position_as": -0.3,
    "field.star_x_position_as": np.array([-0.9, 0.6]),
    "field.star_y_position_as": np.array([0.5, 1.9]),
    "field.background": 30.0,
    "detector.dark_current": 2.0,
    "detector.dark_signal": 30.0,
    "detector.total_read_noise": 3.0,
    "imaging.jitter_as": 0.03,
    "imaging.smear_x_as": 0.04,
    "imaging.smear_y_as": -0.02,
}


def scale_of(key: str) -> float:
    small = key.endswith(("_as", "_pix"))
    return SCALES.get(key, 0.1 if small else 1.0)


class Case:
    """A model at a store where all effects act, and the derivative of its image along any direction of its keys."""

    def __init__(self, model) -> None:
        rng, spec = np.random.default_rng(12), model.binder.spec
        updates = {key: value for key, value in AT.items() if key in spec.primitives}
        for key in spec.primitives:
            if key.endswith("map_nm"):
                updates[key] = rng.normal(0.0, 3.0, spec[key].shape)
            elif key.endswith("offset_pix"):
                updates[key] = rng.uniform(0.1, 0.4, spec[key].shape)  # between whole pixels, where slopes have steps
            elif key in ("detector.pixel_response", "band.transmission", "binary.spectrum_a", "binary.spectrum_b"):
                updates[key] = rng.uniform(0.6, 0.8, spec[key].shape)
        bright = float(model.binder.derived(model.store).get("binary.log_flux_total", 6.0))
        updates["field.star_log_flux"] = np.array([bright - 1.0, bright - 1.5])
        self.store = model.store.replace(updates)
        self.binder = type(model.binder)(model.binder.config, spec, self.store)
        self.keys = [key for key in spec.primitives if spec[key].effect]
        self.values = {key: jnp.asarray(self.store[key], float) for key in self.keys}
        self.image = self.predict({})
        self.slope = jax.jit(lambda values, along: jax.jvp(self._trace, (values,), (along,))[1])

    def _trace(self, values):
        return self.binder.predict(self.store.replace(values))

    def predict(self, values) -> np.ndarray:
        return np.asarray(self._trace(values))

    def derivative(self, key: str, direction: np.ndarray) -> np.ndarray:
        still = {name: jnp.zeros_like(value) for name, value in self.values.items()}
        return np.asarray(self.slope(self.values, {**still, key: jnp.asarray(direction)}))


MODELS = {"three planes, physics": everything, "four planes, forward": everything_in_four_planes}


@pytest.fixture(scope="module", params=MODELS)
def case(request) -> Iterator[Case]:
    with optimised():  # hundreds of images by one program
        yield Case(MODELS[request.param]())


def test_each_key_acts_and_its_derivative_is_a_finite_difference(case):
    assert len(case.keys) > 25
    rng = np.random.default_rng(3)
    for key in case.keys:
        value, scale = np.asarray(case.store[key]), scale_of(key)
        direction = rng.normal(size=value.shape) if value.shape else np.ones(())
        derivative = case.derivative(key, direction)

        def moved(step: float, key=key, value=value, direction=direction) -> np.ndarray:
            return case.predict({key: value + step * direction})

        if "image" not in case.binder.spec[key].acts_on:
            np.testing.assert_array_equal(derivative, 0.0, err_msg=key)
            np.testing.assert_array_equal(moved(0.1 * scale), case.image, err_msg=key)
            continue
        assert np.linalg.norm(derivative) * scale / np.linalg.norm(case.image) > ACTS, key
        difference = central_difference(moved, probe_step(within_reach(moved), 0.1 * scale, STEP))
        assert relative_l2(derivative, difference) < AGREE, key


def test_no_retrace_over_100_calls_with_new_values(traces):
    case, rng = Case(everything()), np.random.default_rng(8)
    maps = [key for key in case.keys if key.endswith("map_nm")]

    def call(i: int) -> np.ndarray:
        number = [0.4 + 0.001 * i, np.float64(0.4 + 0.001 * i), jnp.asarray(0.4 + 0.001 * i)][i % 3]
        changed = {key: rng.normal(size=np.shape(case.store[key])) for key in maps}
        return case.predict({**changed, "field.ghost_x_position_as": number, "imaging.jitter_as": 1e-4 * i})

    first, _, _ = (call(i) for i in range(3))
    del traces[:]
    *_, last = (call(i) for i in range(100))
    assert traces == []
    assert relative_l2(last, first) > 1e-4
