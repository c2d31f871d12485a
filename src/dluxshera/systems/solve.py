"""Setting a derived value by solving for a primitive that it depends on: `set_derived`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dluxshera.errors import InversionError, ParameterError
from dluxshera.params import Bounds, DerivedResolver, ParameterStore, ParamField, ParamSpec, bare_value, own_unit
from dluxshera.systems.resolver import SHERA_RESOLVER

_STEPS = 100
_PROBE = 1e-6  # relative step of the first difference quotient


def set_derived(
    store: ParameterStore, key: str, value: Any, *, solve_for: str, resolver: DerivedResolver = SHERA_RESOLVER
) -> ParameterStore:
    """Return the store with one primitive solved for, so that a derived parameter has the value `value`.

    Of several solutions, the result is one near the present value of the primitive.

    Parameters
    ----------
    store : ParameterStore
        Store of concrete values.
    key : str
        The derived parameter.
    value : float or quantity
        Value of the derived parameter, in its unit or with a unit.
    solve_for : str
        The primitive that changes: a number, not an array.
    resolver : DerivedResolver
        Resolver with the transforms of the store's system.

    Returns
    -------
    ParameterStore

    Raises
    ------
    UnknownKeyError
        If the spec does not have a key.
    ParameterError
        If the value is not a real number, or its unit does not convert.
    InversionError
        If there is no solution; the error states the reason: `key` is not derived or is overridden, it does not depend
        on `solve_for`, or no value of `solve_for` within its bounds and the constraints of the spec gives it.

    Examples
    --------
    >>> import dluxshera as ds
    >>> spec = ds.build_forward_model_spec_from_config(ds.SHERA_FLIGHT_CONFIG)
    >>> store = ds.ParameterStore.from_spec_defaults(spec)
    >>> finer = ds.set_derived(store, "system.plate_scale_as_per_pix", 0.1, solve_for="system.pixel_pitch_m")
    >>> print(f"{finer['system.pixel_pitch_m']:.4e}")
    3.7336e-06
    """
    spec = store.spec
    key, solve_for = spec[key].key, spec[solve_for].key
    _check(store, key, solve_for, resolver)
    target = _target(spec[key], value)
    if not spec[key].bounds.contains(target):
        raise InversionError(key, solve_for, f"{target!r} is not {spec[key].bounds}")
    values = dict(store)

    def miss(x: float) -> float:
        return float(resolver.resolve(spec, {**values, solve_for: np.float64(x)}, (key,))[key]) - target

    with np.errstate(all="ignore"):
        root = _root(miss, float(values[solve_for]), spec[solve_for].bounds, target, reach=0.5)
        if isinstance(root, str):  # a long step may have crossed a pole
            other = _root(miss, float(values[solve_for]), spec[solve_for].bounds, target, reach=0.05)
            root = root if isinstance(other, str) else other
    if isinstance(root, str):
        raise InversionError(key, solve_for, root)
    try:
        return store.replace({solve_for: root})
    except ParameterError as error:  # it contradicts another value
        raise InversionError(key, solve_for, f"it would have to be {root:.9g}, and then {error}") from None


def _target(field: ParamField, value: Any) -> float:
    number = np.asarray(bare_value(field, value))
    if number.dtype.kind not in "iuf" or number.ndim:
        raise ParameterError(field.key, expected=f"a real number {own_unit(field)}".rstrip(), got=value)
    return float(number)


def _check(store: ParameterStore, key: str, solve_for: str, resolver: DerivedResolver) -> None:
    spec = store.spec
    if spec[key].kind != "derived":
        raise InversionError(key, solve_for, f"{key} is {spec[key].kind}: set it with replace", possible=())
    possible = tuple(one for one in spec.primitives if not spec[one].shape and one in _upstream(spec, key, resolver))
    if key in store.overrides:
        raise InversionError(key, solve_for, f"{key} is overridden: strip_derived(store) first", possible)
    if spec[solve_for].kind != "primitive":
        raise InversionError(key, solve_for, f"{solve_for} is {spec[solve_for].kind}, not a primitive", possible)
    if spec[solve_for].shape:
        raise InversionError(key, solve_for, f"{solve_for} is an array", possible)
    if solve_for not in possible:
        raise InversionError(key, solve_for, f"{key} does not depend on {solve_for}", possible)


def _upstream(spec: ParamSpec, key: str, resolver: DerivedResolver) -> set[str]:
    """Return every key that a derived value is computed from, directly or not."""
    registry, ahead = resolver.registry(spec.system_id), [key]
    inputs: set[str] = set()
    while ahead:
        one = ahead.pop()
        if spec[one].kind == "derived":
            fresh = set(registry[one].inputs_in(spec)) - inputs
            inputs |= fresh
            ahead += fresh
    return inputs


def _root(miss: Callable[[float], float], x: float, bounds: Bounds, target: float, reach: float) -> float | str:
    """Return a root of a smooth function by secants that stay within bounds, or why there is none.

    `reach` is the longest step in units of the value.
    """
    inner = x * (1 + _PROBE) if x else _PROBE
    other = inner if bounds.contains(inner) else 2 * x - inner
    f, f_other = miss(x), miss(other)
    if f == f_other:
        return "it does not change with it there"
    best, least = x, abs(f)
    for _ in range(_STEPS):
        if f == 0 or f == f_other:
            break
        step = -f * (x - other) / (f - f_other)
        if x:  # a longer step might reach another branch of solutions
            step = float(np.clip(step, -reach * abs(x), reach * abs(x)))
        while not (bounds.contains(x + step) and np.isfinite(f_next := miss(x + step))):
            step *= 0.5
            if x + step == x:
                return "the solution lies outside its bounds"
        x, other, f, f_other = x + step, x, f_next, f
        if abs(f) < least:
            best, least = x, abs(f)
        elif abs(step) <= 4 * np.spacing(abs(x)):
            break
    # What rounding in the primitive and in the function leave of the miss.
    nudge = np.spacing(abs(best) or _PROBE)
    rounding = max(abs(miss(best + k * nudge) - miss(best)) for k in (-4, -2, -1, 1, 2, 4))
    return best if least <= 1e-13 * abs(target) + 4 * rounding else "no value within its bounds gives it"
