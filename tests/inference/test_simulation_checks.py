"""The checks of uncertainties: against SciPy, on honest simulations, and on dishonest ones that must fail."""

import numpy as np
import pytest
from scipy import stats

from dluxshera.errors import ParameterError, ShapeError
from dluxshera.inference import (
    StatisticalCheck,
    binomial_band,
    check_attainment,
    check_coverage,
    check_pulls,
    check_ranks,
    failures,
    sigmas_of_level,
    simulation_ranks,
    squared_distance,
)


def unit_normal(seed, n):
    return np.random.default_rng(seed).normal(size=n)


def test_a_check_passes_within_its_limits_and_never_with_nan():
    assert StatisticalCheck("x", 1.0, 1.0, 2.0).passed
    assert not StatisticalCheck("x", 2.1, 1.0, 2.0).passed
    assert failures([StatisticalCheck("x", float("nan"), 1.0, 2.0)]) == ["x is nan, and should be from 1 to 2"]


def test_the_limits_of_pulls_are_those_of_their_statistics():
    mean, deviation = check_pulls(unit_normal(0, 32))
    np.testing.assert_allclose([mean.low, mean.high], np.array([-3, 3]) / np.sqrt(32))
    np.testing.assert_allclose([deviation.low, deviation.high], 1 + np.array([-3, 3]) / 8)
    assert deviation.value == pytest.approx(stats.tstd(unit_normal(0, 32)))


def test_pulls_of_a_unit_normal_pass_and_others_do_not():
    """100 sets of 200; sigma halved, or a bias of half a sigma, is always seen."""
    sets = [unit_normal(seed, 200) for seed in range(100)]
    assert sum(not failures(check_pulls(pulls)) for pulls in sets) >= 97
    assert all("deviation" in failures(check_pulls(2.0 * pulls))[-1] for pulls in sets)
    assert all("mean" in failures(check_pulls(pulls + 0.5))[0] for pulls in sets)
    assert len(failures(check_pulls(np.full(9, np.nan)))) == 2


@pytest.mark.parametrize(("n", "p"), [(20, 0.5), (100, 0.68), (100, 0.95), (3000, 0.95)])
def test_the_binomial_band_is_the_narrowest_of_its_false_alarm(n, p):
    low, high = binomial_band(n, p, 0.01)
    of = stats.binom(n, p)
    assert of.cdf(low - 1) <= 0.005 < of.cdf(low)
    assert of.sf(high) <= 0.005 < of.sf(high - 1)


def test_coverage_of_honest_intervals_passes_and_of_half_as_wide_ones_fails():
    for level in (0.68, 0.95):
        assert sigmas_of_level(level) == pytest.approx(stats.norm.ppf(0.5 + level / 2))
        passed = wrong = 0
        for seed in range(100):
            pulls = np.abs(unit_normal(seed, 100))
            passed += check_coverage(pulls < sigmas_of_level(level), level).passed
            wrong += check_coverage(2.0 * pulls < sigmas_of_level(level), level).passed
        assert passed >= 97
        assert wrong == 0
    with pytest.raises(ParameterError, match="level: expected a probability"):
        sigmas_of_level(95.0)


def correlated(seed, n=32, p=23):
    """Pulls of strongly correlated parameters, and their correlation."""
    rng = np.random.default_rng(seed)
    mix = np.linalg.qr(rng.normal(size=(p, p)))[0] * np.logspace(0, -3, p)
    sigma = np.linalg.norm(mix, axis=1)
    return rng.normal(size=(n, p)) @ mix.T / sigma, mix @ mix.T / np.outer(sigma, sigma)


def attainment(pulls, correlation, factor=1.0):
    """Failures of pulls whose sigma is too small by a factor."""
    distances2 = np.array([squared_distance(factor * each, correlation) for each in pulls])
    return failures(check_attainment([f"p{i}" for i in range(pulls.shape[1])], factor * pulls, distances2))


def test_p_values_are_those_of_scipy():
    pulls, correlation = correlated(3)
    distances2 = np.einsum("si,ij,sj->s", pulls, np.linalg.inv(correlation), pulls)
    np.testing.assert_allclose([squared_distance(p, correlation) for p in pulls], distances2, rtol=1e-6)
    checks = check_attainment([f"p{i}" for i in range(23)], pulls, distances2)
    assert len(checks) == 2 * 23 + 1
    mean, scatter, distance = checks[0].value, checks[23].value, checks[-1].value
    assert mean == pytest.approx(2 * stats.norm.sf(abs(pulls[:, 0].mean()) * np.sqrt(32)))
    of = stats.chi2(32)
    assert scatter == pytest.approx(2 * min(of.sf(pulls[:, 0] @ pulls[:, 0]), of.cdf(pulls[:, 0] @ pulls[:, 0])))
    assert distance == pytest.approx(
        2 * min((of := stats.chi2(32 * 23)).sf(distances2.sum()), of.cdf(distances2.sum()))
    )


def test_estimates_at_the_bound_pass_and_others_fail():
    """The twins: sigma too small or too large by a fifth, and correlations that are a tenth too weak."""
    passed = small = large = weak = 0
    for seed in range(50):
        pulls, correlation = correlated(seed)
        passed += not attainment(pulls, correlation)
        small += any("distance" in line for line in attainment(pulls, correlation, 1.2))
        large += any("distance" in line for line in attainment(pulls, correlation, 0.8))
        weak += bool(attainment(pulls, 0.9 * correlation + 0.1 * np.eye(23)))
    assert passed >= 48
    assert small >= 45
    assert large >= 45
    assert weak >= 45


def test_one_wrong_sigma_is_named():
    pulls, correlation = correlated(1)
    scaled = pulls * np.where(np.arange(23) == 7, 2.0, 1.0)
    assert any("scatter of p7 " in line for line in attainment(scaled, correlation))
    assert len(attainment(np.full((4, 2), np.nan), np.eye(2))) == 5


def sbc(seed, n=200, draws=63, width=1.0):
    """Ranks for a normal prior and datum, whose posterior is known; `width` makes the draws too narrow or wide."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    datum = truth + rng.normal(size=n)
    posterior = 0.5 * datum[:, None] + width * np.sqrt(0.5) * rng.normal(size=(n, draws))
    return np.array([simulation_ranks(np.array([t]), d[:, None])[0] for t, d in zip(truth, posterior, strict=True)])


def test_ranks_of_the_exact_posterior_are_uniform_and_of_others_not():
    """The twin: draws with half the width."""
    assert sum(check_ranks(sbc(seed), 63).passed for seed in range(100)) >= 97
    assert not any(check_ranks(sbc(seed, width=0.5), 63).passed for seed in range(20))
    ranks = sbc(5)
    expected = stats.chisquare(np.bincount(ranks // 8, minlength=8)).pvalue
    assert check_ranks(ranks, 63).value == pytest.approx(expected)


def test_what_cannot_be_is_refused():
    with pytest.raises(ParameterError, match=r"bins: expected a divisor, above 1, of draws \+ 1 = 64, got 7"):
        check_ranks(np.array([1, 2]), 63, bins=7)
    with pytest.raises(ParameterError, match="ranks: expected numbers from 0 to 63"):
        check_ranks(np.array([1, 64]), 63)
    with pytest.raises(ShapeError, match="draws: expected an array of 2 columns"):
        simulation_ranks(np.zeros(2), np.zeros((5, 3)))
    with pytest.raises(ShapeError, match="pulls: expected a vector of at least two values"):
        check_pulls(np.zeros(1))
    with pytest.raises(ShapeError, match="pulls: expected an array of shape"):
        check_attainment(["a"], np.zeros((3, 2)), np.zeros(3))
