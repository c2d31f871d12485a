r"""The image and its derivatives by many parameters at once, by the structure of the propagation.

The derivative of a field by a Zernike coefficient is the field times i k and the polynomial, and by the direction of
its star the field times i k and a coordinate. From there on it propagates as the field does. With F the spectrum of the
exit field of one star at one wavelength, its density |F|^2 has the derivative 2 Re(F* dF). So one batch of fields gives
all columns: those of the photons are weighted densities, and two more fields give that of the plate scale.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from dluxshera.optics.fourier import Quadrants, transform_by_quadrants, transform_kernels
from dluxshera.optics.limits import within_limits
from dluxshera.optics.propagation import RelayOptics, Waves, travel
from dluxshera.optics.states import PupilState, Scalar, SurfaceState

_SIGNS: Final = ((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0))  # of y and x, in the order of `Quadrants`


class Slopes(NamedTuple):
    """Derivatives of an image's arguments by each of c parameters; None for an argument that depends on none of them.

    Parameters
    ----------
    photons : Array, shape (c, stars, w), optional
        Derivatives of the photons of each star at each wavelength.
    angles : Array, shape (c, stars, 2), optional
        Derivatives of the directions of the stars, radians.
    log_plate_scale : Array, shape (c,), optional
        Derivatives of the logarithm of the plate scale.
    coefficients : tuple of Array or None, each of shape (c, modes)
        Derivatives of the Zernike coefficients of the pupil and of each surface behind it, metres.
    defocus : Array, shape (c,), optional
        Derivatives of the defocus that the relay leaves at the detector, metres.
    line_of_sight : Array, shape (c, 2), optional
        Derivatives of the shift of the whole image, radians.
    """

    photons: Float[Array, "c stars w"] | None
    angles: Float[Array, "c stars 2"] | None
    log_plate_scale: Float[Array, " c"] | None
    coefficients: tuple[Float[Array, "c modes"] | None, ...]
    defocus: Float[Array, " c"] | None
    line_of_sight: Float[Array, "c 2"] | None


def expand_image(
    optics: RelayOptics,
    wavelengths: Float[Array, " w"],
    photons: Float[Array, "stars w"],
    angles: Float[Array, "stars 2"],
    pupil: PupilState,
    surfaces: tuple[SurfaceState, ...],
    plate_scale: Scalar,
    slopes: Slopes,
) -> tuple[Float[Array, "image image"], Float[Array, "c image image"]]:
    """Return the image of point sources, and its derivatives by the parameters of the slopes.

    Parameters
    ----------
    optics : RelayOptics
        Optics.
    wavelengths, photons, angles, pupil, surfaces, plate_scale
        Arguments of `RelayOptics.image`.
    slopes : Slopes
        Derivatives of these arguments by the parameters.

    Returns
    -------
    image : Array, shape (image_npix, image_npix)
        Photons per pixel, as of `RelayOptics.image`.
    columns : Array, shape (c, image_npix, image_npix)
        Photons per pixel and unit of each parameter.
    """
    exit, half = optics.sampling.exit, optics.sampling.image_samples // 2
    x = pupil.diameter * optics.coordinates(-1)
    samples = plate_scale * optics.sampling.pitch * (jnp.arange(half, dtype=photons.dtype) + 0.5)
    factors = _factors(optics, pupil, surfaces, slopes)
    weights = _weights_of_shared(slopes)

    def add_wavelength(total: _Densities, sample: tuple[Array, Waves, Array, Any]) -> tuple[_Densities, None]:
        wavelength, waves, photons, photon_slopes = sample
        cycles = samples / wavelength
        kernels = transform_kernels(x[exit.npix // 2 :], cycles)
        per_pixel = (plate_scale * pupil.diameter / exit.per_diameter / wavelength) ** 2

        def add_star(total: _Densities, star: tuple[Array, Array, Any, Any]) -> tuple[_Densities, None]:
            tilt, photons, photon_slopes, angle_slopes = star
            fields = _fields(optics, waves, tilt, 2 * jnp.pi / wavelength, factors)
            if slopes.log_plate_scale is not None:
                moments = jnp.stack([x[:, None] * fields[0], x * fields[0]])
                fields = jnp.concatenate([fields, -2j * jnp.pi * moments])
            quadrants = zip(transform_by_quadrants(fields, kernels), _SIGNS, strict=True)
            parts = [
                _densities(spectrum, sign, cycles, photons, photon_slopes, angle_slopes, slopes)
                for spectrum, sign in quadrants
            ]
            added = _Densities(*(Quadrants(*part) for part in zip(*parts, strict=True)))
            return jax.tree.map(jnp.add, total, added), None

        of_stars = (
            waves.tilts,
            per_pixel * photons,
            None if photon_slopes is None else jnp.moveaxis(per_pixel * photon_slopes, 1, 0),
            None if slopes.angles is None else jnp.moveaxis(slopes.angles, 1, 0),
        )
        return jax.lax.scan(add_star, total, of_stars)[0], None

    shapes = ((half, half), (half, weights.shape[0], half), (half, weights.shape[1], half))
    zeros = _Densities(*(Quadrants(*(jnp.zeros(shape, photons.dtype),) * 4) for shape in shapes))
    waves = optics.waves(wavelengths, angles, pupil, surfaces)
    photon_slopes = None if slopes.photons is None else jnp.moveaxis(slopes.photons, 2, 0)
    total, _ = jax.lax.scan(add_wavelength, zeros, (wavelengths, waves, photons.T, photon_slopes))
    columns = total.direct.join() + jnp.einsum("ch,ahb->acb", weights, total.shared.join())
    valid = within_limits(optics.sampling, optics.bases, wavelengths, angles, pupil, surfaces, plate_scale)
    densities = jnp.concatenate([total.image.join()[:, None], columns], axis=1)
    pixels = jnp.einsum("ai,inj,bj->nab", optics.pixels, densities, optics.pixels, optimize="optimal")
    pixels = jnp.where(valid, pixels, jnp.nan)
    return pixels[0], pixels[1:]


class _Densities(NamedTuple):
    """Sums over stars and wavelengths: the image, and parts of its columns."""

    image: Quadrants  # of shape (m / 2, m / 2)
    direct: Quadrants  # by parameter, shape (m / 2, c, m / 2): through photons and directions, which differ by star
    shared: Quadrants  # by what acts on all stars alike, shape (m / 2, h, m / 2)


class _Factors(NamedTuple):
    """Factors over i k by which the derivatives of a field differ from the field."""

    planes: tuple[Float[Array, "h n n"], ...]  # behind the pupil and behind each surface
    exit: Float[Array, "h n n"]


def _factors(optics: RelayOptics, pupil: PupilState, surfaces: tuple[SurfaceState, ...], slopes: Slopes) -> _Factors:
    magnifications = [1.0, *(item.beam_scale * pupil.diameter / item.diameter for item in surfaces)]
    planes = []
    for number, (basis, slope) in enumerate(zip(optics.bases, slopes.coefficients, strict=True)):
        coordinates = optics.coordinates(number + 1)
        maps = [] if slope is None else [*basis.polynomials(magnifications[number])]
        if number == 0 and slopes.angles is not None:
            maps += _ramps(pupil.diameter * coordinates)
        planes.append(_stacked(maps, coordinates))
    x = optics.coordinates(-1)
    maps = []
    if slopes.defocus is not None:
        parabola = sqrt(3) * (2 * (2 * x) ** 2 - 0.5)
        maps.append(parabola[:, None] + parabola)
    if slopes.line_of_sight is not None:
        maps += _ramps(pupil.diameter * x)
    return _Factors(tuple(planes), _stacked(maps, x))


def _ramps(x: Float[Array, " n"]) -> list[Float[Array, "n n"]]:
    """Return x and y on a grid."""
    return [jnp.broadcast_to(x, (x.size, x.size)), jnp.broadcast_to(x[:, None], (x.size, x.size))]


def _stacked(maps: list[Array], x: Array) -> Float[Array, "h n n"]:
    return jnp.stack(maps) if maps else jnp.zeros((0, x.size, x.size), x.dtype)


def _weights_of_shared(slopes: Slopes) -> Float[Array, "c h"]:
    """Return the derivatives by each parameter of what acts on all stars alike, in the order of the fields."""
    groups = [group for group in slopes.coefficients if group is not None]
    if slopes.defocus is not None:
        groups.append(slopes.defocus[:, None])
    if slopes.line_of_sight is not None:
        groups.append(slopes.line_of_sight)
    if slopes.log_plate_scale is not None:
        groups.append(slopes.log_plate_scale[:, None])
    count = jax.tree.leaves(slopes)[0].shape[0]
    return jnp.concatenate([jnp.zeros((count, 0)), *groups], axis=1)


def _fields(
    optics: RelayOptics, waves: Waves, tilt: Complex[Array, "2 m"], k: Scalar, factors: _Factors
) -> Complex[Array, "t n n"]:
    """Return the field of one star at the exit, and its derivatives by the factors of each plane."""
    fields = (waves.pupil * tilt[1, :, None] * tilt[0])[None]
    fields = jnp.concatenate([fields, 1j * k * factors.planes[0] * fields[0]])
    for number, (surface_map, figure) in enumerate(zip(waves.maps, waves.surfaces, strict=True), start=1):
        fields = travel(fields, waves.transfers[number - 1])
        if surface_map is not None:
            fields = optics.reduced(fields * surface_map, number)
        fields = fields * figure
        fields = jnp.concatenate([fields, 1j * k * factors.planes[number] * fields[0]])
    if waves.surfaces:
        fields = travel(fields, waves.transfers[-1])
    fields = fields * waves.exits[1, :, None] * waves.exits[0]
    return jnp.concatenate([fields, 1j * k * factors.exit * fields[0]])


def _densities(
    spectrum: Complex[Array, "a t a"],
    sign: tuple[float, float],
    cycles: Float[Array, " a"],
    photons: Float[Array, ""],
    photon_slopes: Float[Array, " c"] | None,
    angle_slopes: Float[Array, "c 2"] | None,
    slopes: Slopes,
) -> tuple[Array, Array, Array]:
    """Return the parts of `_Densities` of one star at one wavelength in one quadrant."""
    field, derivatives = spectrum[:, 0], spectrum[:, 1:]
    density = jnp.real(field) ** 2 + jnp.imag(field) ** 2
    real, imaginary = jnp.real(field)[:, None], jnp.imag(field)[:, None]
    slope = 2 * photons * (real * jnp.real(derivatives) + imaginary * jnp.imag(derivatives))
    count = jax.tree.leaves(slopes)[0].shape[0]
    direct = jnp.zeros((density.shape[0], count, density.shape[1]), density.dtype)
    if photon_slopes is not None:
        direct = direct + photon_slopes[:, None] * density[:, None]
    if slopes.angles is not None:
        modes = 0 if slopes.coefficients[0] is None else slopes.coefficients[0].shape[1]
        tilts, slope = slope[:, modes : modes + 2], jnp.concatenate([slope[:, :modes], slope[:, modes + 2 :]], axis=1)
        direct = direct + jnp.einsum("ch,ahb->acb", angle_slopes, tilts)
    if slopes.log_plate_scale is not None:
        (sign_y, sign_x), of_y, of_x = sign, slope[:, -2], slope[:, -1]
        scale = sign_y * cycles[:, None] * of_y + sign_x * cycles * of_x + 2 * photons * density
        slope = jnp.concatenate([slope[:, :-2], scale[:, None]], axis=1)
    return photons * density, direct, slope
