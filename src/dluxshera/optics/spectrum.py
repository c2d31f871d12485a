r"""Spectra and filter curves over wavelength, and the weights that they give to the wavelengths of the images.

Spectra and weights count photons, not energy. A curve is a table of its own resolution, fixed in wavelength and linear
between its rows. The image is smooth in wavelength and a spectrum is not, so the curves are never sampled at the
wavelengths of the images: with :math:`l_k` the Lagrange polynomials of these, the weight of the k-th is the integral

.. math:: w_k = \int s(\lambda) \, l_k(\lambda) \, d\lambda \Big/ \int s(\lambda) \, d\lambda

over the band. So every polynomial in wavelength of a degree below n has its exact mean. The integrals are sums over
Gauss-Legendre points in each piece of the band between two rows, exact for products of linear curves.

The functions use the array library of their arguments, and all values may be traced. This module imports none, because
specs and schemas, which every command reads, use these functions and need no arrays.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp
from typing import Any, Final, NamedTuple

from dluxshera.optics.curves import EDGE, Curve
from dluxshera.optics.relay import Numeric

SECOND_RADIATION: Final = 6.62607015e-34 * 299792458.0 / 1.380649e-23  # h c / k, m K; all three are exact in the SI
PHOTON_PEAK: Final = 3.920690394872886  # h c / (lambda k T) where the photons per wavelength peak: x = 4 (1 - exp(-x))
# More points for a black body, altogether and at least in a piece: 1e-13 at 2500 K over a band of 90 % without tables;
# with tables 1e-17 at 3000 K and 1e-10 at 1000 K over a band of 20 %.
_BLACK_BODY_POINTS: Final = (24, 6)


class Spectrum(NamedTuple):
    """Relative photons per unit of wavelength: the product of curves and of a black body; flat without them.

    Parameters
    ----------
    curves : tuple of Curve
        Factors that are tables.
    temperature : float or array, optional
        Temperature of the black body, kelvin.
    """

    curves: tuple[Curve, ...] = ()
    temperature: Numeric | None = None

    def times(self, curve: Curve) -> Spectrum:
        """Return the spectrum with another curve as a factor."""
        return self._replace(curves=(*self.curves, curve))


def namespace(value: Any) -> Any:
    """Return the array library of a `value`: its namespace of the array API standard, or NumPy for a plain number."""
    if hasattr(value, "__array_namespace__"):
        return value.__array_namespace__()
    import numpy as np  # deferred, see the module's docstring

    return np


def photon_black_body(wavelength: Numeric, temperature: Numeric) -> Numeric:
    r"""Return the photons of a black body per unit of wavelength, relative to their maximum at that temperature.

    Planck's law in photons is :math:`\lambda^{-4} / (e^x - 1)` with :math:`x = h c / (\lambda k T)`. It peaks at
    :math:`\lambda T` = 3.670 mm K, further to the red than the energy. Nothing overflows. The value underflows to zero
    far in the blue of a cold body: at 550 nm, below 37 K in float64 and below 280 K in float32.

    Parameters
    ----------
    wavelength : float or array
        Wavelength, metres, positive.
    temperature : float or array
        Temperature, kelvin, positive; broadcast against `wavelength`.

    Returns
    -------
    float or array
        Relative photons, 0 to 1.
    """
    x = SECOND_RADIATION / (wavelength * temperature)
    xp = namespace(x)
    peak = (1.0 - exp(-PHOTON_PEAK)) * (x / PHOTON_PEAK) ** 4
    return peak * xp.exp(PHOTON_PEAK - x) / -xp.expm1(-x)


def band_wavelengths(centre: Numeric, width: Numeric, n: int) -> Numeric:
    """Return the Gauss-Legendre points of a band.

    Parameters
    ----------
    centre, width : float or array
        Centre and full width of the band, metres.
    n : int
        Number of points.

    Returns
    -------
    array, shape (n,)
        Wavelengths in metres, ascending.
    """
    return centre + 0.5 * width * _like(centre + width, _projection(n)[0])


def band_weights(centre: Numeric, width: Numeric, n: int, spectrum: Spectrum) -> Numeric:
    """Return the part of the detected photons that each of the wavelengths of a band stands for.

    For a polynomial f of degree below n in wavelength, the weighted sum of f at the wavelengths is the exact mean of f
    over the photons. Without curves and temperature the weights are those of Gauss-Legendre quadrature, exact up to
    degree 2 n - 1.

    Parameters
    ----------
    centre, width : float or array
        Centre and full width of the band, metres.
    n : int
        Number of wavelengths, those of `band_wavelengths`.
    spectrum : Spectrum
        Photons over wavelength, the transmission of a filter included. Its tables have the whole band.

    Returns
    -------
    array, shape (n,)
        Weights with a sum of 1. Some are negative for a spectrum with more structure than n points resolve. All are NaN
        for a spectrum without any light, and where `check_table` raises for concrete values.
    """
    _, flat, matrix = _projection(n)
    if not spectrum.curves and spectrum.temperature is None:
        return _like(centre + width, flat)
    moments = _moments(centre, width, n, spectrum)
    return _like(moments, matrix) @ (moments / moments[0])


def mean_wavelength(centre: Numeric, width: Numeric, spectrum: Spectrum) -> Numeric:
    """Return the mean wavelength of the photons in a band, metres.

    Parameters
    ----------
    centre, width : float or array
        Centre and full width of the band, metres.
    spectrum : Spectrum
        Photons over wavelength, the transmission of a filter included.
    """
    moments = _moments(centre, width, 2, spectrum)
    return centre + 0.5 * width * moments[1] / moments[0]


def mean_value(centre: Numeric, width: Numeric, curve: Curve) -> Numeric:
    """Return the mean of a curve across a band, in the unit of its values.

    Parameters
    ----------
    centre, width : float or array
        Centre and full width of the band, metres.
    curve : Curve
        Table of the whole band.
    """
    return _moments(centre, width, 1, Spectrum((curve,)))[0]


def _moments(centre: Numeric, width: Numeric, n: int, spectrum: Spectrum) -> Numeric:
    """Return the means of photons times Legendre polynomials of the degrees below n across the band.

    A place t in the band is -1 at the blue edge and 1 at the red one.
    """
    probe = centre + width if spectrum.temperature is None else centre + width + spectrum.temperature
    for curve in spectrum.curves:
        probe = probe + curve.values[0] + curve.wavelengths[0]
    xp = namespace(probe)
    curves = [(2.0 * (xp.asarray(rows) - centre) / width, xp.asarray(values)) for rows, values in spectrum.curves]
    borders, places = _pieces(xp, [t for t, _ in curves], probe)
    left, right = borders[:-1], borders[1:]
    degree = n - 1 + len(curves)
    points = degree // 2 + 1
    if spectrum.temperature is not None:
        altogether, least = _BLACK_BODY_POINTS
        points += max(altogether // left.shape[0], least)
    fractions, weights = (_like(probe, numbers)[:, None] for numbers in _gauss(points))
    t = left + (right - left) * fractions
    photons = 0.5 * (right - left) * weights
    for (rows, values), place in zip(curves, places, strict=True):
        slope = ((values[1:] - values[:-1]) / (rows[1:] - rows[:-1]))[place]
        start = rows[:-1][place]
        photons = photons * (values[:-1][place] + slope * (t - start))
    if spectrum.temperature is not None:
        photons = photons * photon_black_body(centre + 0.5 * width * t, spectrum.temperature)
    moments = _legendre_sums(xp, t, photons, n)
    slack = 2.0 * EDGE + 16.0 * xp.finfo(moments.dtype).eps * abs(centre / width)
    valid = [(rows[0] <= slack - 1.0) & (rows[-1] >= 1.0 - slack) & xp.all(rows[1:] > rows[:-1]) for rows, _ in curves]
    for whole in valid:
        moments = xp.where(whole, moments, xp.nan)
    return moments


def _pieces(xp: Any, tables: list[Numeric], like: Numeric) -> tuple[Numeric, list[Any]]:
    """Return the borders of the pieces into which the rows of all tables cut the band, and each piece's place in each.

    Rows beyond the band move to its edge, which leaves pieces without width. The place is the index of the interval of
    the table that has the piece.
    """
    if not tables:
        return _like(like, _edges()), []
    borders, places = xp.clip(tables[0], -1.0, 1.0), [xp.arange(tables[0].shape[0])]
    for rows in tables[1:]:
        borders, before, place = _merged(xp, borders, xp.clip(rows, -1.0, 1.0))
        places = [earlier[before] for earlier in places] + [place]
    # In pieces at the edges, which have no width, the place is that of the first or last interval.
    return borders, [xp.clip(place, 0, rows.shape[0] - 2)[:-1] for place, rows in zip(places, tables, strict=True)]


def _merged(xp: Any, one: Numeric, other: Numeric) -> tuple[Numeric, Any, Any]:
    """Return two ascending lists as one, and the index in each list of its last element up to each of the result."""
    arrivals = xp.arange(other.shape[0]) + xp.searchsorted(one, other, side="right")
    slots = xp.arange(one.shape[0] + other.shape[0])
    of_other = xp.searchsorted(arrivals, slots, side="right") - 1
    of_one = slots - of_other - 1
    last_of_one, last_of_other = xp.maximum(of_one, 0), xp.maximum(of_other, 0)
    merged = xp.where(arrivals[last_of_other] == slots, other[last_of_other], one[last_of_one])
    return merged, last_of_one, last_of_other


def _legendre_sums(xp: Any, t: Numeric, photons: Numeric, n: int) -> Numeric:
    """Return the sums of photons times Legendre polynomials of t of the degrees below n."""

    def step(pair: tuple[Any, Any], m: Any) -> tuple[tuple[Any, Any], Any]:
        before, now = pair
        return (now, ((2 * m + 1) * t * now - m * before) / (m + 1)), (photons * now).sum()

    pair = (xp.zeros_like(t), xp.ones_like(t))
    if xp.__name__ == "jax.numpy":
        from jax import lax

        return lax.scan(step, pair, xp.arange(n, dtype=t.dtype))[1]  # one step, compiled once
    sums = []
    for m in range(n):
        pair, value = step(pair, m)
        sums.append(value)
    return xp.stack(sums)


def _like(value: Numeric, numbers: Any) -> Numeric:
    """Return constant numbers as an array of the library of a value, in its precision."""
    xp = namespace(value)
    return numbers if not hasattr(value, "dtype") else xp.asarray(numbers, dtype=value.dtype)


@lru_cache(maxsize=64)
def _gauss(n: int) -> tuple[Any, Any]:
    """Return Gauss-Legendre points from 0 to 1 and their weights, which sum to 1."""
    import numpy as np  # deferred, see the module's docstring

    nodes, weights = np.polynomial.legendre.leggauss(n)
    return 0.5 * (nodes + 1.0), 0.5 * weights


@lru_cache(maxsize=64)
def _projection(n: int) -> tuple[Any, Any, Any]:
    r"""Return n Gauss-Legendre points from -1 to 1, weights that sum to 1, and the matrix from moments to weights.

    The quadrature is exact for the product of a Lagrange polynomial and a Legendre polynomial of a degree below n, so
    :math:`l_k = w_k \sum_m (2 m + 1) P_m(t_k) P_m`.
    """
    import numpy as np  # deferred, see the module's docstring

    nodes, weights = np.polynomial.legendre.leggauss(n)
    legendre = np.polynomial.legendre.legvander(nodes, n - 1)
    return nodes, 0.5 * weights, 0.5 * weights[:, None] * legendre * (2.0 * np.arange(n) + 1.0)


def _edges() -> Any:
    import numpy as np  # deferred, see the module's docstring

    return np.array([-1.0, 1.0])
