"""The long evidence that a binary is recovered as well as the photons allow: `make validate`."""

import numpy as np
import pytest
from rich.console import Console
from rich.progress import Progress

from validation.recovery import (
    SEEDS,
    evidence_is_calibrated,
    model,
    provenance,
    pulls_are_calibrated,
    recover,
    write_record,
)


@pytest.mark.validation
def test_recovery(capsys):
    """Write the evidence of all seeds, and then judge it."""
    started, recoveries = provenance(), []
    with capsys.disabled(), Progress(console=Console(stderr=True)) as progress:
        for seed in progress.track(SEEDS, description="Recovering alpha Cen"):
            recoveries.append(found := recover(seed))
            progress.console.print(f"seed {seed}: {found.result} in {found.steps} steps, pull {found.pulls[0]:+.2f}")
    assert provenance() == started, "the source changed while the evidence was gathered"
    write_record(recoveries)

    pulls = np.array([found.pulls for found in recoveries])
    distances2 = np.array([found.distance2 for found in recoveries])
    assert {found.result for found in recoveries} == {"CONVERGED"}
    assert pulls_are_calibrated(pulls[:, 0]) == []
    assert evidence_is_calibrated(list(model()[1].labels), pulls, distances2) == []
