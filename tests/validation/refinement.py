"""Each numerical choice of the flight design refined: the change of the image and of the separation, and the cost."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dluxshera.model import PrecisionWarning, SheraBinder, binder_of
from dluxshera.systems import NativePupil
from support.evidence import modules_behind
from support.helpers import relative_l2
from support.native_optics import NativeOptics
from support.separation_bias import Columns
from validation import convergence

FLIGHT = convergence.CASES[0]
ROUNDS, IMAGES = 7, 4  # of the processor time
MAX_SUM_UAS = 0.5
SINGLE = "single precision"  # which the package offers: no refinement, and no part of the sum


def model(**fields: Any) -> SheraBinder:
    """The flight model with fields of its configuration changed."""
    config, spec, _ = FLIGHT.model("forward")
    return binder_of(config.replace(**fields), spec)


def with_open_fractions(binder: SheraBinder, optics: NativeOptics) -> SheraBinder:
    """A model whose native cells have the open fractions of the native optics."""
    pupil = NativePupil(optics.structure.coverage, optics.structure.mask).resampled(binder.optics.sampling.grids[0])
    clear, stepped = (jnp.asarray(each) for each in pupil)
    changed = copy(binder)
    object.__setattr__(changed, "optics", replace(binder.optics, clear=clear, stepped=stepped))
    return changed


def refinements(default: SheraBinder, optics: NativeOptics) -> Iterator[tuple[str, Any, Any, SheraBinder]]:
    """Name of each choice, its default, its refinement, and the refined model."""
    sampling = default.optics.sampling
    nodes = sampling.n_wavelengths
    for number in (nodes + 1, 2 * nodes):
        yield "wavelengths", nodes, number, model(n_wavelengths=number)
    grid = sampling.grids[-1]
    yield "cells across the pupil", grid.per_diameter, 160, model(pupil_npix=160)
    margin = model(aberration_margin=12.0)
    yield "band of the pupil, cycles", grid.band, margin.optics.sampling.grids[-1].band, margin
    yield "cells between the planes", grid.npix, 180, model(gap_npix=180)
    for number in (1, 2):
        yield "intensity samples per pixel", 1.0 / sampling.pitch, number, model(pixel_nodes=number)
    yield "edges of the aperture", "closed form", "squares halved at random", with_open_fractions(default, optics)
    with jax.enable_x64(False), warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        single = model()
    yield SINGLE, "float64", "float32", single


def image_of(binder: SheraBinder) -> np.ndarray:
    """Image of a model, in the precision that it was built with."""
    with jax.enable_x64(binder.optics.clear.dtype == np.float64):
        return np.asarray(binder.predict(binder.store))


def processor_times(binders: list[SheraBinder]) -> list[float]:
    """Processor time of an image in units of that of the first model: medians of rounds in which all take turns."""
    rounds = []
    for _ in range(ROUNDS):
        seconds = []
        for binder in binders:
            begin = time.process_time()
            for _ in range(IMAGES):
                image_of(binder)
            seconds.append(time.process_time() - begin)
        rounds.append([each / seconds[0] for each in seconds])
    return [median(each) for each in zip(*rounds, strict=True)]


def measure(columns: Columns, optics: NativeOptics) -> list[dict[str, Any]]:
    """A record of each refinement.

    Parameters
    ----------
    columns
        Derivatives of the default image.
    optics
        Native optics with other open fractions of the cells.
    """
    default = model()
    refined = list(refinements(default, optics))
    expected = image_of(default)
    images = [image_of(binder) for *_, binder in refined]  # which compiles them all
    times = processor_times([default, *(binder for *_, binder in refined)])[1:]
    return [
        {
            "choice": choice,
            "default": before,
            "refined": after,
            "l2": relative_l2(image, expected),
            "bias_uas": {str(number): value for number, value in columns.bias(image - expected).items()},
            "processor_time": ratio,
        }
        for (choice, before, after, _), image, ratio in zip(refined, images, times, strict=True)
    ]


def summed(records: list[dict[str, Any]]) -> dict[str, float]:
    """Sum of the sizes of the changes of the separation, with the finest refinement of each choice, microarcseconds."""
    finest = {record["choice"]: record["bias_uas"] for record in records if record["choice"] != SINGLE}
    return {number: sum(abs(bias[number]) for bias in finest.values()) for number in ("23", "15", "14")}


def bounds(result: dict[str, Any]) -> dict[str, Any]:
    """Return what the error budget has of the record: a bound of the separation's error by number of parameters.

    It is the sum of all choices, or the difference from the native image where that is larger.
    """
    native = result["images"][0]["bias_uas"]
    uas = {number: max(total, abs(native[number])) for number, total in result["sum_uas"].items()}
    return {
        "record": "docs/validation/convergence.json",
        "case": "flight, alpha Cen",
        "answer": "binary.separation_as",
        "bound_uas": uas,
    }


def judge(records: list[dict[str, Any]]) -> list[str]:
    """Return a line for each sum beyond its bound."""
    return [
        f"the sum of all choices is {total:.2g} uas with {number} parameters, above {MAX_SUM_UAS:g}"
        for number, total in summed(records).items()
        if not total < MAX_SUM_UAS
    ]


def sources() -> list[Path]:
    """Files whose code the record of the images and of the refinements is of."""
    here = Path(__file__)
    return sorted({*convergence.sources(), here, *modules_behind(here)})
