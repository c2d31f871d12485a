"""An image model's columns against central differences of its own image, which no model can prepare for."""

from __future__ import annotations

import numpy as np

from dluxshera.params import AbstractImageModel, ParameterStore, ParamSpec, pack_params, unpack_params
from support.helpers import central_difference, probe_step, within_reach


def column_errors(
    model: AbstractImageModel, store: ParameterStore, free: ParamSpec, change: float = 1e-4
) -> dict[str, float]:
    """Distance of each column from the central difference, in units of the difference's length, by label.

    The step is the one that changes the image by about `change`, starting from a tenth of the value or 1. A column
    that must be zero, because the image does not depend on the parameter, is measured in units of the image.
    """
    theta = np.asarray(pack_params(store, free))
    image, columns = (np.asarray(part) for part in model.expand(store, free))
    assert columns.shape == (theta.size, *image.shape)
    errors = {}
    for i, label in enumerate(free.labels):

        def moved(step: float, i: int = i) -> np.ndarray:
            there = theta.copy()
            there[i] += step
            return np.asarray(model.image(unpack_params(there, free, store)))

        difference = central_difference(moved, probe_step(within_reach(moved), 0.1 * abs(theta[i]) or 1.0, change))
        size = np.linalg.norm(difference) or np.linalg.norm(image)
        errors[label] = float(np.linalg.norm(columns[i] - difference) / size)
    return errors
