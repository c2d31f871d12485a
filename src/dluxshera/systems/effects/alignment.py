"""Decentre and tilt of M2."""

from __future__ import annotations

from typing import Final

from dluxshera.systems import transforms
from dluxshera.systems.effects.hooks import Array, PointingHook, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import FOLLOWS_GEOMETRY, WITH_GEOMETRY, in_systems
from dluxshera.systems.parameters.origins import Constant, NoDefault
from dluxshera.systems.parameters.record import Computation, Parameter
from dluxshera.systems.parameters.scales import M2_TO_DETECTOR, M3_TO_DETECTOR
from dluxshera.systems.planes import FOUR_PLANE, THREE_PLANE
from dluxshera.units import ARCSEC

_SHIFTS = "Paraxially it shifts the line of sight and does nothing else."


def _decentre(axis: str) -> Parameter:
    return Parameter(
        key=f"system.m2_{axis}_decentre_m",
        title=f"M2 decentre, {axis}",
        doc=f"Distance of M2's axis from that of M1, positive towards +{axis}. {_SHIFTS}",
        symbol=f"d_{axis}",
        units="m",
        bounds=bounds.DISPLACEMENT,
        kinds=in_systems(WITH_GEOMETRY, surfaces=1),
        origin=Constant(0.0, "design: none"),
        effect="alignment",
    )


def _tilt(axis: str) -> Parameter:
    return Parameter(
        key=f"system.m2_{axis}_tilt_rad",
        title=f"M2 tilt, {axis}",
        doc=f"Angle by which M2 is turned, positive where it turns the light behind it towards +{axis}. {_SHIFTS}",
        symbol=f"t_{axis}",
        units="rad",
        bounds=bounds.TILT,
        kinds=in_systems(WITH_GEOMETRY, surfaces=1),
        origin=Constant(0.0, "design: none"),
        effect="alignment",
    )


def _line_of_sight(axis: str) -> Parameter:
    motions = (f"system.m2_{axis}_decentre_m", f"system.m2_{axis}_tilt_rad")
    equation = rf"{axis}_\mathrm{{los}} = \frac{{B_2}}{{B}} \left(\frac{{d_{axis}}}{{f_2}} + 2 t_{axis}\right)"
    return Parameter(
        key=f"system.line_of_sight_{axis}_as",
        title=f"Line of sight, {axis}",
        doc=f"Shift of the whole image along {axis} by decentre and tilt of M2.",
        symbol=rf"{axis}_\mathrm{{los}}",
        units="arcsec",
        bounds=bounds.POSITION,
        kinds=in_systems(FOLLOWS_GEOMETRY, surfaces=1),
        origin=NoDefault(),
        computed={
            THREE_PLANE: Computation(transforms.line_of_sight_shift, (*motions, *M2_TO_DETECTOR), equation),
            FOUR_PLANE: Computation(transforms.four_plane_line_of_sight_shift, (*motions, *M3_TO_DETECTOR), equation),
        },
        effect="alignment",
    )


M2_X_DECENTRE: Final = _decentre("x")
M2_Y_DECENTRE: Final = _decentre("y")
M2_X_TILT: Final = _tilt("x")
M2_Y_TILT: Final = _tilt("y")
LINE_OF_SIGHT_X: Final = _line_of_sight("x")
LINE_OF_SIGHT_Y: Final = _line_of_sight("y")


def _shift(values: Values) -> Array:
    import jax.numpy as jnp

    return jnp.stack([values[LINE_OF_SIGHT_X.key], values[LINE_OF_SIGHT_Y.key]]) * ARCSEC


EFFECT: Final = OptionalEffect(
    name="alignment",
    doc="Decentre and tilt of M2, which shift the line of sight; in the effective mode the pair's position stands for"
    " them.",
    parameters=(M2_X_DECENTRE, M2_Y_DECENTRE, M2_X_TILT, M2_Y_TILT, LINE_OF_SIGHT_X, LINE_OF_SIGHT_Y),
    hook=PointingHook((LINE_OF_SIGHT_X, LINE_OF_SIGHT_Y), _shift),
    surfaces=1,
)
