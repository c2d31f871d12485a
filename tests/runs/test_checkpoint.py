"""Checkpoints: exact, of one problem, whole whatever happens, and a fit goes on from one as if nothing had been."""

import json
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from dluxshera.errors import DocumentError, ParameterError
from dluxshera.inference import GaussianNoise, SolverState, gauss_newton, make_posterior
from dluxshera.params import Normal
from dluxshera.runs import Checkpoint, problem_of
from dluxshera.runs.checkpoint import NAME
from support import toys

PROBLEM = {"data": "1", "tolerance": "2"}


class Inner(NamedTuple):
    number: float
    row: np.ndarray


class Outer(NamedTuple):
    inner: Inner
    rest: Any


def checkpoint(folder: Path, problem=PROBLEM) -> Checkpoint:
    return Checkpoint(folder, problem, kinds=(Outer, Inner))


def same(one: Any, two: Any) -> bool:
    """Equal in type and bit by bit."""
    if isinstance(one, np.ndarray | np.generic):
        return type(one) is type(two) and one.dtype == two.dtype and one.tobytes() == two.tobytes()
    if isinstance(one, tuple | list):
        return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict):
        return list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    return type(one) is type(two) and (one == two or (one != one and two != two))


STATES = {
    "arrays": np.array([[0.1, -0.0], [np.nan, np.inf]]),
    "kinds": (
        np.float32(0.1) * np.ones(2, np.float32),
        np.arange(3),
        np.array([True]),
        np.array([1 + 2j]),
        np.zeros(0),
    ),
    "numbers": [0.1, float("nan"), float("-inf"), 3, True, None, np.float64(1 / 3), "text"],
    "none": (),
    "mapping": {"a": {"b": np.array(2.0)}, "c": (1, [2.5])},
}


@pytest.mark.parametrize("rest", STATES.values(), ids=STATES)
def test_a_state_comes_back_bit_by_bit(rest, tmp_path):
    state = Outer(Inner(1 / 3, np.array([1e-300, 5e-324])), rest)
    checkpoint(tmp_path / "deep" / "run")(state)
    assert same(checkpoint(tmp_path / "deep" / "run").resume(), state)
    with np.load(tmp_path / "deep" / "run" / NAME, allow_pickle=False) as arrays:
        assert all(array.dtype != object for array in arrays.values())


def test_nothing_to_resume_makes_nothing(tmp_path):
    assert checkpoint(tmp_path / "run").resume() is None
    assert list(tmp_path.iterdir()) == []


class Foreign(NamedTuple):
    x: int


@pytest.mark.parametrize(
    "rest", [object(), {1}, Foreign(1), np.array([None]), [[b"x"]]], ids=lambda value: type(value).__name__
)
def test_what_cannot_be_written_exactly_is_refused_and_the_old_state_stays(rest, tmp_path):
    keep = checkpoint(tmp_path)
    keep(Outer(Inner(1.0, np.ones(1)), "old"))
    with pytest.raises(ParameterError, match=r"state\.rest.*an array of numbers.*Outer, Inner"):
        keep(Outer(Inner(1.0, np.ones(1)), rest))
    assert keep.resume().rest == "old"


@pytest.mark.parametrize(
    ("other", "named"),
    [({"data": "2"}, "data"), ({"seed": "0"}, "seed"), ({"data": "2", "tolerance": "3"}, "data, tol")],
)
def test_a_checkpoint_of_another_problem_is_refused_by_name(other, named, tmp_path):
    checkpoint(tmp_path)(Outer(Inner(1.0, np.ones(1)), None))
    with pytest.raises(ParameterError, match=rf"{NAME}.*another problem.*differ in {named}.*force"):
        checkpoint(tmp_path, PROBLEM | other).resume()


def test_a_damaged_file_is_an_error_that_names_it_and_never_a_state(tmp_path):
    state = Outer(Inner(0.5, np.arange(50.0)), "x")
    checkpoint(tmp_path)(state)
    path = tmp_path / NAME
    whole = path.read_bytes()
    rng = random.Random(0)
    said = []
    for _ in range(200):
        raw = bytearray(whole)
        if rng.random() < 0.3:
            del raw[rng.randrange(len(raw)) :]
        else:
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        path.write_bytes(raw)
        try:
            assert same(checkpoint(tmp_path).resume(), state)  # the damage was in a part that nobody reads
        except DocumentError as error:
            said.append(str(error))
    assert len(said) > 100
    assert all(str(path) in text and "move or delete it to start again" in text for text in said)
    path.write_bytes(b"")
    with pytest.raises(DocumentError, match="damaged"):
        checkpoint(tmp_path).resume()


def test_another_format_is_refused(tmp_path):
    head = np.frombuffer(json.dumps({"format": "x/9"}).encode(), np.uint8)
    np.savez(tmp_path / NAME, head=head)
    with pytest.raises(DocumentError, match="has the format 'x/9'"):
        checkpoint(tmp_path).resume()


def linear_posterior(**changes):
    said = {"seed": 0, "sigma": 50.0, "prior": Normal(0.0, 3.0), "n": 3} | changes
    model = toys.linear_model(said["n"], prior=said["prior"])
    data = GaussianNoise(50.0**2).sample(np.random.default_rng(said["seed"]), model.image(np.ones(said["n"])))
    return make_posterior(model.predict, model.spec, model.store, data, GaussianNoise(said["sigma"] ** 2))


def test_problems_are_told_apart_by_the_part_that_differs():
    def differ(**changes):
        settings = {"tolerance": changes.pop("tolerance", 1e-3)}
        one, two = problem_of(linear_posterior(), tolerance=1e-3), problem_of(linear_posterior(**changes), **settings)
        return {name for name in {*one, *two} if one.get(name) != two.get(name)}

    assert differ() == set()
    assert differ(seed=1) == {"data"}
    assert differ(tolerance=1e-4) == {"tolerance"}
    assert "noise" in differ(sigma=51.0)
    assert "spec" in differ(prior=Normal(0.0, 3.1))
    assert {"labels", "spec"} <= differ(n=4)


def star_posterior():
    spec = toys.star_spec()
    store = toys.ParameterStore.from_spec_defaults(spec)
    rng = np.random.default_rng(3)
    data = rng.poisson(toys.star_image(store.replace({"star.x": 1.5, "star.y": -2.0}))).astype(float)
    return make_posterior(toys.star_image, spec, store, data)


def test_a_fit_that_is_stopped_at_any_step_goes_on_to_the_same_end(tmp_path):
    posterior, start = star_posterior(), np.array([-2.0, 2.0, 4.3, 3.0])
    kept: list[SolverState] = []
    whole = gauss_newton(posterior, start, checkpoint=kept.append)
    assert len(kept) > 4
    problem = problem_of(posterior, start=start.tolist())
    for i, state in enumerate(kept):
        keep = Checkpoint(tmp_path / str(i), problem)
        keep(state)
        again = gauss_newton(posterior, start, state=Checkpoint(tmp_path / str(i), problem).resume())
        assert same(again.theta, whole.theta)
        assert same(again.covariance, whole.covariance)
        assert [step.loss for step in again.history] == [step.loss for step in whole.history]


FIT = """
    import sys, time
    import jax
    jax.config.update("jax_enable_x64", True)
    import numpy as np
    import dluxshera as ds
    from dluxshera.runs import Checkpoint, problem_of
    from dluxshera.inference import gauss_newton
    from dluxshera.inference import PoissonNoise
    from dluxshera.inference import draw_from_prior, make_posterior

    folder, pause = sys.argv[1], float(sys.argv[2])
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=24, n_wavelengths=1)
    spec = ds.build_inference_spec_basic(config)
    binder = ds.SheraThreePlaneBinder(config, spec)
    free = spec.subset(["binary.separation_as", "binary.x_position_as", "primary.zernike_coeffs_nm"])
    rng = np.random.default_rng(5)
    truth = ds.unpack_params(draw_from_prior(free, rng), free, binder.store)
    posterior = make_posterior(binder.predict, free, binder.store, PoissonNoise().sample(rng, binder.predict(truth)))
    start = draw_from_prior(free, rng)
    keep = Checkpoint(folder, problem_of(posterior, tolerance=1e-9))

    def save(state):
        keep(state)
        print("kept", state.iteration, flush=True)
        time.sleep(pause)

    state = keep.resume()
    print("from", -1 if state is None else state.iteration, flush=True)
    solution = gauss_newton(posterior, start, tolerance=1e-9, checkpoint=save, state=state, throw=False)
    print("theta", solution.theta.tobytes().hex(), solution.covariance.tobytes().hex(), flush=True)
"""


def python(code: str, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(running: subprocess.Popen) -> list[str]:
    out, _ = running.communicate(timeout=120)
    assert running.returncode == 0
    return out.splitlines()


def test_a_fit_that_is_killed_again_and_again_ends_at_the_same_theta_bit_by_bit(tmp_path):
    """Killed with SIGKILL at seeded moments, in the middle of a step or of a checkpoint."""
    whole = python(FIT, str(tmp_path / "whole"), "0")
    rng, reached = random.Random(11), []
    for _ in range(3):
        running = python(FIT, str(tmp_path / "killed"), "0.3")
        reached.append(int(running.stdout.readline().removeprefix("from ")))
        assert running.stdout.readline().startswith("kept")
        time.sleep(rng.uniform(0.0, 0.4))
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
        assert running.returncode == -signal.SIGKILL
    lines = finish(python(FIT, str(tmp_path / "killed"), "0"))
    reached.append(int(lines[0].removeprefix("from ")))
    assert reached[0] == -1
    assert reached == sorted(set(reached))  # each went on from where the last had come
    expected = finish(whole)
    assert expected[0] == "from -1"
    assert int(expected[-2].removeprefix("kept ")) > reached[-1] >= 2
    assert lines[-1] == expected[-1]
    assert {path.name for path in (tmp_path / "killed").iterdir()} == {NAME}


WRITE = """
    import itertools, sys
    import numpy as np
    from dluxshera.runs import Checkpoint
    from dluxshera.inference import SolverState

    keep = Checkpoint(sys.argv[1], {})
    for i in itertools.count(int(sys.argv[2])):
        keep(SolverState(*(np.full(shape, float(i)) for shape in (9, 9, 9, 9, (9, 2000), 50_000))))
"""


def test_a_reader_never_sees_half_a_file_even_when_the_writer_is_killed(tmp_path):
    keep, rng, seen = Checkpoint(tmp_path, {}), random.Random(7), [-1.0]

    def read() -> None:
        if (state := keep.resume()) is not None:
            numbers = {float(x) for array in state for x in (array.min(), array.max())}
            assert len(numbers) == 1  # all of one moment
            seen.append(numbers.pop())
            assert seen[-1] >= seen[-2]

    for _ in range(4):
        running = python(WRITE, str(tmp_path), str(int(seen[-1]) + 1))
        before = len(set(seen))
        while len(set(seen)) < before + 3:
            read()
        time.sleep(rng.uniform(0.0, 0.02))
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
        read()
        assert len(list(tmp_path.iterdir())) <= 2  # the file, and what the killed one was writing
    assert len(set(seen)) > 12
