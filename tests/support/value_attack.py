"""An attack on the models: values of parameters at and beyond their bounds, one at a time and in random pairs.

A value beyond the bounds has to be refused by the store. Values within them are either refused with an error of the
package, by store, binder or model, or give an image and a gradient that are finite.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from math import inf, log10, nan, nextafter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dluxshera.errors import ConfigError, ParameterError, SheraError
from dluxshera.model import SheraBinder, binder_of
from dluxshera.model import size as model_size
from dluxshera.optics import Sampling
from dluxshera.params import ParameterStore, ParamField
from dluxshera.systems import CONFIGS, SPEC_NAMES, build_spec, effects_of

NPIX = 32
SMALL_MEMORY = 64 * 2**20  # the largest model of the attack, so that many run in little time
DESIGNS = ("shera_twoplane_flight", "shera_flight", "shera_fourplane_example")
SMALL = {"m1_map_npix": 8, "surface_map_npix": 8, "motion_margin": 4, "n_wavelengths": 2}


class Target(NamedTuple):
    """A spec of a system, without effects or with all of them."""

    design: str
    spec: str
    effects: bool


TARGETS = [Target(design, spec, effects) for design in DESIGNS for spec in SPEC_NAMES for effects in (False, True)]


@cache
def base(target: Target) -> SheraBinder:
    """Return the model of a target at its defaults."""
    named = CONFIGS[target.design]
    effects = effects_of(named.surfaces) if target.effects else ()
    fewer = {name: value for name, value in SMALL.items() if hasattr(named, name)}
    config = named.replace(image_npix=NPIX, effects=effects, source_offset_as=6.0, **fewer)
    return binder_of(config, build_spec(config, target.spec))


def limits(field: ParamField) -> tuple[float, float]:
    """Return the smallest and the largest value that the bounds of a field accept; infinite without a bound."""
    low, high = field.bounds.interval
    return (
        low if field.bounds.contains(low) else nextafter(low, inf),
        high if field.bounds.contains(high) else nextafter(high, -inf),
    )


def beyond(field: ParamField) -> list[float]:
    """Return numbers that no store accepts."""
    low, high = limits(field)
    return [nextafter(low, -inf), nextafter(high, inf), -1e308, 1e308, inf, -inf, nan]


def within(field: ParamField, rng: random.Random) -> float:
    """Return a limit, or a number between the limits, by its logarithm where both have one sign."""
    low, high = limits(field)
    if rng.random() < 0.5:
        return rng.choice([low, high])
    sign = 1.0 if low >= 0.0 else -1.0
    if low * high > 0.0:
        small, large = sorted((log10(abs(low)), log10(abs(high))))
        return sign * 10.0 ** rng.uniform(small, large)
    return rng.uniform(low, high)


def outcome(target: Target, updates: Mapping[str, float]) -> str:
    """Try values of some parameters, each of all elements of a list or a map.

    Returns
    -------
    str
        ``refused`` or ``finite``; anything else is a fault and describes it.
    """
    binder = base(target)
    values = {key: np.full(binder.spec[key].shape, value) for key, value in updates.items()}
    try:
        store = binder.store.replace(values)
        try:
            image = binder.predict(store)
        except ParameterError:  # the grids of the base model do not hold it
            binder = _shared(target, binder_of(binder.config, binder.spec, store))
            image = binder.predict(store)
    except SheraError as error:
        return _named(error)
    except Exception as error:  # any other is the fault looked for
        return f"{type(error).__name__}: {error}"
    if not np.all(np.isfinite(image)):
        return "an image that is not finite"
    gradient = _gradient(binder, store)
    wrong = [key for key, part in gradient.items() if not np.all(np.isfinite(part))]
    return f"a gradient that is not finite by {', '.join(wrong)}" if wrong else "finite"


def _named(error: SheraError) -> str:
    """Return that an error refuses, if it says what it is about, what was expected and what came."""
    complete = isinstance(error, ParameterError | ConfigError) and error.key and error.expected
    return "refused" if complete else f"an error without key or remedy, {type(error).__name__}: {error}"


_models: dict[tuple[Target, Sampling], SheraBinder] = {}


def _shared(target: Target, binder: SheraBinder) -> SheraBinder:
    """Return the first model of a target with the same grids, whose compiled programs are there."""
    return _models.setdefault((target, binder.optics.sampling), binder)


@partial(jax.jit, static_argnums=0)
def _gradient(binder: SheraBinder, store: ParameterStore) -> dict[str, Any]:
    """Return the gradient of a weighted sum over pixels by all values, in reverse mode."""
    weights = jnp.linspace(0.5, 1.5, NPIX * NPIX).reshape(NPIX, NPIX)
    return dict(jax.grad(lambda values: jnp.sum(weights * binder.predict(values)))(store).items())


@contextmanager
def small_memory() -> Iterator[None]:
    """Lower the memory that a model may take."""
    before, model_size.LARGEST_MEMORY = model_size.LARGEST_MEMORY, SMALL_MEMORY
    try:
        yield
    finally:
        model_size.LARGEST_MEMORY = before


def singles(target: Target) -> Iterator[tuple[str, float, bool]]:
    """Return each primitive with the numbers to try, and whether these lie within its bounds."""
    spec = base(target).spec
    for key in spec.primitives:
        for value in dict.fromkeys(limits(spec[key])):
            yield key, value, True
        for value in beyond(spec[key]):
            yield key, value, False


def pairs(seed: int, number: int) -> Iterator[tuple[Target, dict[str, float]]]:
    """Return random pairs of values within their bounds, from all targets."""
    rng = random.Random(seed)
    for _ in range(number):
        target = rng.choice(TARGETS)
        spec = base(target).spec
        keys = rng.sample(spec.primitives, 2)
        yield target, {key: within(spec[key], rng) for key in keys}


def attack_singles(index: int) -> dict[str, Any]:
    """Try every key of a target alone; see `_counts`."""
    target = TARGETS[index]
    with small_memory():
        tries = [
            (f"{target.design}, {target.spec}, {key} = {value!r}", inside, outcome(target, {key: value}))
            for key, value, inside in singles(target)
        ]
    return _counts(tries)


def attack_pairs(seed: int, number: int) -> dict[str, Any]:
    """Try random pairs of values within their bounds; see `_counts`."""
    with small_memory():
        tries = [
            (f"{target.design}, {target.spec}, {updates!r}", True, outcome(target, updates))
            for target, updates in pairs(seed, number)
        ]
    return _counts(tries)


def _counts(tries: list[tuple[str, bool, str]]) -> dict[str, Any]:
    """Return the number of tries, of refusals and of finite images, and the faults; forget all compiled programs."""
    faults = [
        f"{name}: {result}"
        for name, inside, result in tries
        if result != "refused" and not (inside and result == "finite")
    ]
    results = [result for _, _, result in tries]
    _models.clear()
    base.cache_clear()
    jax.clear_caches()
    return {
        "tries": len(tries),
        "refused": results.count("refused"),
        "finite": results.count("finite"),
        "faults": faults,
    }
