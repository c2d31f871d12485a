"""Bounds of parameters by the kind of quantity. No jax.

Each has two finite limits, between which an image and its derivatives stay finite, and the reason of these limits. They
lie far beyond any design, because they exclude slips of the pen and of the unit, not designs.
"""

from __future__ import annotations

from typing import Final

from dluxshera.params import Bounds

# Lengths, metres
DIAMETER: Final = Bounds(1e-3, 100.0, reason="from a pinhole of 1 mm to beyond the largest telescope")
LENGTH: Final = Bounds(1e-4, 1e4, reason="from 0.1 mm to the distance between spacecraft in formation")
DIVERGING: Final = Bounds(-1e4, -1e-4, reason="the focal lengths of diverging mirrors, 0.1 mm to 10 km")
FOCAL_LENGTH: Final = Bounds(-1e9, 1e9, reason="beyond it the mirrors form no image")
POWER: Final = Bounds(-1e4, 1e4, reason="focal lengths above 0.1 mm")
DISPLACEMENT: Final = Bounds(-1.0, 1.0, reason="a paraxial model takes no decentre above a metre")
PITCH: Final = Bounds(1e-7, 0.01, reason="from below a wavelength to a detector of one pixel")
WAVELENGTH: Final = Bounds(1e-8, 1e-3, reason="from the extreme ultraviolet to 1 mm")
BANDWIDTH: Final = Bounds(1e-18, 1e-3, reason="from the width of a laser line to 1 mm")
TABLE_WAVELENGTH: Final = Bounds(1e-9, 0.1, reason="beyond every band on both sides")
OPD: Final = Bounds(-1e6, 1e6, reason="a figure error of a millimetre leaves no image")
DEFOCUS: Final = Bounds(-1e9, 1e9, reason="beyond it no light of a star meets the detector")

# Angles
SEPARATION: Final = Bounds(maximum=36000.0, exclusive_minimum=0, reason="ten degrees, where paraxial optics ends")
POSITION: Final = Bounds(-36000.0, 36000.0, reason="ten degrees, where paraxial optics ends")
POSITION_ANGLE: Final = Bounds(-360.0, 360.0, reason="a whole turn in either direction")
TILT: Final = Bounds(-0.2, 0.2, reason="eleven degrees, where paraxial optics ends")
JITTER: Final = Bounds(0.0, 3600.0, reason="a motion of a degree leaves no image")
SMEAR: Final = Bounds(-3600.0, 3600.0, reason="a motion of a degree leaves no image")
PLATE_SCALE: Final = Bounds(1e-6, 1e3, reason="from a microarcsecond to the field of a wide-angle camera in each pixel")
REFOCUSED: Final = Bounds(-1e6, 1e6, reason="beyond it the mirrors form no image")
RESOLUTION: Final = Bounds(1e-6, 36000.0, reason="from a microarcsecond to ten degrees")
DISTORTION: Final = Bounds(-100.0, 100.0, reason="a star at 0.1 arcsec would be displaced by its own distance")

# Light; single precision holds numbers up to 3e38
LOG_PHOTONS: Final = Bounds(-300.0, 37.0, reason="the photons of the Sun in a year on the largest telescope")
FLUX_DENSITY: Final = Bounds(1e-10, 1e29, reason="from far below the night sky to beyond the Sun")
RATIO: Final = Bounds(1e-15, 1e15, reason="two stars that differ by 37.5 magnitudes")
PHOTONS: Final = Bounds(0.0, 1e37, reason="the photons of the Sun in a year on the largest telescope")
PHOTON_RATE: Final = Bounds(0.0, 1e20, reason="more than any detector adds")
FULL_WELL: Final = Bounds(1e-3, 1e15, reason="more than any pixel holds")
SIGNAL_RATIO: Final = Bounds(1e-60, 1e60, reason="the ratio of any two signals within their own bounds")
SPECTRUM: Final = Bounds(0.0, 1e30, reason="any unit of a spectrum; only its shape acts")
TEMPERATURE: Final = Bounds(100.0, 1e8, reason="from a planet to a neutron star")

# Times, seconds
TIME: Final = Bounds(1e-9, 1e8, reason="from a nanosecond to three years")

# Pure numbers
FRACTION: Final = Bounds(0.0, 1.0)
LEAST_EFFICIENCY: Final = 1e-12
EFFICIENCY: Final = Bounds(LEAST_EFFICIENCY, 1.0, reason="less light than one photon of 1e12 makes no image")
AREA: Final = Bounds(1e-12, 1e4, reason="the open part of a pupil between 1 mm and 100 m")
FOCAL_RATIO: Final = Bounds(-1e12, 1e12, reason="beyond it the mirrors form no image")
RESPONSE: Final = Bounds(0.0, 1e6, reason="a pixel a million times as sensitive as the others")
MAGNIFICATION: Final = Bounds(-1e3, 1e3, reason="a ghost that leaves the field for any star within it")
PIXEL_OFFSET: Final = Bounds(minimum=-1.0, exclusive_maximum=1.0, reason="interpolation reaches to the next pixel")
