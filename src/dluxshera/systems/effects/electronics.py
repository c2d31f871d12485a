"""Dark current and read noise."""

from __future__ import annotations

from typing import Final

from dluxshera.systems import transforms
from dluxshera.systems.effects.hooks import Array, DetectorHook, Values
from dluxshera.systems.effects.optional_effect import OptionalEffect
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import FORWARD_PRIMITIVE, SpecKinds, in_systems
from dluxshera.systems.parameters.origins import DesignAttribute, ForwardSpec
from dluxshera.systems.parameters.record import Computation, Parameter

_DATA_SHEET = DesignAttribute("data sheet of the detector")
_PER_EXPOSURE = SpecKinds(forward="derived", inference="primitive", physics_inference="primitive")

DARK_CURRENT: Final = Parameter(
    key="detector.dark_current",
    title="Dark current",
    doc="Electrons per pixel and second without light, counted as detected photons (VOUnit has no electron).",
    symbol="i_d",
    units="ph.s**-1",
    bounds=bounds.PHOTON_RATE,
    kinds=in_systems(FORWARD_PRIMITIVE),
    origin=_DATA_SHEET,
    effect="electronics",
)
READ_NOISE: Final = Parameter(
    key="detector.read_noise",
    title="Read noise",
    doc="Standard deviation of a pixel's reading in one frame, in electrons, counted as detected photons. It does"
    " not change the expected image.",
    symbol=r"\sigma_r",
    units="ph",
    bounds=bounds.PHOTON_RATE,
    kinds=in_systems(FORWARD_PRIMITIVE),
    origin=_DATA_SHEET,
    acts_on=(),
    effect="electronics",
)
DARK_SIGNAL: Final = Parameter(
    key="detector.dark_signal",
    title="Dark signal",
    doc="Electrons per pixel that the dark current adds in one exposure, counted as detected photons.",
    symbol="n_d",
    units="ph",
    bounds=bounds.PHOTONS,
    kinds=in_systems(_PER_EXPOSURE),
    origin=ForwardSpec(),
    computed=in_systems(
        Computation(
            transforms.dark_signal,
            ("detector.dark_current", "imaging.exposure_time_s"),
            r"n_d = i_d \, t",
        )
    ),
    effect="electronics",
)
TOTAL_READ_NOISE: Final = Parameter(
    key="detector.total_read_noise",
    title="Read noise of the exposure",
    doc="Standard deviation of a pixel's sum over the frames of an exposure, from reading alone.",
    symbol=r"\sigma_R",
    units="ph",
    bounds=bounds.PHOTONS,
    kinds=in_systems(_PER_EXPOSURE),
    origin=ForwardSpec(),
    computed=in_systems(
        Computation(
            transforms.total_read_noise,
            ("detector.read_noise", "imaging.exposure_time_s", "imaging.frame_time_s"),
            r"\sigma_R = \sigma_r \sqrt{t / t_f}",
        )
    ),
    acts_on=(),
    effect="electronics",
)


def _add_dark_signal(image: Array, _margin: int, values: Values) -> Array:
    return image + values[DARK_SIGNAL.key]


EFFECT: Final = OptionalEffect(
    name="electronics",
    doc="Dark current and read noise; a fit has them per exposure.",
    parameters=(DARK_CURRENT, READ_NOISE, DARK_SIGNAL, TOTAL_READ_NOISE),
    hook=DetectorHook((DARK_SIGNAL,), _add_dark_signal),
    idle={DARK_CURRENT.key: 0.0, DARK_SIGNAL.key: 0.0},
)
