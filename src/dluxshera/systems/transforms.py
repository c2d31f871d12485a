"""The computations of derived parameters: pure, traceable functions of numbers or arrays.

They are plain arithmetic or use the array namespace of their arguments, so they give exact float64 values of NumPy
numbers without jax, and carry gradients of JAX arrays. The records of the parameters state which system uses which.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

from dluxshera.optics import (
    Curve,
    Numeric,
    RayMatrix,
    Spectrum,
    line_of_sight,
    mean_value,
    mean_wavelength,
    namespace,
    two_mirror_telescope,
)
from dluxshera.units import ARCSEC, NANOMETRE

_SMALLEST, _LARGEST = 1e-30, 1e30  # photons: far outside any observation, and within single precision


def effective_focal_length(f1: Numeric, f2: Numeric, separation: Numeric) -> Numeric:
    """Return the focal length of two mirrors together, metres; lengths in metres."""
    return two_mirror_telescope(f1, f2, separation).effective_focal_length


def focal_ratio(focal_length: Numeric, diameter: Numeric) -> Numeric:
    """Return focal length over diameter."""
    return focal_length / diameter


def pupil_to_detector(f1: Numeric, f2: Numeric, separation: Numeric, detector_separation: Numeric) -> RayMatrix:
    """Return the ray matrix from M1 to the detector; lengths in metres."""
    return two_mirror_telescope(f1, f2, separation).gap(detector_separation)


def image_plate_scale(
    pixel_pitch: Numeric, f1: Numeric, f2: Numeric, separation: Numeric, detector_separation: Numeric
) -> Numeric:
    """Return the plate scale of the image where the detector is, p / B, in arcsec per pixel; lengths in metres."""
    return pixel_pitch / pupil_to_detector(f1, f2, separation, detector_separation).b / ARCSEC


def refocused_plate_scale(pixel_pitch: Numeric, focal_length: Numeric) -> Numeric:
    """Return the plate scale of a refocused telescope, p / f, in arcsec per pixel; lengths in metres."""
    return pixel_pitch / focal_length / ARCSEC


def relay_defocus(
    diameter: Numeric, f1: Numeric, f2: Numeric, separation: Numeric, detector_separation: Numeric
) -> Numeric:
    r"""Return the rms OPD of the relay's defocus over the pupil, nanometres; lengths in metres.

    The quadratic phase :math:`\pi A r^2 / (\lambda B)` is an OPD :math:`A r^2 / (2 B)`; Noll 4 is
    :math:`\sqrt{3} (2 r^2 / R^2 - 1)`, so its coefficient is :math:`A R^2 / (4 \sqrt{3} B)`.
    """
    return _defocus(pupil_to_detector(f1, f2, separation, detector_separation), diameter)


def focal_length_from_plate_scale(pixel_pitch: Numeric, plate_scale: Numeric) -> Numeric:
    """Return the focal length, metres, that gives a plate scale in arcsec per pixel; pixel pitch in metres."""
    return pixel_pitch / (plate_scale * ARCSEC)


def four_plane_relay(f1: Numeric, f2: Numeric, separation: Numeric, m2_m3: Numeric, m3_power: Numeric) -> RayMatrix:
    """Return the ray matrix from M1 to just behind M3; lengths in metres, power in 1/metres."""
    return two_mirror_telescope(f1, f2, separation).gap(m2_m3).powered_surface(m3_power)


def four_plane_focal_length(
    f1: Numeric, f2: Numeric, separation: Numeric, m2_m3: Numeric, m3_power: Numeric
) -> Numeric:
    """Return the focal length of M1, M2 and M3 together, metres; lengths in metres, power in 1/metres."""
    return four_plane_relay(f1, f2, separation, m2_m3, m3_power).effective_focal_length


def four_plane_image_plate_scale(
    pixel_pitch: Numeric,
    f1: Numeric,
    f2: Numeric,
    separation: Numeric,
    m2_m3: Numeric,
    m3_power: Numeric,
    detector_separation: Numeric,
) -> Numeric:
    """Return the plate scale of the image where the detector is, p / B, in arcsec per pixel; lengths in metres."""
    relay = four_plane_relay(f1, f2, separation, m2_m3, m3_power).gap(detector_separation)
    return pixel_pitch / relay.b / ARCSEC


def four_plane_defocus(
    diameter: Numeric,
    f1: Numeric,
    f2: Numeric,
    separation: Numeric,
    m2_m3: Numeric,
    m3_power: Numeric,
    detector_separation: Numeric,
) -> Numeric:
    """Return the rms OPD of the relay's defocus over the pupil, nanometres, as `relay_defocus` does."""
    return _defocus(four_plane_relay(f1, f2, separation, m2_m3, m3_power).gap(detector_separation), diameter)


def open_area(diameter: Numeric, open_fraction: Numeric) -> Numeric:
    """Return the area that light passes, square metres; diameter in metres."""
    return open_fraction * pi * (0.5 * diameter) ** 2


def effective_wavelength(wavelength: Numeric) -> Numeric:
    """Return the mean wavelength of the photons of a top hat, metres: its centre."""
    return wavelength


def diffraction_limit(effective_wavelength: Numeric, diameter: Numeric) -> Numeric:
    """Return wavelength over diameter in arcsec; both in metres."""
    return effective_wavelength / diameter / ARCSEC


def log_photons(
    flux_density: Numeric,
    throughput: Numeric,
    exposure_time: Numeric,
    bandwidth: Numeric,
    diameter: Numeric,
    open_fraction: Numeric,
    mean_transmission: Numeric | None = None,
) -> Numeric:
    """Return log10 of the photons of one exposure: flux density x throughput x time x bandwidth x open area.

    Flux density in photons per second, square metre and metre of bandwidth; time in seconds, lengths in metres. The
    mean transmission of a filter across the band is one more factor. Where the product is beyond the range of floating
    point, it is the sum of the logarithms.
    """
    if mean_transmission is not None:
        throughput = throughput * mean_transmission
    photons = flux_density * throughput * exposure_time * bandwidth * open_area(diameter, open_fraction)
    factors = (flux_density, throughput, exposure_time, bandwidth, 0.25 * pi * open_fraction, diameter, diameter)
    xp = namespace(photons)
    ordinary = (photons > _SMALLEST) & (photons < _LARGEST)
    logarithm = xp.log10(xp.where(ordinary, photons, 1.0))
    return xp.where(ordinary, logarithm, sum(xp.log10(factor) for factor in factors))[()]


def log_photons_of_a(log_flux_total: Numeric, contrast: Numeric) -> Numeric:
    """Return log10 of star A's photons, from log10 of all and the flux ratio A / B."""
    part = contrast / (1.0 + contrast)
    return log_flux_total + namespace(part).log10(part)


def log_photons_of_b(log_flux_total: Numeric, contrast: Numeric) -> Numeric:
    """Return log10 of star B's photons, from log10 of all and the flux ratio A / B."""
    whole = 1.0 + contrast
    return log_flux_total - namespace(whole).log10(whole)


def photons_per_frame(log_flux_total: Numeric, frame_time: Numeric, exposure_time: Numeric) -> Numeric:
    """Return the photons of one frame, from log10 of those of the exposure; times in seconds."""
    return 10.0**log_flux_total * frame_time / exposure_time


def peak_photons_per_frame(photons_per_frame: Numeric, contrast: Numeric, peak_fraction: Numeric) -> Numeric:
    """Return the photons that the brighter star puts on its brightest pixel in one frame."""
    brighter = namespace(contrast).maximum(contrast, 1.0) / (1.0 + contrast)
    return peak_fraction * photons_per_frame * brighter


def full_well_margin(full_well: Numeric, peak_photons: Numeric) -> Numeric:
    """Return how many times the peak fits into the full well; both in detected photons."""
    return full_well / peak_photons


def effective_wavelength_of_star(
    wavelength: Numeric,
    bandwidth: Numeric,
    temperature: Numeric | None = None,
    spectrum: Numeric | None = None,
    spectrum_wavelengths: Numeric | None = None,
    transmission: Numeric | None = None,
    transmission_wavelengths: Numeric | None = None,
) -> Numeric:
    """Return the mean wavelength of a star's detected photons, metres.

    Centre and width of the band in metres, temperature in kelvin; spectrum and filter as tables with their wavelengths.
    """
    tables = ((spectrum_wavelengths, spectrum), (transmission_wavelengths, transmission))
    curves = tuple(Curve(_array(rows), _array(values)) for rows, values in tables if values is not None)
    return mean_wavelength(wavelength, bandwidth, Spectrum(curves, temperature))


def mean_transmission(
    wavelength: Numeric, bandwidth: Numeric, transmission: Numeric, transmission_wavelengths: Numeric
) -> Numeric:
    """Return the mean of a filter's transmission across the band: a table, with its wavelengths in metres."""
    return mean_value(wavelength, bandwidth, Curve(_array(transmission_wavelengths), _array(transmission)))


def line_of_sight_shift(
    decentre: Numeric, tilt: Numeric, f1: Numeric, f2: Numeric, separation: Numeric, detector_separation: Numeric
) -> Numeric:
    """Return the shift of the image by decentre and tilt of M2, arcsec; lengths in metres, the tilt in radians."""
    whole = pupil_to_detector(f1, f2, separation, detector_separation)
    return line_of_sight(decentre, tilt, 1.0 / f2, RayMatrix().gap(detector_separation), whole) / ARCSEC


def four_plane_line_of_sight_shift(
    decentre: Numeric,
    tilt: Numeric,
    f1: Numeric,
    f2: Numeric,
    separation: Numeric,
    m2_m3: Numeric,
    m3_power: Numeric,
    detector_separation: Numeric,
) -> Numeric:
    """Return the shift of the image by decentre and tilt of M2, as `line_of_sight_shift` does; power in 1/metres."""
    whole = four_plane_relay(f1, f2, separation, m2_m3, m3_power).gap(detector_separation)
    onward = RayMatrix().gap(m2_m3).powered_surface(m3_power).gap(detector_separation)
    return line_of_sight(decentre, tilt, 1.0 / f2, onward, whole) / ARCSEC


def dark_signal(dark_current: Numeric, exposure_time: Numeric) -> Numeric:
    """Return the electrons per pixel of the dark current in one exposure; electrons per second, and seconds."""
    return dark_current * exposure_time


def total_read_noise(read_noise: Numeric, exposure_time: Numeric, frame_time: Numeric) -> Numeric:
    """Return the standard deviation that reading every frame leaves in the sum; electrons, and seconds."""
    return read_noise * (exposure_time / frame_time) ** 0.5


def _array(numbers: Any) -> Any:
    """Return a list of numbers as an array; an array of any library stays as it is."""
    return numbers if hasattr(numbers, "__array_namespace__") else namespace(numbers).asarray(numbers, dtype=float)


def _defocus(relay: RayMatrix, diameter: Numeric) -> Numeric:
    return relay.a / relay.b * (0.5 * diameter) ** 2 / (4 * sqrt(3.0)) / NANOMETRE
