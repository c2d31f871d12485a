"""Bias of the separation by an error of the image, for estimators with more and with fewer free parameters.

An estimator is weighted least squares with the photons as variances, to first order about the image: it turns a
difference of images into a difference of parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dluxshera.inference import image_jacobian
from dluxshera.model import binder_of
from dluxshera.params import ParameterStore, ParamSpec
from dluxshera.systems import SheraConfig

SEPARATION = "binary.separation_as"
M1, M2, M3 = (f"{group}.zernike_coeffs_nm" for group in ("primary", "secondary", "tertiary"))
SCALE_FIXED = (
    SEPARATION,
    "binary.position_angle_deg",
    "binary.x_position_as",
    "binary.y_position_as",
    "binary.contrast",
    "binary.log_flux_total",
    M1,
)
SCALE_FITTED = (*SCALE_FIXED, "system.plate_scale_as_per_pix")
# The free keys, by the number of free parameters with eight modes for each mirror.
ESTIMATORS: Mapping[int, tuple[str, ...]] = {23: (*SCALE_FITTED, M2), 15: SCALE_FITTED, 14: SCALE_FIXED}


class Columns(NamedTuple):
    """An image and its derivatives by the parameters of the largest estimator.

    Parameters
    ----------
    image
        Photons per pixel.
    jacobian
        Photons per pixel and unit of each parameter, shape (n, ...).
    labels
        Name of each parameter; an element of an array is ``key[index]``.
    """

    image: np.ndarray
    jacobian: np.ndarray
    labels: tuple[str, ...]

    @classmethod
    def of(cls, config: SheraConfig, spec: ParamSpec, store: ParameterStore) -> Columns:
        """The columns of a model of an inference spec."""
        keys = [key for key in ESTIMATORS[23] if key in spec]
        free = spec.subset(keys)
        image, jacobian = image_jacobian(binder_of(config, spec, store).predict, store, free)
        return cls(np.asarray(image), np.asarray(jacobian), tuple(free.labels))

    def bias(self, difference: np.ndarray) -> dict[int, float]:
        """Error of the separation that a difference of images makes, microarcseconds, by number of free parameters.

        Parameters
        ----------
        difference
            Image of the model less the truth, photons per pixel.
        """
        weight = 1.0 / np.sqrt(self.image.ravel())
        biases = {}
        for number, keys in ESTIMATORS.items():
            if number == 23 and not any(label.startswith(M2) for label in self.labels):
                continue
            chosen = [i for i, label in enumerate(self.labels) if label.partition("[")[0] in keys]
            matrix = (self.jacobian[chosen].reshape(len(chosen), -1) * weight).T
            scale = np.linalg.norm(matrix, axis=0)
            solution, *_ = np.linalg.lstsq(matrix / scale, difference.ravel() * weight, rcond=None)
            at = [self.labels[i] for i in chosen].index(SEPARATION)
            biases[number] = float(1e6 * solution[at] / scale[at])
        return biases
