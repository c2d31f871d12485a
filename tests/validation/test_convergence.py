"""The long evidence of the numerics: default images of every packaged design against the native cells."""

import time

import pytest
from rich.progress import track

from support.evidence import write_evidence
from validation.convergence import MAX_BIAS_UAS, MAX_L2, jobs, judge, measure, sources
from validation.gathering import rounded


@pytest.mark.validation
def test_default_images_agree_with_the_native_cells(capsys):
    begin = time.perf_counter()
    with capsys.disabled():
        records = [
            measure(*job, lambda items, text, job=job: track(items, f"{', '.join(job)}: {text.lower()}"))
            for job in jobs()
        ]
    result = {
        "limits": {"l2": MAX_L2, "bias_uas": MAX_BIAS_UAS},
        "seconds": round(time.perf_counter() - begin),
        "records": rounded(records),
    }
    write_evidence("convergence", result, sources(), ("dluxshera", "jax", "jaxlib", "numpy", "scipy", "dLuxToliman"))
    assert judge(records) == []
