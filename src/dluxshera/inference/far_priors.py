"""The warning about priors that belong to another target than the store."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np

from dluxshera.inference.labels import key_of
from dluxshera.inference.theta_prior import ThetaPrior
from dluxshera.params import ParameterStore, ParamSpec, is_traced_value, pack_params

FAR: Final = 10.0  # sigma from the mean of a prior to the value in the store, from which on they disagree


class PriorWarning(UserWarning):
    """The prior of a free parameter is many sigma from the store's value. The message names the parameter."""


def warn_of_far_priors(prior: ThetaPrior, free: ParamSpec, store: ParameterStore, stacklevel: int) -> None:
    """Warn about a free parameter whose value in a store is more than ten sigma from the mean of its field's prior.

    Parameters
    ----------
    prior : ThetaPrior
        Prior of theta.
    free : ParamSpec
        Free parameters.
    store : ParameterStore
        Store of concrete values; nothing is done for a traced one.
    stacklevel : int
        Level of the caller, as `warnings.warn` counts it.

    Warns
    -----
    PriorWarning
        With the parameter that is farthest.
    """
    keys = {key_of(label) for label in prior.labels}
    if any(key not in store or is_traced_value(store[key]) for key in keys):
        return  # a key that the store lacks has an error of its own
    theta, precision = np.asarray(pack_params(store, free), dtype=float), np.diag(prior.precision)
    distance = np.abs(np.asarray(prior.nearest(theta)) - prior.mean) * np.sqrt(precision)
    distance[list(prior.calibrated)] = 0.0  # a calibration was passed for this store
    if not distance.size or not np.max(distance) > FAR:
        return
    i = int(np.argmax(distance))
    warnings.warn(
        f"{prior.labels[i]}: the store has {theta[i]:.9g}, {distance[i]:,.0f} sigma from the mean of its prior,"
        f" {prior.mean[i]:.9g}: build the spec for this target, or give the parameter another prior",
        PriorWarning,
        stacklevel=stacklevel + 1,
    )
