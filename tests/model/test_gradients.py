"""Derivatives of the image by every continuous key of both specs, against finite differences of the image.

The specs are walked, so that a new key is tested as soon as it exists. Where a field says that its key acts on the
image, the image must follow it; where not, neither the derivative nor the image may move at all.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from support.helpers import central_difference, probe_step, relative_l2, within_reach
from support.rows import each_row
from support.scenes import (
    ABERRATED,
    CONFIGS,
    CONTRAST,
    M2_FOCAL_LENGTH,
    POSITION_ANGLE,
    SEPARATION,
    SPECS,
    scene,
)

# The change of the image, in units of its length, for a change of a key by its scale (below).
ACTS = 1e-6
# The image changes by a part of STEP over a step. A fourth-order difference then errs by rounding alone, 1e-13 after
# phases of 100 rad, over STEP.
STEP = 1e-5
AGREE = 1e-6


def scale_of(key: str, value: np.ndarray) -> float:
    """A change that matters: 1 nm of OPD, 10 mas of position, otherwise the value itself."""
    if key.endswith("_nm"):
        return 1.0
    if key.endswith("position_as"):
        return 0.01
    return float(np.abs(value).max())


class Case:
    """One spec at an aberrated, defocused, off-centre store, with the derivatives of its image by all its keys."""

    def __init__(self, spec: str) -> None:
        updates = {**ABERRATED, SEPARATION: 1.3, POSITION_ANGLE: 33.0, CONTRAST: 2.2}
        model = scene(CONFIGS["flight"], spec, updates, image_npix=24, n_wavelengths=2)
        if spec == "forward":  # out of focus, or a derivative by a length would mean little
            updates = {M2_FOCAL_LENGTH: model.store[M2_FOCAL_LENGTH] * (1.0 + 5e-5)}
            model = scene(model.binder.config, spec, {**model.store, **updates})
        self.model = model
        self.keys = model.binder.spec.primitives
        self.image = model.image()
        values = {key: jnp.asarray(model.store[key]) for key in self.keys}
        jacobian = jax.jit(jax.jacfwd(self.predict))(values)
        self.jacobian = {key: np.asarray(value).reshape(*self.image.shape, -1) for key, value in jacobian.items()}

    def predict(self, values):
        return self.model.binder.predict(self.model.store.replace(values))

    def along(self, key: str, component: int):
        """The image as a function of a displacement of one component of one key."""
        value = np.asarray(self.model.store[key])
        unit = np.zeros(value.size)
        unit[component] = 1.0
        return lambda step: self.model.image({key: value + step * unit.reshape(value.shape)})


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {spec: Case(spec) for spec in SPECS}


def test_columns_are_those_of_automatic_differentiation(cases):
    """Of every key of both specs, by the structure of the propagation and by the fallback for lengths."""
    for spec, case in cases.items():
        free = case.model.binder.spec.subset(case.keys)
        image, columns = case.model.binder.expand(case.model.store, free)
        assert relative_l2(image, case.image) < 1e-13
        start = 0
        for field in free.fields:
            wanted = np.moveaxis(case.jacobian[field.key], -1, 0)
            found = np.asarray(columns[start : start + len(wanted)])
            start += len(wanted)
            # Lengths act by small differences of large slopes, whose rounding depends on the order: 3e-12 at most.
            close = 1e-11 if field.key.endswith(("focal_length_m", "separation_m")) else 2e-12
            assert np.linalg.norm(found - wanted) <= close * np.linalg.norm(wanted), (spec, field.key)
        assert start == len(columns)


def keys_of(spec: str) -> list[tuple[str, str]]:
    return [(spec, key) for key in SPECS[spec](CONFIGS["flight"]).primitives]


@each_row("spec, key", [pair for spec in SPECS for pair in keys_of(spec)])
def test_derivative(cases, spec, key):
    case = cases[spec]
    field, value, jacobian = case.model.binder.spec[key], np.asarray(case.model.store[key]), case.jacobian[key]
    assert jacobian.shape[-1] == max(value.size, 1)
    scale = scale_of(key, value)
    for component in range(jacobian.shape[-1]):
        moved, derivative = case.along(key, component), jacobian[..., component]
        if "image" not in field.acts_on:
            np.testing.assert_array_equal(derivative, 0.0)
            np.testing.assert_array_equal(moved(0.5 * scale), case.image)
            continue
        assert np.linalg.norm(derivative) * scale / np.linalg.norm(case.image) > ACTS
        difference = central_difference(moved, probe_step(within_reach(moved), 0.1 * scale, STEP))
        assert relative_l2(derivative, difference) < AGREE


@pytest.mark.parametrize("spec", SPECS)
def test_reverse_mode_is_the_adjoint(cases, spec):
    """For any image-sized v: (v, J t) = (J^T v, t)."""
    case = cases[spec]
    cotangent = np.random.default_rng(5).normal(size=case.image.shape)
    values = {key: jnp.asarray(case.model.store[key]) for key in case.keys}
    gradient = jax.jit(jax.grad(lambda v: jnp.vdot(cotangent, case.predict(v))))(values)
    for key, jacobian in case.jacobian.items():
        forward = np.tensordot(cotangent, jacobian, axes=2)
        size = np.linalg.norm(cotangent) * np.linalg.norm(jacobian, axis=(0, 1))
        np.testing.assert_array_less(
            np.abs(np.asarray(gradient[key]).ravel() - forward), 1e-9 * size + 1e-300, err_msg=key
        )


def test_derived_keys_act_when_overridden():
    """An explicit override of a derived key moves the image if its field says so, and only then."""
    model = scene(CONFIGS["flight"], "forward", {**ABERRATED, SEPARATION: 1.3}, image_npix=24)
    derived = model.binder.derived(model.store)
    overridden = model.store.with_derived_allowed().replace(derived)  # all of them, so as to compile once
    image = np.asarray(model.binder.predict(overridden))
    assert relative_l2(image, model.image()) < 1e-9  # said or computed, it is the same
    for key, value in derived.items():
        step = scale_of(key, np.asarray(value)) * 1e-3 + (key == "system.defocus_nm")
        moved = np.asarray(model.binder.predict(overridden.replace({key: value + step})))
        if "image" in model.binder.spec[key].acts_on:
            assert relative_l2(moved, image) > ACTS, key
        else:
            np.testing.assert_array_equal(moved, image, err_msg=key)


def test_even_modes_of_a_symmetric_pupil_have_no_gradient_at_zero():
    """A Fisher matrix there is singular. With the diffractive pupil it is not."""
    clear = {"n_struts": 0, "diffractive_pupil": None}
    for changes, flat in ((clear, True), ({}, False)):
        model = scene(CONFIGS["flight"], "inference", image_npix=24, **changes)

        def image(coefficients, model=model):
            return model.binder.predict(model.store.replace({"primary.zernike_coeffs_nm": coefficients}))

        at_zero = np.asarray(jax.jacfwd(image)(jnp.zeros(8)))
        sizes = np.linalg.norm(at_zero, axis=(0, 1)) / np.linalg.norm(model.image())
        even = [0, 1, 2, 7]  # Z4, Z5, Z6, Z11
        assert np.all((sizes[even] < 1e-6) == flat), sizes
