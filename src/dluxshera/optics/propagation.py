r"""Propagation from the pupil through the intermediate surfaces to the detector.

In the collimated space of the pupil, an intermediate surface with ray matrix (A, B) lies at the free-space distance
z = B / A, and a coordinate x in that space is A x on the surface. The field goes there by angular spectrum, takes the
surface's aperture and phase, and comes back by -z. What has come back takes the defocus that the relay leaves at the
detector, and its Fourier transform is the image (Collins 1970, JOSA 60, 1168).

Signs: an OPD w multiplies the field by exp(+i k w), so OPD growing towards +x moves the image towards +x.
"""

from __future__ import annotations

from typing import NamedTuple

import dLux as dl
import dLux.utils as dlu
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from dluxshera.optics.aperture import cell_centres
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
    defocus_basis: ZernikeBasis
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
        self.defocus_basis = ZernikeBasis((4,), cell_centres(gap_npix) * (gap_npix / aperture.shape[0]), dtype)
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
        field = dl.Wavefront.from_phasor(jnp.asarray(self.amplitude, complex), wavelength, diameter=pupil.diameter)
        field = field.add_opd(pupil.opd).tilt(angle)
        passed = {"pupil": field}
        at = jnp.zeros_like(field.pixel_scale)
        field = field.resize(self.gap_npix)
        grid = dl.CoordSpec(self.gap_npix, None, None)
        for number, (surface, basis) in enumerate(zip(surfaces, self.surface_bases, strict=True), start=1):
            field = dl.ASMPropagator(surface.distance - at, grid)(field)
            at = jnp.asarray(surface.distance)
            passed[f"surface_{number}_in"] = field
            coordinates = field.coordinates(scale=surface.beam_scale)
            edge = 0.5 * surface.beam_scale * field.pixel_scale  # half a cell to either side
            field *= dlu.soft_circle(coordinates, 0.5 * surface.diameter, edge)
            magnification = surface.beam_scale * pupil.diameter / surface.diameter
            field = field.add_opd(basis.opd(surface.coefficients, magnification))
            if surface.opd_map is not None:
                x = coordinates[0, 0] / (0.5 * surface.diameter)
                field = field.add_opd(resample(surface.opd_map, x))
            passed[f"surface_{number}_out"] = field
        if surfaces:
            field = dl.ASMPropagator(-at, grid)(field)
        defocus = self.defocus_basis.opd(jnp.reshape(pupil.defocus, (1,)))
        field = field.add_opd(defocus)
        return {**passed, "exit": field if pupil.line_of_sight is None else field.tilt(pupil.line_of_sight)}

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
        solid_angle = plate_scale**2

        def add_wavelength(density: Array, sample: tuple[Array, Array]) -> tuple[Array, None]:
            wavelength, weights = sample
            exits = jax.vmap(lambda angle: self.planes(wavelength, angle, pupil, surfaces)["exit"].phasor)(angles)
            cell = pupil.diameter / self.npix
            x = cell * (jnp.arange(self.gap_npix // 2) + 0.5)
            u = plate_scale * nodes[nodes.shape[0] // 2 :] / wavelength
            spectra = symmetric_fourier_transform(exits, x, u)
            intensity = jnp.real(spectra) ** 2 + jnp.imag(spectra) ** 2
            per_pixel = weights * solid_angle * (cell / wavelength) ** 2
            return density + jnp.tensordot(per_pixel, intensity, axes=1), None

        zero = jnp.zeros((nodes.shape[0],) * 2, dtype=photons.dtype)
        density, _ = jax.lax.scan(add_wavelength, zero, (wavelengths, photons.T))
        return integrate_pixels(density, nodes_per_pixel)


def symmetric_fourier_transform(
    fields: Complex[Array, "stars n n"], x: Float[Array, " half_n"], u: Float[Array, " half_m"]
) -> Complex[Array, "stars m m"]:
    r"""Return the Fourier transforms :math:`\sum_{jk} U_{jk} e^{-2 \pi i (u_a y_j + u_b x_k)}` of square fields.

    Both axes are symmetric about zero, so each field splits into even and odd halves that need only real cosine and
    sine kernels of half the size: a quarter of the arithmetic of the complex product.

    Parameters
    ----------
    fields : Array, shape (stars, n, n)
        n even.
    x : Array, shape (n / 2,)
        The positive coordinates of the fields' cells, ascending.
    u : Array, shape (m / 2,)
        The positive frequencies, ascending, in cycles per unit of x; they need not be evenly spaced.

    Returns
    -------
    Array, shape (stars, m, m)
        At the frequencies -u (descending) and u.
    """
    argument = 2 * jnp.pi * u[:, None] * x
    cosine, sine = jnp.cos(argument), jnp.sin(argument)

    def along_rows(field: Array) -> Array:
        half = field.shape[0] // 2
        above, below = field[half:], field[:half][::-1]
        even, odd = above + below, above - below
        c = jax.lax.complex(cosine @ jnp.real(even), cosine @ jnp.imag(even))
        s = jax.lax.complex(sine @ jnp.imag(odd), -(sine @ jnp.real(odd)))  # -i times the sine sum
        return jnp.concatenate([(c - s)[::-1], c + s])

    stars, n = fields.shape[:2]
    rows = along_rows(jnp.moveaxis(fields, 0, 1).reshape(n, stars * n))  # (m, stars n)
    rows = rows.reshape(-1, stars, n).transpose(2, 1, 0)  # (n, stars, m)
    both = along_rows(rows.reshape(n, -1)).reshape(-1, stars, rows.shape[-1])  # (m of x, stars, m of y)
    return both.transpose(1, 2, 0)
