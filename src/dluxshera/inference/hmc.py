"""Draws from a posterior by Hamiltonian Monte Carlo, in coordinates whitened by the Laplace approximation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from dluxshera.console import progress_bar
from dluxshera.errors import FitError, ParameterError
from dluxshera.inference.coordinates import Coordinates, unbounded_coordinates
from dluxshera.inference.posterior import AbstractPosterior
from dluxshera.inference.samples import SamplerState, Samples
from dluxshera.inference.solution import Solution

if TYPE_CHECKING:
    from blackjax.mcmc.hmc import HMCState

FIRST_STEP_SIZE: Final = 0.25  # in sigmas; the adaptation starts at about ten times this value, just above the best one
RECORDED: Final = ("draws", "log_density", "divergent", "acceptance", "leapfrogs")  # the fields of a state that grow
CHUNK: Final = 50  # transitions per call of the compiled sampler; after each call the bar moves and the state is kept


class _Moves(NamedTuple):
    """Results of a chunk of transitions, by transition and chain."""

    theta: Float[Array, "moves chains n"]
    log_density: Float[Array, "moves chains"]
    divergent: Bool[Array, "moves chains"]
    acceptance: Float[Array, "moves chains"]
    leapfrogs: Int[Array, "moves chains"]


def sample_posterior(
    posterior: AbstractPosterior,
    solution: Solution,
    *,
    draws: int = 1000,
    warmup: int = 300,
    chains: int = 4,
    seed: int = 0,
    target_acceptance: float = 0.8,
    progress: bool = False,
    checkpoint: Callable[[SamplerState], None] | None = None,
    state: SamplerState | None = None,
) -> Samples:
    """Draw from a posterior by NUTS, warm-started at a solution.

    The chains run in coordinates in which the Laplace approximation at the solution is a unit normal, so that the mass
    matrix is the identity. Dual averaging during the warm-up adapts one step size for all chains. Bounded parameters
    are transformed to unbounded ones, with the Jacobian in the density, so that no path meets a bound. Where the model
    is not valid the density is zero, and a path that reaches such a point counts as divergent. The chains start at
    draws of the Laplace approximation.

    Parameters
    ----------
    posterior : AbstractPosterior
        Posterior to sample.
    solution : Solution
        Converged solution of this posterior.
    draws, warmup : int
        Numbers of draws and of warm-up transitions of each chain.
    chains : int
        Number of chains, which advance together in one compiled call.
    seed : int
        Seed of all draws.
    target_acceptance : float
        Mean acceptance probability for which the step size is adapted. A larger one gives smaller steps and fewer
        divergences.
    progress : bool
        Show a progress bar on standard error.
    checkpoint : callable, optional
        Function called with a `SamplerState` every 50 transitions.
    state : SamplerState, optional
        State to continue from, to a total of `draws`, with its own start and coordinates.

    Returns
    -------
    Samples
        The draws; look at ``samples.result``.

    Raises
    ------
    FitError
        If blackjax is not installed, or no start with a finite density exists.
    ParameterError
        If the solution has not converged, a number is too small, or the state belongs to another run.
    """
    try:
        from blackjax.optimizers.dual_averaging import dual_averaging
    except ImportError as error:
        raise FitError("blackjax is not installed", remedy="pip install dluxshera[sampling]") from error
    for name, value, least in (("draws", draws, 4), ("warmup", warmup, 1), ("chains", chains, 1)):
        if value < least:
            raise ParameterError(name, expected=f"at least {least}", got=value)
    if not solution.converged:
        raise ParameterError(
            "solution", expected="a fit that converged", got=solution.result.name, remedy="Start the fit elsewhere"
        )
    if state is None:
        state = _first_state(posterior, solution, chains, seed, warmup)
        adaptation = np.array(dual_averaging()[0](FIRST_STEP_SIZE), dtype=float)
        state = state._replace(adaptation=adaptation)
    _check_state(state, posterior, seed, warmup, chains, draws)
    frame = unbounded_coordinates(posterior, state.centre, state.spread)
    total = warmup + draws
    with _bar(progress, total) as advance:
        advance(state)
        while state.iteration < total:
            # Without the draws, so that every chunk has one shape and is compiled once.
            bare = state._replace(**{name: getattr(state, name)[:, :0] for name in RECORDED})
            end, moves = _transitions(posterior, frame, bare, jnp.asarray(target_acceptance), jnp.asarray(total))
            state = _extended(state, end, moves, min(total, int(state.iteration) + CHUNK))
            advance(state)
            if checkpoint:
                checkpoint(state)
    return _samples(posterior, state, target_acceptance)


def _first_state(posterior: AbstractPosterior, solution: Solution, chains: int, seed: int, warmup: int) -> SamplerState:
    """Return the state at draws of the Laplace approximation; a draw without a density is repeated."""
    n = solution.theta.size
    frame = unbounded_coordinates(posterior, solution.theta, solution.covariance)
    rng = np.random.default_rng(seed)
    starts: list[tuple[np.ndarray, float, np.ndarray]] = []
    for _ in range(100 * chains):
        z = rng.normal(size=n)
        value, gradient = _value_and_gradient(posterior, frame, jnp.asarray(z))
        if np.isfinite(value) and np.all(np.isfinite(gradient)):
            starts.append((z, float(value), np.asarray(gradient)))
        if len(starts) == chains:
            break
    else:
        raise FitError(
            f"only {len(starts)} of {100 * chains} draws have a density, too few to start {chains} chains",
            remedy="A bound or an invalid model is within the uncertainty: add a prior, or hold a parameter fixed",
        )
    positions, values, gradients = (np.array(column) for column in zip(*starts, strict=True))
    none = np.zeros((chains, 0))
    return SamplerState(
        seed=np.array(seed),
        warmup=np.array(warmup),
        iteration=np.array(0),
        centre=solution.theta,
        spread=solution.covariance,
        positions=positions,
        log_densities=values,
        gradients=gradients,
        adaptation=np.zeros(5),
        draws=np.zeros((chains, 0, n)),
        log_density=none,
        divergent=none.astype(bool),
        acceptance=none,
        leapfrogs=none.astype(int),
    )


def _check_state(
    state: SamplerState, posterior: AbstractPosterior, seed: int, warmup: int, chains: int, draws: int
) -> None:
    """Raise ParameterError if a state belongs to another run."""
    arguments = {"seed": seed, "warmup": warmup, "chains": chains, "elements of theta": len(posterior.labels)}
    stored = dict(zip(arguments, (int(state.seed), int(state.warmup), *state.positions.shape), strict=True))
    for name, value in arguments.items():
        if stored[name] != value:
            raise ParameterError("state", expected=f"a state with {name} = {value}", got=stored[name])
    if state.draws.shape[1] > draws:
        raise ParameterError("draws", expected=f"at least {state.draws.shape[1]}, the draws of the state", got=draws)


def _log_density(posterior: AbstractPosterior, frame: Coordinates, z: Array) -> Array:
    """Return the log of the posterior density in z: minus infinity where the model or the prior has no value."""
    loss = posterior.loss(frame.theta(z))
    return jnp.where(jnp.isnan(loss), -jnp.inf, frame.log_det(z) - loss)


@eqx.filter_jit
def _value_and_gradient(posterior: AbstractPosterior, frame: Coordinates, z: Array) -> tuple[Array, Array]:
    return jax.value_and_grad(lambda z: _log_density(posterior, frame, z))(z)


@eqx.filter_jit
def _transitions(
    posterior: AbstractPosterior, frame: Coordinates, state: SamplerState, target: Array, total: Array
) -> tuple[tuple[HMCState, Any], _Moves]:
    """Make a chunk of transitions of all chains, or those that remain up to the total."""
    from blackjax.mcmc import hmc, nuts
    from blackjax.optimizers.dual_averaging import DualAveragingState, dual_averaging

    kernel = nuts.build_kernel()
    _, update, _ = dual_averaging()
    unit = jnp.ones(state.positions.shape[1])
    chains = jnp.arange(len(state.positions))
    root = jax.random.key(state.seed)

    def density(z: Array) -> Array:
        return _log_density(posterior, frame, z)

    def transition(i: Array, carry: Any) -> Any:
        at, adaptation, results = carry
        number = state.iteration + i
        warming = number < state.warmup
        size = jnp.exp(jnp.where(warming, adaptation.log_x, adaptation.log_x_avg))
        # The key depends on seed, chain and number alone, so that a run that was interrupted has the same draws.
        keys = jax.vmap(lambda chain: jax.random.fold_in(jax.random.fold_in(root, chain), number))(chains)
        at, info = jax.vmap(lambda key, at: kernel(key, at, density, size, unit))(keys, at)
        adapted = update(adaptation, target - jnp.nan_to_num(jnp.mean(info.acceptance_rate)))
        adaptation = jax.tree.map(lambda new, old: jnp.where(warming, new, old), adapted, adaptation)
        moves = _Moves(
            jax.vmap(frame.theta)(at.position),
            at.logdensity - jax.vmap(frame.log_det)(at.position),
            info.is_divergent,
            info.acceptance_rate,
            info.num_integration_steps,
        )
        return at, adaptation, jax.tree.map(lambda every, one: every.at[i].set(one), results, moves)

    at = hmc.HMCState(*map(jnp.asarray, (state.positions, state.log_densities, state.gradients)))
    shape = (CHUNK, len(state.positions))
    blank = _Moves(
        jnp.zeros((CHUNK, *state.positions.shape)),
        jnp.zeros(shape),
        jnp.zeros(shape, dtype=bool),
        jnp.zeros(shape),
        jnp.zeros(shape, dtype=int),
    )
    left = jnp.minimum(CHUNK, total - state.iteration)
    start = (at, DualAveragingState(*state.adaptation), blank)
    at, adaptation, results = jax.lax.fori_loop(0, left, transition, start)
    return (at, adaptation), results


def _extended(state: SamplerState, end: tuple[HMCState, Any], moves: _Moves, iteration: int) -> SamplerState:
    """Return the state after a chunk, with the draws after the warm-up appended."""
    at, adaptation = end
    begin = int(state.iteration)
    kept = slice(max(0, int(state.warmup) - begin), iteration - begin)

    def longer(old: np.ndarray, new: Array) -> np.ndarray:
        return np.concatenate([old, np.swapaxes(np.asarray(new)[kept], 0, 1)], axis=1)

    return state._replace(
        iteration=np.array(iteration),
        positions=np.asarray(at.position),
        log_densities=np.asarray(at.logdensity),
        gradients=np.asarray(at.logdensity_grad),
        adaptation=np.array(adaptation, dtype=float),
        draws=longer(state.draws, moves.theta),
        log_density=longer(state.log_density, moves.log_density),
        divergent=longer(state.divergent, moves.divergent),
        acceptance=longer(state.acceptance, moves.acceptance),
        leapfrogs=longer(state.leapfrogs, moves.leapfrogs),
    )


@eqx.filter_jit
def _r_hat_and_ess(z: Float[Array, "chains draws n"]) -> tuple[Array, Array, Array]:
    from blackjax.diagnostics import ess_bulk, ess_tail, rhat

    return rhat(z), ess_bulk(z), ess_tail(z)


def _samples(posterior: AbstractPosterior, state: SamplerState, target: float) -> Samples:
    z = (state.draws - state.centre) / np.sqrt(np.diag(state.spread))  # about 1 in any units
    r_hat, ess_bulk, ess_tail = (np.atleast_1d(np.asarray(each)) for each in _r_hat_and_ess(jnp.asarray(z)))
    return Samples(
        draws=state.draws,
        log_density=state.log_density,
        divergent=state.divergent,
        acceptance=state.acceptance,
        leapfrogs=state.leapfrogs,
        r_hat=r_hat,
        ess_bulk=ess_bulk,
        ess_tail=ess_tail,
        step_size=float(np.exp(state.adaptation[1])),
        labels=posterior.labels,
        state=state,
        provenance={
            "sampler": "NUTS, coordinates whitened by the Laplace approximation",
            "seed": str(state.seed),
            "warmup": str(state.warmup),
            "chains": str(len(state.draws)),
            "draws": str(state.draws.shape[1]),
            "target_acceptance": str(target),
        },
    )


@contextmanager
def _bar(show: bool, total: int) -> Iterator[Callable[[SamplerState], None]]:
    """Yield a function that moves a progress bar to the iteration of a state."""
    if not show:
        yield lambda state: None
        return
    with progress_bar("Sampling", "compiling", total=total) as advance:

        def callback(state: SamplerState) -> None:
            phase = "warm-up" if state.iteration < state.warmup else f"{int(state.divergent.sum())} divergences"
            advance(phase if state.iteration else "compiling", completed=int(state.iteration))

        yield callback
