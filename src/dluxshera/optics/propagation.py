r"""Propagation from the pupil through the intermediate surfaces to the detector.

In the collimated space of the pupil, an intermediate surface with ray matrix (A, B) lies at the free-space distance
z = B / A, and a coordinate x in that space is A x on the surface. The field is propagated there by angular spectrum,
multiplied by the phase of the surface, and propagated by -z. The phase of the remaining defocus at the detector
follows, and the image is the Fourier transform of the result (Collins 1970, JOSA 60, 1168).

The detector sees a small part of the frequencies that the pupil's native raster carries. The grids here hold no more
than that part (see `Sampling`): the pupil enters as two real rasters, without and with the mask's step, each resampled
such that its Fourier sums are those of the native raster in the band. The intensity, whose band is twice that of the
field, is sampled as coarsely as its own band allows, and one matrix interpolates between the samples and integrates
over the pixels.

Signs: an OPD w multiplies the field by exp(+i k w), so OPD that increases towards +x moves the image towards +x.
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from dluxshera.optics.fourier import Kernels, Quadrants, transform_by_quadrants, transform_kernels
from dluxshera.optics.limits import within_limits
from dluxshera.optics.maps import resample
from dluxshera.optics.sampling import Grid, Sampling
from dluxshera.optics.sine_cosine import phasor, phasors
from dluxshera.optics.states import PupilState, Scalar, SurfaceState
from dluxshera.optics.zernike import ZernikeBasis

if TYPE_CHECKING:
    import dLux as dl


class Waves(NamedTuple):
    """The factors by which the field of each wavelength w is multiplied between the pupil and the exit.

    Parameters
    ----------
    pupil : Array, shape (w, n, n)
        Field of a star on the axis behind the pupil.
    maps : tuple of Array or None, each of shape (w, m, m)
        Phasor of the map of each surface behind the pupil.
    surfaces : tuple of Array, each of shape (w, n, n)
        Phasor of the Zernike polynomials of each surface behind the pupil.
    tilts : Array, shape (w, stars, 2, n)
        Phasors of the direction of each star behind the pupil, along x and y.
    transfers : tuple of Array, each of shape (w, n)
        Transfer functions of free space to each surface and from the last to the exit, along an axis of the spectrum.
    exits : Array, shape (w, 2, n)
        Phasors of defocus and line of sight at the exit, along x and y.
    """

    pupil: Complex[Array, "w n n"]
    maps: tuple[Complex[Array, "w m m"] | None, ...]
    surfaces: tuple[Complex[Array, "w n n"], ...]
    tilts: Complex[Array, "w stars 2 n"]
    transfers: tuple[Complex[Array, "w n"], ...]
    exits: Complex[Array, "w 2 n"]


class RelayOptics(eqx.Module):
    """A pupil and the surfaces behind it: their rasters and Zernike bases, and the propagation of light through them.

    Parameters
    ----------
    clear, stepped : Array, shape (n, n)
        Amplitude of the light that passes beside the steps of the diffractive pupil, and through them, on the first
        grid of the sampling. Their power is the part of the light through the native aperture that the grid carries.
    step : Array
        OPD of a step, metres.
    bases : tuple of ZernikeBasis
        Zernike polynomials of the pupil and of each surface, on the cells of the light that leaves it, with coordinates
        in units of the pupil's radius.
    reductions : tuple of Array or None, each of shape (m, n)
        Matrix, along each axis, from the cells of the light that arrives at a plane to those of the light that leaves
        it, where the two grids differ.
    pixels : Array, shape (npix, samples)
        Matrix, along each axis, from samples of the intensity to the integrals over pixels.
    sampling : Sampling
        Grids and limits.
    """

    clear: Float[Array, "n n"]
    stepped: Float[Array, "n n"]
    step: Float[Array, ""]
    bases: tuple[ZernikeBasis, ...]
    reductions: tuple[Float[Array, "_ _"] | None, ...]  # each of its own shape
    pixels: Float[Array, "npix samples"]
    sampling: Sampling = eqx.field(static=True)

    @property
    def plane_names(self) -> tuple[str, ...]:
        """Names of the planes that `wavefronts` returns, in the order of the light."""
        numbers = range(1, len(self.bases))
        return ("pupil", *(f"surface_{n}_{side}" for n in numbers for side in ("in", "out")), "exit")

    def wavefronts(
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
            Wavefronts by plane: ``pupil``; ``surface_1_in``, ``surface_1_out`` and so on; and ``exit``, the field in
            the pupil's space whose Fourier transform is the image. Their power is the part of the light that the grid
            carries; it is less than one by the light beyond.
        """
        import dLux as dl  # takes a quarter of a second, and no image needs it

        waves = self.waves(jnp.reshape(wavelength, (1,)), angle[None], pupil, surfaces)
        fields = self._fields(jax.tree.map(lambda of_all: of_all[0], waves))
        grids = self._grids()
        return {
            name: dl.Wavefront.from_phasor(
                phasor=field[0],
                wavelength=wavelength,
                diameter=pupil.diameter * (grids[name].npix / grids[name].per_diameter),
            )
            for name, field in fields.items()
        }

    def powers(
        self,
        wavelengths: Float[Array, " w"],
        photons: Float[Array, "stars w"],
        angles: Float[Array, "stars 2"],
        pupil: PupilState,
        surfaces: tuple[SurfaceState, ...],
    ) -> dict[str, Float[Array, ""]]:
        """Return the photons at each plane of `plane_names` that the grid carries, summed over stars and wavelengths.

        Parameters
        ----------
        wavelengths, photons, angles, pupil, surfaces
            Arguments of `image`.
        """
        waves = self.waves(wavelengths, angles, pupil, surfaces)

        def add_wavelength(total: dict[str, Array], sample: tuple[Waves, Array]) -> tuple[dict[str, Array], None]:
            waves, weights = sample
            fields = self._fields(waves)
            added = {name: jnp.einsum("s,sab->", weights, _square(field)) for name, field in fields.items()}
            return {name: total[name] + added[name] for name in total}, None

        zeros = {name: jnp.zeros((), photons.dtype) for name in self.plane_names}
        return jax.lax.scan(add_wavelength, zeros, (waves, photons.T))[0]

    def _grids(self) -> dict[str, Grid]:
        """Return the grid of each plane of `plane_names`."""
        grids = self.sampling.grids
        named = {"pupil": grids[1], "exit": grids[-1]}
        for number in range(1, len(self.bases)):
            named |= {f"surface_{number}_in": grids[number], f"surface_{number}_out": grids[number + 1]}
        return named

    def coordinates(self, number: int) -> Float[Array, " n"]:
        """Return the coordinates of a grid of the sampling, in units of the pupil's diameter."""
        return jnp.asarray(self.sampling.grids[number].coordinates(), self.clear.dtype)

    def reduced(self, field: Complex[Array, "*stars n n"], number: int) -> Complex[Array, "*stars m m"]:
        """Return a field behind the map of a plane on the cells of the light that leaves."""
        matrix = self.reductions[number]
        if matrix is None:
            return field
        parts = jnp.stack([jnp.real(field), jnp.imag(field)])  # a real matrix times a complex field costs twice as much
        return jax.lax.complex(*(matrix @ (parts @ matrix.T)))

    def waves(
        self,
        wavelengths: Float[Array, " w"],
        angles: Float[Array, "stars 2"],
        pupil: PupilState,
        surfaces: tuple[SurfaceState, ...],
    ) -> Waves:
        """Return the factors on the field for all wavelengths.

        They are computed outside the loop over wavelengths, because inside it XLA would recompute them at each use: for
        each star, and in each cell of a row.
        """
        k = (2 * jnp.pi / wavelengths)[:, None, None]
        figures, maps = [self.bases[0].opd(pupil.coefficients)], []
        for number, surface in enumerate(surfaces, start=1):
            magnification = surface.beam_scale * pupil.diameter / surface.diameter
            figures.append(self.bases[number].opd(surface.coefficients, magnification))
            on_surface = 2 * magnification * self.coordinates(number)
            maps.append(None if surface.opd_map is None else phasor(k * resample(surface.opd_map, on_surface)))
        stops = [0.0, *(surface.distance for surface in surfaces), 0.0]
        legs = enumerate(pairwise(stops), start=1) if surfaces else ()
        x = self.coordinates(-1)
        # Noll 4 is sqrt(3) (2 x^2 - 1/2 + 2 y^2 - 1/2), with x and y in units of the pupil's radius.
        defocus = pupil.defocus * sqrt(3) * (2 * (2 * x) ** 2 - 0.5)
        shift = jnp.zeros(2) if pupil.line_of_sight is None else pupil.line_of_sight
        steps, tilts, exits, *others = phasors(
            k * self.step,
            k[..., None] * angles[:, :, None] * (pupil.diameter * self.coordinates(1)),
            k * (defocus + shift[:, None] * (pupil.diameter * x)),
            *(k * figure for figure in figures),
            *(self._transfer(wavelengths, after - before, pupil.diameter, number) for number, (before, after) in legs),
        )
        of_pupil, *of_surfaces = others[: len(figures)]
        return Waves(
            pupil=self._behind_mask(k, steps, pupil.opd_map) * of_pupil,
            maps=tuple(maps),
            surfaces=tuple(of_surfaces),
            tilts=tilts,
            transfers=tuple(others[len(figures) :]),
            exits=exits,
        )

    def _behind_mask(
        self, k: Float[Array, "w 1 1"], steps: Complex[Array, "w 1 1"], opd_map: Float[Array, "m m"] | None
    ) -> Complex[Array, "w n n"]:
        """Return the field of a star on the axis behind the pupil's mask and map at each wavelength."""
        if opd_map is None:
            return self.clear + self.stepped * steps
        on_pupil = resample(opd_map, 2 * self.coordinates(0))

        def field(sample: tuple[Array, Array]) -> Array:  # one wavelength at a time: the cells of a map are many
            k, step = sample
            return self.reduced((self.clear + self.stepped * step) * phasor(k * on_pupil), 0)

        return jax.lax.map(field, (k, steps))

    def _transfer(
        self, wavelengths: Float[Array, " w"], distance: Scalar, diameter: Scalar, number: int
    ) -> Float[Array, "w n"]:
        """Return the phase of the transfer function of free space along an axis of the spectrum, in the FFT's order.

        Beyond the band, where the grid has no light of the pupil, its slope falls to zero at the highest frequency. The
        spectrum is periodic, and a kink there would throw light across the whole grid, where the next surface's figure
        turns it.
        """
        npix, per_diameter, band = self.sampling.grids[number]
        cycles = np.abs(np.fft.fftfreq(npix, 1.0 / per_diameter))
        beyond, rest = np.maximum(cycles - band, 0.0), max(0.5 * per_diameter - band, 1.0)
        squares = np.minimum(cycles, band) ** 2 + band * beyond * (2.0 - beyond / rest)
        return -jnp.pi * wavelengths[:, None] * distance * jnp.asarray(squares, self.clear.dtype) / diameter**2

    def _fields(self, waves: Waves) -> dict[str, Complex[Array, "stars n n"]]:
        """Return the fields of all stars at one wavelength at each plane."""
        tilts = waves.tilts
        field = waves.pupil * tilts[:, 1, :, None] * tilts[:, 0, None, :]
        fields = {"pupil": field}
        steps = zip(waves.transfers[:-1], waves.maps, waves.surfaces, strict=True)
        for number, (transfer, surface_map, figure) in enumerate(steps, start=1):
            fields[f"surface_{number}_in"] = field = travel(field, transfer)
            if surface_map is not None:
                field = self.reduced(field * surface_map, number)
            fields[f"surface_{number}_out"] = field = field * figure
        if waves.surfaces:
            field = travel(field, waves.transfers[-1])
        return {**fields, "exit": field * waves.exits[1, :, None] * waves.exits[0]}

    def image(
        self,
        wavelengths: Float[Array, " w"],
        photons: Float[Array, "stars w"],
        angles: Float[Array, "stars 2"],
        pupil: PupilState,
        surfaces: tuple[SurfaceState, ...],
        plate_scale: Scalar,
    ) -> Float[Array, "image image"]:
        """Return the image of point sources, in photons per pixel; NaN where the grids do not suffice for it.

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

        Returns
        -------
        Array, shape (image_npix, image_npix)
            Photons per pixel; the row index increases with +y and the column index with +x.
        """
        exit = self.sampling.exit
        x = pupil.diameter * self.coordinates(-1)[exit.npix // 2 :]
        half = self.sampling.image_samples // 2
        samples = self.sampling.pitch * (jnp.arange(half, dtype=photons.dtype) + 0.5)
        kernels = transform_kernels(x, plate_scale * samples / wavelengths[:, None])
        waves = self.waves(wavelengths, angles, pupil, surfaces)
        cell = pupil.diameter / exit.per_diameter
        per_pixel = photons.T * (plate_scale * cell / wavelengths[:, None]) ** 2

        def add_wavelength(density: Quadrants, sample: tuple[Waves, Kernels, Array]) -> tuple[Quadrants, None]:
            waves, kernels, weights = sample
            spectra = transform_by_quadrants(self._fields(waves)["exit"], kernels)
            added = (jnp.einsum("s,asb->ab", weights, _square(quadrant)) for quadrant in spectra)
            return Quadrants(*map(jnp.add, density, added)), None

        zero = jnp.zeros((half, half), dtype=photons.dtype)
        density, _ = jax.lax.scan(add_wavelength, Quadrants(*(zero,) * 4), (waves, kernels, per_pixel))
        valid = within_limits(self.sampling, self.bases, wavelengths, angles, pupil, surfaces, plate_scale)
        return self.pixels @ jnp.where(valid, density.join(), jnp.nan) @ self.pixels.T


def _square(field: Complex[Array, "*shape"]) -> Float[Array, "*shape"]:
    return jnp.real(field) ** 2 + jnp.imag(field) ** 2


def travel(fields: Complex[Array, "stars n n"], transfer: Complex[Array, " n"]) -> Complex[Array, "stars n n"]:
    """Return fields after free space.

    Parameters
    ----------
    fields : Array, shape (stars, n, n)
        Fields before.
    transfer : Array, shape (n,)
        Transfer function along one axis of the spectrum, in the order of the FFT. The transfer function of the field is
        the product of this one along both axes.
    """
    return jnp.fft.ifft2(jnp.fft.fft2(fields) * (transfer[:, None] * transfer))
