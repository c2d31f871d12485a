"""The period search against brute-force least squares, Baluev's formula, and series with and without planets."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dluxshera.error_budget import RandomWalk
from dluxshera.errors import BoundsError, NonFiniteError, ParameterError, ShapeError
from dluxshera.mission import PACKAGED_BINARIES, PeriodSearch, VisitError, visit_times
from support.rows import each_row

DRIFT = RandomWalk(rate=4.0 / 31557600.0)  # uas^2 per second: 2 uas after a year
ERROR = VisitError(3.0, drift=DRIFT)
ALPHA_CEN = PACKAGED_BINARIES["alpha_cen"].binary


def times_of(n=60, seed=4):
    return visit_times(n, start_yr=2030.0, years=5.0, rng=np.random.default_rng(seed))


def search_of(times, covariance, nuisances=None, **options):
    return PeriodSearch(times, covariance, nuisances, **({"shortest_yr": 0.1, "longest_yr": 5.0} | options))


def test_the_power_is_half_the_reduction_of_chi_square():
    times = times_of(40)
    covariance = ERROR.covariance(times)
    nuisances = ALPHA_CEN.nuisances(times)
    search = search_of(times, covariance, nuisances, oversampling=2)
    series = ERROR.draws(np.random.default_rng(1), times, 3) + 50.0 * nuisances[:, 1]
    # The whole model with its prior as data: columns scaled, solved by numpy's least squares.
    white = np.linalg.inv(np.linalg.cholesky(covariance))
    fixed = np.column_stack([np.full(len(times), 1e6), nuisances])
    prior = np.eye(fixed.shape[1])

    def chi_square(columns, y):
        extra = np.zeros((fixed.shape[1], columns.shape[1] - fixed.shape[1]))
        design = np.vstack([white @ columns, np.hstack([prior, extra])])
        data = np.concatenate([white @ y, np.zeros(fixed.shape[1])])
        size = np.linalg.norm(design, axis=0)
        solution = np.linalg.lstsq(design / size, data, rcond=1e-15)[0]
        return np.sum((data - design / size @ solution) ** 2)

    power = search.power(series)
    assert power.shape == (3, len(search.periods_yr))
    for place in (0, 5, 30, len(search.periods_yr) - 1):
        phase = 2.0 * np.pi * (times - 2032.5) / search.periods_yr[place]
        both = np.column_stack([fixed, np.cos(phase), np.sin(phase)])
        for row, y in zip(power[:, place], series, strict=True):
            assert row == pytest.approx((chi_square(fixed, y) - chi_square(both, y)) / 2.0, rel=1e-4, abs=1e-4)


@each_row("name", ["alpha_cen", "70_oph", "xi_boo"])
def test_the_orbit_of_a_binary_leaves_nothing(name):
    """Binaries drawn from their uncertainties, less the same changes to first order."""
    binary = PACKAGED_BINARIES[name].binary
    times = times_of()
    columns = binary.nuisances(times)
    search = search_of(times, 0.01 * np.eye(len(times)), columns)
    for seed in range(3):
        exact = binary.drawn(np.random.default_rng(seed)).separation_uas(times) - binary.separation_uas(times)
        assert np.max(np.abs(exact)) > 1e3
        remainder = exact - columns @ np.random.default_rng(seed).standard_normal(columns.shape[1])
        assert np.max(search.power(remainder[None])) < 0.2, seed  # with visits of 0.1 uas


def test_free_parameters_take_up_what_they_can_explain():
    times = times_of()
    free = 1e7 * np.stack([(times - 2032.5) ** k for k in range(1, 4)], axis=1)
    search = search_of(times, np.eye(len(times)), free)
    assert np.max(search.power((free @ np.array([0.3, -0.2, 0.1]) + 17.0)[None])) < 1e-2
    assert np.max(search.power(np.cos(2.0 * np.pi * times / 0.7)[None])) > 10.0


def test_without_nuisances_the_formula_is_that_of_baluev():
    """False-alarm rate of a periodogram of white noise: W = (f2 - f1) sqrt(4 pi var t), tau = W exp(-z) sqrt(z)."""
    times = times_of(300)
    search = search_of(times, 9.0 * np.eye(300))
    width = (10.0 - 0.2) * np.sqrt(4.0 * np.pi * np.var(times))
    for z in (8.0, 12.0):
        tau = width * np.exp(-z) * np.sqrt(z)
        assert search.false_alarm_rate(z) == pytest.approx(1.0 - (1.0 - np.exp(-z)) * np.exp(-tau), rel=0.02)
    assert search.false_alarm_rate(search.threshold(0.01)) == pytest.approx(0.01, rel=1e-6)


def within(count, n, rate):
    """Return whether a count lies within three standard deviations of a binomial distribution."""
    return abs(count - n * rate) <= 3.0 * np.sqrt(n * rate * (1.0 - rate))


N, RATE = 3000, 0.1


def test_false_alarms_are_as_frequent_as_stated_with_drift_and_orbit():
    """Seed 7; the twins use the threshold of one period, and that of a search that does not know the drift."""
    times = times_of()
    rng = np.random.default_rng(7)
    covariance, nuisances = ERROR.covariance(times), ALPHA_CEN.nuisances(times)
    search = search_of(times, covariance, nuisances)
    series = ERROR.draws(rng, times, N) + rng.standard_normal((N, nuisances.shape[1])) @ nuisances.T
    highest = search.peak(series).power
    assert within(np.sum(highest > search.threshold(RATE)), N, RATE)
    assert not within(np.sum(highest > -np.log(RATE)), N, RATE)
    ignorant = search_of(times, 9.0 * np.eye(len(times)), nuisances)
    assert not within(np.sum(ignorant.peak(series).power > ignorant.threshold(RATE)), N, RATE)


@each_row("period", [0.3, 1.4, 4.0])
def test_planets_are_detected_as_often_as_stated(period):
    """Seed 8; the twin uses the noncentrality of a series without nuisances."""
    times = times_of()
    rng = np.random.default_rng(8)
    covariance, nuisances = ERROR.covariance(times), ALPHA_CEN.nuisances(times)
    search = search_of(times, covariance, nuisances)
    signal = np.sin(2.0 * np.pi * times / period + 0.4)
    unit = search.noncentrality(signal[None])[0]
    for noncentrality in (12.0, 25.0):
        amplitude = np.sqrt(noncentrality / unit)
        series = ERROR.draws(rng, times, 600) + rng.standard_normal((600, nuisances.shape[1])) @ nuisances.T
        detected = np.sum(search.peak(series + amplitude * signal).power > search.threshold(RATE))
        probability = float(search.detection_probability(np.array(noncentrality), RATE))
        assert within(detected, 600, probability), (detected / 600, probability)
        simple = search_of(times, 9.0 * np.eye(len(times)))
        naive = float(simple.detection_probability(amplitude**2 * simple.noncentrality(signal[None]), RATE)[0])
        if period > 3.0:
            assert not within(detected, 600, naive)


def test_a_period_is_found_where_it_is():
    times = times_of()
    search = search_of(times, ERROR.covariance(times), ALPHA_CEN.nuisances(times))
    series = 20.0 * np.cos(2.0 * np.pi * times[None] / np.array([[0.21], [0.9], [2.7]]))
    np.testing.assert_allclose(search.peak(series).period_yr, [0.21, 0.9, 2.7], rtol=0.03)


def test_the_quadratic_form_is_twice_the_power():
    times = times_of()
    search = search_of(times, ERROR.covariance(times))
    signals = np.random.default_rng(2).standard_normal((3, len(times)))
    place = 17
    form = search.quadratic_form(signals, search.periods_yr[place])
    weights = np.array([1.0, -2.0, 0.5])
    assert weights @ form @ weights == pytest.approx(2.0 * search.power((weights @ signals)[None])[0, place], rel=1e-9)


def test_visits_are_one_in_each_interval():
    times = times_of(50)
    assert np.all(np.floor((times - 2030.0) / 0.1 + 1e-9) == np.arange(50))
    assert visit_times(4, start_yr=0.0, years=4.0).tolist() == [0.5, 1.5, 2.5, 3.5]


def test_errors_have_their_covariance():
    times = times_of(6)
    error = VisitError(1.0, floor_uas=0.5, drift=RandomWalk(rate=3.0 / 31557600.0))
    covariance = error.covariance(times)
    draws = error.draws(np.random.default_rng(3), times, 40000)
    scatter = np.sqrt(2.0 / 40000) * np.max(np.diag(covariance))
    np.testing.assert_allclose(draws.T @ draws / 40000, covariance, atol=5.0 * scatter)
    # a walk from the first visit on: the smaller of two times, less a third of a visit
    visit = 1800.0 / 31557600.0
    walk = 3.0 * (np.minimum.outer(times, times) - times[0] - visit / 6.0)
    truth = (1.0 + 6 * 0.125) * np.eye(6)
    truth[1:, 1:] += walk[1:, 1:] - np.eye(5) * visit / 2.0 * 3.0 / 3.0
    np.testing.assert_allclose(covariance, truth, atol=2e-4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: VisitError(0.0), BoundsError, "random_uas: expected a positive number"),
        (lambda t: VisitError(1.0, floor_uas=-1.0), BoundsError, "floor_uas"),
        (lambda t: VisitError(1.0, duration_s=0.0), BoundsError, "duration_s"),
        (lambda t: ERROR.covariance(t[::-1]), ParameterError, "times_yr: expected ascending times"),
        (lambda t: ERROR.covariance(np.array([2030.0, 2030.0])), ParameterError, "1800 s apart"),
        (lambda t: visit_times(1, start_yr=2030.0, years=5.0), BoundsError, "at least 2 visits"),
        (lambda t: visit_times(10, start_yr=2030.0, years=-5.0), BoundsError, "years"),
        (lambda t: search_of(t, np.zeros((60, 60))), BoundsError, "positive definite"),
        (lambda t: search_of(t, np.full((60, 60), np.nan)), NonFiniteError, "covariance"),
        (lambda t: ERROR.covariance(t * np.nan), ParameterError, "times_yr"),
        (lambda t: search_of(t, np.eye(59)), ShapeError, "covariance"),
        (lambda t: search_of(t, np.eye(60), np.zeros((59, 2))), ShapeError, "nuisances"),
        (lambda t: search_of(t, np.eye(60), shortest_yr=6.0), BoundsError, "shortest_yr, longest_yr"),
        (lambda t: search_of(t, np.eye(60), oversampling=0.0), BoundsError, "oversampling"),
        (lambda t: search_of(t, np.eye(60)).threshold(0.0), BoundsError, "false_alarm_rate"),
        (lambda t: search_of(t, np.eye(60)).threshold(1.0), BoundsError, "false_alarm_rate"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(times_of())


def test_the_noncentral_distribution_has_three_degrees_of_freedom():
    """Two amplitudes and the frequency, which is free: the largest power near a strong signal, without the rest."""
    times = times_of()
    search = search_of(times, 9.0 * np.eye(60), shortest_yr=0.7, longest_yr=2.0, oversampling=30)
    signal = 4.0 * np.sin(2.0 * np.pi * times / 1.1)
    highest = 2.0 * search.peak(3.0 * np.random.default_rng(5).standard_normal((4000, 60)) + signal).power
    noncentrality = search.noncentrality(signal[None])[0]
    assert highest.mean() == pytest.approx(noncentrality + 3.0, abs=3.0 * highest.std() / np.sqrt(4000))
    assert stats.kstest(highest, stats.ncx2(3, noncentrality).cdf).pvalue > 1e-3
    assert stats.kstest(highest, stats.ncx2(2, noncentrality).cdf).pvalue < 1e-3


def test_a_larger_drift_costs_long_periods_only():
    times = times_of()
    search = search_of(times, ERROR.covariance(times))
    worse = search_of(times, replace(ERROR, drift=RandomWalk(rate=100 * DRIFT.rate)).covariance(times))
    short, long = (np.sin(2.0 * np.pi * times / period)[None] for period in (0.15, 4.0))
    kept = [worse.noncentrality(signal)[0] / search.noncentrality(signal)[0] for signal in (short, long)]
    assert kept[0] > 0.3
    assert kept[1] < 0.1
