"""The resolver of derived values: the computations of all parameters, system by system."""

from __future__ import annotations

from typing import Final

from dluxshera.params import DerivedResolver, Transform, TransformRegistry
from dluxshera.systems.planes import SURFACES, THREE_PLANE
from dluxshera.systems.table import PARAMETERS


def _registry(system: str) -> TransformRegistry:
    computations = {key: item.computed[system] for key, item in PARAMETERS.items() if system in item.computed}
    return TransformRegistry(
        system,
        [
            Transform(key, item.inputs, item.function, item.equation, item.optional)
            for key, item in computations.items()
        ],
    )


SHERA_RESOLVER: Final = DerivedResolver(map(_registry, SURFACES), default_system=THREE_PLANE)
