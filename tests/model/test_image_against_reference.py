"""The image of the three-plane system against the independent model of native cells, pixel by pixel.

Most of these tests have a mask of few, large cells, and both models draw the edges of the aperture on 1,024 cells: the
same light at a fraction of the cost. On 256 cells the areas where edges meet would be wrong by 6e-5 of the image. One
has the packaged mask; the evidence of the numerics has it for every design.
"""

from functools import cache

import numpy as np
import pytest

from dluxshera.systems import aperture
from support.helpers import relative_l2
from support.native_optics import NativeOptics, native_optics_of, native_structure
from support.reference_optics import Structure
from support.scenes import (
    ABERRATED,
    CONFIGS,
    CONTRAST,
    M2_FOCAL_LENGTH,
    M2_ZERNIKES,
    POSITION_ANGLE,
    SEPARATION,
    SINGLE_STAR,
    X,
    Y,
    scene,
)

ERROR = 5e-6  # of an image, in units of its length
CELLS = 1024
SMALL = {"image_npix": 32, "n_wavelengths": 2}
CASES = [(name, spec) for name in CONFIGS for spec in ("forward", "inference")]
NEARBY = {**ABERRATED, SEPARATION: 2.3, POSITION_ANGLE: 33.0}


@pytest.fixture(scope="module")
def mask(tmp_path_factory):
    """A mask without symmetry, with areas that are partly covered, and its fractions; edges are drawn on its cells."""
    cell = np.ones((CELLS // 64, CELLS // 64), np.float32)
    pattern = np.kron(np.random.default_rng(20).integers(0, 5, (64, 64)) / np.float32(4), cell).astype(np.float32)
    path = tmp_path_factory.mktemp("mask") / "cells.npy"
    np.save(path, pattern)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aperture, "_LEAST_NATIVE", CELLS)
        yield str(path), pattern.astype(float)


@cache
def coverage(*edges):
    return native_structure(*edges, np.zeros((CELLS, CELLS))).coverage


def native_optics(model, pattern, params):
    config = model.binder.config
    edges = (config.obscuration, config.n_struts, config.strut_width, config.strut_rotation_deg)
    return NativeOptics(params, Structure(coverage(*edges), pattern), image_npix=config.image_npix)


def native_image(model, pattern, params):
    return native_optics(model, pattern, params).image(model.binder.config.n_wavelengths)


def out_of_focus(model):
    """By some 20 nm rms."""
    lengths = {M2_FOCAL_LENGTH: model.store[M2_FOCAL_LENGTH] * (1 + 5e-5)}
    return scene(model.binder.config, "forward", {**model.store, **lengths})


@pytest.mark.parametrize(("name", "spec"), CASES)
def test_images_of_both_designs(mask, name, spec):
    """Aberrated on both mirrors; also out of focus where the spec has the lengths."""
    path, pattern = mask
    model = scene(CONFIGS[name], spec, NEARBY, **SMALL, diffractive_pupil=path)
    if spec == "forward":
        model = out_of_focus(model)
    params = model.params()
    optics, n_wavelengths = native_optics(model, pattern, params), model.binder.config.n_wavelengths
    truth = optics.image(n_wavelengths)
    coarse = optics.with_pixel_nodes(1).image(n_wavelengths)
    assert relative_l2(model.image(), truth) < ERROR
    assert relative_l2(model.image(), coarse) > 1e-3
    flat = {**params, M2_ZERNIKES: np.zeros(8)}
    assert relative_l2(model.image(), native_image(model, pattern, flat)) > 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_every_key_away_from_its_default(mask, seed):
    """Random values of everything, the geometry out of focus by up to a wave, and aberrations of 10 or 50 nm."""
    path, pattern = mask
    name, size = ("flight", "testbed")[seed % 2], (10.0, 50.0)[seed // 2]
    rng = np.random.default_rng(seed)
    store = scene(CONFIGS[name], **SMALL).store
    updates = {}
    for key, default in store.items():
        if key.endswith("zernike_coeffs_nm"):
            updates[key] = size * rng.normal(size=default.shape)
        elif key in (X, Y):
            updates[key] = 0.5 * rng.normal()
        elif key in (SEPARATION, POSITION_ANGLE, CONTRAST):
            updates[key] = {SEPARATION: 2.0, POSITION_ANGLE: 200.0, CONTRAST: 2.0}[key] * rng.uniform(0.5, 1.5)
        elif key.endswith(("focal_length_m", "separation_m")):
            updates[key] = default * (1.0 + 5e-6 * rng.normal())
        elif key != "system.m2_diameter_m":  # whose edge no light that the detector sees meets
            updates[key] = default * (1.0 + 0.05 * rng.uniform(-1.0, 1.0))
    model = scene(CONFIGS[name], "forward", updates, **SMALL, diffractive_pupil=path)
    truth = native_image(model, pattern, model.params())
    if size == 10.0:
        assert relative_l2(model.image(), truth) < ERROR
        return
    # The cells of this mask scatter light evenly to all angles, and 50 nm bring some of it back from beyond the derived
    # margin. A wide margin keeps it; the truth itself has the slopes of 50 nm in a cell to first order only.
    assert relative_l2(model.image(), truth) < 3e-4
    wide = scene(CONFIGS[name], "forward", updates, **SMALL, diffractive_pupil=path, aberration_margin=40.0)
    assert relative_l2(wide.image(), truth) < 4e-5


def test_an_image_of_the_packaged_mask():
    model = out_of_focus(scene(CONFIGS["flight"], "forward", NEARBY, image_npix=24, n_wavelengths=1))
    truth = native_optics_of(model.binder.config, model.params()).image(1)
    assert relative_l2(model.image(), truth) < 2e-6


def test_wavelengths_converge():
    """Three Gauss nodes are good to 7e-4 of the flight image, and the default, the eight that it needs, to 4e-7."""
    three, default, more = (scene(CONFIGS["flight"], n_wavelengths=n).image() for n in (3, None, 14))
    assert relative_l2(three, more) == pytest.approx(7e-4, rel=0.15)
    assert relative_l2(default, more) < 1e-6


def test_single_star_is_the_limit_of_contrast():
    model = scene(CONFIGS["flight"], "inference", SINGLE_STAR, **SMALL, source_offset_as=1.1)
    both = model.image({SEPARATION: 2.0, CONTRAST: 1.0})
    angle = np.deg2rad(float(model.store[POSITION_ANGLE]))
    halves = [model.image({X: sign * np.sin(angle), Y: sign * np.cos(angle)}) / 2.0 for sign in (-1.0, 1.0)]
    assert relative_l2(sum(halves), both) < 1e-8  # a separation of 1e-9 arcsec is not quite none
