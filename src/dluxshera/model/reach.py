"""The values of a model that decide on its sampling, and the check that a store keeps within the limits of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, cos, hypot, radians, sin
from typing import Any, Final

import jax.numpy as jnp
import numpy as np

from dluxshera.errors import ParameterError
from dluxshera.model.checks import moved_most, number_text
from dluxshera.model.light import Band, point_sources, surface_states
from dluxshera.optics import Sampling, needed_clearance, steepest_slopes
from dluxshera.params import ParameterStore
from dluxshera.systems import (
    BANDWIDTH,
    DEFOCUS,
    EFFECTS,
    M1_DIAMETER,
    M1_FOCAL_LENGTH,
    M1_M2_SEPARATION,
    M1_ZERNIKES,
    M2_DIAMETER,
    M2_FOCAL_LENGTH,
    M2_M3_SEPARATION,
    M2_ZERNIKES,
    M3_DIAMETER,
    M3_ZERNIKES,
    PLATE_SCALE,
    POSITION_ANGLE,
    SEPARATION,
    WAVELENGTH,
    X_POSITION,
    Y_POSITION,
    CompanionHook,
    DirectionHook,
    Hook,
    PointingHook,
    Reach,
    SheraConfig,
    SourceHook,
    aberration_margin_for,
)
from dluxshera.units import ARCSEC, NANOMETRE

_DIAMETERS: Final = (M2_DIAMETER, M3_DIAMETER)
POSITION_KEYS: Final = (SEPARATION.key, X_POSITION.key, Y_POSITION.key)
SCALE_KEYS: Final = (PLATE_SCALE.key, WAVELENGTH.key, BANDWIDTH.key, M1_DIAMETER.key)
ZERNIKE_KEYS: Final = (M1_ZERNIKES.key, M2_ZERNIKES.key, M3_ZERNIKES.key)
LENGTH_KEYS: Final = tuple(item.key for item in (M1_FOCAL_LENGTH, M1_M2_SEPARATION, M2_FOCAL_LENGTH, M2_M3_SEPARATION))
_DEFOCUS_SLOPE: Final = float(steepest_slopes((4,))[0])


def reach_of(config: SheraConfig, values: Mapping[str, Any]) -> Reach:
    """Return the reach of a model's values.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    values : mapping of str to number or array
        Values of the spec's keys, derived ones among them; none is traced.

    Raises
    ------
    ParameterError
        If the lengths give a surface no beam of a finite size.
    """
    with np.errstate(all="ignore"):  # what is not finite raises
        reach = _reach_of(config, values)
    numbers = (reach.offset, reach.frequency, reach.blur, reach.plate_scale, reach.relative_bandwidth)
    if not np.isfinite((*numbers, *reach.beams, *reach.spreads)).all():
        raise ParameterError(
            moved_most(LENGTH_KEYS, values, values),
            expected="lengths with which the beam has a finite size on each surface",
            got={key: float(values[key]) for key in LENGTH_KEYS if key in values},
            remedy="The beam has no size on a surface in a focus: change a distance or a focal length",
        )
    return reach


def _reach_of(config: SheraConfig, values: Mapping[str, Any]) -> Reach:
    diameter, plate_scale = float(values[M1_DIAMETER.key]), float(values[PLATE_SCALE.key])
    wavelength, bandwidth = float(values[WAVELENGTH.key]), float(values[BANDWIDTH.key])
    shortest, longest = wavelength - 0.5 * bandwidth, wavelength + 0.5 * bandwidth
    surfaces = surface_states(((),) * config.surfaces, values)
    beams = tuple([abs(float(item.beam_scale)) * diameter / float(item.diameter) for item in surfaces])
    of_pupil, *of_surfaces = config.bases.values()
    blurs = [
        steepest_slopes(of_pupil) * values.get(M1_ZERNIKES.key, ()) * NANOMETRE,
        *(
            steepest_slopes(noll) * item.coefficients * beam
            for noll, item, beam in zip(of_surfaces, surfaces, beams, strict=True)
        ),
        np.array([_DEFOCUS_SLOPE * float(values.get(DEFOCUS.key, 0.0)) * NANOMETRE]),
    ]
    return Reach(
        offset=_largest_offset(config, values) / plate_scale,
        frequency=plate_scale * ARCSEC * diameter / shortest,
        blur=float(np.linalg.norm(np.concatenate(blurs))) / shortest,
        plate_scale=plate_scale,
        relative_bandwidth=bandwidth / shortest,
        beams=beams,
        spreads=tuple([longest * abs(float(item.distance)) / diameter**2 for item in surfaces]),
    )


def _largest_offset(config: SheraConfig, values: Mapping[str, Any]) -> float:
    """Return the largest distance of a source from the axis, arcsec."""
    kinds = (CompanionHook, SourceHook, DirectionHook, PointingHook)
    companions, sources, directions, pointing = [
        _runs(config, kind, values) if config.effects else () for kind in kinds
    ]
    if not (companions or sources or directions or pointing):
        angle = radians(float(values[POSITION_ANGLE.key]))
        half = 0.5 * float(values[SEPARATION.key])
        x, y, half_x, half_y = values[X_POSITION.key], values[Y_POSITION.key], half * sin(angle), half * cos(angle)
        return max(hypot(x + half_x, y + half_y), hypot(x - half_x, y - half_y))
    flat = Band(jnp.ones(1), jnp.ones((3, 1)))
    arrays = {key: jnp.asarray(value) for key, value in values.items()}
    sources_of_scene = point_sources(companions, sources, directions, flat, arrays)
    shift = sum((np.asarray(run(arrays)) for run in pointing), np.zeros(2))
    return float(np.linalg.norm(np.asarray(sources_of_scene.angles) + shift, axis=1).max()) / ARCSEC


def _runs(config: SheraConfig, kind: type[Hook], values: Mapping[str, Any]) -> tuple[Callable[..., Any], ...]:
    """Return the functions of the configuration's hooks of a kind whose parameters the values have."""
    hooks = [EFFECTS[name].hook for name in config.effects]
    return tuple(
        hook.run for hook in hooks if isinstance(hook, kind) and all(item.key in values for item in hook.reads)
    )


def check_reach(sampling: Sampling, reach: Reach, values: Mapping[str, Any], built_with: ParameterStore) -> None:
    """Check that the values of a store keep within the limits of the sampling that a model was built with.

    Parameters
    ----------
    sampling : Sampling
        Sampling of the model.
    reach : Reach
        Reach of the values.
    values : mapping of str to number or array
        Values of the store, derived ones among them.
    built_with : ParameterStore
        Store that the model was built with.

    Raises
    ------
    ParameterError
        If they do not. The error has the key that moved most, its value, the limit, and how to widen it.
    """
    if reach.offset > sampling.largest_offset:
        key = moved_most(POSITION_KEYS, values, built_with)
        limit, angle = sampling.largest_offset * reach.plate_scale, reach.offset * reach.plate_scale
        raise ParameterError(
            key,
            expected=f"sources at most {limit:.4g} arcsec from the axis",
            got=f"{number_text(values[key])}, with a source at {angle:.4g} arcsec",
            remedy=f"Build the model with this store, or with source_offset_as={1.05 * angle:.3g} in its configuration",
        )
    if reach.frequency > sampling.largest_frequency:
        key = moved_most(SCALE_KEYS, values, built_with)
        raise ParameterError(
            key,
            expected=f"an image with at most {sampling.largest_frequency:.5g} cycles per pixel (plate scale over the"
            " shortest wavelength / diameter)",
            got=f"{number_text(values[key])}, with {reach.frequency:.5g} cycles per pixel",
            remedy="Build the model with this store",
        )
    if reach.blur > sampling.largest_blur:
        key = moved_most((*ZERNIKE_KEYS, DEFOCUS.key), values, built_with)
        raise ParameterError(
            key,
            expected=f"aberrations that spread the light by at most {sampling.largest_blur:.3g} wavelengths / diameter",
            got=f"{number_text(values[key])}, with {reach.blur:.3g}",
            remedy="Build the model with this store, or with"
            f" aberration_margin={ceil(aberration_margin_for(reach.blur))} in its configuration",
        )
    diameter = float(values[M1_DIAMETER.key])
    longest = float(values[WAVELENGTH.key]) + 0.5 * float(values[BANDWIDTH.key])
    for item, beam, spread in zip(_DIAMETERS, reach.beams, reach.spreads, strict=False):
        least = beam * needed_clearance(sampling.exit, longest, spread * diameter**2 / longest, diameter)
        if least > 1.0:
            value = float(values[item.key])
            raise ParameterError(
                item.key,
                expected=f"at least {least * value:.5g} m, where its edge stops none of the detector's light",
                got=value,
                remedy="Enlarge it, or make the beam on it smaller: the model does not draw an edge across the beam",
            )
