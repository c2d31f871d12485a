"""The fit of a binary to its visits: uncertain orbits leave the noise, and planets stay in the series."""

import numpy as np
import pytest

from dluxshera.errors import ShapeError
from dluxshera.mission import PACKAGED_BINARIES, PeriodSearch, VisitError, fit_binary, visit_times
from support.rows import each_row

TIMES = visit_times(50, start_yr=2030.0, years=5.0, rng=np.random.default_rng(0))
COVARIANCE = VisitError(3.0).covariance(TIMES)


def search_of(binary):
    return PeriodSearch(TIMES, COVARIANCE, binary.nuisances(TIMES), shortest_yr=0.2, longest_yr=5.0)


@each_row("name", ["61_cyg", "hr_2667_8", "alpha_cen"])
def test_an_uncertain_orbit_leaves_the_noise(name):
    """Binaries drawn from uncertainties that are far beyond linear; the twin searches around the assumed orbit."""
    assumed = PACKAGED_BINARIES[name].binary
    true = assumed.drawn(np.random.default_rng(6))
    noise = 3.0 * np.random.default_rng(16).standard_normal(50)
    separations = true.separation_uas(TIMES) + noise
    fit = fit_binary(assumed, TIMES, separations, COVARIANCE)
    # of 50 visits the fit takes up a few
    assert 40 <= np.sum((fit.residuals_uas / 3.0) ** 2) * 50 / 44 <= 75
    search = search_of(fit.binary)
    # without the noise nothing is left
    assert np.max(search.power((fit.series_uas - noise)[None])) < 2.0
    np.testing.assert_allclose(search.power(fit.series_uas[None]), search.power(noise[None]), atol=4.0)
    if name == "hr_2667_8":
        before = (separations - assumed.separation_uas(TIMES))[None]
        assert np.max(search_of(assumed).power(before)) > search.threshold(0.01)


def test_a_planet_stays_in_the_series():
    assumed = PACKAGED_BINARIES["36_oph"].binary
    signal = 12.0 * np.sin(2.0 * np.pi * TIMES / 0.8)
    separations = assumed.drawn(np.random.default_rng(7)).separation_uas(TIMES) + signal
    fit = fit_binary(assumed, TIMES, separations, COVARIANCE)
    search = search_of(fit.binary)
    peak = search.peak(fit.series_uas[None])
    assert peak.period_yr[0] == pytest.approx(0.8, rel=0.02)
    assert peak.power[0] == pytest.approx(search.peak(signal[None]).power[0], rel=0.05)


def test_bad_input_is_named():
    binary = PACKAGED_BINARIES["alpha_cen"].binary
    with pytest.raises(ShapeError, match="separations_uas: expected one separation for each of 50 visits"):
        fit_binary(binary, TIMES, np.zeros(49), COVARIANCE)
    with pytest.raises(ShapeError, match="covariance"):
        fit_binary(binary, TIMES, np.zeros(50), np.eye(49))
