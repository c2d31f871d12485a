"""Structural configurations: what fixes array shapes and rasters. Frozen, hashable, and the key of the build cache.

Everything continuous is a parameter; a configuration only carries the design values that are its defaults.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from math import ceil, isfinite
from typing import Any, Self

from dluxshera.errors import ConfigError, UnknownKeyError
from dluxshera.optics.aperture import TOLIMAN, diffractive_pupil_file
from dluxshera.optics.relay import RayMatrix, two_mirror_telescope


@dataclass(frozen=True)
class ThreePlaneDesign:
    """The design values of a three-plane system: the defaults of its continuous parameters, and nothing else.

    Metres and seconds; `throughput` from the open aperture to detected electrons, quantum efficiency included.
    """

    m1_diameter_m: float
    m2_diameter_m: float
    m1_focal_length_m: float
    m2_focal_length_m: float
    m1_m2_separation_m: float
    pixel_pitch_m: float
    wavelength_m: float
    bandwidth_m: float
    throughput: float
    exposure_time_s: float = 1800.0
    frame_time_s: float = 0.05

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            positive = value > 0 or item.name == "m2_focal_length_m"
            if not (isfinite(value) and value and positive):
                raise ConfigError(f"design.{item.name}", expected="a positive number", got=value)

    @property
    def m2_detector_separation_m(self) -> float:
        """The distance from M2 at which the detector is in focus."""
        telescope = two_mirror_telescope(self.m1_focal_length_m, self.m2_focal_length_m, self.m1_m2_separation_m)
        return telescope.effective_focal_length * telescope.a


@dataclass(frozen=True)
class SheraThreePlaneConfig:
    """The structure of a three-plane system: primary M1 (pupil and diffractive pupil), secondary M2, detector.

    Parameters
    ----------
    name : str
        Of the point design; not structural.
    design : ThreePlaneDesign
        Default values of the continuous parameters; not structural.
    obscuration : float
        Diameter of the central obscuration over the pupil's.
    n_struts, strut_width, strut_rotation_deg
        The struts that hold M2: their number, width over the pupil's diameter, and the position of the first (see
        `dluxshera.optics.aperture.pupil_raster`).
    m1_noll, m2_noll : tuple of int
        Noll indices of the Zernike bases; empty for none.
    diffractive_pupil : str or None
        ``dLuxToliman`` for TOLIMAN's mask, the path of a ``.npy`` file, or None for a clear pupil.
    mask_design_wavelength_m : float
        The mask's step is half of it.
    pupil_npix, image_npix : int
        Cells across the pupil, pixels across the image; both even.
    n_wavelengths : int
        Gauss-Legendre samples of the band.
    aperture_subpixels : int
        Samples across a cell of the pupil's raster.
    pixel_nodes : int
        Gauss-Legendre samples across a pixel.
    gap_npix : int, optional
        Grid between the planes; by default the smallest efficient one that holds the light (see `gap_grid`).

    Raises
    ------
    ConfigError
        If a field has a value that the system cannot be built with.
    """

    name: str
    design: ThreePlaneDesign
    obscuration: float = 0.0
    n_struts: int = 0
    strut_width: float = 0.0
    strut_rotation_deg: float = 0.0
    m1_noll: tuple[int, ...] = tuple(range(4, 12))
    m2_noll: tuple[int, ...] = tuple(range(4, 12))
    diffractive_pupil: str | None = TOLIMAN
    mask_design_wavelength_m: float = 550e-9
    pupil_npix: int = 256
    image_npix: int = 256
    n_wavelengths: int = 3
    aperture_subpixels: int = 5
    pixel_nodes: int = 2
    gap_npix: int | None = None

    system_id = "shera_threeplane"

    def __post_init__(self) -> None:
        for name in ("pupil_npix", "image_npix"):
            _require(name, getattr(self, name), "an even integer of at least 2", lambda v: _is_int(v, 2) and v % 2 == 0)
        for name in ("n_wavelengths", "aperture_subpixels", "pixel_nodes"):
            _require(name, getattr(self, name), "an integer of at least 1", lambda v: _is_int(v, 1))
        _require("n_struts", self.n_struts, "an integer of at least 0", lambda v: _is_int(v, 0))
        _require("obscuration", self.obscuration, "a fraction from 0 to below 1", lambda v: 0 <= v < 1)
        _require("strut_width", self.strut_width, "a fraction from 0 to below 1", lambda v: 0 <= v < 1)
        _require("strut_rotation_deg", self.strut_rotation_deg, "a finite angle", isfinite)
        _require("mask_design_wavelength_m", self.mask_design_wavelength_m, "a positive length", lambda v: v > 0)
        for name in ("m1_noll", "m2_noll"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            _require(
                name,
                getattr(self, name),
                "different Noll indices from 1",
                lambda v: all(_is_int(j, 1) for j in v) and len(set(v)) == len(v),
            )
        if self.diffractive_pupil is not None:
            object.__setattr__(self, "diffractive_pupil", str(self.diffractive_pupil))
        least = self.pupil_npix
        _require(
            "gap_npix",
            self.gap_npix,
            f"an even integer of at least pupil_npix = {least}, or None",
            lambda v: v is None or (_is_int(v, least) and v % 2 == 0),
        )

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
        return replace(self, **changes)

    @property
    def gap_grid(self) -> int:
        """Size of the grid between the planes: `gap_npix`, or derived from the design.

        No ray of a grid with cells dx reaches further than wavelength * z / (2 dx) beyond the beam at M2, and a field
        angle walks the beam by z times that angle (here half the image); the size is even and factors into 2, 3 and 5.
        """
        if self.gap_npix is not None:
            return self.gap_npix
        d = self.design
        m2 = RayMatrix().surface(d.m1_focal_length_m).gap(d.m1_m2_separation_m)
        telescope = two_mirror_telescope(d.m1_focal_length_m, d.m2_focal_length_m, d.m1_m2_separation_m)
        cell = d.m1_diameter_m / self.pupil_npix
        half_field = 0.5 * self.image_npix * d.pixel_pitch_m / telescope.effective_focal_length
        longest = d.wavelength_m + 0.5 * d.bandwidth_m
        reach = abs(m2.collimated_distance) * (longest / (2 * cell) + half_field)
        size = self.pupil_npix + 2 * ceil(reach / cell)
        size += size % 2
        while not _is_smooth(size):
            size += 2
        return size

    def structure(self) -> dict[str, Any]:
        """Return everything structural as plain data, the mask by the SHA-256 of its file."""
        plain = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in ("name", "design")}
        if self.diffractive_pupil is not None:
            content = diffractive_pupil_file(self.diffractive_pupil).read_bytes()
            plain["diffractive_pupil"] = hashlib.sha256(content).hexdigest()
        return {**plain, "system_id": self.system_id, "gap_npix": self.gap_grid}


def structural_hash_from_config(config: SheraThreePlaneConfig) -> str:
    """Return a SHA-256 of everything that fixes the shapes and rasters of a system, the mask's content included.

    Parameters
    ----------
    config : SheraThreePlaneConfig

    Returns
    -------
    str
        The same in every process, and the key of the cache of built optics. The name does not count, and the design
        values only as far as the grid between the planes follows from them.

    Raises
    ------
    ConfigError
        If the mask's file is not there.
    """
    return hashlib.sha256(json.dumps(config.structure(), sort_keys=True).encode()).hexdigest()


def _require(name: str, value: Any, expected: str, holds: Any) -> None:
    try:
        fine = bool(holds(value))
    except TypeError:
        fine = False
    if not fine:
        raise ConfigError(name, expected=expected, got=value)


def _is_int(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_smooth(number: int) -> bool:
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number == 1
