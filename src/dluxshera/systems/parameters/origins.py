"""The origins of defaults: where a spec takes the default of a parameter from. No jax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

SHERA_DESIGN: Final = "SHERA public design"


@final
@dataclass(frozen=True)
class Constant:
    """Default that is a number, the same in every model; it is that of each element of a list or a map."""

    value: float
    source: str


@final
@dataclass(frozen=True)
class EvenlySpaced:
    """Default of a list: numbers evenly spaced from `first` to `last`, the same in every model.

    Parameters
    ----------
    first, last : float
        First and last element, in the unit of the parameter.
    source : str
        Source of the values.
    """

    first: float
    last: float
    source: str


@final
@dataclass(frozen=True)
class TargetAttribute:
    """Default that is the attribute of the `Target` whose name is the key without its group.

    Parameters
    ----------
    source : str
        Format string with the names of the target's attributes.
    """

    source: str = "{name}: {source}"


@final
@dataclass(frozen=True)
class DesignAttribute:
    """Default that is the attribute of the configuration's `Design` whose name is the key without its group.

    Parameters
    ----------
    source : str
        Source of the value in a design that states none itself.
    per_visit : bool
        True for a value that is chosen for each visit, False for one that is built into the instrument.
    """

    source: str = SHERA_DESIGN
    per_visit: bool = False


@final
@dataclass(frozen=True)
class ApertureNumber:
    """Structural value that is computed from the aperture of the configuration.

    Parameters
    ----------
    attribute : str
        Attribute of `dluxshera.systems.aperture.ApertureNumbers`.
    source : str
        Description of the computation.
    """

    attribute: str
    source: str


@final
@dataclass(frozen=True)
class ForwardSpec:
    """Default of a parameter that the forward spec derives and other specs have as a primitive."""

    source: str = "computed from the design by the forward spec"


@final
@dataclass(frozen=True)
class NoDefault:
    """Mark of a parameter that is derived in every spec."""

    source: str = "computed"


Origin = Constant | EvenlySpaced | TargetAttribute | DesignAttribute | ApertureNumber | ForwardSpec | NoDefault
