"""The specs of each system, built from one set of field definitions. No jax.

The *forward* spec derives plate scale and flux from geometry and flux density. The *inference* spec has both as
primitive knobs, and no geometry behind them: there the detector is in focus, and any defocus is a Zernike coefficient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dluxshera.optics.aperture import open_area_fraction, pupil_raster
from dluxshera.params.priors import Normal
from dluxshera.params.registry import TransformRegistry
from dluxshera.params.spec import ParamField, ParamSpec
from dluxshera.systems import fields as f
from dluxshera.systems.config import SheraThreePlaneConfig
from dluxshera.systems.designs import ALPHA_CEN, SHERA_FLIGHT_CONFIG, Target
from dluxshera.systems.transforms import SHERA_RESOLVER, THREE_PLANE_TRANSFORMS

_FORWARD_KEYS = (
    f.SEPARATION,
    f.POSITION_ANGLE,
    f.X_POSITION,
    f.Y_POSITION,
    f.CONTRAST,
    f.FLUX_DENSITY,
    f.LOG_FLUX,
    f.M1_DIAMETER,
    f.M2_DIAMETER,
    f.M1_FOCAL_LENGTH,
    f.M2_FOCAL_LENGTH,
    f.M1_M2_SEPARATION,
    f.M2_DETECTOR_SEPARATION,
    f.PIXEL_PITCH,
    f.OPEN_AREA,
    f.FOCAL_LENGTH,
    f.FOCAL_RATIO,
    f.PLATE_SCALE,
    f.REFOCUSED_PLATE_SCALE,
    f.DEFOCUS,
    f.M1_ZERNIKES,
    f.M2_ZERNIKES,
    f.WAVELENGTH,
    f.BANDWIDTH,
    f.EXPOSURE_TIME,
    f.FRAME_TIME,
    f.THROUGHPUT,
)
_INFERENCE_KEYS = (
    f.SEPARATION,
    f.POSITION_ANGLE,
    f.X_POSITION,
    f.Y_POSITION,
    f.LOG_FLUX,
    f.CONTRAST,
    f.PLATE_SCALE,
    f.M1_ZERNIKES,
    f.M2_ZERNIKES,
    f.M1_DIAMETER,
    f.M2_DIAMETER,
    f.M1_FOCAL_LENGTH,
    f.M1_M2_SEPARATION,
    f.WAVELENGTH,
    f.BANDWIDTH,
)


def build_forward_model_spec_from_config(config: SheraThreePlaneConfig, target: Target = ALPHA_CEN) -> ParamSpec:
    """Return the spec in which plate scale, defocus and flux are derived from geometry and flux density.

    Parameters
    ----------
    config : SheraThreePlaneConfig
        Gives the bases' sizes and the design values.
    target : Target
        Gives the defaults of the binary.

    Returns
    -------
    ParamSpec
        ``shera_threeplane.forward``. Zernike coefficients are there if the configuration has a basis for them.
    """
    values, sources = _defaults(config, target)
    made = [
        _derived(key, THREE_PLANE_TRANSFORMS)
        if key in THREE_PLANE_TRANSFORMS
        else _valued(key, values[key], config, sources)
        for key in _FORWARD_KEYS
        if key in THREE_PLANE_TRANSFORMS or key in values
    ]
    return ParamSpec(config.system_id, "forward", tuple(made), f.GROUPS)


def build_inference_spec_basic(
    config: SheraThreePlaneConfig = SHERA_FLIGHT_CONFIG, target: Target = ALPHA_CEN
) -> ParamSpec:
    """Return the spec in which plate scale and log flux are primitive: the effective mode, for fits.

    Their defaults are the values that the forward spec derives from the same configuration and target. The detector is
    in focus; focus errors live in Noll 4 of the primary.

    Parameters
    ----------
    config : SheraThreePlaneConfig
        Gives the bases' sizes and the design values.
    target : Target
        Gives the defaults of the binary.

    Returns
    -------
    ParamSpec
        ``shera_threeplane.inference``.
    """
    values, sources = _defaults(config, target)
    forward = build_forward_model_spec_from_config(config, target)
    primitives = {key: values[key] for key in forward.primitives}
    derived = SHERA_RESOLVER.resolve(forward, primitives, (f.PLATE_SCALE, f.LOG_FLUX))
    for key, value in derived.items():
        values[key] = float(value)
        sources[key] = "computed from the design by the forward spec"
    made = [_valued(key, values[key], config, sources) for key in _INFERENCE_KEYS if key in values]
    return ParamSpec(config.system_id, "inference", tuple(made), f.GROUPS)


def _defaults(config: SheraThreePlaneConfig, target: Target) -> tuple[dict[str, Any], dict[str, str]]:
    design = config.design
    raster = pupil_raster(
        config.pupil_npix,
        obscuration=config.obscuration,
        n_struts=config.n_struts,
        strut_width=config.strut_width,
        strut_rotation_deg=config.strut_rotation_deg,
        subpixels=config.aperture_subpixels,
    )
    values: dict[str, Any] = {
        f.SEPARATION: target.separation_as,
        f.POSITION_ANGLE: target.position_angle_deg,
        f.X_POSITION: 0.0,
        f.Y_POSITION: 0.0,
        f.CONTRAST: target.contrast,
        f.FLUX_DENSITY: target.spectral_flux_density,
        f.M1_DIAMETER: design.m1_diameter_m,
        f.M2_DIAMETER: design.m2_diameter_m,
        f.M1_FOCAL_LENGTH: design.m1_focal_length_m,
        f.M2_FOCAL_LENGTH: design.m2_focal_length_m,
        f.M1_M2_SEPARATION: design.m1_m2_separation_m,
        f.M2_DETECTOR_SEPARATION: design.m2_detector_separation_m,
        f.PIXEL_PITCH: design.pixel_pitch_m,
        f.OPEN_AREA: open_area_fraction(raster),
        f.WAVELENGTH: design.wavelength_m,
        f.BANDWIDTH: design.bandwidth_m,
        f.EXPOSURE_TIME: design.exposure_time_s,
        f.FRAME_TIME: design.frame_time_s,
        f.THROUGHPUT: design.throughput,
    }
    for key, noll in ((f.M1_ZERNIKES, config.m1_noll), (f.M2_ZERNIKES, config.m2_noll)):
        if noll:
            values[key] = (0.0,) * len(noll)
    about_target = (f.SEPARATION, f.POSITION_ANGLE, f.CONTRAST, f.FLUX_DENSITY)
    return values, dict.fromkeys(about_target, f"{target.name}: {target.source}")


def _derived(key: str, registry: TransformRegistry) -> ParamField:
    transform = registry[key]
    return f.FIELDS[key](
        kind="derived", transform=transform.name, depends_on=transform.inputs, source="computed", default=None
    )


def _valued(key: str, value: Any, config: SheraThreePlaneConfig, sources: Mapping[str, str]) -> ParamField:
    said: dict[str, Any] = {"default": value, "equation": ""}
    if key in sources:
        said["source"] = sources[key]
    if isinstance(value, tuple):
        noll = config.m1_noll if key == f.M1_ZERNIKES else config.m2_noll
        said |= {"shape": (len(noll),), "components": tuple(f"Z{j}" for j in noll)}
    if key == f.OPEN_AREA:
        said["kind"] = "structural"
    if key in f.PRIOR_SIGMA:
        said["prior"] = Normal(value[0] if isinstance(value, tuple) else value, f.PRIOR_SIGMA[key])
    if key in f.RELATIVE_PRIOR_SIGMA:
        said["prior"] = Normal(value, f.RELATIVE_PRIOR_SIGMA[key] * value)
    return f.FIELDS[key](**said)
