"""Temporal models against closed forms, the integral over the density, and synthesised series."""

import json
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from dluxshera.documents import validate
from dluxshera.error_budget import (
    ConstantOffset,
    FlickerNoise,
    Periodic,
    RandomWalk,
    TabulatedDensity,
    TimeScale,
    WhiteNoise,
    parse_temporal_model,
    temporal_schema,
    time_scales,
)
from dluxshera.errors import BoundsError, DocumentError, ParameterError, ShapeError, UnknownKeyError
from support.rows import each_row

SCALES = time_scales(frame_s=0.05, visit_s=1800.0, revisit_s=86400.0)


def table(density, lowest=1e-9):
    frequencies = tuple(np.geomspace(lowest, 10.0, 101).tolist())
    return TabulatedDensity(frequencies, tuple(float(density(f)) for f in frequencies))


@each_row("model, averages, difference", [
    (WhiteNoise(4.0), {"frame": 40.0, "1 s": 2.0, "30 s": 1 / 15, "visit": 1 / 900}, 1 / 450),
    (ConstantOffset(9.0), {"frame": 9.0, "visit": 9.0}, 0.0),
    (RandomWalk(2.0), {"1 s": 2 / 3, "visit": 1200.0}, 2.0 * (86400.0 - 600.0)),
    (RandomWalk(2.0, 100.0), {"30 s": 220.0}, 2.0 * (86400.0 - 600.0)),
    (Periodic(5400.0, 0.5), {"visit": 0.5 * (np.sin(np.pi / 3) / (np.pi / 3)) ** 2}, 0.0),
    (Periodic(1800.0), {"visit": 0.0}, 0.0),
])  # fmt: skip
def test_closed_forms(model, averages, difference):
    for name, variance in averages.items():
        assert model.variance(SCALES[name]) == pytest.approx(variance, rel=1e-12, abs=1e-30), name
    assert model.variance(SCALES["visit difference"]) == pytest.approx(difference, rel=1e-12, abs=1e-25)


@each_row("duration, lag", [(1.0, 1.0), (30.0, 45.0), (1800.0, 86400.0), (1800.0, 1.5e8), (60.0, 20.0)])
def test_a_random_walk_and_flicker_are_integrals_over_their_density(duration, lag):
    def integral(density):
        """Integrate cycle by cycle of the longer time, and the tail in closed bounds."""
        longer = max(duration, lag)

        def integrand(f):
            return density(f) * np.sinc(f * duration) ** 2 * 4.0 * np.sin(np.pi * f * lag) ** 2

        edges = np.concatenate([[1e-6 / longer], np.geomspace(1e-3, 0.5, 6) / longer, np.arange(1, 400) / longer])
        near = sum(quad(integrand, a, b, epsabs=0.0, epsrel=1e-10)[0] for a, b in pairwise(edges))
        if longer > 100 * duration:  # the mean of the fast sine, times a slow function
            slow = np.geomspace(edges[-1], 100.0 / duration, 40000)
            return near + np.trapezoid(2.0 * density(slow) * np.sinc(slow * duration) ** 2, slow)
        return near

    walk = integral(lambda f: 1.0 / (2.0 * np.pi**2 * f**2))
    assert float(RandomWalk().difference_variance(duration, lag)) == pytest.approx(walk, rel=2e-3)
    flicker = integral(lambda f: 1.0 / f)
    assert float(FlickerNoise(1e-12).difference_variance(duration, lag)) == pytest.approx(flicker, rel=2e-3)


def test_flicker_of_adjacent_averages_is_allans():
    """Half the variance of the difference of adjacent averages is 2 ln 2 h / 2, whatever their length."""
    for duration in (0.05, 1.0, 1800.0):
        adjacent = FlickerNoise(1e-9, 3.0).difference_variance(duration, duration)
        assert float(adjacent) == pytest.approx(3.0 * 4.0 * np.log(2.0), rel=1e-12)


@each_row("duration", [1e-3, 1.0, 1800.0, 1e6, 3e9])
def test_the_average_of_flicker_is_an_integral(duration):
    lowest = 1e-8
    edges = np.concatenate([np.geomspace(lowest, max(0.3 / duration, 2 * lowest), 20)])
    far = np.linspace(edges[-1], 20.0 * lowest + 200.0 / duration, 400000)
    near = sum(quad(lambda f: np.sinc(f * duration) ** 2 / f, a, b)[0] for a, b in pairwise(edges))
    total = near + np.trapezoid(np.sinc(far * duration) ** 2 / far, far)
    assert FlickerNoise(lowest).average_variance(duration) == pytest.approx(total, rel=3e-3)


@each_row("model, density, tolerance", [
    (WhiteNoise(2.0), lambda f: 2.0, 3e-3),
    (RandomWalk(2.0), lambda f: 1.0 / (np.pi * f) ** 2, 1e-3),
    (FlickerNoise(1e-9, 2.0), lambda f: 2.0 / f, 1e-3),
])  # fmt: skip
def test_a_table_of_a_density_is_the_model(model, density, tolerance):
    tabulated = table(density, 1e-13 if isinstance(model, RandomWalk) else 1e-9)
    lags = np.array([0.0, 600.0, 1800.0, 5400.0, 86400.0, 3e6])
    truth = model.difference_variance(1800.0, lags)
    np.testing.assert_allclose(tabulated.difference_variance(1800.0, lags), truth, rtol=tolerance)
    if not isinstance(model, RandomWalk):  # whose average has another reference
        assert tabulated.average_variance(1800.0) == pytest.approx(model.average_variance(1800.0), rel=tolerance)
    assert tabulated.difference_variance(1800.0, 5400.0).shape == ()
    assert tabulated.difference_variance(1800.0, np.ones((2, 3)) * 5400.0).shape == (2, 3)


def test_a_table_may_have_zeros_and_is_zero_outside():
    box = TabulatedDensity((1e-3, 2e-3, 2.0000001e-3, 1.0), (5.0, 5.0, 0.0, 0.0))
    assert box.average_variance(1e-3) == pytest.approx(5e-3, rel=1e-4)


def test_variances_are_those_of_synthesised_series():
    """Series of 1 s samples by the inverse FFT of random phases, seed 11; flicker, walk, white and a sinusoid."""
    n, rng = 1 << 15, np.random.default_rng(11)
    frequency = np.fft.rfftfreq(n, 1.0)[1:]
    duration, lag, count = 32, 96, 300

    def series(density):
        size = np.sqrt(density(frequency) * n / 2.0 / 2.0)
        amplitude = size * (rng.standard_normal((count, len(size))) + 1j * rng.standard_normal((count, len(size))))
        return np.fft.irfft(np.concatenate([np.zeros((count, 1)), amplitude], axis=1), n)

    def sampled(values):
        means = values.reshape(count, -1, duration).mean(axis=2)
        # non-overlapping pairs, far apart within each series
        differences = (means[:, 3:] - means[:, :-3])[:, ::6]
        return np.mean(differences**2)

    lowest = 1.0 / n
    tabulated = TabulatedDensity((lowest, 1e-2, 0.5), (1.0, 30.0, 0.1))
    for model, density in (
        (WhiteNoise(2.0), lambda f: np.full_like(f, 2.0)),
        (FlickerNoise(lowest, 2.0), lambda f: 2.0 / f),
        (RandomWalk(2.0), lambda f: 2.0 / (2.0 * np.pi**2 * f**2)),
        (tabulated, lambda f: np.exp(np.interp(np.log(f), np.log([lowest, 1e-2, 0.5]), np.log([1.0, 30.0, 0.1])))),
    ):
        # 300 series of 170 pairs: 1 % of scatter; sampling each second adds as much
        assert sampled(series(density)) == pytest.approx(float(model.difference_variance(duration, lag)), rel=0.04)
    phases = rng.uniform(0.0, 2.0 * np.pi, (count, 1))
    waves = np.sqrt(2.0) * np.sin(2.0 * np.pi * np.arange(n) / 777.0 + phases)
    truth = float(Periodic(777.0).difference_variance(duration, lag))
    assert sampled(waves) == pytest.approx(truth, rel=0.02)


@each_row("model", [WhiteNoise(2.0), FlickerNoise(1e-9), RandomWalk(3.0), Periodic(700.0), table(lambda f: 1 / f)])
def test_lags_give_a_covariance(model):
    """The variances of all differences are those of some series: their covariance has no negative eigenvalue."""
    starts = np.sort(np.random.default_rng(0).uniform(0.0, 1e5, 12))
    between = model.difference_variance(500.0, np.abs(starts[:, None] - starts))
    covariance = (between[:, :1] + between[:1] - between) / 2.0
    lowest = np.linalg.eigvalsh(covariance)[0]
    assert lowest > -1e-5 * np.trace(covariance)
    assert np.all(np.diag(between) == pytest.approx(0.0, abs=1e-12 * np.max(between)))


def test_a_magnitude_at_one_scale_is_an_error_at_another():
    frame, visit, difference = SCALES["frame"], SCALES["visit"], SCALES["visit difference"]
    assert WhiteNoise().error(190.0, stated_at=frame, scale=visit) == pytest.approx(190.0 * np.sqrt(0.05 / 1800))
    assert WhiteNoise().error(1.0, stated_at=visit, scale=difference) == pytest.approx(np.sqrt(2.0))
    assert ConstantOffset().error(3.0, stated_at=visit, scale=frame) == 3.0
    assert ConstantOffset().error(3.0, stated_at=visit, scale=difference) == 0.0
    with pytest.raises(
        ParameterError, match=r"time: expected a term that acts at .* 'visit difference', got 'constant"
    ):
        ConstantOffset().error(3.0, stated_at=difference, scale=visit)


DOCUMENTS = [
    {"kind": "constant"},
    {"kind": "white", "stated_at": "frame"},
    {"kind": "white", "density": 3.0},
    {"kind": "flicker", "lowest_frequency_hz": 1e-7, "stated_at": "visit"},
    {"kind": "random walk", "rate": 2, "since_calibration_s": 10},
    {"kind": "periodic", "period_s": 5700.0},
    {"kind": "table", "frequencies_hz": [1e-6, 1e-3], "densities": [4.0, 0.0]},
]


def checked(tmp_path, content):
    """Read a document that holds one temporal model."""
    from dluxshera.documents import read_document

    path = tmp_path / "time.json"
    path.write_text(json.dumps(content))
    document = read_document(path)
    validate(document, {"$schema": "https://json-schema.org/draft/2020-12/schema", **temporal_schema()})
    return parse_temporal_model(document.data)


@each_row("content", DOCUMENTS)
def test_documents_describe_models(tmp_path, content):
    model = checked(tmp_path, content)
    assert model.kind == content["kind"]
    assert model.variance(SCALES["visit"]) > 0.0


@each_row("content, message", [
    ({"kind": "table", "frequencies_hz": [1e-6, 1e-3], "densities": [4.0, -1.0]}, "densities"),
    ({"kind": "white", "density": -3.0}, "density"),
    ({"kind": "random walk", "rate": -1}, "rate"),
    ({"kind": "flicker"}, "lowest_frequency_hz"),
    ({"kind": "flicker", "lowest_frequency_hz": 0.0}, "lowest_frequency_hz"),
    ({"kind": "periodic", "period_s": 0}, "period_s"),
    ({"kind": "periodic", "period": 5700.0}, "period_s"),
    ({"kind": "white", "stated_at": "month"}, "visit difference"),
    ({"kind": "pink"}, "flicker"),
    ({"kind": "table", "frequencies_hz": [1e-6], "densities": [4.0]}, "frequencies_hz"),
])  # fmt: skip
def test_the_schema_rejects_what_no_model_is(tmp_path, content, message):
    with pytest.raises(DocumentError, match=message):
        checked(tmp_path, content)


@each_row("call, error, message", [
    (lambda: WhiteNoise(-1.0), BoundsError, r"time.density: expected a number of at least 0, got -1.0. A power"),
    (lambda: FlickerNoise(1e-9, -1.0), BoundsError, "time.density"),
    (lambda: FlickerNoise(-1e-9), BoundsError, "time.lowest_frequency_hz"),
    (lambda: RandomWalk(float("nan")), BoundsError, "time.rate"),
    (lambda: Periodic(0.0), BoundsError, "time.period_s"),
    (lambda: ConstantOffset(-1.0), BoundsError, "time.variance_of_level"),
    (lambda: TabulatedDensity((1.0, 2.0), (1.0, -2.0)), BoundsError, r"time.densities\[1\]"),
    (lambda: TabulatedDensity((2.0, 1.0), (1.0, 2.0)), ParameterError, r"time.frequencies_hz\[1\]: .* above"),
    (lambda: TabulatedDensity((0.0, 1.0), (1.0, 2.0)), BoundsError, r"time.frequencies_hz\[0\]"),
    (lambda: TabulatedDensity((1.0, 2.0), (1.0,)), ShapeError, "2 frequencies and 1 densities"),
    (lambda: parse_temporal_model({"kind": "flickr"}), UnknownKeyError, "Did you mean flicker"),
    (lambda: TimeScale("x", 10.0, 5.0), BoundsError, "x.lag_s: expected at least the duration of 10 s"),
    (lambda: TimeScale("x", -1.0), BoundsError, "x.duration_s"),
])  # fmt: skip
def test_bad_models_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
