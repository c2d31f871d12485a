"""The normal prior: what it refuses, and that its samples have its mean and deviation."""

import math
import re

import numpy as np
import pytest
from scipy import stats

from dluxshera.errors import ParameterError
from dluxshera.params import Normal

SAMPLES = 4000
P_VALUE = 1e-3  # below which a sample is said not to come from the distribution


@pytest.mark.parametrize(
    ("mean", "sigma", "key", "got"),
    [
        (math.nan, 1.0, "mean", "nan"),
        (math.inf, 1.0, "mean", "inf"),
        (0.0, 0.0, "sigma", "0.0"),
        (0.0, -1.0, "sigma", "-1.0"),
        (0.0, math.nan, "sigma", "nan"),
        (0.0, math.inf, "sigma", "inf"),
    ],
)
def test_a_distribution_that_is_none_is_refused(mean, sigma, key, got):
    with pytest.raises(
        ParameterError, match=f"{key}: expected a .* of a normal prior, got {re.escape(got)}"
    ) as refused:
        Normal(mean, sigma)
    assert refused.value.key == key


def test_samples_have_the_shape_asked_for():
    rng = np.random.default_rng(0)
    assert np.shape(Normal(3.0, 0.1).sample(rng)) == ()
    assert Normal(3.0, 0.1).sample(rng, (2, 3)).shape == (2, 3)


def test_samples_follow_the_distribution():
    """Kolmogorov and Smirnov's test for seeds 0 to 3; the twin, a wrong sigma, fails it for each."""
    for seed in range(4):
        sample = Normal(-2.0, 3.0).sample(np.random.default_rng(seed), (SAMPLES,))
        assert stats.kstest(sample, stats.norm(-2.0, 3.0).cdf).pvalue > P_VALUE
        assert stats.kstest(sample, stats.norm(-2.0, 3.0 * 1.2).cdf).pvalue < P_VALUE


def test_the_same_seed_gives_the_same_samples():
    draw = [Normal(0.0, 1.0).sample(np.random.default_rng(7), (5,)) for _ in range(2)]
    np.testing.assert_array_equal(*draw)


def test_as_plain_data():
    assert Normal(9.765, 0.01).as_dict() == {"kind": "normal", "mean": 9.765, "sigma": 0.01}
    assert Normal(1, 2) == Normal(1.0, 2.0)
    assert hash(Normal(1, 2)) == hash(Normal(1.0, 2.0))
