"""Maps of the errors of each surface."""

from __future__ import annotations

from functools import partial
from typing import Final

from dluxshera.systems.effects.hooks import Array, SurfaceHook, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import Constant
from dluxshera.systems.parameters.record import Cells, Parameter
from dluxshera.units import NANOMETRE

_CELLS = "over the square around the circle of the {} diameter, interpolated by cubic convolution"
_SIDES: Final = ("m1_map_npix", "surface_map_npix", "surface_map_npix")  # fields of the maps' sizes, by surface


def _map(group: str, surface: int, calibrated: bool) -> Parameter:
    name = "calibrated" if calibrated else "uncalibrated"
    mirror = f"M{surface + 1}"
    part = "that a calibration has measured" if calibrated else "that no calibration has measured, which a study adds"
    return Parameter(
        key=f"{group}.{name}_map_nm",
        title=f"{mirror} {name} map",
        doc=f"OPD of each cell of {mirror}'s surface error {part}; {_CELLS.format(mirror)}. Row 0 lies at -y, column 0"
        " at -x. It adds to the Zernike polynomials and to the other map.",
        symbol=r"w_\mathrm{cal}" if calibrated else r"w_\mathrm{unc}",
        units="nm",
        bounds=bounds.OPD,
        kinds=in_systems(IN_EVERY_SPEC, surfaces=surface),
        origin=Constant(0.0, "design: none"),
        size=Cells(_SIDES[surface]),
        effect=f"m{surface + 1}_maps",
    )


def _sum(maps: tuple[Parameter, Parameter], values: Values) -> Array:
    calibrated, uncalibrated = (values[item.key] for item in maps)
    return (calibrated + uncalibrated) * NANOMETRE


def _maps(group: str, surface: int, doc: str) -> OptionalEffect:
    maps = (_map(group, surface, True), _map(group, surface, False))
    return OptionalEffect(
        name=f"m{surface + 1}_maps",
        doc=doc,
        parameters=maps,
        hook=SurfaceHook(maps, partial(_sum, maps), surface),
        surfaces=surface,
        config_fields=(_SIDES[surface],),
    )


M1_MAPS: Final = _maps("primary", 0, "Maps of M1's surface error, a calibrated and an uncalibrated part.")
M2_MAPS: Final = _maps("secondary", 1, "Maps of M2's surface error, a calibrated and an uncalibrated part.")
M3_MAPS: Final = _maps("tertiary", 2, "Maps of the surface error behind M2, a calibrated and an uncalibrated part.")
