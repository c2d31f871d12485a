"""Motion of the line of sight during the exposure."""

from __future__ import annotations

from math import ceil
from typing import Any, Final

from dluxshera.errors import ParameterError
from dluxshera.systems.effects.hooks import Array, DetectorHook, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import Constant
from dluxshera.systems.parameters.record import Parameter
from dluxshera.systems.parameters.scales import PLATE_SCALE

JITTER: Final = Parameter(
    key="imaging.jitter_as",
    title="Jitter",
    doc="Standard deviation, along each axis, of a Gaussian motion of the line of sight during the exposure.",
    symbol=r"\sigma_j",
    units="arcsec",
    bounds=bounds.JITTER,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(0.005, "illustrative"),
    effect="motion",
)
SMEAR_X: Final = Parameter(
    key="imaging.smear_x_as",
    title="Smear, x",
    doc="Full length along x of a uniform drift of the line of sight during the exposure.",
    symbol="l_x",
    units="arcsec",
    bounds=bounds.SMEAR,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(0.01, "illustrative"),
    effect="motion",
)
SMEAR_Y: Final = Parameter(
    key="imaging.smear_y_as",
    title="Smear, y",
    doc="Full length along y of a uniform drift of the line of sight during the exposure.",
    symbol="l_y",
    units="arcsec",
    bounds=bounds.SMEAR,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=Constant(0.0, "illustrative"),
    effect="motion",
)

_SIGMAS: Final = 4.0  # of the jitter within the margin, which leave 1e-4 of the light at the border


def _blur(image: Array, margin: int, values: Values) -> Array:
    import jax.numpy as jnp

    from dluxshera.optics import blur

    plate_scale = values[PLATE_SCALE.key]
    smear = jnp.stack([values[SMEAR_X.key], values[SMEAR_Y.key]]) / plate_scale
    jitter = values[JITTER.key] / plate_scale
    valid = 0.5 * jnp.max(jnp.abs(smear)) + _SIGMAS * jitter <= margin
    return jnp.where(valid, blur(image, jitter, smear, margin), jnp.nan)


def _margin(config: Any) -> int:
    return int(config.motion_margin)


def _check(config: Any, values: Values) -> None:
    """Check that no light from beyond the margin reaches the image."""
    jitter, smear_x, smear_y, plate_scale = (
        abs(float(values[item.key])) for item in (JITTER, SMEAR_X, SMEAR_Y, PLATE_SCALE)
    )
    reach = (0.5 * max(smear_x, smear_y) + _SIGMAS * jitter) / plate_scale
    if reach <= config.motion_margin:
        return
    key = max((JITTER, SMEAR_X, SMEAR_Y), key=lambda item: abs(float(values[item.key]))).key
    raise ParameterError(
        key,
        expected=f"a motion within the {config.motion_margin} pixels that are rendered beyond the border of the image",
        got=f"{float(values[key])} arcsec, which with the other motions reaches {reach:.4g} pixels",
        remedy=f"Set motion_margin={ceil(reach)} in the configuration"
        if reach <= 256
        else "Check the unit of the motion",
    )


EFFECT: Final = OptionalEffect(
    name="motion",
    doc="Jitter and smear of the line of sight.",
    parameters=(JITTER, SMEAR_X, SMEAR_Y),
    hook=DetectorHook((PLATE_SCALE, JITTER, SMEAR_X, SMEAR_Y), _blur, _margin, _check),
    config_fields=("motion_margin",),
    idle={JITTER.key: 0.0, SMEAR_X.key: 0.0, SMEAR_Y.key: 0.0},
)
