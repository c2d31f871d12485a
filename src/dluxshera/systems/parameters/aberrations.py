"""The aberrations of the surfaces as Zernike coefficients."""

from __future__ import annotations

from typing import Final

from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import Constant
from dluxshera.systems.parameters.record import Coefficients, Parameter

_NO_ABERRATION = Constant(0.0, "design: no aberration")

M1_ZERNIKES: Final = Parameter(
    key="primary.zernike_coeffs_nm",
    title="M1 Zernike coefficients",
    doc="OPD of each Zernike polynomial (Noll index, unit rms over the full circle of the M1 diameter).",
    symbol="a_j",
    units="nm",
    bounds=bounds.OPD,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=_NO_ABERRATION,
    size=Coefficients("m1_noll"),
    prior_sigma=5.0,
)
M2_ZERNIKES: Final = Parameter(
    key="secondary.zernike_coeffs_nm",
    title="M2 Zernike coefficients",
    doc="OPD of each Zernike polynomial (Noll index, unit rms over the circle of the M2 diameter, not over the"
    " beam's footprint).",
    symbol="b_j",
    units="nm",
    bounds=bounds.OPD,
    kinds=in_systems(IN_EVERY_SPEC, surfaces=1),
    origin=_NO_ABERRATION,
    size=Coefficients("m2_noll"),
    prior_sigma=5.0,
)
M3_ZERNIKES: Final = Parameter(
    key="tertiary.zernike_coeffs_nm",
    title="M3 Zernike coefficients",
    doc="OPD of each Zernike polynomial (Noll index, unit rms over the circle of the M3 diameter, not over the"
    " beam's footprint).",
    symbol="c_j",
    units="nm",
    bounds=bounds.OPD,
    kinds=in_systems(IN_EVERY_SPEC, surfaces=2),
    origin=_NO_ABERRATION,
    size=Coefficients("m3_noll"),
)
