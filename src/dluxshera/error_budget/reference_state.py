"""State of a reference point: fill of the brightest pixel, defocus, and condition of the fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dluxshera.error_budget.signal import FULL_WELL_KEY, frame_photons

if TYPE_CHECKING:
    from dluxshera.error_budget.evaluation import Evaluation

DEFOCUS_KEY: Final = "system.defocus_nm"
FOCUS_TOLERANCE: Final = 1e-6  # nm of defocus that rounding leaves
SEVERITIES: Final = ("information", "warning", "error")


def state_of(evaluation: Evaluation) -> dict[str, Any]:
    """Return the state of a reference point.

    Parameters
    ----------
    evaluation : Evaluation
        Fits at the reference point.

    Returns
    -------
    dict
        ``brightest_pixel`` and ``full_well``, photons per frame, ``fill``, their ratio, and ``saturated_pixels``;
        ``defocus`` in nm; ``condition`` of each estimator; ``findings``, each with ``severity``, ``key`` and ``text``;
        and ``severity``, the largest of them. A forward model without frames or focus has None in their places.
    """
    values = evaluation.forward_values()
    findings: list[dict[str, str]] = []
    state: dict[str, Any] = dict.fromkeys(("brightest_pixel", "full_well", "fill", "saturated_pixels", "defocus"))
    if FULL_WELL_KEY in values:
        photons, well = frame_photons(evaluation.image, values), float(np.asarray(values[FULL_WELL_KEY]))
        brightest, saturated = float(photons.max()), int(np.sum(photons > well))
        state |= {
            "brightest_pixel": {"value": brightest, "unit": "ph"},
            "full_well": {"value": well, "unit": "ph"},
            "fill": brightest / well,
            "saturated_pixels": saturated,
        }
        if saturated:
            text = f"The brightest pixel gets {brightest:,.0f} electrons a frame, of a full well of {well:,.0f}"
            findings.append({"severity": "warning", "key": FULL_WELL_KEY, "text": f"{text}; {saturated} exceed it"})
    if DEFOCUS_KEY in values:
        defocus = float(np.asarray(values[DEFOCUS_KEY]))
        state["defocus"] = {"value": defocus, "unit": "nm"}
        if abs(defocus) > FOCUS_TOLERANCE:
            text = f"The detector is out of focus by {defocus:.3g} nm rms, which the fitted model takes to be zero"
            findings.append({"severity": "error", "key": DEFOCUS_KEY, "text": text})
    state["condition"] = {name: fit.condition for name, fit in evaluation.fits.items()}
    for name, fit in evaluation.fits.items():
        if fit.reach > 1e-3:
            text = f"The estimator {name} is nearly singular, with a condition number of {fit.condition:.2g}"
            findings.append({"severity": "warning", "key": name, "text": text})
    worst = max((SEVERITIES.index(item["severity"]) for item in findings), default=0)
    return {**state, "findings": findings, "severity": SEVERITIES[worst]}
