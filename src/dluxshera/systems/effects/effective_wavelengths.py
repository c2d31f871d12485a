"""The effective wavelength of each star, derived in models whose band is not flat.

Such a model does not have one effective wavelength for both stars, nor the diffraction limit that follows from it.
"""

from __future__ import annotations

from typing import Final

from dluxshera.systems import transforms
from dluxshera.systems.parameters import bounds
from dluxshera.systems.parameters.band import EFFECTIVE_WAVELENGTH
from dluxshera.systems.parameters.kinds import FORWARD_DERIVED, in_systems
from dluxshera.systems.parameters.origins import NoDefault
from dluxshera.systems.parameters.record import Computation, Parameter
from dluxshera.systems.parameters.scales import DIFFRACTION_LIMIT

OF_A_FLAT_BAND: Final = (EFFECTIVE_WAVELENGTH, DIFFRACTION_LIMIT)


def _of_star(star: str) -> Parameter:
    spectrum, transmission = f"binary.spectrum_{star.lower()}", "band.transmission"
    tables = (spectrum, f"{spectrum}_wavelengths_m", transmission, f"{transmission}_wavelengths_m")
    return Parameter(
        key=f"band.effective_wavelength_{star.lower()}_m",
        title=f"Effective wavelength of star {star}",
        doc=f"Mean wavelength of the photons detected from star {star}, through filter and spectrum.",
        symbol=rf"\lambda_{{\mathrm{{eff}},{star}}}",
        units="m",
        bounds=bounds.WAVELENGTH,
        kinds=in_systems(FORWARD_DERIVED),
        origin=NoDefault(),
        computed=in_systems(
            Computation(
                transforms.effective_wavelength_of_star,
                ("band.wavelength_m", "band.bandwidth_m"),
                rf"\lambda_{{\mathrm{{eff}},{star}}} = \frac{{\int \lambda \, \tau \, n_{star} \, d\lambda}}"
                rf"{{\int \tau \, n_{star} \, d\lambda}}",
                optional=(f"binary.temperature_{star.lower()}_k", *tables),
            )
        ),
        acts_on=(),
        effect="black_bodies",
    )


EFFECTIVE_WAVELENGTH_A: Final = _of_star("A")
EFFECTIVE_WAVELENGTH_B: Final = _of_star("B")
