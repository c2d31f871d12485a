"""dLuxShera: the reference model of SHERA.

The public names below are imported from their modules when they are first used, so that metadata, the command line and
schemas need no jax.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dluxshera._version import __version__

if TYPE_CHECKING:
    from dluxshera.binder import SheraFourPlaneBinder as SheraFourPlaneBinder
    from dluxshera.binder import SheraThreePlaneBinder as SheraThreePlaneBinder
    from dluxshera.binder import SheraTwoPlaneBinder as SheraTwoPlaneBinder
    from dluxshera.graph.node import DLuxSystemNode as DLuxSystemNode
    from dluxshera.graph.system_graph import SystemGraph as SystemGraph
    from dluxshera.inference.eigenmodes import EigenThetaMap as EigenThetaMap
    from dluxshera.models import ModelParams as ModelParams
    from dluxshera.models import SheraThreePlane_Model as SheraThreePlane_Model
    from dluxshera.params.packing import pack_params as pack_params
    from dluxshera.params.packing import unpack_params as unpack_params
    from dluxshera.params.registry import DerivedResolver as DerivedResolver
    from dluxshera.params.registry import TransformRegistry as TransformRegistry
    from dluxshera.params.spec import ParamField as ParamField
    from dluxshera.params.spec import ParamSpec as ParamSpec
    from dluxshera.params.store import ParameterStore as ParameterStore
    from dluxshera.systems.build import clear_threeplane_optics_cache as clear_threeplane_optics_cache
    from dluxshera.systems.config import SheraFourPlaneConfig as SheraFourPlaneConfig
    from dluxshera.systems.config import SheraThreePlaneConfig as SheraThreePlaneConfig
    from dluxshera.systems.config import SheraTwoPlaneConfig as SheraTwoPlaneConfig
    from dluxshera.systems.config import structural_hash_from_config as structural_hash_from_config
    from dluxshera.systems.derived import check_consistency as check_consistency
    from dluxshera.systems.derived import refresh_derived as refresh_derived
    from dluxshera.systems.derived import strip_derived as strip_derived
    from dluxshera.systems.designs import SHERA_FLIGHT_CONFIG as SHERA_FLIGHT_CONFIG
    from dluxshera.systems.designs import SHERA_TESTBED_CONFIG as SHERA_TESTBED_CONFIG
    from dluxshera.systems.inverse import set_derived as set_derived
    from dluxshera.systems.profiles import load_model as load_model
    from dluxshera.systems.profiles import save_model as save_model
    from dluxshera.systems.specs import build_forward_model_spec_from_config as build_forward_model_spec_from_config
    from dluxshera.systems.specs import build_inference_spec_basic as build_inference_spec_basic
    from dluxshera.systems.specs import build_inference_spec_physics as build_inference_spec_physics

_HOME = {
    "DLuxSystemNode": "graph.node",
    "DerivedResolver": "params.registry",
    "EigenThetaMap": "inference.eigenmodes",
    "ModelParams": "models",
    "ParamField": "params.spec",
    "ParamSpec": "params.spec",
    "ParameterStore": "params.store",
    "SHERA_FLIGHT_CONFIG": "systems.designs",
    "SHERA_TESTBED_CONFIG": "systems.designs",
    "SheraFourPlaneBinder": "binder",
    "SheraFourPlaneConfig": "systems.config",
    "SheraThreePlaneBinder": "binder",
    "SheraThreePlaneConfig": "systems.config",
    "SheraThreePlane_Model": "models",
    "SheraTwoPlaneBinder": "binder",
    "SheraTwoPlaneConfig": "systems.config",
    "SystemGraph": "graph.system_graph",
    "TransformRegistry": "params.registry",
    "build_forward_model_spec_from_config": "systems.specs",
    "build_inference_spec_basic": "systems.specs",
    "build_inference_spec_physics": "systems.specs",
    "check_consistency": "systems.derived",
    "clear_threeplane_optics_cache": "systems.build",
    "load_model": "systems.profiles",
    "pack_params": "params.packing",
    "refresh_derived": "systems.derived",
    "save_model": "systems.profiles",
    "set_derived": "systems.inverse",
    "strip_derived": "systems.derived",
    "structural_hash_from_config": "systems.config",
    "unpack_params": "params.packing",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        from dluxshera.errors import near_matches

        near = near_matches(name, _HOME)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{hint}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
