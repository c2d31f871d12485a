"""Columns of an image by structure, against automatic differentiation and central differences of the integral."""

from collections.abc import Callable
from math import sqrt

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.optics import PupilState, Slopes, expand_image, expansion
from support import reference_optics as ref
from support.helpers import central_difference, relative_l2
from support.small_optics import (
    BAND,
    PLATE_SCALE,
    TWO_PLANES,
    Light,
    light,
    m2,
    native_image,
    random_pupil,
    replace,
    small_optics,
    with_surfaces,
)

C1, C2 = 1e-9 * ref.COEFFS_M1, 1e-9 * ref.COEFFS_M2
SAME = 1e-12  # by automatic differentiation
SHIFT = PLATE_SCALE * np.array([0.4, -0.3])


def scene(surfaces: int = 1, stars: int = 2, maps: bool = False) -> Light:
    """Aberrated light, off axis, with all of the pupil's states in use."""
    rng = np.random.default_rng(stars)
    opd_map = jnp.asarray(5e-9 * rng.normal(size=(6, 6))) if maps else None
    behind = (m2(C2, opd_map=opd_map), m2(0.3 * C1, distance=-2.0))[:surfaces]
    return light(
        pixels=rng.uniform(-6.0, 6.0, (stars, 2)),
        photons=rng.uniform(0.1, 3.0, (stars, 3)),
        coefficients=C1,
        surfaces=behind,
        defocus=2e-9,
        line_of_sight=jnp.asarray(SHIFT),
        opd_map=opd_map,
    )


def no_slopes(base: Light) -> Slopes:
    return Slopes(None, None, None, (None,) * (1 + len(base.surfaces)), None, None)


def groups(base: Light, count: int = 3) -> dict[str, Slopes]:
    """Random derivatives of each group alone, and of all at once, by `count` parameters."""
    rng = np.random.default_rng(count)
    stars, w = base.photons.shape
    parts = {
        "photons": rng.normal(size=(count, stars, w)),
        "angles": PLATE_SCALE * rng.normal(size=(count, stars, 2)),
        "log_plate_scale": 0.1 * rng.normal(size=count),
        "defocus": 1e-9 * rng.normal(size=count),
        "line_of_sight": PLATE_SCALE * rng.normal(size=(count, 2)),
    }
    parts = {name: jnp.asarray(part) for name, part in parts.items()}
    planes = [jnp.asarray(1e-9 * rng.normal(size=(count, 8))) for _ in range(1 + len(base.surfaces))]
    none = no_slopes(base)
    found = {name: none._replace(**{name: part}) for name, part in parts.items()}
    for number, plane in enumerate(planes):
        alone = tuple(plane if other == number else None for other in range(len(planes)))
        found[f"coefficients of plane {number}"] = none._replace(coefficients=alone)
    return {**found, "all": Slopes(**parts, coefficients=tuple(planes))}


def moved(base: Light, slopes: Slopes, t) -> Light:
    """The light with its arguments moved along their derivatives, by t for each parameter."""

    def along(value, slope):
        return value if slope is None else value + jnp.tensordot(t, slope, axes=1)

    surfaces = tuple(
        item._replace(coefficients=along(item.coefficients, slope))
        for item, slope in zip(base.surfaces, slopes.coefficients[1:], strict=True)
    )
    pupil: PupilState = base.pupil._replace(
        coefficients=along(base.pupil.coefficients, slopes.coefficients[0]),
        defocus=along(base.pupil.defocus, slopes.defocus),
        line_of_sight=along(base.pupil.line_of_sight, slopes.line_of_sight),
    )
    scale = base.plate_scale
    if slopes.log_plate_scale is not None:
        scale = scale * jnp.exp(jnp.dot(t, slopes.log_plate_scale))
    return Light(
        jnp.asarray(base.wavelengths),
        along(jnp.asarray(base.photons), slopes.photons),
        along(jnp.asarray(base.angles), slopes.angles),
        pupil,
        surfaces,
        scale,
    )


_expand_image = jax.jit(expand_image)  # as one function, so that optics of one sampling share its programs


def expanded(optics, base: Light, slopes: Slopes):
    arrays = (jnp.asarray(item) for item in base[:3])
    return _expand_image(optics, *arrays, *base[3:], slopes)


@jax.jit
def _derivatives(optics, base: Light, slopes: Slopes):
    def image(t):
        return optics.image(*moved(base, slopes, t))

    return jax.jacfwd(image)(jnp.zeros(jax.tree.leaves(slopes)[0].shape[0]))


def by_automatic_differentiation(optics, base: Light, slopes: Slopes):
    return np.moveaxis(np.asarray(_derivatives(optics, base, slopes)), -1, 0)


@pytest.fixture(scope="module")
def three_planes():
    return small_optics(random_pupil(), with_surfaces(1))


@pytest.mark.parametrize("name", groups(scene()))
def test_columns_of_each_group_by_automatic_differentiation(three_planes, name):
    base = scene()
    slopes = groups(base)[name]
    image, columns = expanded(three_planes, base, slopes)
    assert relative_l2(image, base.image(three_planes)) < SAME
    truth = by_automatic_differentiation(three_planes, base, slopes)
    assert np.linalg.norm(truth) > 1e-3 * np.linalg.norm(image)
    for column, wanted in zip(columns, truth, strict=True):
        assert relative_l2(column, wanted) < SAME


CASES: dict[str, tuple[int, int, bool]] = {  # surfaces, stars, maps
    "two planes": (0, 2, False),
    "four planes": (2, 2, False),
    "one star": (1, 1, False),
    "ghosts and field stars": (0, 5, False),
    "maps": (1, 2, True),
}


@pytest.mark.parametrize("name", CASES)
def test_columns_of_other_systems(name):
    surfaces, stars, maps = CASES[name]
    sampling = with_surfaces(surfaces)
    if maps:  # cells of a map of 6 cells ask for 6 cycles more in front of each
        exit = sampling.exit
        finer = [exit._replace(npix=exit.npix + n, per_diameter=exit.per_diameter + n) for n in (26, 14)]
        sampling = replace(sampling, grids=(*finer, exit))
    optics, base = small_optics(random_pupil(), sampling), scene(surfaces, stars, maps)
    slopes = groups(base, 2)["all"]
    image, columns = expanded(optics, base, slopes)
    assert relative_l2(image, base.image(optics)) < SAME
    for column, wanted in zip(columns, by_automatic_differentiation(optics, base, slopes), strict=True):
        assert relative_l2(column, wanted) < SAME


def test_columns_are_central_differences_of_the_native_integral():
    """The truth shares no code with the optics; each parameter moves one thing."""
    pupil, base = random_pupil(), scene(0)
    optics, none = small_optics(pupil), no_slopes(scene(0))
    star = np.zeros((1, 2, 2))
    star[0, 1] = [3.0 * PLATE_SCALE, -PLATE_SCALE]
    cases = {
        "photons": none._replace(photons=jnp.asarray(np.eye(3)[None, :2])),
        "place of the second star": none._replace(angles=jnp.asarray(star)),
        "plate scale": none._replace(log_plate_scale=jnp.ones(1)),
        "coma": none._replace(coefficients=(jnp.asarray(1e-9 * np.eye(8)[[3]]),)),
        "defocus": none._replace(defocus=jnp.full(1, 1e-9)),
        "line of sight": none._replace(line_of_sight=jnp.asarray([[0.0, PLATE_SCALE]])),
    }
    steps = {"plate scale": 1e-4, "coma": 0.1, "defocus": 0.1, "place of the second star": 5e-3, "line of sight": 0.01}
    for name, slopes in cases.items():
        _, columns = expanded(optics, base, slopes)

        def truth(t: float, slopes: Slopes = slopes) -> np.ndarray:
            found = moved(base, slopes, jnp.full(1, t))
            return native_image(pupil, Light(*(np.asarray(item) for item in found[:3]), *found[3:]))

        # An image errs by 6e-7 here, and what an aberration changes in it is a small part of it: the worst is 8e-6.
        assert relative_l2(columns[0], central_difference(truth, steps.get(name, 0.1))) < 1.2e-5, name


def test_column_of_the_scale_in_closed_form():
    """Pixels that grow by a part e collect light from 1 + e as far: an image of one pixel's sums, here the total."""
    optics, base = small_optics(random_pupil()), scene(0)
    _, columns = expanded(optics, base, no_slopes(base)._replace(log_plate_scale=jnp.ones(1)))
    total = central_difference(lambda e: base._replace(plate_scale=PLATE_SCALE * np.exp(e)).image(optics).sum(), 1e-4)
    assert float(columns[0].sum()) == pytest.approx(float(total), rel=1e-8)


def _wrong_scale(fault: str) -> Callable[..., tuple]:
    right = expansion._density_and_slopes

    def wrong(spectrum, sign, cycles):
        if fault == "sign of one axis":
            sign = (-sign[0], sign[1])
        elif fault == "both signs":
            sign = (-sign[0], -sign[1])
        return right(spectrum, sign, cycles)

    return wrong


@pytest.mark.parametrize("fault", ["sign of one axis", "both signs"])
def test_wrong_sign_in_the_weights_of_the_scale_is_seen(monkeypatch, fault):
    optics, base = small_optics(random_pupil()), scene(0)
    slopes = groups(base)["log_plate_scale"]
    monkeypatch.setattr(expansion, "_density_and_slopes", _wrong_scale(fault))
    arrays = (jnp.asarray(item) for item in base[:3])
    compiled = jax.jit(lambda *light: expand_image(*light))  # with the fault
    _, columns = compiled(optics, *arrays, *base[3:], slopes)
    truth = by_automatic_differentiation(optics, base, slopes)
    assert relative_l2(columns, truth) > 0.1


def test_columns_beyond_a_limit_are_nan():
    optics, base = small_optics(random_pupil()), scene(0)
    far = base._replace(angles=base.angles + 20.0 * PLATE_SCALE)
    image, columns = expanded(optics, far, groups(base)["all"])
    assert np.isnan(image).all()
    assert np.isnan(columns).all()
    aberrated = base._replace(pupil=base.pupil._replace(defocus=TWO_PLANES.largest_blur * BAND[0] / (8 * sqrt(3))))
    image, _ = expanded(optics, aberrated, groups(base)["all"])
    assert np.isnan(image).all()
