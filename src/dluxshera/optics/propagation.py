r"""Propagation from the pupil through the intermediate surfaces to the detector.

In the collimated space of the pupil, an intermediate surface with ray matrix (A, B) lies at the free-space distance
z = B / A, and a coordinate x in that space is A x on the surface. The field is propagated there by angular spectrum,
multiplied by the aperture and phase of the surface, and propagated by -z. The phase of the remaining defocus at the
detector follows, and the image is the Fourier transform of the result (Collins 1970, JOSA 60, 1168).

Signs: an OPD w multiplies the field by exp(+i k w), so OPD that increases towards +x moves the image towards +x.
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

from dluxshera.optics.detector import integrate_pixels
from dluxshera.optics.fourier import Kernels, Quadrants, transform_by_quadrants, transform_kernels
from dluxshera.optics.maps import resample
from dluxshera.optics.zernike import ZernikeBasis

Scalar = Float[Array, ""] | float


class SurfaceState(NamedTuple):
    """The continuous parameters of an intermediate surface. Lengths are in metres.

    Parameters
    ----------
    beam_scale : float or Array
        A of the ray matrix: beam height on the surface over that in the pupil.
    distance : float or Array
        z = B / A of the ray matrix: distance in the collimated space of the pupil.
    diameter : float or Array
        Diameter of the clear aperture, which is also the circle of the Zernike polynomials.
    coefficients : Array, shape (modes,)
        Zernike coefficients of the OPD.
    opd_map : Array, shape (m, m), optional
        OPD over the square around the circle of the Zernike polynomials.
    """

    beam_scale: Scalar
    distance: Scalar
    diameter: Scalar
    coefficients: Float[Array, " modes"]
    opd_map: Float[Array, "m m"] | None = None


class PupilState(NamedTuple):
    """The continuous parameters of the pupil and of the image behind the relay. Lengths are in metres.

    Parameters
    ----------
    diameter : float or Array
        Diameter of the pupil.
    opd : Array, shape (npix, npix)
        OPD of everything in the pupil, see `RelayOptics.pupil_opd`.
    defocus : float or Array
        Defocus that the relay leaves at the detector, as rms OPD over the pupil.
    line_of_sight : Array, shape (2,), optional
        Shift (x, y) of the whole image, radians.
    """

    diameter: Scalar
    opd: Float[Array, "npix npix"]
    defocus: Scalar = 0.0
    line_of_sight: Float[Array, " 2"] | None = None


class Waves(NamedTuple):
    """The factors by which the field of each wavelength w is multiplied between the pupil and the exit.

    Parameters
    ----------
    maps : tuple of Array, each of shape (w, n, n)
        Complex transmission of the pupil and of each surface.
    tilts : Array, shape (w, stars, 2, npix)
        Phasors of the direction of each star in the pupil, along x and y.
    transfers : tuple of Array, each of shape (w, n)
        Transfer functions of free space to each surface and from the last to the exit, along an axis of the spectrum.
    exits : Array, shape (w, 2, n)
        Phasors of defocus and line of sight at the exit, along x and y.
    """

    maps: tuple[Complex[Array, "w n n"], ...]
    tilts: Complex[Array, "w stars 2 npix"]
    transfers: tuple[Complex[Array, "w n"], ...]
    exits: Complex[Array, "w 2 n"]


class RelayOptics(eqx.Module):
    """A pupil and the surfaces behind it: their rasters and Zernike bases, and the propagation of light through them.

    Parameters
    ----------
    aperture : ndarray, shape (npix, npix)
        Open fraction of each cell of the pupil.
    mask_opd : ndarray, shape (npix, npix)
        OPD of the diffractive pupil, metres.
    pupil_basis : ZernikeBasis
        Basis on the pupil's grid, with coordinates in units of the pupil's radius.
    surface_bases : tuple of ZernikeBasis
        Basis of each surface on the larger grid between the planes, with coordinates in units of the pupil's radius.
    gap_npix : int
        Size of the grid between the planes, which continues the pupil's cells outwards.
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
        """Return the OPD of everything in the pupil, metres: the mask, Zernike polynomials and a map.

        Parameters
        ----------
        coefficients : Array, shape (modes,)
            Zernike coefficients, metres.
        opd_map : Array, shape (npix, npix), optional
            OPD on the pupil's cells, metres.
        """
        opd = jnp.asarray(self.mask_opd) + self.pupil_basis.opd(coefficients)
        return opd if opd_map is None else opd + opd_map

    @property
    def plane_names(self) -> tuple[str, ...]:
        """Names of the planes that `planes` returns, in the order of the light."""
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
            Wavelength, metres.
        angle : Array, shape (2,)
            Direction (x, y) of the star, radians.
        pupil : PupilState
            State of the pupil.
        surfaces : tuple of SurfaceState
            States of the surfaces, in the order of the light.

        Returns
        -------
        dict of str to dLux.Wavefront
            Wavefronts by plane: ``pupil``, of unit power; ``surface_1_in``, ``surface_1_out`` and so on; and ``exit``,
            the field in the pupil's space whose Fourier transform is the image. The power never increases: light that
            an aperture blocks is lost.
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
        """Return the factors on the field for all wavelengths.

        They are computed outside the loop over wavelengths, because inside it XLA would recompute a cosine at each use:
        for each star, and in each cell of a row.
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
        # Noll 4 is sqrt(3) (2 x^2 - 1/2 + 2 y^2 - 1/2), with x and y in units of the pupil's radius.
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
        pupil_map, *surface_maps = waves.maps
        field = along_axes(pupil_map, tilt[1], tilt[0])
        fields = {"pupil": field}
        field = jnp.pad(field, (self.gap_npix - self.npix) // 2)
        surfaces = zip(waves.transfers[:-1], surface_maps, strict=True)
        for number, (transfer, surface_map) in enumerate(surfaces, start=1):
            fields[f"surface_{number}_in"] = field = travel(field, transfer)
            fields[f"surface_{number}_out"] = field = field * surface_map
        if surface_maps:
            field = travel(field, waves.transfers[-1])
        return {**fields, "exit": along_axes(field, waves.exits[1], waves.exits[0])}

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
            Wavelengths, metres.
        photons : Array, shape (stars, w)
            Photons through the aperture of each star at each wavelength.
        angles : Array, shape (stars, 2)
            Directions (x, y) of the stars, radians.
        pupil : PupilState
            State of the pupil.
        surfaces : tuple of SurfaceState
            States of the surfaces, in the order of the light.
        plate_scale : float
            Plate scale, radians per pixel.
        nodes : Array, shape (samples,)
            Positions of the pixels' samples along one axis, pixels, symmetric about zero (see `pixel_nodes`).
        nodes_per_pixel : int
            Number of samples across a pixel.

        Returns
        -------
        Array, shape (samples / nodes_per_pixel, samples / nodes_per_pixel)
            Photons per pixel; the row index increases with +y and the column index with +x.
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
    """Return exp(i `phase`), with the phase in radians."""
    return jax.lax.complex(jnp.cos(phase), jnp.sin(phase))  # cheaper than the exponential of a complex number


def along_axes(field: Complex[Array, "n n"], y: Complex[Array, " n"], x: Complex[Array, " n"]) -> Complex[Array, "n n"]:
    """Return a field times a function of y and a function of x.

    Parameters
    ----------
    field : Array, shape (n, n)
        Field, with y along the first axis.
    y, x : Array, shape (n,)
        Values of the functions at the coordinates of the cells.
    """
    return field * y[:, None] * x


def travel(field: Complex[Array, "n n"], transfer: Complex[Array, " n"]) -> Complex[Array, "n n"]:
    """Return a field after free space.

    Parameters
    ----------
    field : Array, shape (n, n)
        Field before.
    transfer : Array, shape (n,)
        Transfer function along one axis of the spectrum, in the order of the FFT. The transfer function of the field is
        the product of this one along both axes.
    """
    return jnp.fft.ifft2(along_axes(jnp.fft.fft2(field), transfer, transfer))
