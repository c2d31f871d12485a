"""The recovery of a binary, seed by seed: truth and start from the prior, photon noise, a fit, its pulls.

The evidence of 32 seeds is in docs/validation/recovery.json, with hashes of what it tested.
"""

from __future__ import annotations

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

import dluxshera as ds
from dluxshera.files import write_text
from dluxshera.inference.gradient_descent import gradient_descent
from dluxshera.inference.likelihood import PoissonNoise
from dluxshera.inference.posterior import draw_from_prior, make_posterior

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "docs" / "validation" / "recovery.json"
COMMAND = "make validate"
SEEDS = range(32)

CONFIG = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=128)
FREE = (  # those of the demo
    "binary.separation_as",
    "binary.position_angle_deg",
    "binary.x_position_as",
    "binary.y_position_as",
    "binary.log_flux_total",
    "binary.contrast",
    "system.plate_scale_as_per_pix",
    "primary.zernike_coeffs_nm",
    "secondary.zernike_coeffs_nm",
)

SEPARATION_SIGMAS = 3.0  # how far the separation's pulls may be from a unit normal
FAMILY = 0.01  # chance of a false alarm of all the tests of `evidence_is_calibrated` together


class Recovery(NamedTuple):
    """What came of one seed."""

    seed: int
    result: str
    steps: int
    chi2: float  # Pearson's, over the pixels
    distance2: float  # error^T covariance^-1 error, chi-squared with one degree of freedom for each parameter
    pulls: tuple[float, ...]


@cache
def model() -> tuple[ds.SheraThreePlaneBinder, ds.ParamSpec]:
    """The flight design at full flux, and what is free."""
    spec = ds.build_inference_spec_basic(CONFIG)
    return ds.SheraThreePlaneBinder(CONFIG, spec), spec.subset(FREE)


def recover(seed: int) -> Recovery:
    """Simulate and fit; the fit sees the image, the prior and its start, and nothing of the truth."""
    binder, free = model()
    rng = np.random.default_rng(seed)
    truth = draw_from_prior(free, rng)
    data = PoissonNoise().sample(rng, binder.predict(ds.unpack_params(truth, free, binder.store)))
    start = draw_from_prior(free, rng)
    solution = gradient_descent(make_posterior(binder.predict, free, binder.store, data), start, throw=False)

    expected = np.asarray(binder.predict(solution.store))
    pulls = solution.pulls(truth)
    correlation = solution.covariance / np.outer(solution.sigma, solution.sigma)
    return Recovery(
        seed=seed,
        result=solution.result.name,
        steps=len(solution.history) - 1,
        chi2=float(np.sum((data - expected) ** 2 / expected)),
        distance2=float(pulls @ np.linalg.solve(correlation, pulls)),
        pulls=tuple(map(float, pulls)),
    )


def pulls_are_calibrated(pulls: np.ndarray) -> list[str]:
    """What speaks against pulls being of a unit normal: their mean or deviation, three of its own sigma away."""
    n, mean, deviation = len(pulls), float(np.mean(pulls)), float(np.std(pulls, ddof=1))
    failures = []
    if not abs(mean) < (limit := SEPARATION_SIGMAS / np.sqrt(n)):
        failures.append(f"the mean of {n} pulls is {mean:+.3f}, and should be within {limit:.3f} of 0")
    if not abs(deviation - 1.0) < (limit := SEPARATION_SIGMAS / np.sqrt(2 * n)):
        failures.append(f"the deviation of {n} pulls is {deviation:.3f}, and should be within {limit:.3f} of 1")
    return failures


def evidence_is_calibrated(labels: list[str], pulls: np.ndarray, distances2: np.ndarray) -> list[str]:
    """What speaks against all parameters' pulls being of unit normals with the correlations that the fit states.

    One test of the mean and one of the sum of squares for each parameter, and one of all parameters together: the sum
    of the squared distances in the metric of the covariance. The parameters are correlated (the same mode of the two
    mirrors almost perfectly), so that their tests are not independent; the chance of a false alarm of them all is at
    most `FAMILY` all the same (Bonferroni).
    """
    n, parameters = pulls.shape
    limit = FAMILY / (2 * parameters + 1)

    def tail(value: float, degrees: int) -> float:
        """Two-sided p-value of a sum of squares."""
        return 2 * min(stats.chi2.sf(value, degrees), stats.chi2.cdf(value, degrees))

    p_values = {f"the mean of {label}": 2 * stats.norm.sf(abs(of.mean()) * np.sqrt(n))
                for label, of in zip(labels, pulls.T, strict=True)}  # fmt: skip
    p_values |= {f"the scatter of {label}": tail(of @ of, n) for label, of in zip(labels, pulls.T, strict=True)}
    p_values["the distance in all parameters"] = tail(distances2.sum(), n * parameters)
    return [f"{what} has the p-value {p:.1e}, below {limit:.1e}" for what, p in p_values.items() if not p > limit]


def source_hashes() -> dict[str, str]:
    """SHA-256 of each source file that the recovery rests on."""
    package = ROOT / "src" / "dluxshera"
    files = [path for room in ("params", "optics", "systems", "inference") for path in (package / room).rglob("*.py")]
    return {
        path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted([*files, package / "binder.py"])
    }


def provenance() -> dict[str, Any]:
    """What the evidence is of: hashes and versions."""
    binder, _ = model()
    return {
        "design": CONFIG.name,
        "spec": {"name": binder.spec.title, "sha256": binder.spec.digest()},
        "structural_hash": ds.structural_hash_from_config(CONFIG),
        "sources": source_hashes(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("dluxshera", "jax", "jaxlib", "numpy", "optax", "dLux", "dLuxToliman")},
        },
    }


def write_record(recoveries: list[Recovery]) -> None:
    """Write the evidence, whole or not at all."""
    pixels = CONFIG.image_npix**2
    document = {
        "about": f"Truth and start drawn from the prior, photon noise, a fit of {len(model()[1].labels)} parameters",
        "command": COMMAND,
        **provenance(),
        "pixels": pixels,
        "parameters": list(model()[1].labels),
        "recoveries": [recovery._asdict() for recovery in recoveries],
    }
    write_text(RECORD, json.dumps(document, indent=1) + "\n")


def read_record() -> tuple[dict[str, Any], list[Recovery]]:
    """Read the evidence."""
    document = json.loads(RECORD.read_text(encoding="utf-8"))
    return document, [Recovery(**{**each, "pulls": tuple(each["pulls"])}) for each in document["recoveries"]]


def changed_since(document: dict[str, Any]) -> list[str]:
    """What the evidence was gathered for and is no longer so; other versions of libraries are no reason."""
    now = provenance()
    then, today = document["sources"], now["sources"]
    changed = [name for name in sorted(then.keys() | today.keys()) if then.get(name) != today.get(name)]
    return changed + [name for name in ("design", "spec", "structural_hash") if document[name] != now[name]]
