"""The canonical astrometry demo, fast: its table, its folder, its numbers."""

import importlib.util
import json
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from types import ModuleType

import matplotlib.pyplot as plt
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import ParameterError
from dluxshera.inference import FitResult
from dluxshera.runs import read_run
from support.paths import ROOT

SCRIPT = ROOT / "Examples" / "scripts" / "run_canonical_astrometry_demo.py"
FILES = {"run.json", "arrays.npz", "image.png", "residual.png", "convergence.png", "correlation.png", "pulls.png"}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(script, tmp_path_factory):
    """One run, and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "deep" / "results"
    with redirect_stdout(StringIO()) as printed:
        demo = script.main(fast=True, seed=0, output=folder)
    return demo, printed.getvalue()


def test_it_recovers_the_truth_within_5_sigma_from_a_start_that_is_not_there(run):
    demo, _ = run
    assert demo.solution.result is FitResult.CONVERGED
    assert len(demo.solution.labels) == 23
    assert np.all(np.abs(demo.solution.pulls(demo.truth)) < 5.0)
    error = demo.solution.theta[0] - demo.truth[0]
    assert abs(error) < 5 * demo.solution.sigma[0] < 20e-6  # arcsec
    assert np.all(demo.start != demo.truth)
    np.testing.assert_array_equal(demo.solution.history[0].theta, demo.start)
    assert np.abs(demo.solution.pulls(demo.start)).max() > 1000.0


def test_the_table_has_a_row_for_each_parameter(run):
    demo, printed = run
    for name in ("parameter", "truth", "start", "estimate", "error", "sigma", "pull", "converged in"):
        assert name in printed
    for label, pull in zip(demo.solution.labels, demo.solution.pulls(demo.truth), strict=True):
        (line,) = (line for line in printed.splitlines() if label in line)
        assert f"{pull:+.2f}" in line
    error, sigma = 1e6 * (demo.solution.theta[0] - demo.truth[0]), 1e6 * demo.solution.sigma[0]
    assert f"Separation: error {error:+.2f} microarcsec, bound {sigma:.2f} microarcsec" in printed


def test_the_folder_is_complete(run):
    demo, _ = run
    assert {path.name for path in demo.folder.iterdir()} == FILES
    assert [path.name for path in demo.folder.parent.iterdir()] == [demo.folder.name]  # nothing half-made beside it
    for picture in demo.folder.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert np.ptp(plt.imread(picture)[..., :3]) > 0.5  # something is drawn
    assert plt.get_fignums() == []


def test_the_arrays_are_those_of_the_fit(run):
    demo, _ = run
    found = read_run(demo.folder)
    assert found.images["data"].shape == (128, 128)
    np.testing.assert_array_equal(found.images["data"], np.round(found.images["data"]))  # photons are counted
    np.testing.assert_array_equal(found.theta, demo.solution.theta)
    np.testing.assert_array_equal(found.covariance, demo.solution.covariance)
    np.testing.assert_array_equal(found.truth, demo.truth)
    np.testing.assert_array_equal(found.history[0].theta, demo.start)
    assert found.store(demo.solution.store.spec) == demo.solution.store


def test_the_record_says_what_was_run_and_what_came_out(run):
    demo, _ = run
    found = read_run(demo.folder)
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=128)
    assert found.spec["digest"] == demo.solution.store.spec.digest()
    assert found.provenance["config"] == json.loads(json.dumps(config.structure()))
    assert found.provenance["config_hash"] == f"sha256:{ds.structural_hash_from_config(config)}"
    assert found.provenance["versions"]["dluxshera"] == ds.__version__
    assert found.provenance["command"] == f"{SCRIPT.name} --fast --seed 0 --output {demo.folder}"
    assert (found.provenance["seed"], found.provenance["design"]) == (0, "shera_flight")
    assert (found.result, found.steps) == (FitResult.CONVERGED, len(demo.solution.history) - 1)


def test_a_folder_of_something_else_is_left_as_it_was(run, script, tmp_path, monkeypatch):
    (tmp_path / "mine").write_text("old")
    monkeypatch.setattr(script, "fit_with_progress", lambda posterior, start: run[0].solution)
    with pytest.raises(ParameterError, match="a new folder or the folder of a run"):
        script.main(fast=True, output=tmp_path)
    assert (tmp_path / "mine").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_without_a_folder_nothing_is_written_and_the_seed_decides(run, script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script, "fit_with_progress", lambda posterior, start: run[0].solution)
    same, other = script.main(fast=True, seed=0), script.main(fast=True, seed=1)
    assert same.folder is None
    np.testing.assert_array_equal(same.truth, run[0].truth)
    np.testing.assert_array_equal(same.start, run[0].start)
    assert not np.any(other.truth == same.truth)
    assert list(tmp_path.iterdir()) == []


def test_help_shows_an_example_of_a_command_that_exists(tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Recover alpha Centauri" in done.stdout
    example = " ".join(done.stdout.partition("Example: ")[2].split())
    assert example == "python Examples/scripts/run_canonical_astrometry_demo.py --fast --output results/demo"
    for option in ("--fast", "--seed", "--output"):
        assert option in done.stdout
    assert list(tmp_path.iterdir()) == []
