"""The long evidence of the error budget at full size."""

import time

import pytest

from support.evidence import write_evidence
from validation import budget
from validation.gathering import rounded

PACKAGES = ("dluxshera", "jax", "jaxlib", "numpy", "scipy", "dLuxToliman")


@pytest.mark.validation
def test_the_budget_is_that_of_numpy_of_ensembles_and_of_refits():
    begin = time.perf_counter()
    document, evaluation = budget.evaluated()
    result = {
        "figures": rounded(budget.figures(evaluation)),
        "ensembles": rounded(budget.ensembles(evaluation)),
        "refits": rounded(budget.refits(document, evaluation)),
        "sigmas": rounded(budget.sigmas()),
    }
    write_evidence(
        "error-budget", {"seconds": round(time.perf_counter() - begin), **result}, budget.sources(), PACKAGES
    )
    assert budget.judge(result) == []
