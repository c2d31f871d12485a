"""The reference budget at full size: sigmas in NumPy alone, figures of perturbations, drawn ensembles, and refits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from dluxshera.documents import parse_yaml
from dluxshera.error_budget.discovery import perturbation_kinds
from dluxshera.error_budget.document import parse_budget
from dluxshera.error_budget.evaluation import Evaluation
from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.reference import ReferenceModels
from dluxshera.error_budget.report import evaluation_of, reference_budget
from dluxshera.error_budget.requirement import Quantity
from dluxshera.error_budget.terms import Budget
from support import native_optics, numpy_fit, reference_optics
from support.evidence import modules_behind
from support.numpy_fit import NumpyFit

ESTIMATORS: Final = ("full", "calibrated_m2", "fixed_scale")
HEAD: Final = "  overrides: # Noll 4 to 11\n"
NUMPY_WAVELENGTHS: Final = 3
MAPS: Final = 400
SIGMA_TOLERANCE: Final = 1e-4
LINEAR_TOLERANCE: Final = 0.05
Z4: Final = [1, 0, 0, 0, 0, 0, 0, 0]

# Kind, content, magnitude, and the figures of the design document in microarcseconds, which an earlier model of three
# wavelengths gave.
FIGURES: Final[dict[str, tuple[str, dict[str, Any], Quantity, tuple[float, float, float]]]] = {
    "response, 1e-3": (
        "map_ensemble", {"keys": ["detector.pixel_response"]}, Quantity(1e-3, ""), (11.93, 10.08, 4.73),
    ),
    "pixel offsets, 1e-3 px": (
        "map_ensemble", {"keys": ["detector.pixel_x_offset_pix", "detector.pixel_y_offset_pix"]},
        Quantity(1e-3, "pixel"), (10.82, 8.82, 4.89),
    ),
    "nonlinearity, -1e-3 at 7,000 electrons": ("nonlinearity", {}, Quantity(-1e-3, ""), (-18.6, -20.2, -0.26)),
    "background, 1 ph/px/frame": (
        "step", {"model": "forward", "direction": {"field.background": 1}}, Quantity(36_000.0, "ph"), (-130, -255, 23),
    ),
    "wavelength, 1 pm": (
        "step", {"model": "forward", "direction": {"band.wavelength_m": 1}}, Quantity(1.0, "pm"), (-17.7, -17.7, 0.21),
    ),
    "wavelength of A, 1 pm": ("spectrum", {"stars": ["A"]}, Quantity(1.0, "pm"), (-14.9, -14.9, 0.03)),
    "jitter, 0.1 px": (
        "kernel", {"width": "imaging.jitter_as", "in_pixels": True}, Quantity(0.1, "pixel"), (-130, -169, -24),
    ),
    "M1 Noll 4 varying, 1 nm": (
        "variation", {"direction": {"primary.zernike_coeffs_nm": Z4}}, Quantity(1.0, "nm"), (-26.9, -31.7, 0.34),
    ),
    "M1 Noll 4 varying, 0.1 nm": (
        "variation", {"direction": {"primary.zernike_coeffs_nm": Z4}}, Quantity(0.1, "nm"), (-0.269, -0.317, 0.0034),
    ),
    "distortion of all light, 1e-3 px": (
        "image_distortion", {"radius_pix": 128}, Quantity(1e-3, "pixel"), (-21.7, -14.4, 13.4),
    ),
    "distortion of places, 1e-3 px": (
        "step", {"model": "forward", "direction": {"system.cubic_distortion_per_as2": 1}},
        Quantity(3.14123e-8, "arcsec**-2"), (7.3, 7.3, 7.3),
    ),
    "read and dark": ("detector_noise", {"sources": ["read", "dark"]}, Quantity(0.0, ""), (0.14, 0.11, 0.04)),
    "spacing, 1 nm": (
        "step",
        {"model": "forward", "direction": {"system.m1_m2_separation_m": 1, "system.m2_detector_separation_m": 1}},
        Quantity(1.0, "nm"), (0, 0, 0.0307),
    ),
    "M2-detector distance, 1 nm": (
        "step", {"model": "forward", "direction": {"system.m2_detector_separation_m": 1}}, Quantity(1.0, "nm"),
        (0, 0, 0.0143),
    ),
    "M2 focal length, 1 nm": (
        "step", {"model": "forward", "direction": {"system.m2_focal_length_m": 1}}, Quantity(1.0, "nm"), (0, 0, 0.1532),
    ),
    "M1 focal length, 1 nm": (
        "step", {"model": "forward", "direction": {"system.m1_focal_length_m": 1}}, Quantity(1.0, "nm"), (0, 0, 0),
    ),
}  # fmt: skip


def evaluated(*overrides: str) -> tuple[Budget, Evaluation]:
    """Return the reference budget with overrides, and its evaluation."""
    text = reference_budget().read_text(encoding="utf-8")
    assert HEAD in text
    text = text.replace(HEAD, HEAD + "".join(f"    - {override}\n" for override in overrides))
    budget = parse_budget(parse_yaml(text, "budget.yaml"))
    reference = ReferenceModels.of(budget)
    return budget, evaluation_of(budget, *reference.models())


def sigmas(estimators: tuple[str, ...] = ESTIMATORS) -> dict[str, dict[str, float]]:
    """Return sigmas by central differences in NumPy alone, and those of the package, at three wavelengths."""
    budget, evaluation = evaluated(f"n_wavelengths={NUMPY_WAVELENGTHS}")
    params = {key: np.asarray(value) for key, value in evaluation.inference.store.items()}
    fit = NumpyFit(params, evaluation.image.shape[0], NUMPY_WAVELENGTHS)
    records = {}
    for estimator in budget.estimators:
        if estimator.id in estimators:
            sigma, conditional = fit.sigma(estimator.free)
            records[estimator.id] = {
                "numpy_uas": 1e6 * sigma,
                "package_uas": evaluation.sigma(estimator),
                "conditional_numpy_uas": 1e6 * conditional,
                "conditional_package_uas": evaluation.conditional_sigma(estimator),
            }
    return records


def figures(evaluation: Evaluation, names: tuple[str, ...] = tuple(FIGURES)) -> dict[str, dict[str, Any]]:
    """Return the figures of perturbations in microarcseconds, with the signs of biases, and their ranges."""
    records = {}
    for name in names:
        kind, content, magnitude, _ = FIGURES[name]
        found = perturbation_kinds()[kind].parse(content).results(evaluation, magnitude)
        records[name] = {
            "uas": {key: each.contribution if each.bias is None else each.bias for key, each in found.items()},
            "resolution_uas": {key: each.resolution for key, each in found.items()},
        }
    return records


def ensembles(evaluation: Evaluation, maps: int = MAPS, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Return standard deviations of the biases of drawn maps, by images with them, and in closed form."""
    rng = np.random.default_rng(seed)
    cases = {
        "response, 1e-3": (["detector.pixel_response"], {}, 1e-3, ""),
        "pixel offsets, 1e-3 px": (["detector.pixel_x_offset_pix", "detector.pixel_y_offset_pix"], {}, 1e-3, "pixel"),
        "M1 map, 0.1 nm": (
            ["primary.uncalibrated_map_nm"], {"exponent": 2.5, "removed": [1, 2, 3], "circle": True}, 0.1, "nm",
        ),
    }  # fmt: skip
    records = {}
    for name, (keys, content, size, unit) in cases.items():
        kind = perturbation_kinds()["map_ensemble"].parse({"keys": keys, **content})
        closed = kind.results(evaluation, Quantity(size, unit))
        model = evaluation.model_of(keys)
        ensemble = kind.ensemble(evaluation, keys[0])
        weights = [evaluation.weights_of(estimator) for estimator in evaluation.estimators]
        count = maps if name != "M1 map, 0.1 nm" else maps // 4
        biases = np.empty((count, len(weights)))
        for row in biases:
            maps_of = {key: np.asarray(model.store[key]) + size * ensemble.draw(rng) for key in keys}
            change = evaluation.truth(model, maps_of) - evaluation.image
            row[:] = [np.sum(weight * change) for weight in weights]
        records[name] = {
            "maps": count,
            "drawn_uas": dict(zip(ESTIMATORS, np.std(biases, axis=0).tolist(), strict=True)),
            "closed_uas": {key: each.contribution for key, each in closed.items()},
        }
    return records


def refits(
    budget: Budget,
    evaluation: Evaluation,
    ids: tuple[str, ...] | None = None,
    estimators: tuple[str, ...] = ESTIMATORS,
) -> list[dict[str, Any]]:
    """Return linear biases and those of refits, for each row of bias at its magnitude and at a tenth."""
    records = []
    for term in budget.terms:
        kind = term.perturbation
        if not isinstance(kind, ImagePerturbation) or term.magnitude is None or (ids and term.id not in ids):
            continue
        change = kind.image_change(evaluation, term.magnitude.unit)
        for part in (1.0, 0.1):
            size = part * term.magnitude.value
            for estimator in (each for each in budget.estimators if each.id in estimators):
                found = evaluation.bias(estimator, change, size)
                records.append(
                    {
                        "term": term.id,
                        "part": part,
                        "estimator": estimator.id,
                        "bias_uas": found.bias,
                        "resolution_uas": found.resolution,
                        "in_range": found.refit is None,
                        "refit_uas": evaluation.refit(estimator, np.asarray(change.truth(size))),
                    }
                )
    return records


def judge(result: dict[str, Any]) -> list[str]:
    """Return a line for each figure beyond its bound."""
    lines = []
    for name, record in result["sigmas"].items():
        for prefix in ("", "conditional_"):
            ratio = record[f"{prefix}numpy_uas"] / record[f"{prefix}package_uas"]
            if not abs(ratio - 1) <= SIGMA_TOLERANCE:
                lines.append(f"{prefix}sigma of {name}: {ratio - 1:.2g} from NumPy's")
    for name, record in result["ensembles"].items():
        for estimator, drawn in record["drawn_uas"].items():
            departure = drawn / record["closed_uas"][estimator] - 1
            if not abs(departure) <= 3 / np.sqrt(2 * record["maps"]):
                lines.append(f"{name}, {estimator}: {departure:.2g} from the closed form")
    return lines + judge_refits(result["refits"])


def judge_refits(records: list[dict[str, Any]]) -> list[str]:
    """Return a line for each linear bias within its range that differs from the refit."""
    lines = []
    for record in records:
        allowed = max(LINEAR_TOLERANCE * abs(record["refit_uas"]), record["resolution_uas"])
        if record["in_range"] and not abs(record["bias_uas"] - record["refit_uas"]) <= allowed:
            lines.append(
                f"{record['term']}, {record['estimator']}, {record['part']:g} of its magnitude:"
                f" {record['bias_uas']:.4g} against {record['refit_uas']:.4g} uas of the refit"
            )
    return lines


def sources() -> list[Path]:
    """Files whose code the record is of."""
    here = Path(__file__)
    modules = (native_optics, numpy_fit, reference_optics)
    return sorted({here, *(Path(module.__file__ or "") for module in modules), *modules_behind(here)})
