"""The canonical recovery, by the package and by Adam on the baseline: who is at the maximum first.

Both fit the image of one truth, each made by its own model with the same noise, from the same start; both maximise the
same prior times a Gaussian likelihood. Adam works in coordinates scaled by the prior, in compiled chunks of many steps,
so that it does not wait for Python. How far it is from the maximum is measured in sigma: in the metric of the
baseline's own Fisher matrix, prior included, about the maximum that Gauss and Newton's steps find for the baseline.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.case import reference_case
from benchmarks.measure import ROUNDS, cost
from dluxshera.inference import GaussianNoise, draw_from_prior, gauss_newton, make_posterior
from dluxshera.params import unpack_params

SIZE = {"baseline_npix": 128, "image_npix": 128}
RATES = (1e-1, 1e-2, 1e-3)
NEAR = 0.1  # sigma
CHUNK = 50  # steps between two looks at the distance


class Course(NamedTuple):
    """How Adam did with one learning rate."""

    rate: float
    steps: int
    seconds: float
    processor_seconds: float
    distances: list[float]  # in sigma, after each chunk; the last is the nearest of the last chunk


class Problem(NamedTuple):
    """The baseline's posterior in coordinates scaled by the prior, its maximum and its information there."""

    loss: Callable[[jax.Array], jax.Array]
    start: jax.Array
    maximum: jax.Array
    information: jax.Array

    def distances(self, z: jax.Array) -> np.ndarray:
        """How far each of many points is from the maximum, in sigma."""
        error = z - self.maximum
        return np.sqrt(np.asarray(jnp.einsum("si,ij,sj->s", error, self.information, error)))


def recovery_against_adam(steps: str = "2000") -> dict[str, Any]:
    """Time both; Adam with the best of three learning rates."""
    case = reference_case(**SIZE)
    rng = np.random.default_rng(0)
    truth, start = (draw_from_prior(case.free, rng) for _ in range(2))
    store = unpack_params(truth, case.free, case.scene.store)
    image, theirs = np.asarray(case.scene.binder.predict(store)), np.asarray(jax.jit(case.baseline_image)(truth))
    noise, draw = GaussianNoise(image), np.sqrt(image) * rng.normal(size=image.shape)
    posterior = make_posterior(case.scene.binder, case.free, case.scene.store, image + draw, noise)

    solution = gauss_newton(posterior, start)
    walls, processors = np.transpose([cost(lambda: gauss_newton(posterior, start).theta) for _ in range(ROUNDS)])
    ours, processor = np.quantile(walls, [0.25, 0.5, 0.75]).tolist(), float(np.median(processors))

    mean, sigma = np.asarray(posterior.prior_mean), np.asarray(posterior.prior_sigma)
    problem = _problem(case.baseline_image, mean, sigma, theirs + draw, image, (truth - mean) / sigma, start)
    courses: list[Course] = []
    for rate in RATES:
        courses.append(_descend(problem, rate, int(steps), courses))
    arrived = [course for course in courses if course.distances[-1] < NEAR]
    best = min(arrived, key=lambda c: c.seconds) if arrived else min(courses, key=lambda c: c.distances[-1])
    return {
        "rounds": 1,
        "seconds": [ours[1], best.seconds],
        "processor_seconds": [processor, best.processor_seconds],
        "ratio": best.seconds / ours[1],
        "spread": [best.seconds / ours[2], best.seconds / ours[0]],
        "ours": {"steps": len(solution.history) - 1, "distance": solution.history[-1].gradient_norm},
        "adam": [
            {"rate": c.rate, "steps": c.steps, "seconds": c.seconds, "distance": c.distances[-1]} for c in courses
        ],
        "arrived": bool(arrived),
    }


def _problem(
    predict: Callable[[jax.Array], jax.Array],
    mean: np.ndarray,
    sigma: np.ndarray,
    data: np.ndarray,
    variance: np.ndarray,
    guess: np.ndarray,
    start: np.ndarray,
) -> Problem:
    """Find the baseline's maximum from a guess, and its information: three full steps of Gauss and Newton."""

    def model(z: jax.Array) -> jax.Array:
        return predict(mean + sigma * z)

    def loss(z: jax.Array) -> jax.Array:
        return 0.5 * jnp.sum((model(z) - data) ** 2 / variance) + 0.5 * jnp.sum(z**2)

    @jax.jit
    def normal_equations(z: jax.Array) -> tuple[jax.Array, jax.Array]:
        image, tangent = jax.linearize(model, z)
        rows = jax.lax.map(tangent, jnp.eye(z.size)).reshape(z.size, -1) / jnp.sqrt(variance).ravel()
        left = ((data - image) / jnp.sqrt(variance)).ravel()
        return rows @ rows.T + jnp.eye(z.size), rows @ left - z

    z = jnp.asarray(guess)
    for _ in range(4):
        information, slope = normal_equations(z)
        step = jnp.linalg.solve(information, slope)
        z = z + step
    left = float(jnp.sqrt(step @ information @ step))
    if not left < 1e-2 * NEAR:
        raise RuntimeError(f"the baseline's maximum is known to {left:.3g} sigma only")
    return Problem(loss, jnp.asarray((start - mean) / sigma), z, information)


def _descend(problem: Problem, rate: float, steps: int, before: list[Course]) -> Course:
    """Let Adam step until it is near, or to the last; at a quarter of them it gives up if another rate was nearer."""
    optimiser = optax.adam(rate)

    @jax.jit
    def chunk(z: jax.Array, state: Any) -> tuple[tuple[jax.Array, Any], jax.Array]:
        def one(carry: Any, _: None) -> tuple[Any, jax.Array]:
            z, state = carry
            updates, state = optimiser.update(jax.grad(problem.loss)(z), state)
            z = optax.apply_updates(z, updates)
            return (z, state), z

        return jax.lax.scan(one, (z, state), None, length=CHUNK)

    z, state = problem.start, optimiser.init(problem.start)
    jax.block_until_ready(chunk(z, state))  # compiles
    spent, distances = np.zeros(2), []
    for taken in range(CHUNK, steps + 1, CHUNK):
        begin = np.array([perf_counter(), process_time()])
        (z, state), path = jax.block_until_ready(chunk(z, state))
        spent += np.array([perf_counter(), process_time()]) - begin
        nearest = problem.distances(path)
        distances.append(float(nearest.min()))
        if distances[-1] < NEAR:
            first = int(np.argmax(nearest < NEAR)) + 1
            until = spent * (taken - CHUNK + first) / taken
            return Course(rate, taken - CHUNK + first, *until.tolist(), distances)
        others = [course.distances[len(distances) - 1] for course in before if len(course.distances) >= len(distances)]
        if taken >= steps // 4 and any(other < distances[-1] for other in others):
            break
    return Course(rate, taken, *spent.tolist(), distances)
