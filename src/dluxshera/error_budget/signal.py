"""Signal of the pixels in one frame, over their full well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from dluxshera.error_budget.evaluation import Evaluation

FULL_WELL_KEY: Final = "imaging.full_well"
EXPOSURE_TIME_KEY: Final = "imaging.exposure_time_s"
FRAME_TIME_KEY: Final = "imaging.frame_time_s"
LEVEL_KEYS: Final = (FULL_WELL_KEY, FRAME_TIME_KEY, EXPOSURE_TIME_KEY)


def frame_photons(image: Float[np.ndarray, " *image"], values: Mapping[str, Any]) -> Float[np.ndarray, " *image"]:
    """Return the expected electrons of each pixel in one frame.

    Parameters
    ----------
    image : ndarray
        Expected electrons in the exposure.
    values : mapping of str to number
        Values of the forward model by key.
    """
    photons: np.ndarray = image * (float(values[FRAME_TIME_KEY]) / float(values[EXPOSURE_TIME_KEY]))
    return photons


def levels(evaluation: Evaluation) -> Float[np.ndarray, " *image"]:
    """Return the expected electrons of each pixel in one frame over the full well, at the reference point."""
    values = evaluation.forward.store
    photons: np.ndarray = frame_photons(evaluation.image, values) / float(np.asarray(values[FULL_WELL_KEY]))
    return photons
