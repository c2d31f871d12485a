"""Runs on the terminal and as JSON: digits of the estimates, numbers that are not finite, and formats of figures."""

import json

import numpy as np
import pytest

from dluxshera.errors import ParameterError
from dluxshera.inference import FitResult, FitStep, Solution
from dluxshera.runs import fit_bar, print_estimates, print_run, read_run, run_data, save_run, write_figures
from support import toys

LABELS = ("star.log_flux", "mirror.coeffs_nm[Z5]")


@pytest.fixture
def failed(tmp_path):
    """A run whose loss and covariance are NaN, without a truth."""
    store = toys.ParameterStore.from_spec_defaults(toys.telescope())
    history = (FitStep(np.nan, np.nan, np.zeros(2)),)
    solution = Solution(np.ones(2), store, np.full((2, 2), np.nan), np.nan, FitResult.NON_FINITE, history, LABELS)
    return read_run(save_run(tmp_path / "run", solution, provenance={"seed": 3}))


@pytest.mark.parametrize(
    ("value", "sigma", "shown"),
    [(1.23456789, 0.0123, "1.235"), (1234.5678, 45.6, "1235"), (2.0, np.inf, "2.000000"), (2.0, 0.0, "2.000000")],
)
def test_an_estimate_has_two_digits_of_its_sigma(capsys, value, sigma, shown):
    print_estimates(("x",), [value], [sigma])
    (line,) = (line.split() for line in capsys.readouterr().out.splitlines() if line.strip().startswith("x "))
    assert line[:2] == ["x", shown]
    assert len(line) == 3


def test_a_truth_adds_the_pull(capsys):
    print_estimates(("x",), [1.5], [0.25], [1.0])
    (line,) = (line.split() for line in capsys.readouterr().out.splitlines() if line.strip().startswith("x "))
    assert line == ["x", "1.50", "0.25", "1.00", "+2.00"]


def test_numbers_that_are_not_finite_are_null_in_json(failed):
    data = json.loads(json.dumps(run_data(failed), allow_nan=False))
    assert (data["result"], data["steps"], data["loss"]) == ("NON_FINITE", 0, None)
    assert data["parameters"] == [{"parameter": label, "estimate": 1.0, "sigma": None} for label in LABELS]


def test_a_run_without_a_design_shows_what_it_has(failed, capsys):
    print_run(failed)
    text = capsys.readouterr().out
    assert "Result" in text
    assert "not finite, after 0 steps" in text
    assert "Design" not in text


def test_a_format_that_is_not_drawn_is_refused_before_anything_is_written(failed, tmp_path):
    with pytest.raises(ParameterError, match="file_format: expected png or svg, got 'pdf'"):
        write_figures(failed, tmp_path / "figures", "pdf")
    assert not (tmp_path / "figures").exists()


def test_the_bar_of_a_fit_takes_steps_without_a_gradient():
    with fit_bar(1e-3) as callback:
        for step in (FitStep(np.inf, np.nan, np.zeros(2)), FitStep(1.0, 10.0, np.zeros(2))):
            assert callback(1, step) is None
