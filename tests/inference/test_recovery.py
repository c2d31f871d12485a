"""The committed evidence of the recovery: of this source, calibrated, and the same when two seeds are run again."""

import numpy as np
import pytest
from scipy import stats

from validation import recovery
from validation.recovery import (
    COMMAND,
    FREE,
    SEEDS,
    changed_since,
    evidence_is_calibrated,
    pulls_are_calibrated,
    read_record,
    recover,
)

# Two fits of the same data end within the tolerance of the fit, 1e-3 sigma, of the maximum.
AGREE = 2e-3


@pytest.fixture(scope="module")
def evidence():
    document, recoveries = read_record()
    return document, recoveries, np.array([found.pulls for found in recoveries])


def test_it_is_of_the_source_as_it_stands(evidence):
    changed = changed_since(evidence[0])
    assert not changed, f"gather the evidence again with `{COMMAND}`: changed since are {', '.join(changed)}"


def test_every_seed_is_there_and_converged(evidence):
    document, recoveries, pulls = evidence
    assert [found.seed for found in recoveries] == list(SEEDS) == list(range(32))
    assert {found.result for found in recoveries} == {"CONVERGED"}
    assert pulls.shape == (32, 23)
    assert document["parameters"][0] == FREE[0] == "binary.separation_as"


def test_the_model_explains_the_images(evidence):
    """Chi-squared of all images together, 4 sigma; no image more than 5 off."""
    document, recoveries, _ = evidence
    pixels, chi2 = document["pixels"], np.array([found.chi2 for found in recoveries])
    assert abs(chi2.sum() - chi2.size * pixels) < 4 * np.sqrt(2 * chi2.size * pixels)
    assert np.all(np.abs(chi2 - pixels) < 5 * np.sqrt(2 * pixels))


def test_the_separation_is_as_uncertain_as_is_said(evidence):
    """And the twin: with sigma halved, it is not."""
    pulls = evidence[2][:, 0]
    assert pulls_are_calibrated(pulls) == []
    assert any("deviation" in failure for failure in pulls_are_calibrated(2.0 * pulls))


def test_all_parameters_are_as_uncertain_as_is_said(evidence):
    """And the twins: with sigma halved or doubled for all, or wrong for one alone, they are not."""
    document, recoveries, pulls = evidence
    labels = document["parameters"]
    distances2 = np.array([found.distance2 for found in recoveries])
    assert evidence_is_calibrated(labels, pulls, distances2) == []
    for factor in (2.0, 0.5):
        failures = evidence_is_calibrated(labels, factor * pulls, factor**2 * distances2)
        assert any("distance in all" in failure for failure in failures)
        assert sum("scatter" in failure for failure in failures) > 12
    for one in range(len(labels)):
        scaled = pulls * np.where(np.arange(len(labels)) == one, 2.0, 1.0)
        assert any(f"scatter of {labels[one]}" in f for f in evidence_is_calibrated(labels, scaled, distances2))
        moved = pulls + (np.arange(len(labels)) == one) * (1.5 * np.sign(pulls[:, one].mean()))
        assert any(f"mean of {labels[one]}" in f for f in evidence_is_calibrated(labels, moved, distances2))


@pytest.mark.parametrize("seed", [0, 18])
def test_a_seed_run_again_gives_the_same(evidence, seed):
    then, now = evidence[1][seed], recover(seed)
    assert now.result == then.result
    np.testing.assert_allclose(now.pulls, then.pulls, atol=AGREE)
    np.testing.assert_allclose(now.distance2, then.distance2, rtol=AGREE)
    np.testing.assert_allclose(now.chi2, then.chi2, rtol=1e-5)


# The checks themselves, on pulls that are made up.


def test_true_pulls_pass_about_as_often_as_they_should():
    """Of 400 sets of 32 unit normals, mean and deviation leave 3 sigma in about 0.3 % and 0.5 %."""
    failures = [bool(pulls_are_calibrated(np.random.default_rng(seed).normal(size=32))) for seed in range(400)]
    assert sum(failures) <= stats.binom.isf(1e-3, 400, 0.01)
    biased = [bool(pulls_are_calibrated(np.random.default_rng(seed).normal(1.0, 1.0, size=32))) for seed in range(50)]
    assert np.mean(biased) > 0.9


def test_true_evidence_passes_and_wrong_correlations_do_not():
    """23 parameters of any correlation. The twin states the right sigmas and correlations that are a tenth too weak."""
    passed, wrong = 0, 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        mix = np.linalg.qr(rng.normal(size=(23, 23)))[0] * np.logspace(0, -3, 23)
        sigma = np.linalg.norm(mix, axis=1)
        correlation = mix @ mix.T / np.outer(sigma, sigma)
        pulls = rng.normal(size=(32, 23)) @ mix.T / sigma

        def failures(stated, pulls=pulls):
            distances2 = np.einsum("si,ij,sj->s", pulls, np.linalg.inv(stated), pulls)
            return evidence_is_calibrated([f"p{i}" for i in range(23)], pulls, distances2)

        passed += not failures(correlation)
        wrong += bool(failures(0.9 * correlation + 0.1 * np.eye(23)))
    assert passed >= 48
    assert wrong >= 45


def test_nan_pulls_never_pass():
    assert len(pulls_are_calibrated(np.full(32, np.nan))) == 2
    assert len(evidence_is_calibrated(["a"], np.full((32, 1), np.nan), np.full(32, np.nan))) == 3


def test_a_change_of_a_source_file_is_seen(evidence, monkeypatch):
    document = evidence[0]
    hashes = dict(recovery.source_hashes())
    assert {"src/dluxshera/binder.py", "src/dluxshera/inference/fisher.py", "src/dluxshera/optics/relay.py"} <= set(
        hashes
    )
    hashes["src/dluxshera/binder.py"] = "0"
    hashes["src/dluxshera/optics/new.py"] = hashes.pop("src/dluxshera/optics/relay.py")
    monkeypatch.setattr(recovery, "source_hashes", lambda: hashes)
    expected = {"src/dluxshera/binder.py", "src/dluxshera/optics/new.py", "src/dluxshera/optics/relay.py"}
    assert expected <= set(changed_since(document))
