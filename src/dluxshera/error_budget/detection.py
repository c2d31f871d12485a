"""Noise and light that the detector adds at a reference point: sky, dark signal and read noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dluxshera.error_budget.sensitivity import Model
from dluxshera.inference import Noise, PhotonReadNoise, PoissonNoise

SKY = "field.background"
DARK = "detector.dark_signal"
READ = "detector.total_read_noise"


class Added(NamedTuple):
    """Variance of a pixel in one exposure by each source of noise besides the stars, photons squared."""

    sky: float
    dark: float
    read: float


class Detection:
    """Noise and light that the detector adds to a forward model's image.

    Parameters
    ----------
    forward : Model
        Forward model; without parameters of sky and electronics it adds nothing.
    """

    def __init__(self, forward: Model) -> None:
        values = {**forward.derived(forward.store), **forward.store}

        def value(key: str) -> float:
            return float(np.asarray(values.get(key, 0.0)))

        self.variances = Added(value(SKY), value(DARK), value(READ) ** 2)

    @property
    def added(self) -> float:
        """Photons of sky and dark current that the image has in each pixel."""
        return self.variances.sky + self.variances.dark

    @property
    def read_variance(self) -> float:
        """Variance of each pixel by reading, photons squared."""
        return self.variances.read

    @property
    def noise(self) -> Noise:
        """Noise of the image."""
        return PhotonReadNoise(self.read_variance) if self.read_variance else PoissonNoise()
