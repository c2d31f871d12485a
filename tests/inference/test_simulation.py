"""Simulated data: a truth from the prior, its image with noise, in an order that a seed fixes; and what is fitted."""

import numpy as np
import pytest
from scipy import stats

from dluxshera.errors import UnknownKeyError
from dluxshera.inference import GaussianNoise, free_parameters, simulate
from dluxshera.params import Normal, ParameterStore
from support import toys

MODEL = toys.linear_model(3, prior=Normal(2.0, 0.5))


def test_the_seed_decides_first_the_truth_and_then_the_noise():
    noise = GaussianNoise(4.0)
    truth, store, data = simulate(MODEL.predict, MODEL.spec, MODEL.store, np.random.default_rng(5), noise)
    rng = np.random.default_rng(5)
    np.testing.assert_array_equal(truth, rng.normal(2.0, 0.5, 3))
    np.testing.assert_array_equal(store["toy.a"], truth)
    image = np.asarray(MODEL.image(truth))
    np.testing.assert_allclose(data, image + rng.normal(0.0, 2.0, image.shape), rtol=1e-14)


def test_by_default_photons_are_counted():
    spec = toys.star_spec()
    store, rng = ParameterStore.from_spec_defaults(spec), np.random.default_rng(1)
    visits = [simulate(toys.star_image, spec.subset(["star.x"]), store, rng) for _ in range(50)]
    data = np.array([visit.data for visit in visits])
    model = np.array([toys.star_image(visit.store) for visit in visits])
    np.testing.assert_array_equal(data, np.round(data))
    chi2 = np.sum((data - model) ** 2 / model)
    assert 1e-4 < stats.chi2.cdf(chi2, data.size) < 1 - 1e-4


def test_what_is_fitted_by_default_is_each_primitive_with_a_prior():
    spec = toys.telescope()
    free = free_parameters(spec)
    assert list(free) == [key for key in spec if spec[key].kind == "primitive" and spec[key].prior is not None]
    assert set(free) < set(spec.primitives)
    assert list(free_parameters(spec, [toys.CONTRAST, toys.FLUX])) == [toys.CONTRAST, toys.FLUX]
    with pytest.raises(UnknownKeyError, match=toys.CONTRAST):
        free_parameters(spec, [toys.CONTRAST + "s"])
