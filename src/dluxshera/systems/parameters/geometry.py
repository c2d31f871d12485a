"""The geometry of the telescope: diameters, focal lengths, distances, and the open area of the aperture."""

from __future__ import annotations

from typing import Final

from dluxshera.params import Below, Bounds
from dluxshera.systems import transforms
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import FORWARD_DERIVED, IN_EVERY_SPEC, WITH_GEOMETRY, SpecKinds, in_systems
from dluxshera.systems.parameters.origins import ApertureNumber, DesignAttribute, NoDefault
from dluxshera.systems.parameters.record import Computation, Parameter
from dluxshera.systems.planes import FOUR_PLANE, THREE_PLANE

M1_DIAMETER: Final = Parameter(
    key="system.m1_diameter_m",
    title="M1 diameter",
    doc="Diameter of the pupil; obscuration, struts and diffractive pupil scale with it.",
    symbol="D",
    units="m",
    bounds=bounds.DIAMETER,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=DesignAttribute(),
)
M2_DIAMETER: Final = Parameter(
    key="system.m2_diameter_m",
    title="M2 diameter",
    doc="Clear aperture of M2, and the circle over which its Zernike polynomials have unit rms. The obscuration"
    " that M2 causes in the pupil is part of the configuration.",
    symbol="D_2",
    units="m",
    bounds=bounds.DIAMETER,
    kinds=in_systems(IN_EVERY_SPEC, surfaces=1),
    origin=DesignAttribute(),
)
M1_FOCAL_LENGTH: Final = Parameter(
    key="system.m1_focal_length_m",
    title="M1 focal length",
    doc="Focal length of the primary mirror; positive, because it converges.",
    symbol="f_1",
    units="m",
    bounds=bounds.LENGTH,
    kinds=in_systems(IN_EVERY_SPEC, surfaces=1),
    origin=DesignAttribute(),
)
M2_FOCAL_LENGTH: Final = Parameter(
    key="system.m2_focal_length_m",
    title="M2 focal length",
    doc="Focal length of the secondary mirror; negative, because it diverges.",
    symbol="f_2",
    units="m",
    bounds=bounds.DIVERGING,
    # Where the light meets M3 depends on all lengths up to it, so that the effective mode needs them too.
    kinds={THREE_PLANE: WITH_GEOMETRY, FOUR_PLANE: IN_EVERY_SPEC},
    origin=DesignAttribute(),
)
M1_M2_SEPARATION: Final = Parameter(
    key="system.m1_m2_separation_m",
    title="M1-M2 separation",
    doc="Distance from the primary to the secondary mirror.",
    symbol="s",
    units="m",
    bounds=bounds.LENGTH,
    constraints=(Below("system.m1_m2_separation_m", "system.m1_focal_length_m", "M2 is in front of the focus of M1"),),
    kinds=in_systems(IN_EVERY_SPEC, surfaces=1),
    origin=DesignAttribute(),
)
M2_DETECTOR_SEPARATION: Final = Parameter(
    key="system.m2_detector_separation_m",
    title="M2-detector separation",
    doc="Distance from the secondary mirror to the detector.",
    symbol="L",
    units="m",
    bounds=bounds.LENGTH,
    kinds={THREE_PLANE: WITH_GEOMETRY},
    origin=DesignAttribute("computed: the detector in focus"),
)
M2_M3_SEPARATION: Final = Parameter(
    key="system.m2_m3_separation_m",
    title="M2-M3 separation",
    doc="Distance from the secondary mirror to the surface behind it.",
    symbol="s_2",
    units="m",
    bounds=bounds.LENGTH,
    kinds={FOUR_PLANE: IN_EVERY_SPEC},
    origin=DesignAttribute("illustrative"),
)
M3_DIAMETER: Final = Parameter(
    key="system.m3_diameter_m",
    title="M3 diameter",
    doc="Clear aperture of the surface behind M2, and the circle over which its Zernike polynomials have unit rms.",
    symbol="D_3",
    units="m",
    bounds=bounds.DIAMETER,
    kinds={FOUR_PLANE: IN_EVERY_SPEC},
    origin=DesignAttribute("illustrative"),
)
M3_POWER: Final = Parameter(
    key="system.m3_power_per_m",
    title="M3 power",
    doc="One over the focal length of the surface behind M2; positive where it converges, zero for a flat filter or"
    " corrector.",
    symbol="P_3",
    units="m**-1",
    bounds=bounds.POWER,
    kinds={FOUR_PLANE: WITH_GEOMETRY},
    origin=DesignAttribute("illustrative: no power"),
)
M3_DETECTOR_SEPARATION: Final = Parameter(
    key="system.m3_detector_separation_m",
    title="M3-detector separation",
    doc="Distance from the surface behind M2 to the detector.",
    symbol="L_3",
    units="m",
    bounds=bounds.LENGTH,
    kinds={FOUR_PLANE: WITH_GEOMETRY},
    origin=DesignAttribute("computed: the detector in focus"),
)
PIXEL_PITCH: Final = Parameter(
    key="system.pixel_pitch_m",
    title="Pixel pitch",
    doc="Distance between the centres of neighbouring pixels.",
    symbol="p",
    units="m",
    bounds=bounds.PITCH,
    kinds=in_systems(WITH_GEOMETRY),
    origin=DesignAttribute(),
    acts_on=(),
)
OPEN_FRACTION: Final = Parameter(
    key="system.open_area_fraction",
    title="Open area fraction",
    doc="Open area of the rasterised aperture (obscuration and struts taken off) over that of the full circle.",
    symbol="a",
    units="",
    bounds=Bounds(exclusive_minimum=0, maximum=1.01),
    kinds=in_systems(SpecKinds(forward="structural")),
    origin=ApertureNumber("open_fraction", "computed from the aperture of the configuration"),
    acts_on=(),
)
OPEN_AREA: Final = Parameter(
    key="system.open_area_m2",
    title="Open area",
    doc="Area of the pupil that passes light: the full circle less obscuration and struts, as rasterised.",
    symbol=r"A_\mathrm{open}",
    units="m**2",
    bounds=bounds.AREA,
    kinds=in_systems(FORWARD_DERIVED),
    origin=NoDefault(),
    computed=in_systems(
        Computation(
            transforms.open_area,
            ("system.m1_diameter_m", "system.open_area_fraction"),
            r"A_\mathrm{open} = a \, \pi D^2 / 4",
        )
    ),
    acts_on=(),
)
