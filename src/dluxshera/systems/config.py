"""Structural configurations, which fix array shapes and rasters. Frozen, hashable, and the key of the build cache.

Everything continuous is a parameter; a configuration only carries the design values that are its defaults. Each
structural field has one rule, which checks its value and prints its JSON Schema, and one text, which the docstrings of
the classes show.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from textwrap import fill
from typing import Any, ClassVar, Self, TypeVar

from dluxshera.errors import ConfigError, UnknownKeyError
from dluxshera.optics import TOLIMAN, diffractive_pupil_file
from dluxshera.params import Bounds
from dluxshera.systems.design import Design, FourPlaneDesign, ThreePlaneDesign, TwoPlaneDesign
from dluxshera.systems.effects import EFFECTS, effects_of
from dluxshera.systems.parameters import bounds
from dluxshera.systems.planes import FOUR_PLANE, SURFACES, THREE_PLANE, TWO_PLANE
from dluxshera.systems.relations import AtLeast, Relation, SystemEffects
from dluxshera.systems.rules import EffectNames, Integer, MaskSource, NollIndices, Number, Rule

_NOLL = tuple(range(4, 12))
# The largest sizes keep a slip of the pen from filling the memory.
_INDICES = NollIndices(1000)
_ROWS = Integer(2, 100_000)
_GAP = "The grid between the planes holds the pupil: set gap_npix to None to derive its size"
_FRACTION = Number("a fraction from 0 to below 1", Bounds(minimum=0, exclusive_maximum=1))

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


def _structural(default: Any, rule: Rule, doc: str) -> Any:
    """Return a structural field, with its rule and its text."""
    return field(default=default, metadata={"rule": rule, "doc": doc})


@dataclass(frozen=True)
class SheraConfig:
    """Fields that the configurations of all systems share; abstract."""

    name: str = field(metadata={"doc": "Name of the point design; not structural."})
    design: Design = field(metadata={"doc": "Default values of the continuous parameters; not structural."})
    obscuration: float = _structural(0.0, _FRACTION, "Diameter of the central obscuration over the pupil's.")
    n_struts: int = _structural(0, Integer(0, 64), "Number of struts across the pupil.")
    strut_width: float = _structural(0.0, _FRACTION, "Width of a strut over the pupil's diameter.")
    strut_rotation_deg: float = _structural(
        0.0,
        Number("an angle of at most ten turns", Bounds(-3600, 3600), "deg"),
        "Position of the first strut (see `dluxshera.optics.aperture.pupil_raster`).",
    )
    m1_noll: tuple[int, ...] = _structural(_NOLL, _INDICES, "Noll indices of the Zernike basis of M1; empty for none.")
    diffractive_pupil: str | None = _structural(
        TOLIMAN,
        MaskSource(1000, TOLIMAN),
        "``dLuxToliman`` for TOLIMAN's mask, the path of a ``.npy`` file, or None for a clear pupil. A relative path"
        " starts at the folder of the document that has it; in Python and in --set at the working folder.",
    )
    mask_design_wavelength_m: float = _structural(
        550e-9, Number("a wavelength from 10 nm to 1 mm", bounds.WAVELENGTH, "m"), "The mask's step is half of it."
    )
    pupil_npix: int | None = _structural(
        None,
        Integer(2, 4096, even=True, optional=True),
        "Cells across the pupil's diameter; by default the fewest that hold the band which the detector sees. A number"
        " may only raise it.",
    )
    image_npix: int = _structural(256, Integer(2, 8192, even=True), "Pixels across the image; even.")
    n_wavelengths: int | None = _structural(
        None,
        Integer(1, 1000, optional=True),
        "Gauss-Legendre nodes of the band; by default the fewest whose bias of the separation is below 0.1 uas.",
    )
    pixel_nodes: int | None = _structural(
        None,
        Integer(1, 32, optional=True),
        "Samples of the intensity per pixel and axis; by default one every 1.6 pixels (1.27 on the testbed). A number"
        " may only raise it.",
    )
    source_offset_as: float | None = _structural(
        None,
        Number("a positive angle up to ten degrees", bounds.SEPARATION, "arcsec", optional=True),
        "Largest angle of a source from the axis; by default that of the values which the model is built with.",
    )
    aberration_margin: float | None = _structural(
        None,
        Number("a positive number up to 10,000", Bounds(exclusive_minimum=0, maximum=1e4), optional=True),
        "Cycles per pupil diameter kept for aberrations beyond the detector's band; by default as many as the"
        " aberrations need which the model is built with.",
    )
    effects: tuple[str, ...] = _structural(
        (),
        EffectNames({name: effect.doc for name, effect in EFFECTS.items()}),
        "Optional parts of the model (see `dluxshera.systems.effects`); none by default.",
    )
    spectrum_a_rows: int = _structural(2, _ROWS, "Rows of the table of star A's spectrum, where spectra are an effect.")
    spectrum_b_rows: int = _structural(2, _ROWS, "Rows of the table of star B's spectrum, where spectra are an effect.")
    transmission_rows: int = _structural(2, _ROWS, "Rows of the table of the filter, where it is an effect.")
    m1_map_npix: int = _structural(
        256,
        Integer(3, 8192),
        "Cells across a map of M1, over the square around the pupil's circle, where maps are an effect.",
    )
    n_field_stars: int = _structural(1, Integer(1, 1000), "Number of field stars, where they are an effect.")
    motion_margin: int = _structural(
        8,
        Integer(1, 256),
        "Pixels rendered beyond each border of the image, where motion of the line of sight blurs it.",
    )

    system_id: ClassVar[str]
    design_type: ClassVar[type[Design]]
    surfaces: ClassVar[int] = 0  # behind the pupil

    def __post_init__(self) -> None:
        for name, value in self._checked(vars(self)).items():
            object.__setattr__(self, name, value)

    @classmethod
    def _checked(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the structural fields among the values of all fields in normal form, after all checks."""
        if not isinstance(values["design"], cls.design_type):
            raise ConfigError("design", expected=f"a {cls.design_type.__name__}", got=values["design"])
        structure = {name: rule.located(rule.check(name, values[name])) for name, rule in cls.rules().items()}
        for relation in cls.relations():
            relation.check(structure)
        return structure

    @classmethod
    def from_checked(cls, name: str, design: Design, values: Mapping[str, Any]) -> Self:
        """Return the configuration of values that were checked one by one, without another check.

        Parameters
        ----------
        name : str
            Name of the point design.
        design : Design
            Design of the type that the system has.
        values : mapping of str to object
            Structural fields in normal form, as their rules return them, that satisfy the relations of the class. The
            others have their defaults.
        """
        config = object.__new__(cls)
        defaults = {item.name: item.default for item in fields(cls)}
        for attribute, value in {**defaults, **values, "name": name, "design": design}.items():
            object.__setattr__(config, attribute, value)
        return config

    @classmethod
    def rules(cls) -> Mapping[str, Rule]:
        """Return the rule of each structural field, by the field's name. These are the fields that documents set."""
        return {item.name: item.metadata["rule"] for item in fields(cls) if "rule" in item.metadata}

    @classmethod
    def relations(cls) -> tuple[Relation, ...]:
        """Return the relations that the fields satisfy beside their rules."""
        return (SystemEffects(cls.system_id, {name: EFFECTS[name].doc for name in effects_of(cls.surfaces)}),)

    @property
    def bases(self) -> Mapping[str, tuple[int, ...]]:
        """The Noll indices of each surface, under its group of parameters: ``primary``, ``secondary``, ``tertiary``."""
        return {"primary": self.m1_noll}

    def replace(self, **changes: Any) -> Self:
        """Return the configuration with some fields changed.

        Parameters
        ----------
        **changes
            New values by field. A sequence of Noll indices or of effects may be a list or a range.

        Raises
        ------
        UnknownKeyError
            If there is no such field; near matches are named.
        ConfigError
            If a rule does not accept a value.
        """
        names = [item.name for item in fields(self)]
        for name in changes:
            if name not in names:
                raise UnknownKeyError(name, names, expected=f"a field of {type(self).__name__}")
        values = {**vars(self), **changes}
        return type(self).from_checked(values["name"], values["design"], self._checked(values))

    def map_npix(self, surface: int) -> int:
        """Return the cells across a map of a surface: 0 is the pupil, 1 the first surface behind it."""
        return self.m1_map_npix

    def structure(self) -> dict[str, Any]:
        """Return the structural fields as plain data, with the SHA-256 of the mask's file in place of its path."""
        values = {name: getattr(self, name) for name in self.rules()}
        if self.diffractive_pupil is not None:
            content = diffractive_pupil_file(self.diffractive_pupil).read_bytes()
            values["diffractive_pupil"] = hashlib.sha256(content).hexdigest()
        return {**values, "system_id": self.system_id}


_documented(SheraConfig)


@_documented
@dataclass(frozen=True)
class SheraTwoPlaneConfig(SheraConfig):
    """The structure of a two-plane system: the pupil, with the diffractive pupil, and the detector in focus."""

    system_id: ClassVar[str] = TWO_PLANE
    design_type: ClassVar[type[Design]] = TwoPlaneDesign


@dataclass(frozen=True)
class _RelayConfig(SheraConfig):
    """System with surfaces behind the pupil; the grid between the planes holds the light of each."""

    m2_noll: tuple[int, ...] = _structural(_NOLL, _INDICES, "Noll indices of the Zernike basis of M2; empty for none.")
    gap_npix: int | None = _structural(
        None,
        Integer(2, 32768, even=True, optional=True),
        "Cells across the grid of the pupil and between the planes; by default the fewest that hold the light. A number"
        " may only raise it.",
    )
    surface_map_npix: int = _structural(
        256, Integer(3, 8192), "Cells across a map of a surface behind the pupil, where maps are an effect."
    )

    @classmethod
    def relations(cls) -> tuple[Relation, ...]:
        """Return the relations that the fields satisfy beside their rules."""
        return (*super().relations(), AtLeast("gap_npix", "pupil_npix", _GAP))

    @property
    def bases(self) -> Mapping[str, tuple[int, ...]]:
        """The Noll indices of each surface, under its group of parameters."""
        return {**super().bases, "secondary": self.m2_noll}

    def map_npix(self, surface: int) -> int:
        """Return the cells across a map of a surface: 0 is the pupil, 1 the first surface behind it."""
        return self.surface_map_npix if surface else super().map_npix(surface)


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

    m3_noll: tuple[int, ...] = _structural(_NOLL, _INDICES, "Noll indices of the Zernike basis of M3; empty for none.")

    system_id: ClassVar[str] = FOUR_PLANE
    design_type: ClassVar[type[Design]] = FourPlaneDesign
    surfaces: ClassVar[int] = SURFACES[FOUR_PLANE]

    @property
    def bases(self) -> Mapping[str, tuple[int, ...]]:
        """The Noll indices of each surface, under its group of parameters."""
        return {**super().bases, "tertiary": self.m3_noll}


CONFIG_CLASSES: Mapping[str, type[SheraConfig]] = {
    cls.system_id: cls for cls in (SheraTwoPlaneConfig, SheraThreePlaneConfig, SheraFourPlaneConfig)
}


def structural_hash_from_config(config: SheraConfig) -> str:
    """Return a SHA-256 of all that fixes the shapes and rasters of a system, with the content of the mask's file.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.

    Returns
    -------
    str
        Hash that is the same in every process, and the key of the cache of built optics. Configurations that differ
        only in their name have the same hash, and so do those whose designs differ, as long as they need the same grid
        between the planes.

    Raises
    ------
    ConfigError
        If the mask's file does not exist.
    """
    return hashlib.sha256(json.dumps(config.structure(), sort_keys=True).encode()).hexdigest()
