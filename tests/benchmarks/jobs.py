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

from benchmarks.measure import ROUNDS, Cost, compared, interleaved, seconds, settled


def _status_gb(name: str) -> float:
    """Return a size of this process, GB, from Linux's record of it."""
    return int(re.search(rf"{name}:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e9


def peak_gb() -> float:
    """Return the most memory that this process has held, in GB.

    On Linux what `getrusage` says is at least what the parent held when it started this process, so it is not used.
    """
    if Path("/proc/self/status").exists():
        return _status_gb("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def fisher_memory() -> dict[str, Any]:
    """The package's Fisher matrix, its compilation included, above a process that has the model and an image of it."""
    from benchmarks.case import reference_case

    case = reference_case()
    case.scene.image()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again at what the process holds now
    before = _status_gb("VmRSS")
    case.fisher()
    return {"peak_gb": peak_gb(), "above_gb": peak_gb() - before}


def fisher_hessian(columns: str = "all") -> dict[str, Any]:
    """The Fisher matrix against the Hessian of the baseline's likelihood, column by column."""
    from benchmarks.case import reference_case

    case = reference_case()
    gradient = jax.grad(case.baseline_loss)
    column = jax.jit(lambda e: jax.jvp(gradient, (case.theta,), (e,))[1])
    some = jnp.eye(case.theta.size)[: None if columns == "all" else int(columns)]
    case.fisher()
    jax.block_until_ready(column(some[0]))
    # One round of ours after each column; each column counts as often as the whole Hessian has columns.
    pairs = [(settled(lambda e=e: column(e)), settled(case.fisher)) for e in some]
    n = case.theta.size
    return compared([(ours, Cost(n * other.wall, n * other.processor)) for other, ours in pairs])


def fisher_jacfwd(rounds: str = str(ROUNDS)) -> dict[str, Any]:
    """The Fisher matrix against the same from `jax.jacfwd` of the baseline."""
    from benchmarks.case import reference_case

    case = reference_case()

    @jax.jit
    def forward_mode(theta: jax.Array) -> jax.Array:
        jacobian = jax.jacfwd(case.baseline_image)(theta).reshape(-1, theta.size)
        return jacobian.T @ (jacobian / case.noise.variance.reshape(-1, 1))

    return interleaved(lambda: case.fisher().matrix, lambda: forward_mode(case.theta), int(rounds))


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


def demo(begin: str, name: str, fast: str, seeds: str) -> dict[str, Any]:
    """A script of `Examples/` in a process that was started at the time `begin`, and then with more seeds."""
    from benchmarks.demos import over_seeds, run, script_of

    script = script_of(name)
    first = run(script, fast == "fast", 0)
    of_first = {
        "seconds": time.time() - float(begin),
        "processor_seconds": time.process_time(),
        "peak_gb": peak_gb(),
    }
    return of_first | over_seeds(name, script, fast == "fast", first, int(seeds))


def parts() -> dict[str, Any]:
    """The parts of an image with 3 wavelengths and with the default, and the machine's rate of products."""
    from benchmarks.case import default_case, reference_case
    from benchmarks.roofline import product_rate, roofline

    return {"product_rate": product_rate(), "three": roofline(reference_case()), "default": roofline(default_case())}


def other_tools() -> dict[str, Any]:
    """The two-plane image by the package, dLux and POPPY."""
    from benchmarks.other_tools import two_plane_images

    return {"rows": two_plane_images()}


ALL = (fisher_memory, fisher_hessian, fisher_jacfwd, first_call, batch_memory, recovery, demo, parts, other_tools)
JOBS = {job.__name__: job for job in ALL}

if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    print(json.dumps(JOBS[sys.argv[1]](*sys.argv[2:])))
