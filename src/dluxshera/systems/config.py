"""Structural configurations: what fixes array shapes and rasters. Frozen, hashable, and the key of the build cache.

Everything continuous is a parameter; a configuration only carries the design values that are its defaults. The fields
that systems share stand in `SheraConfig` alone, with a text each, from which the docstrings of the classes are made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from math import ceil, inf, isfinite
from textwrap import fill
from typing import Any, ClassVar, Self, TypeVar

from dluxshera.errors import ConfigError, UnknownKeyError
from dluxshera.optics import TOLIMAN, diffractive_pupil_file
from dluxshera.systems.design import Design, FourPlaneDesign, ThreePlaneDesign, TwoPlaneDesign
from dluxshera.systems.effects import effects_of
from dluxshera.systems.planes import FOUR_PLANE, SURFACES, THREE_PLANE, TWO_PLANE

_NOLL = tuple(range(4, 12))


Config = TypeVar("Config", bound="SheraConfig")


def _documented(cls: type[Config]) -> type[Config]:
    """Add the section on the parameters to the docstring of a configuration, from the texts of its fields."""
    rows = [
        f"{item.name} : {item.type}\n"
        + fill(item.metadata["doc"], 112, initial_indent="    ", subsequent_indent="    ")
        for item in fields(cls)
    ]
    raises = "Raises\n------\nConfigError\n    If a field has a value that the system cannot be built with."
    cls.__doc__ = "\n\n".join([cls.__doc__ or "", "Parameters\n----------\n" + "\n".join(rows), raises])
    return cls


@dataclass(frozen=True)
class SheraConfig:
    """What the configurations of all systems share; abstract."""

    name: str = field(metadata={"doc": "Of the point design; not structural."})
    design: Design = field(metadata={"doc": "Default values of the continuous parameters; not structural."})
    obscuration: float = field(default=0.0, metadata={"doc": "Diameter of the central obscuration over the pupil's."})
    n_struts: int = field(default=0, metadata={"doc": "Number of struts across the pupil."})
    strut_width: float = field(default=0.0, metadata={"doc": "Width of a strut over the pupil's diameter."})
    strut_rotation_deg: float = field(
        default=0.0, metadata={"doc": "Position of the first strut (see `dluxshera.optics.aperture.pupil_raster`)."}
    )
    m1_noll: tuple[int, ...] = field(
        default=_NOLL, metadata={"doc": "Noll indices of the Zernike basis of M1; empty for none."}
    )
    diffractive_pupil: str | None = field(
        default=TOLIMAN,
        metadata={"doc": "``dLuxToliman`` for TOLIMAN's mask, the path of a ``.npy`` file, or None for a clear pupil."},
    )
    mask_design_wavelength_m: float = field(default=550e-9, metadata={"doc": "The mask's step is half of it."})
    pupil_npix: int = field(default=256, metadata={"doc": "Cells across the pupil; even."})
    image_npix: int = field(default=256, metadata={"doc": "Pixels across the image; even."})
    n_wavelengths: int = field(default=3, metadata={"doc": "Gauss-Legendre samples of the band."})
    aperture_subpixels: int = field(default=5, metadata={"doc": "Samples across a cell of the pupil's raster."})
    pixel_nodes: int = field(default=2, metadata={"doc": "Gauss-Legendre samples across a pixel."})
    effects: tuple[str, ...] = field(
        default=(), metadata={"doc": "Optional parts of the model (see `dluxshera.systems.effects`); none by default."}
    )
    curve_samples: int = field(
        default=17, metadata={"doc": "Points across the band of a sampled spectrum or filter curve; at least 2."}
    )
    n_field_stars: int = field(default=1, metadata={"doc": "Number of field stars, where they are an effect."})
    motion_margin: int = field(
        default=8,
        metadata={
            "doc": "Pixels rendered beyond each border of the image, where motion of the line of sight blurs it."
        },
    )

    system_id: ClassVar[str]
    design_type: ClassVar[type[Design]]
    surfaces: ClassVar[int] = 0  # behind the pupil

    def __post_init__(self) -> None:
        self._require("design", f"a {self.design_type.__name__}", lambda v: isinstance(v, self.design_type))
        for name in ("pupil_npix", "image_npix"):
            self._require(name, "an even integer of at least 2", lambda v: _is_int(v, 2) and v % 2 == 0)
        for name in ("n_wavelengths", "aperture_subpixels", "pixel_nodes", "n_field_stars", "motion_margin"):
            self._require(name, "an integer of at least 1", lambda v: _is_int(v, 1))
        self._require("curve_samples", "an integer of at least 2", lambda v: _is_int(v, 2))
        self._check_effects()
        self._require("n_struts", "an integer of at least 0", lambda v: _is_int(v, 0))
        self._require("obscuration", "a fraction from 0 to below 1", lambda v: _is_real(v) and 0 <= v < 1)
        self._require("strut_width", "a fraction from 0 to below 1", lambda v: _is_real(v) and 0 <= v < 1)
        self._require("strut_rotation_deg", "a finite angle", lambda v: _is_real(v) and isfinite(v))
        self._require("mask_design_wavelength_m", "a positive length", lambda v: _is_real(v) and 0 < v < inf)
        self._check_basis("m1_noll")
        if self.diffractive_pupil is not None:
            object.__setattr__(self, "diffractive_pupil", str(self.diffractive_pupil))

    @property
    def bases(self) -> Mapping[str, tuple[int, ...]]:
        """The Noll indices of each surface, under its group of parameters: ``primary``, ``secondary``, ``tertiary``."""
        return {"primary": self.m1_noll}

    def replace(self, **changes: Any) -> Self:
        """Return the configuration with some fields changed.

        Raises
        ------
        UnknownKeyError
            If there is no such field; near matches are named.
        ConfigError
            If a value is not possible.
        """
        known = [item.name for item in fields(self)]
        for name in changes:
            if name not in known:
                raise UnknownKeyError(name, known, expected=f"a field of {type(self).__name__}")
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list | range) else value for name, value in changes.items()
        }
        return replace(self, **plain)

    def structure(self) -> dict[str, Any]:
        """Return everything structural as plain data, the mask by the SHA-256 of its file."""
        plain = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in ("name", "design")}
        if self.diffractive_pupil is not None:
            content = diffractive_pupil_file(self.diffractive_pupil).read_bytes()
            plain["diffractive_pupil"] = hashlib.sha256(content).hexdigest()
        return {**plain, "system_id": self.system_id}

    def _check_effects(self) -> None:
        """Check the effects, and put them in the order in which `EFFECTS` has them."""
        if isinstance(self.effects, list):
            object.__setattr__(self, "effects", tuple(self.effects))
        self._require(
            "effects",
            "a tuple of different names, empty for none",
            lambda v: isinstance(v, tuple) and len(set(v)) == len(v),
        )
        possible = effects_of(self.surfaces)
        for name in self.effects:
            if name not in possible:
                raise UnknownKeyError(str(name), possible, expected=f"an effect of {self.system_id}")
        object.__setattr__(self, "effects", tuple(name for name in possible if name in self.effects))

    def _check_basis(self, name: str) -> None:
        if isinstance(getattr(self, name), list | range):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._require(name, "a tuple of Noll indices, empty for none", lambda v: isinstance(v, tuple))
        self._require(
            name, "different Noll indices from 1", lambda v: all(_is_int(j, 1) for j in v) and len(set(v)) == len(v)
        )

    def _require(self, name: str, expected: str, holds: Callable[[Any], Any]) -> None:
        value = getattr(self, name)
        try:
            fine = bool(holds(value))
        except TypeError:
            fine = False
        if not fine:
            raise ConfigError(name, expected=expected, got=value)


@_documented
@dataclass(frozen=True)
class SheraTwoPlaneConfig(SheraConfig):
    """The structure of a two-plane system: the pupil, with the diffractive pupil, and the detector in focus."""

    system_id: ClassVar[str] = TWO_PLANE
    design_type: ClassVar[type[Design]] = TwoPlaneDesign


@dataclass(frozen=True)
class _RelayConfig(SheraConfig):
    """A system with surfaces behind the pupil, each with its own light to hold."""

    m2_noll: tuple[int, ...] = field(
        default=_NOLL, metadata={"doc": "Noll indices of the Zernike basis of M2; empty for none."}
    )
    gap_npix: int | None = field(
        default=None,
        metadata={"doc": "Grid between the planes; by default the smallest that holds the light (see `gap_grid`)."},
    )
    surface_map_npix: int = field(
        default=256, metadata={"doc": "Cells across a map of a surface behind the pupil, where maps are an effect."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_basis("m2_noll")
        self._require("surface_map_npix", "an integer of at least 3", lambda v: _is_int(v, 3))
        least = self.pupil_npix
        self._require(
            "gap_npix",
            f"an even integer of at least pupil_npix = {least}, or None",
            lambda v: v is None or (_is_int(v, least) and v % 2 == 0),
        )

    @property
    def bases(self) -> Mapping[str, tuple[int, ...]]:
        """The Noll indices of each surface, under its group of parameters."""
        return {**super().bases, "secondary": self.m2_noll}

    @property
    def gap_grid(self) -> int:
        """Size of the grid between the planes: `gap_npix`, or derived from the design.

        No ray of a grid with cells dx reaches further than wavelength * z / (2 dx) beyond the beam at a surface, and a
        field angle walks the beam by z times that angle (here half the image); the size is even and factors into 2, 3
        and 5.
        """
        if self.gap_npix is not None:
            return self.gap_npix
        d = self.design
        cell = d.m1_diameter_m / self.pupil_npix
        half_field = 0.5 * self.image_npix * d.plate_scale
        longest = d.wavelength_m + 0.5 * d.bandwidth_m
        furthest = max(abs(plane.collimated_distance) for plane in d.surface_planes)
        size = self.pupil_npix + 2 * ceil(furthest * (longest / (2 * cell) + half_field) / cell)
        size += size % 2
        while not _is_smooth(size):
            size += 2
        return size

    def structure(self) -> dict[str, Any]:
        """Return everything structural as plain data, the grid between the planes as it comes out."""
        return {**super().structure(), "gap_npix": self.gap_grid}


@_documented
@dataclass(frozen=True)
class SheraThreePlaneConfig(_RelayConfig):
    """The structure of a three-plane system: primary M1 (pupil and diffractive pupil), secondary M2, detector."""

    system_id: ClassVar[str] = THREE_PLANE
    design_type: ClassVar[type[Design]] = ThreePlaneDesign
    surfaces: ClassVar[int] = SURFACES[THREE_PLANE]


@_documented
@dataclass(frozen=True)
class SheraFourPlaneConfig(_RelayConfig):
    """The structure of a four-plane system: as the three-plane one, with one more surface M3 behind M2."""

    m3_noll: tuple[int, ...] = field(
        default=_NOLL, metadata={"doc": "Noll indices of the Zernike basis of M3; empty for none."}
    )

    system_id: ClassVar[str] = FOUR_PLANE
    design_type: ClassVar[type[Design]] = FourPlaneDesign
    surfaces: ClassVar[int] = SURFACES[FOUR_PLANE]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_basis("m3_noll")

    @property
    def bases(self) -> Mapping[str, tuple[int, ...]]:
        """The Noll indices of each surface, under its group of parameters."""
        return {**super().bases, "tertiary": self.m3_noll}


CONFIG_CLASSES: Mapping[str, type[SheraConfig]] = {
    cls.system_id: cls for cls in (SheraTwoPlaneConfig, SheraThreePlaneConfig, SheraFourPlaneConfig)
}


def structural_hash_from_config(config: SheraConfig) -> str:
    """Return a SHA-256 of everything that fixes the shapes and rasters of a system, the mask's content included.

    Parameters
    ----------
    config : SheraConfig
        Of any system.

    Returns
    -------
    str
        The same in every process, and the key of the cache of built optics. Configurations that differ only in their
        name have the same hash, and so do those whose designs differ, as long as they need the same grid between the
        planes.

    Raises
    ------
    ConfigError
        If the mask's file is not there.
    """
    return hashlib.sha256(json.dumps(config.structure(), sort_keys=True).encode()).hexdigest()


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_int(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_smooth(number: int) -> bool:
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number == 1
