"""Three-plane models, their stores, and the same scenes for the reference model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import dluxshera as ds
from support.reference_optics import COEFFS_M1, COEFFS_M2, DESIGNS

CONFIGS = {"flight": ds.SHERA_FLIGHT_CONFIG, "testbed": ds.SHERA_TESTBED_CONFIG}
SPECS = {"forward": ds.build_forward_model_spec_from_config, "inference": ds.build_inference_spec_basic}

# A pupil without obscuration, struts or mask.
CLEAR = {"obscuration": 0.0, "n_struts": 0, "diffractive_pupil": None}

SEPARATION, POSITION_ANGLE = "binary.separation_as", "binary.position_angle_deg"
X, Y = "binary.x_position_as", "binary.y_position_as"
CONTRAST, LOG_FLUX = "binary.contrast", "binary.log_flux_total"
PLATE_SCALE = "system.plate_scale_as_per_pix"
M1_ZERNIKES, M2_ZERNIKES = "primary.zernike_coeffs_nm", "secondary.zernike_coeffs_nm"
M2_FOCAL_LENGTH = "system.m2_focal_length_m"
DETECTOR_SEPARATION = "system.m2_detector_separation_m"

ABERRATED = {M1_ZERNIKES: COEFFS_M1, M2_ZERNIKES: COEFFS_M2, X: 0.31, Y: -0.17}
# All the light in star A, which stands at the given position.
SINGLE_STAR = {SEPARATION: 1e-9, CONTRAST: 1e12}


class Scene(NamedTuple):
    """A model and a store of it."""

    binder: ds.SheraThreePlaneBinder
    store: ds.ParameterStore

    def image(self, updates=None) -> np.ndarray:
        """The image, with some values replaced."""
        return np.asarray(self.binder.predict(self.store.replace(updates or {})))

    def params(self, updates=None) -> dict[str, np.ndarray]:
        """The primitives as the reference takes them, its own geometry in place of what the spec leaves out."""
        store = self.store.replace(updates or {})
        design = DESIGNS[self.binder.config.name.removeprefix("shera_")]
        return {**design.geometry(), **{key: np.asarray(value) for key, value in store.items()}}


def scene(config: ds.SheraThreePlaneConfig, spec: str = "forward", updates=None, **changes) -> Scene:
    """A model of a changed configuration and its default store with updates."""
    config = config.replace(**changes)
    parameters = SPECS[spec](config)
    store = ds.ParameterStore.from_spec_defaults(parameters).replace(updates or {})
    return Scene(ds.SheraThreePlaneBinder(config, parameters, store), store)
