"""The hooks by which optional effects act in the model: one class for each place of the light's path.

Modules of effects are importable without jax. The functions that a hook runs import it, and `dluxshera.optics`, inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, final

from dluxshera.optics import Spectrum
from dluxshera.systems.parameters.record import Parameter

Array = Any  # a JAX array, which may be traced
Values = Mapping[str, Array]


class Spectra(NamedTuple):
    """Detected photons of each kind of source per unit of wavelength; flat where no effect acts.

    Parameters
    ----------
    star_a, star_b : Spectrum
        Spectra of the two stars, through the filter.
    other : Spectrum
        Spectrum of a source that is flat before the filter.
    """

    star_a: Spectrum = Spectrum()
    star_b: Spectrum = Spectrum()
    other: Spectrum = Spectrum()


class PointSources(NamedTuple):
    """Point sources before the telescope.

    Parameters
    ----------
    positions : Array, shape (sources, 2)
        Directions (x, y) from the axis, arcsec.
    photons : Array, shape (sources, w)
        Photons through the aperture at each wavelength.
    """

    positions: Array
    photons: Array


@dataclass(frozen=True)
class Hook:
    """Hook of an effect into the model; abstract.

    Parameters
    ----------
    reads : tuple of Parameter
        Parameters whose values `run` takes, in the units of their keys.
    run : callable
        Pure, traceable function. Its last argument is a mapping of key to value.
    """

    reads: tuple[Parameter, ...]
    run: Callable[..., Any]


@final
@dataclass(frozen=True)
class BandHook(Hook):
    """Hook into the band: ``run(spectra, values)`` returns the spectra with the effect.

    Parameters
    ----------
    tables : tuple of Parameter
        Wavelengths of the tables of the effect, each of which has to have the whole band.
    """

    run: Callable[[Spectra, Values], Spectra]
    tables: tuple[Parameter, ...] = ()


@final
@dataclass(frozen=True)
class CompanionHook(Hook):
    """Hook into the sources: ``run(stars, values)`` returns light of the two stars that arrives as further sources."""

    run: Callable[[PointSources, Values], PointSources]


@final
@dataclass(frozen=True)
class SourceHook(Hook):
    """Hook into the sources: ``run(weights, values)`` returns further sources.

    `weights`, shape (w,), is the part of the photons at each wavelength of a source that is flat before the filter.
    """

    run: Callable[[Array, Values], PointSources]


@final
@dataclass(frozen=True)
class DirectionHook(Hook):
    """Hook into the sources: ``run(positions, values)`` returns the positions at which all sources are imaged."""

    run: Callable[[Array, Values], Array]


@final
@dataclass(frozen=True)
class SurfaceHook(Hook):
    """Hook into a surface: ``run(values)`` returns an OPD to add, a map in metres.

    Parameters
    ----------
    surface : int
        Constant of the surface: 0 for the pupil, 1 for the first surface behind it.
    """

    run: Callable[[Values], Array]
    surface: int


@final
@dataclass(frozen=True)
class PointingHook(Hook):
    """Hook into the relay: ``run(values)`` returns a shift (x, y) of the line of sight, radians."""

    run: Callable[[Values], Array]


def _no_margin(_config: Any) -> int:
    """Return the margin of an effect of each pixel alone: none."""
    return 0


def _no_check(_config: Any, _values: Values) -> None:
    """Accept all values."""


@final
@dataclass(frozen=True)
class DetectorHook(Hook):
    """Hook into the detector: ``run(image, margin, values)`` returns the image with the effect, without the margin.

    Effects act in the order of `dluxshera.systems.EFFECTS`; those with a margin come before those without.

    Parameters
    ----------
    margin : callable
        Function of the configuration: the number of pixels beyond each border of the image that the effect needs.
    check : callable
        Function of the configuration and of concrete values, which raises `ParameterError` where the margin does not
        suffice for them. There `run` returns NaN for traced values.
    """

    run: Callable[[Array, int, Values], Array]
    margin: Callable[[Any], int] = _no_margin
    check: Callable[[Any, Values], None] = _no_check


# The kinds that the model folds over (see `dluxshera.model.graph`): the model would ignore a hook of another kind.
ModelHook = BandHook | CompanionHook | SourceHook | DirectionHook | SurfaceHook | PointingHook | DetectorHook
