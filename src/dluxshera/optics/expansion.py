r"""The image and its derivatives by many parameters at once, by the structure of the propagation.

The derivative of a field by a Zernike coefficient is the field times i k and the polynomial, and by the direction of
its star the field times i k and a coordinate. From there on it propagates as the field does. With F the spectrum of the
exit field of one star at one wavelength, its density |F|^2 has the derivative 2 Re(F* dF). So one batch of fields gives
all columns: those of the photons are weighted densities, and two more fields give that of the plate scale. What is
summed over wavelengths does not depend on the number of parameters; a small matrix makes their columns of it.
"""

from __future__ import annotations

from math import sqrt
from typing import Final, NamedTuple

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
    scaled, tilted = slopes.log_plate_scale is not None, slopes.angles is not None
    first = 0 if slopes.coefficients[0] is None else slopes.coefficients[0].shape[1]  # of the derivatives by direction

    def add_wavelength(total: _Sums, sample: tuple[Array, Waves, Array]) -> tuple[_Sums, Quadrants]:
        wavelength, waves, photons = sample
        cycles = samples / wavelength
        kernels = transform_kernels(x[exit.npix // 2 :], cycles)
        per_pixel = (plate_scale * pupil.diameter / exit.per_diameter / wavelength) ** 2

        def add_star(shared: Quadrants, star: tuple[Array, Array]) -> tuple[Quadrants, tuple[Quadrants, Quadrants]]:
            tilt, photons = star
            fields = _fields(optics, waves, tilt, 2 * jnp.pi / wavelength, factors)
            if scaled:
                moments = jnp.stack([x[:, None] * fields[0], x * fields[0]])
                fields = jnp.concatenate([fields, -2j * jnp.pi * moments])
            densities, of_angles, of_all = [], [], []
            for spectrum, sign in zip(transform_by_quadrants(fields, kernels), _SIGNS, strict=True):
                density, change = _density_and_slopes(spectrum, sign, cycles if scaled else None)
                densities.append(per_pixel * density)
                change = per_pixel * photons * change
                last = first + 2 if tilted else first
                of_angles.append(change[:, first:last])
                of_all.append(jnp.concatenate([change[:, :first], change[:, last:]], axis=1))
            return Quadrants(*map(jnp.add, shared, of_all)), (Quadrants(*of_angles), Quadrants(*densities))

        shared, (by_star, densities) = jax.lax.scan(add_star, total.shared, (waves.tilts, photons))
        return _Sums(shared, Quadrants(*map(jnp.add, total.by_star, by_star))), densities

    shared, by_star, by_light = _weights(slopes, photons)
    stars = photons.shape[0]
    shapes = (half, shared.shape[1], half), (stars, half, by_star.shape[1] // stars, half)
    zeros = _Sums(*(Quadrants(*(jnp.zeros(shape, photons.dtype),) * 4) for shape in shapes))
    waves = optics.waves(wavelengths, angles, pupil, surfaces)
    total, of_light = jax.lax.scan(add_wavelength, zeros, (wavelengths, waves, photons.T))

    def joined(shared: Array, by_star: Array, densities: Array) -> Array:
        of_stars = jnp.moveaxis(by_star, 0, 1).reshape(half, -1, half)
        return jnp.concatenate([shared, of_stars, jnp.moveaxis(densities, 2, 0).reshape(half, -1, half)], axis=1)

    parts = Quadrants(*map(joined, total.shared, total.by_star, of_light)).join()
    valid = within_limits(optics.sampling, optics.bases, wavelengths, angles, pupil, surfaces, plate_scale)

    def pixels(density: Array) -> Array:
        return optics.pixels @ jnp.where(valid, density, jnp.nan) @ optics.pixels.T

    image = pixels(jnp.einsum("h,ahb->ab", photons.T.ravel(), parts[:, -photons.size :]))
    densities = jnp.einsum("ch,ahb->cab", jnp.concatenate([shared, by_star, by_light], axis=1), parts)
    return image, jax.lax.map(pixels, densities)


class _Sums(NamedTuple):
    """Sums over wavelengths of the parts of the columns, in photons per sample."""

    shared: Quadrants  # by what acts on all stars alike, shape (m / 2, h, m / 2), summed over stars
    by_star: Quadrants  # by the direction of each star, shape (stars, m / 2, 2, m / 2)


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


def _weights(slopes: Slopes, photons: Float[Array, "stars w"]) -> tuple[Array, Array, Array]:
    """Return the derivatives by each parameter of what acts on all stars alike, of the directions, and of the photons.

    The first are in the order of the fields, the last in that of the densities of stars at each wavelength.
    """
    count = jax.tree.leaves(slopes)[0].shape[0]
    groups = [group for group in slopes.coefficients if group is not None]
    if slopes.defocus is not None:
        groups.append(slopes.defocus[:, None])
    if slopes.line_of_sight is not None:
        groups.append(slopes.line_of_sight)
    if slopes.log_plate_scale is not None:
        groups.append(slopes.log_plate_scale[:, None])
    shared = jnp.concatenate([jnp.zeros((count, 0)), *groups], axis=1)
    by_star = jnp.zeros((count, 0)) if slopes.angles is None else slopes.angles.reshape(count, -1)
    if slopes.photons is None:
        return shared, by_star, jnp.zeros((count, photons.size))
    return shared, by_star, jnp.moveaxis(slopes.photons, 2, 1).reshape(count, -1)


def _fields(
    optics: RelayOptics, waves: Waves, tilt: Complex[Array, "2 m"], k: Scalar, factors: _Factors
) -> Complex[Array, "t n n"]:
    """Return the field of one star at the exit, and its derivatives by the factors of each plane."""
    fields = (waves.pupil * tilt[1, :, None] * tilt[0])[None]
    fields = jnp.concatenate([fields, _times(factors.planes[0], 1j * k * fields[0])])
    for number, (surface_map, figure) in enumerate(zip(waves.maps, waves.surfaces, strict=True), start=1):
        fields = travel(fields, waves.transfers[number - 1])
        if surface_map is not None:
            fields = optics.reduced(fields * surface_map, number)
        fields = fields * figure
        fields = jnp.concatenate([fields, _times(factors.planes[number], 1j * k * fields[0])])
    if waves.surfaces:
        fields = travel(fields, waves.transfers[-1])
    fields = fields * waves.exits[1, :, None] * waves.exits[0]
    return jnp.concatenate([fields, _times(factors.exit, 1j * k * fields[0])])


def _times(maps: Float[Array, "h n n"], field: Complex[Array, "n n"]) -> Complex[Array, "h n n"]:
    """Return a field times each of several real maps, without complex copies of the maps."""
    return jax.lax.complex(maps * jnp.real(field), maps * jnp.imag(field))


def _density_and_slopes(
    spectrum: Complex[Array, "a t a"], sign: tuple[float, float], cycles: Float[Array, " a"] | None
) -> tuple[Float[Array, "a a"], Float[Array, "a h a"]]:
    """Return the density of one star at one wavelength in one quadrant, and its derivatives.

    With `cycles`, the positive frequencies, the last two fields are moments, which give the derivative by the logarithm
    of the plate scale.
    """
    field, derivatives = spectrum[:, 0], spectrum[:, 1:]
    density = jnp.real(field) ** 2 + jnp.imag(field) ** 2
    real, imaginary = jnp.real(field)[:, None], jnp.imag(field)[:, None]
    slopes = 2 * (real * jnp.real(derivatives) + imaginary * jnp.imag(derivatives))
    if cycles is None:
        return density, slopes
    (sign_y, sign_x), of_y, of_x = sign, slopes[:, -2], slopes[:, -1]
    scale = sign_y * cycles[:, None] * of_y + sign_x * cycles * of_x + 2 * density
    return density, jnp.concatenate([slopes[:, :-2], scale[:, None]], axis=1)
