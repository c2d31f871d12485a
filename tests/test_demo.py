"""The canonical astrometry demo, fast: its table, its folder, its numbers, and what a crash leaves behind."""

import importlib.util
import json
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType

import matplotlib.pyplot as plt
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.inference.solution import Result

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "Examples" / "scripts" / "run_canonical_astrometry_demo.py"
FILES = {"summary.json", "fit.npz", "image.png", "residual.png", "convergence.png", "pulls.png"}


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
    assert demo.solution.result is Result.CONVERGED
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
    with np.load(demo.folder / "fit.npz", allow_pickle=False) as arrays:
        assert arrays["data"].shape == (128, 128)
        np.testing.assert_array_equal(arrays["data"], np.round(arrays["data"]))  # photons are counted
        np.testing.assert_array_equal(arrays["theta"], demo.solution.theta)
        np.testing.assert_array_equal(arrays["covariance"], demo.solution.covariance)


def test_the_summary_says_what_was_run_and_what_came_out(run):
    demo, _ = run
    summary = json.loads((demo.folder / "summary.json").read_text())
    spec = demo.solution.store.spec
    assert summary["spec"] == {"name": spec.title, "sha256": spec.digest()}
    structure = ds.SHERA_FLIGHT_CONFIG.replace(pupil_npix=128, image_npix=128).structure()
    assert summary["config"] == json.loads(json.dumps(structure))
    assert summary["versions"]["dluxshera"] == ds.__version__
    assert summary["command"] == f"{SCRIPT.name} --fast --seed 0 --output {demo.folder}"
    assert (summary["seed"], summary["design"], summary["result"]) == (0, "shera_flight", "CONVERGED")
    assert summary["steps"] == len(demo.solution.history) - 1
    assert [row["parameter"] for row in summary["parameters"]] == list(demo.solution.labels)
    for name, values in (
        ("truth", demo.truth),
        ("start", demo.start),
        ("estimate", demo.solution.theta),
        ("sigma", demo.solution.sigma),
        ("error", demo.solution.theta - demo.truth),
        ("pull", demo.solution.pulls(demo.truth)),
    ):
        np.testing.assert_array_equal([row[name] for row in summary["parameters"]], values)


@pytest.mark.parametrize("was_there", [False, True])
def test_a_crash_half_way_leaves_no_folder_and_an_old_one_as_it_was(run, script, tmp_path, monkeypatch, was_there):
    """The last figure fails, when all else is written."""
    folder = tmp_path / "results"
    if was_there:
        folder.mkdir()
        (folder / "mine").write_text("old")

    def fail(*_, **__):
        raise RuntimeError("no more ink")

    monkeypatch.setattr(script, "fit_with_progress", lambda posterior, start: run[0].solution)
    monkeypatch.setattr(script.figures, "plot_pulls", fail)
    with pytest.raises(RuntimeError, match="no more ink"):
        script.main(fast=True, output=folder)
    assert [path.name for path in tmp_path.iterdir()] == (["results"] if was_there else [])
    assert not was_there or (folder / "mine").read_text() == "old"
    plt.close("all")


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
