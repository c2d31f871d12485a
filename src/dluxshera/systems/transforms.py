"""How derived parameters follow from others. Pure functions of numbers or arrays, traceable; one registry a system.

The functions are plain arithmetic or use the array namespace of their arguments, so they give exact float64 values of
NumPy numbers without jax, and carry gradients of JAX arrays.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from dluxshera.optics.relay import Number, RayMatrix, two_mirror_telescope
from dluxshera.params.registry import DerivedResolver, Transform, TransformRegistry
from dluxshera.systems import fields
from dluxshera.units import ARCSEC, NANOMETRE


def effective_focal_length(f1: Number, f2: Number, separation: Number) -> Number:
    """Return the focal length of two mirrors together, metres; lengths in metres."""
    return two_mirror_telescope(f1, f2, separation).effective_focal_length


def focal_ratio(focal_length: Number, diameter: Number) -> Number:
    """Return focal length over diameter."""
    return focal_length / diameter


def pupil_to_detector(f1: Number, f2: Number, separation: Number, detector_separation: Number) -> RayMatrix:
    """Return the ray matrix from M1 to the detector; lengths in metres."""
    return two_mirror_telescope(f1, f2, separation).gap(detector_separation)


def image_plate_scale(
    pixel_pitch: Number, f1: Number, f2: Number, separation: Number, detector_separation: Number
) -> Number:
    """Return the plate scale of the image where the detector is, p / B, in arcsec per pixel; lengths in metres."""
    return pixel_pitch / pupil_to_detector(f1, f2, separation, detector_separation).b / ARCSEC


def refocused_plate_scale(pixel_pitch: Number, focal_length: Number) -> Number:
    """Return the plate scale of a refocused telescope, p / f, in arcsec per pixel; lengths in metres."""
    return pixel_pitch / focal_length / ARCSEC


def relay_defocus(diameter: Number, f1: Number, f2: Number, separation: Number, detector_separation: Number) -> Number:
    r"""Return the rms OPD of the relay's defocus over the pupil, nanometres; lengths in metres.

    The quadratic phase :math:`\pi A r^2 / (\lambda B)` is an OPD :math:`A r^2 / (2 B)`; Noll 4 is
    :math:`\sqrt{3} (2 r^2 / R^2 - 1)`, so its coefficient is :math:`A R^2 / (4 \sqrt{3} B)`.
    """
    relay = pupil_to_detector(f1, f2, separation, detector_separation)
    return relay.a / relay.b * (0.5 * diameter) ** 2 / (4 * sqrt(3.0)) / NANOMETRE


def log_photons(
    flux_density: Number,
    throughput: Number,
    exposure_time: Number,
    bandwidth: Number,
    diameter: Number,
    open_fraction: Number,
) -> Number:
    """Return log10 of the photons of one exposure: flux density x throughput x time x bandwidth x open area.

    Flux density in photons per second, square metre and metre of bandwidth; time in seconds, lengths in metres.
    """
    area = open_fraction * np.pi * (0.5 * diameter) ** 2
    photons = flux_density * throughput * exposure_time * bandwidth * area
    return _namespace(photons).log10(photons)


def _namespace(value: Any) -> Any:
    """Return the array namespace of a value: that of the array API standard, NumPy for a plain number."""
    return value.__array_namespace__() if hasattr(value, "__array_namespace__") else np


_LENGTHS = (fields.M1_FOCAL_LENGTH, fields.M2_FOCAL_LENGTH, fields.M1_M2_SEPARATION)

THREE_PLANE_TRANSFORMS = TransformRegistry(
    "shera_threeplane",
    [
        Transform(fields.FOCAL_LENGTH, _LENGTHS, effective_focal_length),
        Transform(fields.FOCAL_RATIO, (fields.FOCAL_LENGTH, fields.M1_DIAMETER), focal_ratio),
        Transform(
            fields.PLATE_SCALE,
            (fields.PIXEL_PITCH, *_LENGTHS, fields.M2_DETECTOR_SEPARATION),
            image_plate_scale,
        ),
        Transform(
            fields.REFOCUSED_PLATE_SCALE,
            (fields.PIXEL_PITCH, fields.FOCAL_LENGTH),
            refocused_plate_scale,
        ),
        Transform(
            fields.DEFOCUS,
            (fields.M1_DIAMETER, *_LENGTHS, fields.M2_DETECTOR_SEPARATION),
            relay_defocus,
        ),
        Transform(
            fields.LOG_FLUX,
            (
                fields.FLUX_DENSITY,
                fields.THROUGHPUT,
                fields.EXPOSURE_TIME,
                fields.BANDWIDTH,
                fields.M1_DIAMETER,
                fields.OPEN_AREA,
            ),
            log_photons,
        ),
    ],
)

SHERA_RESOLVER = DerivedResolver([THREE_PLANE_TRANSFORMS], default_system="shera_threeplane")
