"""The parameters of every model, a module for each group; those of optional effects are in `dluxshera.systems.effects`.

The order of the records in these modules, and of the modules here, is the order of the parameters in every spec.
"""

from __future__ import annotations

from itertools import chain
from typing import Final

from dluxshera.systems.parameters import aberrations, band, binary, geometry, imaging, scales
from dluxshera.systems.parameters.record import records_of

COMMON: Final = records_of(
    chain.from_iterable(vars(module).values() for module in (binary, geometry, scales, aberrations, band, imaging))
)
GROUPS: Final = (
    ("binary", "Binary star", "Positions and brightness of the two stars."),
    ("system", "Telescope geometry", "Diameters, focal lengths and distances, and the image scale that follows."),
    ("primary", "Primary mirror", "Aberrations of M1, the pupil of the telescope."),
    ("secondary", "Secondary mirror", "Aberrations of M2, on M2's own circle."),
    ("tertiary", "Tertiary surface", "Aberrations of the surface behind M2, on its own circle."),
    ("band", "Band", "The filter."),
    ("imaging", "Imaging", "Exposure, throughput, motion, and the margin to the full well of the detector's pixels."),
    ("field", "Other light in the field", "Field stars, ghosts of the two stars, and a uniform background."),
    ("detector", "Detector", "Position errors and response of the pixels, dark current and read noise."),
)
