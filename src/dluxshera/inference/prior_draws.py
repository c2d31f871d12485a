"""Draws of theta from priors that satisfy the constraints between parameters."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
from jaxtyping import Float

from dluxshera.errors import ParameterError
from dluxshera.inference.theta_prior import DRAWS, labelled, prior_of
from dluxshera.params import ParameterStore, ParamSpec, check_together, unpack_params


def draw_from_prior(
    free: ParamSpec, rng: np.random.Generator, store: ParameterStore | None = None
) -> Float[np.ndarray, " n"]:
    """Draw theta from the priors of a spec's fields, within their bounds and the constraints between parameters.

    Parameters
    ----------
    free : ParamSpec
        Free parameters, each with a prior.
    rng : numpy.random.Generator
        Source of the draws.
    store : ParameterStore, optional
        Values of all other parameters, with which constraints hold as well.

    Raises
    ------
    ParameterError
        If a field has no prior, or no draw satisfies the constraints.
    """
    prior = prior_of(labelled(free))
    return satisfying(lambda: prior.sample(rng), lambda theta: _check_draw(theta, free, store))


def satisfying(draw: Callable[[], np.ndarray], check: Callable[[np.ndarray], object]) -> np.ndarray:
    """Return the first draw that a check accepts.

    Parameters
    ----------
    draw : callable
        Function that returns a draw.
    check : callable
        Function that raises `ParameterError` for a draw that does not satisfy the constraints.

    Raises
    ------
    ParameterError
        If the check accepts none of a thousand draws: the error of the last one.
    """
    for _ in range(DRAWS - 1):
        drawn = draw()
        with suppress(ParameterError):
            check(drawn)
            return drawn
    drawn = draw()
    check(drawn)
    return drawn


def _check_draw(theta: Float[np.ndarray, " n"], free: ParamSpec, store: ParameterStore | None) -> None:
    if store is not None:
        unpack_params(theta, free, store)
    elif free.constraints:
        parts = np.split(theta, np.cumsum([len(field.labels) for field in free.fields])[:-1])
        check_together(
            free.constraints, {key: part.reshape(free[key].shape) for key, part in zip(free, parts, strict=True)}
        )
