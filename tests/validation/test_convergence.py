"""The long evidence of the numerics: images against the native cells, and each numerical choice refined."""

import json
import time

import pytest
from rich.progress import track

from dluxshera.files import write_text
from support.evidence import write_evidence
from support.paths import PACKAGE
from validation import convergence, refinement
from validation.gathering import rounded

PACKAGES = ("dluxshera", "jax", "jaxlib", "numpy", "scipy", "dLuxToliman")


@pytest.mark.validation
def test_images_agree_with_the_native_cells(capsys):
    begin = time.perf_counter()
    flight = refinement.FLIGHT
    choices = refinement.measure(convergence.columns(flight), convergence.native(flight))
    with capsys.disabled():
        images = [
            convergence.measure(case, lambda items, text, case=case: track(items, f"{case.name}: {text.lower()}"))
            for case in convergence.CASES
        ]
    result = {
        "seconds": round(time.perf_counter() - begin),
        "images": rounded(images),
        "choices": rounded(choices),
        "sum_uas": rounded(refinement.summed(choices)),
    }
    write_evidence("convergence", result, refinement.sources(), PACKAGES)
    packaged = PACKAGE / "error_budget" / "data" / "numerics.json"
    write_text(packaged, json.dumps(refinement.bounds(result), indent=2) + "\n")
    assert convergence.judge(images) + refinement.judge(choices) == []
