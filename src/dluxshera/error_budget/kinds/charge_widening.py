"""Charge that widens bright pixels: part of it is collected by their neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Float

from dluxshera.error_budget.schema_parts import record_schema
from dluxshera.error_budget.signal_perturbation import SignalPerturbation


@final
@dataclass(frozen=True)
class ChargeWidening(SignalPerturbation):
    r"""Diffusion of charge from a pixel to its four neighbours, in proportion to its signal in one frame.

    Of the :math:`n` electrons of a pixel whose full well is W, the part :math:`x n / W` goes to the neighbours, a
    quarter to each, with x the magnitude: the part at full well. As much crosses the border of the image inwards as
    outwards.
    """

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        return record_schema(
            "Diffusion of charge to the neighbours, by the signal in a frame; the magnitude is the part that"
            " leaves a full pixel.",
            {},
        )

    def change(self, affected: Float[np.ndarray, "y x"]) -> Float[np.ndarray, "y x"]:
        """Return the net charge that each pixel gains from its neighbours."""
        around = np.pad(affected, 1, mode="edge")
        gained: np.ndarray = 0.25 * (around[2:, 1:-1] + around[:-2, 1:-1] + around[1:-1, 2:] + around[1:-1, :-2])
        return gained - affected
