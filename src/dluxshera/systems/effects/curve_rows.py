"""Tables over wavelength as parameters: the values of a curve, and the wavelengths of its rows."""

from __future__ import annotations

from typing import Final

from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import EvenlySpaced
from dluxshera.systems.parameters.record import POSITIVE, Parameter

TABLE_SUFFIX: Final = "_wavelengths_m"  # after the key of a curve, the key of the wavelengths of its rows
_FLAT: Final = EvenlySpaced(1e-7, 1e-5, "illustrative: a flat curve needs no more")


def table_wavelengths(values: Parameter) -> Parameter:
    """Return the parameter for the wavelengths of a table's rows.

    Parameters
    ----------
    values : Parameter
        Values of the table, with the field for the number of its rows as `Elements`.
    """
    return Parameter(
        key=f"{values.key}{TABLE_SUFFIX}",
        title=f"{values.title}, wavelengths",
        doc=f"Wavelengths of the rows of the table {values.key}, ascending. The whole band lies between the first and"
        " the last.",
        symbol=rf"\lambda_{{{values.symbol},i}}",
        units="m",
        bounds=POSITIVE,
        kinds=in_systems(IN_EVERY_SPEC),
        origin=_FLAT,
        size=values.size,
        effect=values.effect,
    )
