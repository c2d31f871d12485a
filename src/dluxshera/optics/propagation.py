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

from dluxshera.optics.fourier import Kernels, Quadrants, transform_by_quadrants, transform_kernels
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
    transfers: tuple[
        Complex[Array, "w n"], ...
    ]  # to each surface and back from the last, along an axis of the spectrum
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
            name: dl.Wavefront.from_phasor(
                phasor=field, wavelength=wavelength, diameter=pupil.diameter * (field.shape[0] / self.npix)
            )
            for name, field in fields.items()
        }

    def _waves(
        self,
        wavelengths: Float[Array, " w"],
        angles: Float[Array, "stars 2"],
        pupil: PupilState,
        surfaces: tuple[SurfaceState, ...],
    ) -> Waves:
        """Return what the light meets on its way.

        All wavelengths at once and outside the loop over them: within it, XLA would work out a cosine anew wherever it
        is used, for each star and in each cell of a row.
        """
        k = 2 * jnp.pi / wavelengths[:, None]
        x = self._coordinates(pupil, self.gap_npix)
        cell = pupil.diameter / self.npix
        maps = [jnp.asarray(self.amplitude) * phasor(k[..., None] * pupil.opd)]
        for surface, basis in zip(surfaces, self.surface_bases, strict=True):
            on_surface = surface.beam_scale * jnp.stack(jnp.meshgrid(x, x))
            edge = 0.5 * surface.beam_scale * cell  # half a cell to either side
            opd = basis.opd(surface.coefficients, surface.beam_scale * pupil.diameter / surface.diameter)
            if surface.opd_map is not None:
                opd = opd + resample(surface.opd_map, surface.beam_scale * x / (0.5 * surface.diameter))
            # By keyword: a release of dLux that takes a diameter instead of the radius must fail, not shrink the stop.
            stop = dlu.soft_circle(coords=on_surface, radius=0.5 * surface.diameter, clip_dist=edge)
            maps.append(stop * phasor(k[..., None] * opd))
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
        steps = zip(waves.transfers[:-1], at_surfaces, strict=True)
        for number, (transfer, at_surface) in enumerate(steps, start=1):
            passed[f"surface_{number}_in"] = field = travel(field, transfer)
            passed[f"surface_{number}_out"] = field = field * at_surface
        if at_surfaces:
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
        u = plate_scale * nodes[nodes.shape[0] // 2 :] / wavelengths[:, None]
        waves = self._waves(wavelengths, angles, pupil, surfaces)
        per_pixel = photons.T * (plate_scale * cell / wavelengths[:, None]) ** 2

        def add_wavelength(density: Quadrants, sample: tuple[Waves, Kernels, Array]) -> tuple[Quadrants, None]:
            waves, kernels, weights = sample
            exits = jax.vmap(lambda tilt: self._fields(waves, tilt)["exit"])(waves.tilts)
            spectra = transform_by_quadrants(exits, kernels)
            added = (jnp.einsum("s,asb->ab", weights, jnp.real(q) ** 2 + jnp.imag(q) ** 2) for q in spectra)
            return Quadrants(*map(jnp.add, density, added)), None

        zero = jnp.zeros((u.shape[1],) * 2, dtype=photons.dtype)
        density, _ = jax.lax.scan(add_wavelength, Quadrants(*(zero,) * 4), (waves, transform_kernels(x, u), per_pixel))
        return integrate_pixels(density.join(), nodes_per_pixel)


def phasor(phase: Float[Array, "*shape"]) -> Complex[Array, "*shape"]:
    """Return exp(i phase)."""
    return jax.lax.complex(jnp.cos(phase), jnp.sin(phase))  # the exponential of a complex number does more


def along_axes(field: Complex[Array, "n n"], y: Complex[Array, " n"], x: Complex[Array, " n"]) -> Complex[Array, "n n"]:
    """Return a field times a function of y and one of x."""
    return field * y[:, None] * x


def travel(field: Complex[Array, "n n"], transfer: Complex[Array, " n"]) -> Complex[Array, "n n"]:
    """Return a field behind free space, whose transfer function is the product of one along each axis."""
    return jnp.fft.ifft2(along_axes(jnp.fft.fft2(field), transfer, transfer))
