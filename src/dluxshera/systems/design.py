"""Point designs: the values of a system's continuous parameters that a configuration carries as their defaults.

An attribute has the name of its parameter's key without the group: `m1_diameter_m` is ``system.m1_diameter_m``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from math import inf
from typing import Any

from dluxshera.errors import ConfigError, ParameterError
from dluxshera.optics import RayMatrix, two_mirror_telescope
from dluxshera.params import check_together
from dluxshera.systems.parameters.origins import DesignAttribute
from dluxshera.systems.parameters.scales import PLATE_SCALE
from dluxshera.systems.rules import Number
from dluxshera.systems.table import PARAMETERS
from dluxshera.units import ARCSEC


@dataclass(frozen=True, kw_only=True)
class Design(ABC):
    """Values that the designs of all systems have, in metres, seconds and detected photons; abstract.

    Parameters
    ----------
    m1_diameter_m, pixel_pitch_m, wavelength_m, bandwidth_m, exposure_time_s, frame_time_s, full_well : float
        Values of the parameters of these names.
    dark_current, read_noise : float
        Values of the parameters of these names, of the detector; zero for none.
    throughput : float
        Detected electrons over photons on the open aperture, quantum efficiency included.
    sources : tuple of (str, str)
        Source of a value, by attribute, where it differs from that in the parameter's record.

    Raises
    ------
    ConfigError
        If a value lies outside the bounds of its parameter, or values contradict each other.
    """

    m1_diameter_m: float
    pixel_pitch_m: float
    wavelength_m: float
    bandwidth_m: float
    throughput: float
    full_well: float
    exposure_time_s: float = 1800.0
    frame_time_s: float = 0.05
    dark_current: float = 0.0
    read_noise: float = 0.0
    sources: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        names = [item.name for item in fields(self) if item.name != "sources"]
        for name in names:
            value = _rule(name).check(f"design.{name}", getattr(self, name))
            object.__setattr__(self, name, value)
        for name, _ in self.sources:
            if name not in names:
                raise ConfigError("design.sources", expected=f"sources of {', '.join(names)}", got=name)
        self._check_together(names)

    def _check_together(self, names: list[str]) -> None:
        """Check the constraints between parameters, and that there is a plate scale."""
        keys = {name: key for name in names if (key := _key(name))}
        values = {key: getattr(self, name) for name, key in keys.items()}
        try:
            check_together((each for key in values for each in PARAMETERS[key].constraints), values)
        except ParameterError as error:
            name = next(name for name, key in keys.items() if key == error.key)
            raise ConfigError(f"design.{name}", expected=error.expected, got=error.got, remedy=error.remedy) from None
        try:
            plate_scale = self.plate_scale / ARCSEC
        except ZeroDivisionError:
            plate_scale = inf
        if not PLATE_SCALE.bounds.contains(plate_scale):
            raise ConfigError(
                "design",
                expected=f"lengths that give a plate scale {PLATE_SCALE.bounds} arcsec per pixel",
                got=plate_scale,
                remedy="Check the focal lengths, the distances and the pixel pitch",
            )

    @property
    @abstractmethod
    def plate_scale(self) -> float:
        """Radians on the sky for a pixel of the image."""

    @property
    def surface_planes(self) -> tuple[RayMatrix, ...]:
        """The ray matrices from the pupil to the surfaces behind it."""
        return ()

    def values(self, keys: tuple[str, ...]) -> Mapping[str, Any]:
        """Return the values of parameters by key."""
        return {key: getattr(self, key.partition(".")[2]) for key in keys}

    def source_of(self, key: str) -> str | None:
        """Return the source of the value of a parameter, or None if the design does not state it."""
        return dict(self.sources).get(key.partition(".")[2])


@dataclass(frozen=True, kw_only=True)
class TwoPlaneDesign(Design):
    """Design values of a two-plane system, which has a plate scale and no mirrors behind the pupil.

    Parameters
    ----------
    plate_scale_as_per_pix : float
        Plate scale, arcsec per pixel.
    """

    plate_scale_as_per_pix: float

    @property
    def plate_scale(self) -> float:
        """Radians on the sky for a pixel of the image."""
        return self.plate_scale_as_per_pix * ARCSEC

    @property
    def focal_length_m(self) -> float:
        """The focal length that gives the plate scale."""
        return self.pixel_pitch_m / self.plate_scale


@dataclass(frozen=True, kw_only=True)
class ThreePlaneDesign(Design):
    """Design values of a three-plane system.

    Parameters
    ----------
    m2_diameter_m, m1_focal_length_m, m2_focal_length_m, m1_m2_separation_m : float
        Values of the parameters of these names; `m2_focal_length_m` is negative.
    """

    m2_diameter_m: float
    m1_focal_length_m: float
    m2_focal_length_m: float
    m1_m2_separation_m: float

    @property
    def m2_detector_separation_m(self) -> float:
        """The distance from M2 at which the detector is in focus."""
        return _distance_to_focus(self._behind_m2)

    @property
    def plate_scale(self) -> float:
        """Radians on the sky for a pixel of the image."""
        return self.pixel_pitch_m / self._behind_m2.effective_focal_length

    @property
    def surface_planes(self) -> tuple[RayMatrix, ...]:
        """The ray matrix from the pupil to M2."""
        return (RayMatrix().surface(self.m1_focal_length_m).gap(self.m1_m2_separation_m),)

    @property
    def _behind_m2(self) -> RayMatrix:
        return two_mirror_telescope(self.m1_focal_length_m, self.m2_focal_length_m, self.m1_m2_separation_m)


@dataclass(frozen=True, kw_only=True)
class FourPlaneDesign(ThreePlaneDesign):
    """Design values of a four-plane system: a three-plane one with a surface M3 on the way to the detector.

    Parameters
    ----------
    m2_diameter_m, m1_focal_length_m, m2_focal_length_m, m1_m2_separation_m : float
        Values of the parameters of these names; `m2_focal_length_m` is negative.
    m3_diameter_m, m3_power_per_m, m2_m3_separation_m : float
        Values of the parameters of these names; `m3_power_per_m` is zero for a flat surface.
    """

    m3_diameter_m: float
    m3_power_per_m: float
    m2_m3_separation_m: float

    @property
    def m3_detector_separation_m(self) -> float:
        """The distance from M3 at which the detector is in focus."""
        return _distance_to_focus(self._behind_m3)

    @property
    def plate_scale(self) -> float:
        """Radians on the sky for a pixel of the image."""
        return self.pixel_pitch_m / self._behind_m3.effective_focal_length

    @property
    def surface_planes(self) -> tuple[RayMatrix, ...]:
        """The ray matrices from the pupil to M2 and to M3."""
        return (*super().surface_planes, self._behind_m2.gap(self.m2_m3_separation_m))

    @property
    def _behind_m3(self) -> RayMatrix:
        return self._behind_m2.gap(self.m2_m3_separation_m).powered_surface(self.m3_power_per_m)


@cache
def _key(name: str) -> str:
    """Return the key of the parameter whose default an attribute is; empty if there is none."""
    for key, parameter in PARAMETERS.items():
        if parameter.name == name and isinstance(parameter.origin, DesignAttribute):
            return key
    return ""


@cache
def _rule(name: str) -> Number:
    """Return the rule of an attribute: the bounds of the parameter whose default it is."""
    if key := _key(name):
        parameter = PARAMETERS[key]
        return Number(f"a number {parameter.bounds}", parameter.bounds, parameter.units)
    return Number("a finite number")


def _distance_to_focus(relay: RayMatrix) -> float:
    return float(relay.effective_focal_length * relay.a)
