"""The band: the filter's centre and width."""

from __future__ import annotations

from typing import Final

from dluxshera.params import Below
from dluxshera.systems import transforms
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.kinds import FORWARD_DERIVED, IN_EVERY_SPEC, in_systems
from dluxshera.systems.parameters.origins import DesignAttribute, NoDefault
from dluxshera.systems.parameters.record import Computation, Parameter

WAVELENGTH: Final = Parameter(
    key="band.wavelength_m",
    title="Wavelength",
    doc="Centre of the band.",
    symbol=r"\lambda",
    units="m",
    bounds=bounds.WAVELENGTH,
    kinds=in_systems(IN_EVERY_SPEC),
    origin=DesignAttribute(),
)
BANDWIDTH: Final = Parameter(
    key="band.bandwidth_m",
    title="Bandwidth",
    doc="Full width of the band, a top hat.",
    symbol=r"\Delta\lambda",
    units="m",
    bounds=bounds.BANDWIDTH,
    constraints=(
        Below(
            "band.bandwidth_m", "band.wavelength_m", "The blue edge of the band has a positive wavelength", factor=2.0
        ),
    ),
    kinds=in_systems(IN_EVERY_SPEC),
    origin=DesignAttribute(),
)
EFFECTIVE_WAVELENGTH: Final = Parameter(
    key="band.effective_wavelength_m",
    title="Effective wavelength",
    doc="Mean wavelength of the detected photons. The band is a top hat with as many photons in each nanometre, so"
    " it is the band's centre.",
    symbol=r"\lambda_\mathrm{eff}",
    units="m",
    bounds=bounds.WAVELENGTH,
    kinds=in_systems(FORWARD_DERIVED),
    origin=NoDefault(),
    computed=in_systems(
        Computation(
            transforms.effective_wavelength,
            ("band.wavelength_m",),
            r"\lambda_\mathrm{eff} = \frac{1}{\Delta\lambda}"
            r" \int_{\lambda - \Delta\lambda/2}^{\lambda + \Delta\lambda/2} \lambda' \, d\lambda'",
        )
    ),
    acts_on=(),
)
