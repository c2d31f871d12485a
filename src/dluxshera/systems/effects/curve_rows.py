"""Tables over wavelength as parameters: the values of a curve, and the wavelengths of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self, final

from dluxshera.errors import DataError, ParameterError
from dluxshera.optics import Curve, check_table, mean_value
from dluxshera.params import Constraint
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.band import BANDWIDTH, WAVELENGTH
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import EvenlySpaced
from dluxshera.systems.parameters.record import Parameter

TABLE_SUFFIX: Final = "_wavelengths_m"  # after the key of a curve, the key of the wavelengths of its rows
_FLAT: Final = EvenlySpaced(1e-7, 1e-5, "illustrative: a flat curve needs no more")


_BAND: Final = (WAVELENGTH.key, BANDWIDTH.key)


@final
@dataclass(frozen=True)
class TableOfBand(Constraint):
    """The rows of a table ascend, have the whole band between them, and have light in it.

    Parameters
    ----------
    rows, curve : str
        Keys of the wavelengths and of the values of the rows.
    least : float
        Least mean of the values across the band; positive, because a curve of zeros leaves no light.
    """

    rows: str
    curve: str
    least: float

    @property
    def keys(self) -> tuple[str, ...]:
        """The two keys, and those of the band."""
        return (self.rows, self.curve, *_BAND)

    @property
    def text(self) -> str:
        """The relation as a sentence."""
        band = " and ".join(_BAND)
        return (
            f"{self.rows} ascends and has the band of {band} between its ends, across which the mean of {self.curve} is"
            f" at least {self.least:g}."
        )

    def check(self, values: Mapping[str, Any]) -> None:
        """Check the rows and their values.

        Raises
        ------
        ParameterError
            If they do not ascend, part of the band lies outside them, or no light is in the band.
        """
        import numpy as np  # deferred, because commands that list parameters need no arrays

        centre, width = (float(values[key]) for key in _BAND)
        rows, curve = (np.asarray(values[key], float) for key in (self.rows, self.curve))
        try:
            check_table(rows, centre, width, self.rows)
        except DataError as error:  # as an error of a parameter, which fits know
            raise ParameterError(
                self.rows, expected=error.expected, got=error.got, remedy=error.remedy, index=error.index
            ) from None
        if not mean_value(centre, width, Curve(rows, curve)) >= self.least:
            raise ParameterError(
                self.curve,
                expected=f"a mean of at least {self.least:g} across the band",
                got=curve,
                remedy="Correct the table, or move the band to where it has light",
            )

    def renamed(self, old: str, new: str) -> Self:
        """Return the constraint with a new key for a parameter."""
        rows, curve = (new if key == old else key for key in (self.rows, self.curve))
        return replace(self, rows=rows, curve=curve)


def table_wavelengths(values: Parameter, least: float) -> Parameter:
    """Return the parameter for the wavelengths of a table's rows.

    Parameters
    ----------
    values : Parameter
        Values of the table, with the field for the number of its rows as `Elements`.
    least : float
        Least mean of the values across the band, positive.
    """
    return Parameter(
        key=f"{values.key}{TABLE_SUFFIX}",
        title=f"{values.title}, wavelengths",
        doc=f"Wavelengths of the rows of the table {values.key}, ascending. The whole band lies between the first and"
        " the last.",
        symbol=rf"\lambda_{{{values.symbol},i}}",
        units="m",
        bounds=bounds.TABLE_WAVELENGTH,
        constraints=(TableOfBand(f"{values.key}{TABLE_SUFFIX}", values.key, least),),
        kinds=in_systems(IN_EVERY_SPEC),
        origin=_FLAT,
        size=values.size,
        effect=values.effect,
    )
