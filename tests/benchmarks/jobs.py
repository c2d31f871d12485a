"""What is measured in a process of its own: ``python -m benchmarks.jobs JOB ...`` prints one JSON object."""

import json
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.measure import interleaved, seconds


def peak_gb() -> float:
    """Return the most memory that this process has held, in GB.

    On Linux what `getrusage` says is at least what the parent held when it started this process, so it is not used.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def fisher_memory() -> dict[str, Any]:
    """The package's Fisher matrix alone."""
    from benchmarks.case import reference_case

    reference_case().fisher()
    return {"peak_gb": peak_gb()}


def fisher_hessian(columns: str = "all") -> dict[str, Any]:
    """The Fisher matrix against the Hessian of the baseline's likelihood, column by column."""
    from benchmarks.case import reference_case

    case = reference_case()
    gradient = jax.grad(case.baseline_loss)
    column = jax.jit(lambda e: jax.jvp(gradient, (case.theta,), (e,))[1])
    some = jnp.eye(case.theta.size)[: None if columns == "all" else int(columns)]
    case.fisher()
    jax.block_until_ready(column(some[0]))
    before = seconds(case.fisher)
    hessian = sum(seconds(lambda e=e: column(e)) for e in some) * case.theta.size / len(some)
    ours = sorted([before, *(seconds(case.fisher) for _ in range(2))])
    return {
        "rounds": 1,
        "seconds": [ours[1], hessian],
        "ratio": hessian / ours[1],
        "spread": [hessian / ours[2], hessian / ours[0]],
        "peak_gb": peak_gb(),
    }


def fisher_jacfwd(rounds: str = "3") -> dict[str, Any]:
    """The Fisher matrix against the same from `jax.jacfwd` of the baseline."""
    from benchmarks.case import reference_case

    case = reference_case()

    @jax.jit
    def forward_mode(theta: jax.Array) -> jax.Array:
        jacobian = jax.jacfwd(case.baseline_image)(theta).reshape(-1, theta.size)
        return jacobian.T @ (jacobian / case.noise.variance.reshape(-1, 1))

    found = interleaved(lambda: case.fisher().matrix, lambda: forward_mode(case.theta), int(rounds))
    return {**found, "peak_gb": peak_gb()}


def first_call(folder: str) -> dict[str, Any]:
    """The first image of a process, less one that is compiled: trace, and compile or load."""
    from dluxshera.runtime import enable_compilation_cache

    enable_compilation_cache(folder)
    import dluxshera as ds

    config = ds.SHERA_FLIGHT_CONFIG
    binder = ds.SheraThreePlaneBinder(config, ds.build_inference_spec_basic(config))
    first, *others = (seconds(lambda: binder.predict(binder.store)) for _ in range(4))
    return {"seconds": first - sorted(others)[1]}


def batch_memory(n: str) -> dict[str, Any]:
    """The images of a batch."""
    from benchmarks.case import batch, reference_case, stores_of

    case = reference_case()
    stores = stores_of(case, batch(case, int(n)))
    begin = time.perf_counter()
    images = jax.block_until_ready(case.scene.binder.predict_batch(stores))
    return {"peak_gb": peak_gb(), "images_gb": images.nbytes / 1e9, "seconds": time.perf_counter() - begin}


def recovery(steps: str = "2000") -> dict[str, Any]:
    """The canonical recovery against Adam on the baseline."""
    from benchmarks.recovery import recovery_against_adam

    return recovery_against_adam(steps)


JOBS = {job.__name__: job for job in (fisher_memory, fisher_hessian, fisher_jacfwd, first_call, batch_memory, recovery)}

if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    print(json.dumps(JOBS[sys.argv[1]](*sys.argv[2:])))
