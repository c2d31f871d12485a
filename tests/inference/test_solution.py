"""What a fit returns."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from dluxshera.errors import ShapeError, UnknownKeyError
from dluxshera.inference import FitResult, FitStep, Solution, SolverState
from support.toys import linear_model

COVARIANCE = np.array([[4.0, 0.1, 0.0], [0.1, 9.0, 0.2], [0.0, 0.2, 0.25]])


@pytest.fixture
def solution() -> Solution:
    model = linear_model()
    return Solution(
        theta=np.array([1.0, 2.0, 3.0]),
        store=model.store.replace({model.key: [1.0, 2.0, 3.0]}),
        covariance=COVARIANCE,
        loss=12.5,
        result=FitResult.CONVERGED,
        history=(),
        labels=model.spec.labels,
    )


def test_sigma_is_the_root_of_the_diagonal(solution):
    np.testing.assert_array_equal(solution.sigma, [2.0, 3.0, 0.5])


def test_one_parameter_by_its_label(solution):
    assert solution.value_and_sigma("toy.a[a1]") == (2.0, 3.0)
    with pytest.raises(UnknownKeyError, match=r"toy\.a\[a9\]: expected a label of the fit.*Did you mean toy\.a\[a"):
        solution.value_and_sigma("toy.a[a9]")


@pytest.mark.parametrize("array", [list, np.array, jnp.array])
def test_pulls_are_errors_in_units_of_sigma(solution, array):
    truth = array([3.0, 2.0, 2.0])
    np.testing.assert_array_equal(solution.pulls(np.asarray(truth) if array is list else truth), [-1.0, 0.0, 2.0])


@pytest.mark.parametrize("truth", [np.zeros(2), np.zeros(4), np.zeros(1)])
def test_a_truth_of_another_length_is_refused(solution, truth):
    with pytest.raises(ShapeError, match=r"truth: expected a vector of 3 numbers, got an array of shape"):
        solution.pulls(truth)


def test_only_converged_is_an_answer(solution):
    assert [r for r in FitResult if dataclasses.replace(solution, result=r).converged] == [FitResult.CONVERGED]


def test_a_result_reads_as_a_phrase():
    assert str(FitResult.MAX_STEPS) == "stopped at the largest number of steps"
    assert FitResult("converged") is FitResult.CONVERGED
    assert len({str(r) for r in FitResult}) == 6


def test_a_state_is_the_history_in_plain_arrays():
    steps = (FitStep(3.0, 2.0, np.array([0.0, 1.0])), FitStep(1.0, 0.5, np.array([0.5, 1.5]), misfit=1.2, damping=7.0))
    state = SolverState.of(steps, np.array([4.0]))
    assert all(isinstance(part, np.ndarray) for part in state)
    assert (state.iteration, state.damping) == (1, 7.0)
    np.testing.assert_array_equal(state.theta, [0.5, 1.5])
    for one, other in zip(state.history, steps, strict=True):
        np.testing.assert_array_equal(np.hstack(one), np.hstack(other))
    assert np.isnan(state.history[0].misfit)


def test_a_solution_is_immutable(solution):
    with pytest.raises(dataclasses.FrozenInstanceError):
        solution.loss = 0.0
