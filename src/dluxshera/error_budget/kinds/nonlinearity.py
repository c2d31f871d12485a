"""Response of the pixels that depends on their signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Float

from dluxshera.error_budget.schema_parts import record_schema
from dluxshera.error_budget.signal_perturbation import SignalPerturbation


@final
@dataclass(frozen=True)
class Nonlinearity(SignalPerturbation):
    r"""Response that changes in proportion to the signal of a pixel in one frame.

    With :math:`n` electrons in a frame of a pixel whose full well is W, the reading is :math:`n (1 + x n / W)`, with x
    the magnitude: the relative change of the response at full well.
    """

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "Response that changes in proportion to the signal in a frame; the magnitude is the change at full well.",
            {},
        )

    def change(self, affected: Float[np.ndarray, "y x"]) -> Float[np.ndarray, "y x"]:
        """Return the change of the readings, in proportion to the square of the signal."""
        return affected
