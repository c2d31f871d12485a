"""Motion of the line of sight during the exposure."""

from __future__ import annotations

from typing import Any, Final

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


def _blur(image: Array, margin: int, values: Values) -> Array:
    import jax.numpy as jnp

    from dluxshera.optics import blur

    plate_scale = values[PLATE_SCALE.key]
    smear = jnp.stack([values[SMEAR_X.key], values[SMEAR_Y.key]]) / plate_scale
    return blur(image, values[JITTER.key] / plate_scale, smear, margin)


def _margin(config: Any) -> int:
    return int(config.motion_margin)


EFFECT: Final = OptionalEffect(
    name="motion",
    doc="Jitter and smear of the line of sight.",
    parameters=(JITTER, SMEAR_X, SMEAR_Y),
    hook=DetectorHook((PLATE_SCALE, JITTER, SMEAR_X, SMEAR_Y), _blur, _margin),
    config_fields=("motion_margin",),
)
