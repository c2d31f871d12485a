r"""Propagation from the pupil through the intermediate surfaces to the detector.

In the collimated space of the pupil, an intermediate surface with ray matrix (A, B) lies at the free-space distance
z = B / A, and a coordinate x in that space is A x on the surface. The field goes there by angular spectrum, takes the
surface's aperture and phase, and comes back by -z. What has come back takes the defocus that the relay leaves at the
detector, and its Fourier transform is the image (Collins 1970, JOSA 60, 1168).

Signs: an OPD w multiplies the field by exp(+i k w), so OPD growing towards +x moves the image towards +x.
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import NamedTuple

import dLux as dl
import dLux.utils as dlu
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from dluxshera.optics.maps import resample
from dluxshera.optics.pixels import integrate_pixels
from dluxshera.optics.zernike import ZernikeBasis

Scalar = Float[Array, ""] | float


class SurfaceState(NamedTuple):
    """An intermediate surface: what of it is continuous. Lengths in metres."""

    beam_scale: Scalar  # A of the ray matrix: beam height on the surface over that in the pupil
    distance: Scalar  # z = B / A, in the pupil's collimated space
    diameter: Scalar  # of its clear aperture, which is also the circle of its Zernike polynomials
    coefficients: Float[Array, " modes"]  # Zernike coefficients of OPD
    opd_map: Float[Array, "m m"] | None = None  # over the square around the circle of the Zernike polynomials


class PupilState(NamedTuple):
    """The pupil, and what the relay does to the light on its way to the detector. Lengths in metres."""

    diameter: Scalar
    opd: Float[Array, "npix npix"]  # of everything in the pupil, as `RelayOptics.pupil_opd` gives it
    defocus: Scalar = 0.0  # rms OPD over the pupil of the defocus that the relay leaves at the detector
    line_of_sight: Float[Array, " 2"] | None = None  # shift (x, y) of the whole image, radians


class Waves(NamedTuple):
    """What light of each wavelength w meets on its way."""

    maps: tuple[Complex[Array, "w n n"], ...]  # of the pupil and the surfaces
    tilts: Complex[Array, "w stars 2 npix"]  # along x and y in the pupil
    transfers: tuple[Complex[Array, "w n"], ...]  # of the spaces between them, along an axis of the spectrum
    exits: Complex[Array, "w 2 n"]  # along x and y, where the light leaves: defocus and the line of sight


class RelayOptics(eqx.Module):
    """A pupil and the surfaces behind it: rasters and bases, and how light goes through them.

    Parameters
    ----------
    aperture : ndarray, shape (npix, npix)
        Open fraction of each cell of the pupil.
    mask_opd : ndarray, shape (npix, npix)
        OPD of the diffractive pupil, metres.
    pupil_basis, surface_bases : ZernikeBasis
        On the pupil's grid, and for each surface on the larger grid between the planes, both in units of the pupil's
        radius.
    gap_npix : int
        Size of the grid between the planes: the pupil's cells, continued outwards.
    """

    amplitude: Float[np.ndarray, "npix npix"]
    mask_opd: Float[np.ndarray, "npix npix"]
    pupil_basis: ZernikeBasis
    surface_bases: tuple[ZernikeBasis, ...]
    gap_npix: int = eqx.field(static=True)

    def __init__(
        self,
        *,
        aperture: np.ndarray,
        mask_opd: np.ndarray,
        pupil_basis: ZernikeBasis,
        surface_bases: tuple[ZernikeBasis, ...],
        gap_npix: int,
    ) -> None:
        dtype = pupil_basis.parts.dtype
        self.amplitude = (aperture / np.sqrt(np.sum(aperture**2))).astype(dtype)
        self.mask_opd = mask_opd.astype(dtype)
        self.pupil_basis = pupil_basis
        self.surface_bases = surface_bases
        self.gap_npix = gap_npix

    @property
    def npix(self) -> int:
        """Cells across the pupil."""
        return self.amplitude.shape[0]

    def pupil_opd(
        self, coefficients: Float[Array, " modes"], opd_map: Float[Array, "npix npix"] | None = None
    ) -> Float[Array, "npix npix"]:
        """Return the OPD of everything in the pupil: mask, Zernike polynomials and a map on its cells; metres."""
        opd = jnp.asarray(self.mask_opd) + self.pupil_basis.opd(coefficients)
        return opd if opd_map is None else opd + opd_map

    @property
    def plane_names(self) -> tuple[str, ...]:
        """The planes that `planes` returns, in the order of the light."""
        numbers = range(1, len(self.surface_bases) + 1)
        return ("pupil", *(f"surface_{n}_{side}" for n in numbers for side in ("in", "out")), "exit")

    def planes(
        self,
        wavelength: Scalar,
        angle: Float[Array, " 2"],
        pupil: PupilState,
        surfaces: tuple[SurfaceState, ...],
    ) -> dict[str, dl.Wavefront]:
        """Propagate the light of one star at one wavelength, and return the wavefront at each plane.

        Parameters
        ----------
        wavelength : float
            Metres.
        angle : Array, shape (2,)
            Direction (x, y) of the star, radians.
        pupil : PupilState
        surfaces : tuple of SurfaceState
            In the order in which the light meets them.

        Returns
        -------
        dict of str to dLux.Wavefront
            ``pupil`` (of unit power), ``surface_1_in`` and ``surface_1_out`` and so on, and ``exit``: the field in the
            pupil's space that has everything in it and whose Fourier transform is the image. Powers only fall: what an
            aperture stops is not restored.
        """
        waves = self._waves(jnp.reshape(wavelength, (1,)), angle[None], pupil, surfaces)
        fields = self._fields(jax.tree.map(lambda of_all: of_all[0], waves), waves.tilts[0, 0])
        return {
            name: dl.Wavefront.from_phasor(field, wavelength, diameter=pupil.diameter * (field.shape[0] / self.npix))
            for name, field in fields.items()
        }

    def _waves(
        self,
        wavelengths: Float[Array, " w"],
        angles: Float[Array, "stars 2"],
        pupil: PupilState,
        surfaces: tuple[SurfaceState, ...],
    ) -> Waves:
        """Return what the light meets on its way."""
        k = 2 * jnp.pi / wavelengths[:, None]
        x = self._coordinates(pupil, self.gap_npix)
        cell = pupil.diameter / self.npix
        maps = [self.amplitude * phasor(k[..., None] * pupil.opd)]
        for surface, basis in zip(surfaces, self.surface_bases, strict=True):
            on_surface = surface.beam_scale * jnp.stack(jnp.meshgrid(x, x))
            edge = 0.5 * surface.beam_scale * cell  # half a cell to either side
            opd = basis.opd(surface.coefficients, surface.beam_scale * pupil.diameter / surface.diameter)
            if surface.opd_map is not None:
                opd = opd + resample(surface.opd_map, surface.beam_scale * x / (0.5 * surface.diameter))
            maps.append(dlu.soft_circle(on_surface, 0.5 * surface.diameter, edge) * phasor(k[..., None] * opd))
        stops = [0.0, *(surface.distance for surface in surfaces), 0.0]
        cycles = jnp.fft.fftfreq(self.gap_npix, cell)
        # Noll 4 is sqrt(3) (2 x^2 - 1/2 + 2 y^2 - 1/2) in units of the pupil's radius.
        defocus = pupil.defocus * sqrt(3) * (2 * (2 * x / pupil.diameter) ** 2 - 0.5)
        shift = jnp.zeros(2) if pupil.line_of_sight is None else pupil.line_of_sight
        return Waves(
            maps=tuple(maps),
            tilts=phasor(k[..., None, None] * angles[:, :, None] * self._coordinates(pupil, self.npix)),
            transfers=tuple(
                phasor(-jnp.pi * wavelengths[:, None] * (after - before) * cycles**2)
                for before, after in pairwise(stops)
                if surfaces
            ),
            exits=phasor(k[..., None] * (defocus + shift[:, None] * x)),
        )

    def _fields(self, waves: Waves, tilt: Complex[Array, "2 npix"]) -> dict[str, Complex[Array, "n n"]]:
        """Return the field of one star at one wavelength at each plane."""
        at_pupil, *at_surfaces = waves.maps
        field = along_axes(at_pupil, tilt[1], tilt[0])
        passed = {"pupil": field}
        field = jnp.pad(field, (self.gap_npix - self.npix) // 2)
        for number, (transfer, at_surface) in enumerate(zip(waves.transfers, at_surfaces), start=1):
            passed[f"surface_{number}_in"] = field = travel(field, transfer)
            passed[f"surface_{number}_out"] = field = field * at_surface
        if waves.transfers:
            field = travel(field, waves.transfers[-1])
        return {**passed, "exit": along_axes(field, waves.exits[1], waves.exits[0])}

    def _coordinates(self, pupil: PupilState, npix: int) -> Float[Array, " {npix}"]:
        """Return the centres of the pupil's cells, continued to a grid of `npix`, metres."""
        return pupil.diameter / self.npix * (jnp.arange(npix) - 0.5 * (npix - 1))

    def image(
        self,
        wavelengths: Float[Array, " w"],
        photons: Float[Array, "stars w"],
        angles: Float[Array, "stars 2"],
        pupil: PupilState,
        surfaces: tuple[SurfaceState, ...],
        plate_scale: Scalar,
        nodes: Float[Array, " samples"],
        nodes_per_pixel: int,
    ) -> Float[Array, "image image"]:
        """Return the image of point sources, in photons per pixel.

        Parameters
        ----------
        wavelengths : Array, shape (w,)
            Metres.
        photons : Array, shape (stars, w)
            Through the aperture, of each star at each wavelength.
        angles : Array, shape (stars, 2)
            Directions (x, y), radians.
        pupil, surfaces
            As `planes` takes them.
        plate_scale : float
            Radians per pixel.
        nodes : Array, shape (samples,)
            Positions of the pixels' samples along one axis, in pixels, symmetric about zero (see `pixel_nodes`).
        nodes_per_pixel : int
            Samples across a pixel.
        """
        cell = pupil.diameter / self.npix
        x = self._coordinates(pupil, self.gap_npix)[self.gap_npix // 2 :]
        directions = plate_scale * nodes[nodes.shape[0] // 2 :]
        waves = self._waves(wavelengths, angles, pupil, surfaces)
        arguments = 2 * jnp.pi * directions[:, None] / wavelengths[:, None, None] * x
        kernels = jnp.cos(arguments), jnp.sin(arguments)
        per_pixel = photons.T * (plate_scale * cell / wavelengths[:, None]) ** 2

        def add_wavelength(density, sample):
            waves, kernels, weights = sample
            exits = jax.vmap(lambda tilt: self._fields(waves, tilt)["exit"])(waves.tilts)
            spectra = quadrants_of_transform(exits, *kernels)
            added = (jnp.einsum("s,asb->ab", weights, re**2 + im**2) for re, im in spectra)
            return tuple(before + more for before, more in zip(density, added, strict=True)), None

        zero = jnp.zeros((directions.shape[0],) * 2, dtype=photons.dtype)
        density, _ = jax.lax.scan(add_wavelength, (zero,) * 4, (waves, kernels, per_pixel))
        return integrate_pixels(join_quadrants(*density), nodes_per_pixel)


def phasor(phase: Array) -> Array:
    return jax.lax.complex(jnp.cos(phase), jnp.sin(phase))


def along_axes(field: Array, y: Array, x: Array) -> Array:
    return field * y[:, None] * x


def travel(field: Array, transfer: Array) -> Array:
    return jnp.fft.ifft2(along_axes(jnp.fft.fft2(field), transfer, transfer))


def quadrants_of_transform(fields, cosine, sine):
    stars, n = fields.shape[:2]
    half, m = n // 2, cosine.shape[0]
    parts = jnp.stack([jnp.real(fields), jnp.imag(fields)], axis=1).reshape(2 * stars, n, n).transpose(1, 0, 2)

    above, below = parts[half:], parts[:half][::-1]

    def transform(along_y, along_x, part):
        rows = (along_y @ part.reshape(half, -1)).reshape(-1, half)
        both = (rows @ along_x.T).reshape(m, stars, 2, m)
        return both[:, :, 0], both[:, :, 1]

    def by_x(part):
        right, left = part[..., half:], part[..., :half][..., ::-1]
        return right + left, right - left

    (ee, eo), (oe, oo) = by_x(above + below), by_x(above - below)
    (cc_r, cc_i), (cs_r, cs_i) = transform(cosine, cosine, ee), transform(cosine, sine, eo)
    (sc_r, sc_i), (ss_r, ss_i) = transform(sine, cosine, oe), transform(sine, sine, oo)
    even_r, even_i, odd_r, odd_i = cc_r - ss_r, cc_i - ss_i, sc_r + cs_r, sc_i + cs_i
    even_r2, even_i2, odd_r2, odd_i2 = cc_r + ss_r, cc_i + ss_i, sc_r - cs_r, sc_i - cs_i
    # (y sign, x sign): --, -+, +-, ++
    return (
        (even_r - odd_i, even_i + odd_r),
        (even_r2 - odd_i2, even_i2 + odd_r2),
        (even_r2 + odd_i2, even_i2 - odd_r2),
        (even_r + odd_i, even_i - odd_r),
    )


def join_quadrants(mm, mp, pm, pp):
    below = jnp.concatenate([mm[::-1, ::-1], mp[::-1]], axis=1)
    above = jnp.concatenate([pm[:, ::-1], pp], axis=1)
    return jnp.concatenate([below, above])


def symmetric_fourier_transform(fields, x, u):
    return jnp.moveaxis(
        join_quadrants_c(
            *(
                jax.lax.complex(*q)
                for q in quadrants_of_transform(
                    fields, jnp.cos(2 * jnp.pi * u[:, None] * x), jnp.sin(2 * jnp.pi * u[:, None] * x)
                )
            )
        ),
        1,
        0,
    )


def join_quadrants_c(mm, mp, pm, pp):
    below = jnp.concatenate([mm[::-1, :, ::-1], mp[::-1]], axis=2)
    above = jnp.concatenate([pm[:, :, ::-1], pp], axis=2)
    return jnp.concatenate([below, above])
