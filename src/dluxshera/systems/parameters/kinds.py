"""The kind of a parameter in each spec of each system: primitive, derived or structural. No jax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final, TypeVar

from dluxshera.params import Kind
from dluxshera.systems.planes import systems_with

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class SpecKinds:
    """Kind of a parameter in each spec of one system; None in a spec that does not have it."""

    forward: Kind | None = field(
        default=None,
        metadata={
            "doc": "From geometry and photon flux density to the image: what follows from them (plate scale, defocus,"
            " total flux) is derived. A two-plane system has no geometry behind its plate scale, which is primitive."
        },
    )
    inference: Kind | None = field(
        default=None,
        metadata={
            "doc": "For fits (effective mode): plate scale and total flux are primitive, and focus lives in the"
            " primary's Zernike coefficients."
        },
    )
    physics_inference: Kind | None = field(
        default=None,
        metadata={
            "doc": "For fits with free geometry (physics mode): plate scale and defocus are derived and act; total flux"
            " is primitive."
        },
    )

    def named(self) -> dict[str, Kind]:
        """Return the kinds by name of the spec, those that are not None."""
        kinds: dict[str, Kind | None] = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: kind for name, kind in kinds.items() if kind is not None}


SPEC_TEXTS: Final[Mapping[str, str]] = {item.name: item.metadata["doc"] for item in fields(SpecKinds)}
SPEC_NAMES: Final = tuple(SPEC_TEXTS)

IN_EVERY_SPEC: Final = SpecKinds(forward="primitive", inference="primitive", physics_inference="primitive")
WITH_GEOMETRY: Final = SpecKinds(forward="primitive", physics_inference="primitive")
FOLLOWS_GEOMETRY: Final = SpecKinds(forward="derived", physics_inference="derived")
FORWARD_PRIMITIVE: Final = SpecKinds(forward="primitive")
FORWARD_DERIVED: Final = SpecKinds(forward="derived")


def in_systems(value: _Item, *, surfaces: int = 0) -> dict[str, _Item]:
    """Return the same value for each system with at least this number of surfaces behind the pupil."""
    return dict.fromkeys(systems_with(surfaces), value)
