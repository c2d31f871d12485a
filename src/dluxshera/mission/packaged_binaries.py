"""The seven binaries of the packaged target profiles, with the data that the profiles lack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dluxshera.errors import UnknownKeyError
from dluxshera.mission.binary import Binary
from dluxshera.mission.orbit import Orbit


@dataclass(frozen=True)
class PackagedBinary:
    """A binary with the sources of its data.

    Parameters
    ----------
    id : str
        Name of the packaged profile of the target, without its folder.
    title : str
        Name of the star.
    binary : Binary
        Orbit, motion, masses and their uncertainties.
    source : str
        Publications of the data; assumptions where there is none.
    """

    id: str
    title: str
    binary: Binary
    source: str


GAIA: Final = "parallax and proper motion of the mean of both stars from Gaia DR3 (2023A&A...674A...1G)"
# Where a source has no uncertainties.
UNPUBLISHED: Final = {"period_yr": 0.05, "semi_major_axis": 0.05, "eccentricity": 0.02}
ANGLES: Final = {"inclination_deg": 2.0, "node_deg": 2.0, "periastron_deg": 2.0, "periastron_yr": 5.0}
MOTION: Final = {"pm_ra_mas_yr": 1.0, "pm_dec_mas_yr": 1.0, "radial_velocity_km_s": 0.2}


def _assumed(orbit: Orbit) -> dict[str, float]:
    """Return 5 % of period and axis, 0.02 of eccentricity, 2 degrees and 5 years as uncertainties of an orbit."""
    relative = {name: share * getattr(orbit, name) for name, share in UNPUBLISHED.items() if name != "eccentricity"}
    return {**relative, "eccentricity": UNPUBLISHED["eccentricity"], **ANGLES}


_P_ERI = Orbit(483.66, 7.817, 0.5344, 142.824, 13.116, 18.373, 1813.494)
_36_OPH = Orbit(568.9, 14.7, 0.922, 99.555, 255.083, 276.412, 1763.39)
# No orbit is published: a circle in the plane of the sky through the place of the profile at 2027.
_HR_2667 = Orbit(5360.0, 21.916, 0.0, 0.0, 0.0, 0.0, 2027.0 - 5360.0 * 123.243 / 360.0)

_BINARIES = (
    PackagedBinary(
        "36_oph",
        "36 Oph",
        Binary(
            _36_OPH,
            parallax_mas=168.08,
            ra_deg=258.84,
            dec_deg=-26.60,
            pm_ra_mas_yr=-482.2,
            pm_dec_mas_yr=-1145.2,
            radial_velocity_km_s=-0.3,
            mass_a_sun=0.85,
            mass_b_sun=0.85,
            uncertainties={**_assumed(_36_OPH), "parallax_mas": 0.12, **MOTION},
        ),
        f"orbit 4 of Irwin, Yang and Walker (1996PASP..108..580I), its uncertainties assumed; {GAIA}; masses estimated "
        "from the spectral types",
    ),
    PackagedBinary(
        "61_cyg",
        "61 Cyg",
        Binary(
            Orbit(678.0, 24.272, 0.49, 51.0, 178.0, 149.0, 1709.0),
            parallax_mas=286.0,
            ra_deg=316.73,
            dec_deg=38.75,
            pm_ra_mas_yr=4137.0,
            pm_dec_mas_yr=3205.0,
            radial_velocity_km_s=-65.3,
            mass_a_sun=0.70,
            mass_b_sun=0.63,
            uncertainties={
                "period_yr": 34.0,
                "semi_major_axis": 0.592,
                "eccentricity": 0.03,
                "inclination_deg": 2.0,
                "node_deg": 2.0,
                "periastron_deg": 6.0,
                "periastron_yr": 16.0,
                "parallax_mas": 0.06,
                **MOTION,
            },
        ),
        "orbit of Gorshanov, Shakht and Kisselev (2006Ap.....49..386G); masses of Kervella et al. "
        f"(2008A&A...488..667K); {GAIA}",
    ),
    PackagedBinary(
        "70_oph",
        "70 Oph",
        Binary(
            Orbit(88.38, 4.554, 0.4992, 121.16, 302.12, 14.0, 1895.94),
            parallax_mas=195.3,
            ra_deg=271.36,
            dec_deg=2.50,
            pm_ra_mas_yr=262.0,
            pm_dec_mas_yr=-1090.4,
            radial_velocity_km_s=-7.0,
            mass_a_sun=0.90,
            mass_b_sun=0.70,
            uncertainties={
                "period_yr": 0.017,
                "semi_major_axis": 0.0052,
                "eccentricity": 0.00039,
                "inclination_deg": 0.078,
                "node_deg": 0.097,
                "periastron_deg": 0.14,
                "periastron_yr": 0.02,
                "parallax_mas": 0.2,
                **MOTION,
            },
        ),
        f"orbit and masses of Pourbaix (2000A&AS..145..215P); {GAIA}",
    ),
    PackagedBinary(
        "alpha_cen",
        "alpha Cen",
        Binary(
            Orbit(79.762, 17.493, 0.51947, 79.243, 205.073, 231.519, 1955.564),
            parallax_mas=750.81,
            ra_deg=219.87,
            dec_deg=-60.83,
            pm_ra_mas_yr=-3639.95,
            pm_dec_mas_yr=700.40,
            radial_velocity_km_s=-22.39,
            mass_a_sun=1.0788,
            mass_b_sun=0.9092,
            uncertainties={
                "period_yr": 0.019,
                "semi_major_axis": 0.0096,
                "eccentricity": 0.00015,
                "inclination_deg": 0.0089,
                "node_deg": 0.025,
                "periastron_deg": 0.027,
                "periastron_yr": 0.015,
                "parallax_mas": 0.38,
                **MOTION,
            },
        ),
        "orbit, masses, parallax and motion of Akeson et al. (2021AJ....162...14A)",
    ),
    PackagedBinary(
        "hr_2667_8",
        "HR 2667/8",
        Binary(
            _HR_2667,
            parallax_mas=58.617,
            ra_deg=105.99,
            dec_deg=-43.61,
            pm_ra_mas_yr=-103.5,
            pm_dec_mas_yr=386.4,
            radial_velocity_km_s=88.7,
            mass_a_sun=0.98,
            mass_b_sun=0.84,
            uncertainties={
                "period_yr": 800.0,
                "semi_major_axis": 3.0,
                "eccentricity": 0.2,
                "inclination_deg": 30.0,
                "periastron_deg": 30.0,
                "parallax_mas": 0.05,
                **MOTION,
            },
        ),
        f"no orbit is published: a circle in the plane of the sky, its period from Kepler's third law; {GAIA}; masses "
        "estimated from the spectral types",
    ),
    PackagedBinary(
        "p_eri",
        "p Eri",
        Binary(
            _P_ERI,
            parallax_mas=122.05,
            ra_deg=24.95,
            dec_deg=-56.19,
            pm_ra_mas_yr=285.8,
            pm_dec_mas_yr=12.9,
            radial_velocity_km_s=20.9,
            mass_a_sun=0.78,
            mass_b_sun=0.77,
            uncertainties={**_assumed(_P_ERI), "parallax_mas": 0.05, **MOTION},
        ),
        "orbit of van den Bos (1957) as in the Sixth Catalog of Orbits of Visual Binary Stars (2001AJ....122.3472H), "
        f"its uncertainties assumed; {GAIA}; masses estimated from the spectral types",
    ),
    PackagedBinary(
        "xi_boo",
        "xi Boo",
        Binary(
            Orbit(151.505, 4.9044, 0.5117, 140.037, 168.100, 23.917, 1909.361),
            parallax_mas=148.16,
            ra_deg=222.85,
            dec_deg=19.10,
            pm_ra_mas_yr=130.0,
            pm_dec_mas_yr=-101.2,
            radial_velocity_km_s=1.9,
            mass_a_sun=0.90,
            mass_b_sun=0.66,
            uncertainties={
                "period_yr": 0.17,
                "semi_major_axis": 0.0027,
                "eccentricity": 0.0006,
                "inclination_deg": 0.095,
                "node_deg": 0.164,
                "periastron_deg": 0.214,
                "periastron_yr": 0.024,
                "parallax_mas": 0.06,
                **MOTION,
            },
        ),
        f"orbital elements and masses as compiled in Wikipedia, 'Xi Bootis'; {GAIA}",
    ),
)

PACKAGED_BINARIES: Final[Mapping[str, PackagedBinary]] = MappingProxyType({target.id: target for target in _BINARIES})


def packaged_binary(name: str) -> PackagedBinary:
    """Return one of `PACKAGED_BINARIES`.

    Parameters
    ----------
    name : str
        Name of the packaged profile of the target, such as ``alpha_cen``.

    Raises
    ------
    UnknownKeyError
        If there is no such target.

    Examples
    --------
    >>> packaged_binary("alpha_cen").binary.parallax_mas
    750.81
    """
    if name not in PACKAGED_BINARIES:
        raise UnknownKeyError(name, PACKAGED_BINARIES, expected="a packaged target")
    return PACKAGED_BINARIES[name]
