"""The demos that go with the tutorials, fast: what each of them claims."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from dluxshera.inference import FitResult, SamplingResult
from dluxshera.runs import read_run
from support.paths import ROOT

SCRIPTS = ROOT / "Examples" / "scripts"
NAMES = sorted(path.stem for path in SCRIPTS.glob("run_*.py"))


def demo(name: str, *, figures: bool = True, **arguments):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not figures:
        module.write_figures = lambda run: []
    return module.main(fast=True, **arguments)


def test_two_planes_do_not_pass_for_three(tmp_path, capsys):
    found = demo("run_twoplane_demo", figures=False, seed=0, output=tmp_path / "out")
    own, wrong, right = found.own, found.wrong, found.right
    assert [fit.result for fit in (own, wrong, right)] == [FitResult.CONVERGED] * 3
    assert [fit.misfit.exceeds(5.0) for fit in (own, wrong, right)] == [False, True, False]
    assert np.abs(own.pulls(found.truth[:15])).max() < 5
    assert np.abs(right.pulls(found.truth)).max() < 5
    assert abs(wrong.theta[0] - found.truth[0]) > 5 * wrong.sigma[0]
    assert own.sigma[0] < right.sigma[0]
    printed = f"2 planes fitted to an image of 3: converged, misfit {wrong.misfit}"
    assert printed in capsys.readouterr().out
    for name, fit in (("own", own), ("wrong", wrong), ("right", right)):
        run = read_run(tmp_path / "out" / name)
        assert run.result is fit.result
        np.testing.assert_array_equal(run.theta, fit.theta)


def test_eigenmodes_find_the_same_maximum(capsys):
    found = demo("run_eigenmode_demo", seed=0)
    assert np.abs((found.theta - found.solution.theta) / found.solution.sigma).max() < 0.01
    assert np.all(np.diff(found.modes.eigenvalues) <= 0)
    assert np.abs(found.solution.pulls(found.truth)).max() < 5
    assert "By eigenmodes: converged" in capsys.readouterr().out


def test_lengths_and_plate_scale_say_the_same_of_the_stars(capsys):
    found = demo("run_physics_mode_demo", seed=0)
    for label in found.effective.labels[:6]:
        (one, sigma), (two, _) = found.physics.value_and_sigma(label), found.effective.value_and_sigma(label)
        assert abs(one - two) < 0.3 * sigma
    assert np.abs(found.physics.pulls(found.truth)).max() < 5
    label = "primary.zernike_coeffs_nm[Z4]"  # takes up the defocus of wrong lengths in effective mode
    true = found.truth[found.physics.labels.index(label)]
    value, sigma = found.effective.value_and_sigma(label)
    assert abs(value - true) > 5 * sigma
    assert "true defocus: 18.5 nm" in capsys.readouterr().out


def test_draws_agree_with_the_fit_where_it_is_normal_and_are_kept(tmp_path):
    found = demo("run_hmc_demo", seed=0, output=tmp_path / "out")
    assert found.samples.result is SamplingResult.TRUSTED
    shift = (found.samples.mean - found.solution.theta) / found.solution.sigma
    assert np.abs(shift[:2]).max() < 0.3  # Monte Carlo error of some 0.05
    assert np.abs(found.solution.pulls(found.truth)).max() < 5
    np.testing.assert_array_equal(read_run(tmp_path / "out").samples["draws"], found.samples.draws)
    assert {path.stem for path in (tmp_path / "out").glob("*.png")} >= {"image", "residual", "pulls"}


@pytest.mark.parametrize("name", NAMES)
def test_the_example_in_the_help_is_of_the_script(name):
    assert (
        f"Example: python Examples/scripts/{name}.py --fast --output results/" in (SCRIPTS / f"{name}.py").read_text()
    )


def test_help_is_shown_and_nothing_is_written(tmp_path):
    command = [sys.executable, SCRIPTS / "run_hmc_demo.py", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=True)
    for text in ("Draw from the posterior", "--fast", "--seed", "--output", "Example: python"):
        assert text in " ".join(done.stdout.split())
    assert list(tmp_path.iterdir()) == []
