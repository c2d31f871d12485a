"""Imaging: exposure, throughput, and the photons of a frame against the full well."""

from __future__ import annotations

from typing import Final

from dluxshera.params import Below, Bounds
from dluxshera.systems import transforms
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import FORWARD_DERIVED, FORWARD_PRIMITIVE, SpecKinds, in_systems
from dluxshera.systems.parameters.origins import ApertureNumber, DesignAttribute, NoDefault
from dluxshera.systems.parameters.record import Computation, Parameter

EXPOSURE_TIME: Final = Parameter(
    key="imaging.exposure_time_s",
    title="Exposure time",
    doc="Total time of the frames that an image adds up.",
    symbol="t",
    units="s",
    bounds=bounds.TIME,
    kinds=in_systems(FORWARD_PRIMITIVE),
    origin=DesignAttribute("SHERA public design: one visit", per_visit=True),
)
FRAME_TIME: Final = Parameter(
    key="imaging.frame_time_s",
    title="Frame time",
    doc="Time of one frame. The expected image of an exposure does not depend on it.",
    symbol="t_f",
    units="s",
    bounds=bounds.TIME,
    constraints=(
        Below("imaging.frame_time_s", "imaging.exposure_time_s", "An exposure has at least one frame", inclusive=True),
    ),
    kinds=in_systems(FORWARD_PRIMITIVE),
    origin=DesignAttribute(per_visit=True),
    acts_on=(),
)
THROUGHPUT: Final = Parameter(
    key="imaging.throughput",
    title="Throughput",
    doc="Detected photons over photons on the open aperture; quantum efficiency included.",
    symbol=r"\eta",
    units="",
    bounds=bounds.EFFICIENCY,
    kinds=in_systems(FORWARD_PRIMITIVE),
    origin=DesignAttribute(
        "quantum efficiency of the HWK4123 on flight; illustrative for the testbed; mirrors and filter not counted"
    ),
)
FULL_WELL: Final = Parameter(
    key="imaging.full_well",
    title="Full well",
    doc="Detected photons that a pixel holds before it saturates, one electron each (VOUnit has no electron). The"
    " model's image does not saturate: see the full-well margin.",
    symbol="W",
    units="ph",
    bounds=bounds.FULL_WELL,
    kinds=in_systems(FORWARD_PRIMITIVE),
    origin=DesignAttribute("data sheet of the detector"),
    acts_on=(),
)
PEAK_FRACTION: Final = Parameter(
    key="imaging.peak_fraction",
    title="Peak fraction",
    doc="Largest part of one star's photons that falls on one pixel, wherever the star is on the pixel grid:"
    " of the design's aberration-free image at the centre of the band. It does not follow the parameters.",
    symbol=r"\kappa",
    units="",
    bounds=Bounds(exclusive_minimum=0, maximum=1),
    kinds=in_systems(SpecKinds(forward="structural")),
    origin=ApertureNumber(
        "peak_fraction",
        "computed from the aperture, the diffractive pupil and the plate scale of the configuration",
    ),
    acts_on=(),
)
FRAME_PHOTONS: Final = Parameter(
    key="imaging.photons_per_frame",
    title="Photons per frame",
    doc="Photons detected from both stars in one frame.",
    symbol="n_f",
    units="ph",
    bounds=bounds.PHOTONS,
    kinds=in_systems(FORWARD_DERIVED),
    origin=NoDefault(),
    computed=in_systems(
        Computation(
            transforms.photons_per_frame,
            ("binary.log_flux_total", "imaging.frame_time_s", "imaging.exposure_time_s"),
            r"n_f = F \, t_f / t",
        )
    ),
    acts_on=(),
)
PEAK_PHOTONS: Final = Parameter(
    key="imaging.peak_photons_per_frame",
    title="Peak photons per frame",
    doc="Photons that the brighter star puts on its brightest pixel in one frame; light of the other star there"
    " is not counted.",
    symbol=r"n_\mathrm{peak}",
    units="ph",
    bounds=bounds.PHOTONS,
    kinds=in_systems(FORWARD_DERIVED),
    origin=NoDefault(),
    computed=in_systems(
        Computation(
            transforms.peak_photons_per_frame,
            ("imaging.photons_per_frame", "binary.contrast", "imaging.peak_fraction"),
            r"n_\mathrm{peak} = \kappa \, n_f \, \frac{\max(c, 1)}{1 + c}",
        )
    ),
    acts_on=(),
)
FULL_WELL_MARGIN: Final = Parameter(
    key="imaging.full_well_margin",
    title="Full-well margin",
    doc="Full well over the photons of the brightest pixel of a frame; below 1 that pixel saturates.",
    symbol="m_W",
    units="",
    bounds=bounds.SIGNAL_RATIO,
    kinds=in_systems(FORWARD_DERIVED),
    origin=NoDefault(),
    computed=in_systems(
        Computation(
            transforms.full_well_margin,
            ("imaging.full_well", "imaging.peak_photons_per_frame"),
            r"m_W = W / n_\mathrm{peak}",
        )
    ),
    acts_on=(),
)
