"""The image and its derivatives by theta, from the derivatives by theta of the values that the image needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal
from jaxtyping import Array, Float

from dluxshera.graph import SystemGraph
from dluxshera.model.light import Light
from dluxshera.optics import RelayOptics, Slopes, expand_image

Rows = Mapping[str, frozenset[int]]


def image_and_columns(
    graph: SystemGraph, optics: RelayOptics, values: Mapping[str, Any], slopes: Mapping[str, Array], rows: Rows
) -> tuple[Float[Array, "image image"], Float[Array, "n image image"]]:
    """Return the image and its derivatives by the n elements of theta.

    What the light depends on, `expand_image` has columns for: directions and photons of the sources, Zernike
    coefficients, plate scale, defocus and pointing. The columns of values that move anything else, such as lengths of
    the telescope and maps, are forward-mode derivatives of the whole image.

    Parameters
    ----------
    graph : SystemGraph
        Graph of the model, not compiled by itself.
    optics : RelayOptics
        Optics of the graph.
    values : mapping of str to Array
        Values that the image needs.
    slopes : mapping of str to Array
        Derivatives by theta of those values that depend on it, each of shape (n, shape of the value).
    rows : mapping of str to frozenset of int
        Elements of theta on which each of these values depends.
    """
    at = {key: jnp.asarray(values[key], float) for key in slopes}

    def light_at(moved: Mapping[str, Array]) -> Light:
        light: Light = graph.function("light")({**values, **moved})["light"]
        return light

    depends = _dependence(light_at, at)
    rest = frozenset[str]().union(*jax.tree.leaves(_rest(depends), is_leaf=_is_set))
    structured = {key: slope for key, slope in slopes.items() if key not in rest}
    light = light_at(at)
    if structured:
        moved = {key: at[key] for key in structured}
        change = jax.vmap(lambda slope: jax.jvp(light_at, (moved,), (slope,))[1])(structured)
        optical, columns = expand_image(optics, *light, _slopes(change, depends, frozenset(structured), light))
    else:
        optical = optics.image(*light)
        columns = jnp.zeros((next(iter(slopes.values())).shape[0], *optical.shape), optical.dtype)
    if rest:
        moved, which = (
            {key: at[key] for key in slopes if key in rest},
            sorted(frozenset().union(*(rows[key] for key in rest))),
        )
        _, push = jax.linearize(lambda moved: optics.image(*light_at(moved)), moved)
        of_rest = jax.lax.map(push, {key: slopes[key][jnp.array(which)] for key in moved})
        columns = columns.at[jnp.array(which)].add(of_rest)
    node = graph.nodes["image"]
    read = {key: at[key] for key in node.inputs if key in slopes}

    def detected(optical: Array, moved: Mapping[str, Array]) -> Array:
        inputs = {**values, **moved, "optical_image": optical}
        return node.fn(*(inputs[name] for name in node.inputs))

    image, push = jax.linearize(detected, optical, read)
    return image, jax.vmap(push)(columns, {key: slopes[key] for key in read})


def _rest(light: Any) -> Any:
    """Return the parts of a light that have no columns of their own."""
    pupil = (light.pupil.diameter, light.pupil.opd_map)
    return light.wavelengths, pupil, [item._replace(coefficients=None) for item in light.surfaces]


def _slopes(change: Light, depends: Any, keys: frozenset[str], light: Light) -> Slopes:
    """Return the derivatives of a light, None for those that are zero for all values of the `keys`."""

    def of(slope: Any, depends: Any) -> Any:
        return slope if slope is not None and depends & keys else None

    scale = of(change.plate_scale, depends.plate_scale)
    return Slopes(
        photons=of(change.photons, depends.photons),
        angles=of(change.angles, depends.angles),
        log_plate_scale=None if scale is None else scale / light.plate_scale,
        coefficients=(
            of(change.pupil.coefficients, depends.pupil.coefficients),
            *(of(a.coefficients, b.coefficients) for a, b in zip(change.surfaces, depends.surfaces, strict=True)),
        ),
        defocus=of(change.pupil.defocus, depends.pupil.defocus),
        line_of_sight=of(change.pupil.line_of_sight, depends.pupil.line_of_sight),
    )


def _is_set(item: Any) -> bool:
    return isinstance(item, frozenset)


def _dependence(function: Callable[[Mapping[str, Array]], Any], at: Mapping[str, Array]) -> Any:
    """Return the output of a function with the set of keys of its argument in place of each array that they reach."""
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(at)
    jaxpr = closed.jaxpr
    reached = {var: frozenset({key}) for var, key in zip(jaxpr.invars, sorted(at), strict=True)}

    def of(var: Any) -> frozenset[str]:
        return frozenset() if isinstance(var, Literal) else reached.get(var, frozenset())

    for equation in jaxpr.eqns:
        keys = frozenset[str]().union(*map(of, equation.invars))
        reached.update(dict.fromkeys(equation.outvars, keys))
    return jax.tree.unflatten(jax.tree.structure(shapes), [of(var) for var in jaxpr.outvars])
