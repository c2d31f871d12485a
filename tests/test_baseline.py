"""The baseline of the benchmarks is the same instrument: it differs from the package's image by its own known error.

The pupil is clear here: of the diffractive pupil's cells, which the package resolves, the baseline has only averages.
"""

import equinox as eqx
import numpy as np
import pytest

from benchmarks.baseline import Baseline
from support import reference_optics as ref
from support.helpers import relative_l2
from support.scenes import ABERRATED, CLEAR, CONFIGS, M1_ZERNIKES, M2_ZERNIKES, PLATE_SCALE, SEPARATION, scene

FLAT = {M1_ZERNIKES: np.zeros(8), M2_ZERNIKES: np.zeros(8)}


def images(updates, **changes):
    model = scene(CONFIGS["flight"], "inference", {**ABERRATED, **updates}, n_wavelengths=3, **CLEAR, **changes)
    baseline = Baseline(model.binder.config, model.params(), npix=128)
    return model, np.asarray(eqx.filter_jit(Baseline.predict)(baseline, dict(model.store.items())))


def test_it_errs_by_its_midpoints():
    """Three midpoints across a pixel leave 2.1e-3 in the flight image, by the independent model with the same cells."""
    model, image = images(FLAT, image_npix=128)
    structure = ref.Structure(ref.pupil_coverage(128, samples=40), np.zeros((128, 128)))
    settings = {"image_npix": 128, "padding": 2.0}
    truth = ref.reference_image(model.params(), structure, subpixels=(5, 9), **settings)
    coarse = ref.reference_image(model.params(), structure, subpixels=3, **settings)
    assert relative_l2(coarse, truth) > 2e-3
    assert relative_l2(image, truth) == pytest.approx(relative_l2(coarse, truth), rel=0.01)
    assert relative_l2(image, coarse) < 2e-5


def test_it_follows_the_parameters():
    """In small pixels: the edge of the polynomials, which dLux cuts at the circle, and of the pupil's cells are left.

    An open fraction is an amplitude in the baseline, so its light is less by a part of the cells on the edges, and
    images are compared at equal brightness.
    """
    small = {PLATE_SCALE: 0.02, SEPARATION: 0.6}
    model, image = images(small, image_npix=64)
    expected = model.image()
    assert relative_l2(image / image.sum(), expected / expected.sum()) < 2e-3
    _, flat = images({**small, **FLAT}, image_npix=64)
    assert relative_l2(image, flat) > 2e-2  # ten times what is left
