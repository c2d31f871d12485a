"""Accuracy, speed and memory against the baseline. A ratio is the claim; an absolute time is not."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.case import batch, image_of, reference_case, stores_of
from benchmarks.measure import in_a_process, interleaved, seconds
from benchmarks.test_cold_start import LIGHT, start
from support import reference_optics as ref
from support.helpers import relative_l2

TIMES = "times"
STORES = 32


def test_image_error(record):
    case = reference_case()
    truth = ref.reference_image(
        case.scene.params(), ref.Structure.of(ref.FLIGHT, 256), image_npix=256, subpixels=(5, 9)
    )
    error = relative_l2(case.scene.image(), truth)
    baseline = relative_l2(eqx.filter_jit(case.baseline_image)(case.theta), truth)
    record.add(
        "image error (relative L2)",
        ("at most", 1.5e-4, ""),
        error,
        "an independent model with 5 and 9 midpoints in a pixel, extrapolated",
        baseline=baseline,
    )


def test_forward(record):
    case = reference_case()
    other = jax.jit(case.baseline_image)
    found = interleaved(lambda: image_of(case, case.theta), lambda: other(case.theta), 15)
    record.add("forward image", ("at least", 5.0, TIMES), found.pop("ratio"), "the baseline's image", **found)


def test_value_and_gradient(record):
    case = reference_case()
    ours = eqx.filter_jit(lambda posterior, theta: jax.value_and_grad(posterior.loss)(theta))
    other = jax.jit(jax.value_and_grad(case.baseline_loss))
    ((value, gradient), (value_0, gradient_0)) = ours(case.posterior, case.theta * (1 + 1e-5)), other(case.theta)
    assert np.all(np.isfinite([value, value_0]))
    assert gradient.shape == gradient_0.shape == (23,)
    found = interleaved(lambda: ours(case.posterior, case.theta), lambda: other(case.theta), 25)
    record.add(
        "value and gradient, 23 parameters", ("at least", 4.0, TIMES), found.pop("ratio"), "the baseline's", **found
    )


def test_fisher_matrix_against_the_hessian(record):
    found = in_a_process("fisher_hessian")
    record.add(
        "Fisher matrix, 23 parameters",
        ("at least", 20.0, TIMES),
        found.pop("ratio"),
        "the Hessian of the baseline's likelihood, column by column",
        **found,
    )


def test_fisher_matrix_against_forward_mode(record):
    found = in_a_process("fisher_jacfwd")
    record.add(
        "Fisher matrix, 23 parameters, code alone",
        ("at least", 4.0, TIMES),
        found.pop("ratio"),
        "jacfwd of the baseline",
        **found,
    )


def test_fisher_memory(record):
    found = in_a_process("fisher_memory")
    record.add("peak memory of the Fisher matrix", ("under", 1.5, "GB"), found["peak_gb"], "nothing")


def test_recovery_against_adam(record):
    """On a grid of 128: with 2,000 steps of the baseline it takes about 12 minutes."""
    found = in_a_process("recovery")
    adam = "; ".join(f"rate {of['rate']:g}: {of['distance']:.2g} sigma off after {of['steps']} steps"
                     for of in found["adam"])  # fmt: skip
    assert found["ours"]["distance"] < 1e-3
    record.add(
        "canonical recovery, 128 x 128 pixels",
        ("at least", 10.0, TIMES),
        found.pop("ratio"),
        f"Adam on the baseline, to 0.1 sigma or 2,000 steps. {adam}",
        **found,
    )


def test_first_call(record, tmp_path):
    first, second = (in_a_process("first_call", tmp_path / "cache")["seconds"] for _ in range(2))
    misses = []
    for quantity, limit, value in (
        ("first image of a process: trace and compile", 2.0, first),
        ("the same in a second process, from the cache", 1.0, second),
    ):
        try:
            record.add(quantity, ("under", limit, "s"), value, "nothing", rounds=1)
        except AssertionError as miss:
            misses.append(str(miss))
    assert not misses


@pytest.mark.parametrize(
    ("quantity", "arguments"),
    [
        ("`import dluxshera`", None),
        ("`dluxshera --help`", LIGHT["help"]),
        ("`dluxshera profile validate`", LIGHT["profile-validate"]),
    ],
    ids=["import", "help", "profile-validate"],
)
def test_light_commands(record, quantity, arguments):
    def work() -> None:
        if arguments is None:
            start([], "import dluxshera")
        else:
            start(arguments)

    work()
    times = [seconds(work) for _ in range(7)]
    nothing = [seconds(lambda: start(None)) for _ in range(3)]
    record.add(
        quantity,
        ("under", 0.3, "s"),
        float(np.median(times)),
        "an interpreter that does nothing, which it includes; modules from bytecode, as installing makes it",
        rounds=len(times),
        seconds=[float(np.median(times)), float(np.median(nothing))],
        spread=[float(q) for q in np.quantile(times, [0.25, 0.75])],
    )


def test_throughput_of_a_batch(record):
    case = reference_case()
    binder, stores = case.scene.binder, stores_of(case, batch(case, STORES))
    found = interleaved(lambda: binder.predict_batch(stores), lambda: [binder.predict(store) for store in stores], 3)
    assert jnp.allclose(binder.predict_batch(stores)[-1], binder.predict(stores[-1]), rtol=1e-9)
    record.add(
        f"a batch of {STORES} stores, 1 at a time",
        ("at least", 1.0, TIMES),
        found.pop("ratio"),
        f"{STORES} single calls",
        **found,
    )


def test_memory_of_a_batch(record):
    single, many = (in_a_process("batch_memory", n) for n in (1, 256))
    beyond = (many["peak_gb"] - single["peak_gb"]) / (many["images_gb"] - single["images_gb"])
    record.add(
        "memory for 256 stores beyond that of 1, over the images themselves",
        ("at most", 2.0, TIMES),
        beyond,
        f"a batch of 1, whose peak is {single['peak_gb']:.2f} GB; that of 256 is {many['peak_gb']:.2f} GB",
    )
