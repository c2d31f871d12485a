"""A small budget with numbers set by hand, and its report: what needs no model is tested on it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from dluxshera.documents import parse_yaml
from dluxshera.error_budget import Budget, Driver, IndependentValue, TermResult, assembled, parse_budget
from dluxshera.error_budget.computed import ComputedEstimator, ComputedPoint, ComputedTerm
from dluxshera.params import ParamField

DOCUMENT = """\
schema_version: 0.2.0
id: toy
title: A budget
requirement:
  {id: R, text: Error of the scale., answer: image.scale, value: 3.0, unit: uarcsec, status: illustrative}
reference: {text: A point., profile: a/b, overrides: [mirror.focal_length_m=2 m, pupil_npix=64]}
estimators:
  - {id: full, title: Full, free: [image.scale, mirror.tilt], note: All of it.}
  - {id: fixed, title: Fixed, free: [image.scale]}
exclusions:
  - {key: mirror.colour, reason: No light sees it.}
correlations:
  - {between: [N, S1], r: 0.25}
  - {between: [N, S2], r: 0.25}
terms:
  - id: N
    name: Noise
    parent: R
    acts: Photons.
    perturbation: {kind: photon_noise, keys: [mirror.focal_length_m]}
    magnitude: null
    evidence: {tag: computed, source: the image}
    class: random
    rule: rss
    allocation: {value: 2.0, unit: uarcsec}
    status: agreed
    since: 0.1.0
    verification: {method: analysis, phase: B, evidence: "tests/a.py::test_a", result: passed, text: By hand}
  - id: S1
    name: Bending
    parent: R
    acts: The mirror bends.
    perturbation: {kind: step, model: forward, direction: {mirror.focal_length_m: 1}}
    magnitude: {value: 1.0, unit: nm}
    evidence: {tag: derived, source: a note}
    class: drift
    rule: rss
    cause: heat
    allocation: {value: 1.0, unit: uarcsec}
    owner: optics
    status: draft
    since: 0.1.0
    verification: {text: Rays}
  - id: S2
    name: Shift
    parent: R
    acts: The mirror shifts.
    perturbation: {kind: step, model: forward, direction: {mirror.tilt: 1}}
    magnitude: {value: 3.0, unit: nm, as: multiple, coverage: 3}
    evidence: {tag: illustrative, source: a guess}
    class: static
    rule: rss
    cause: heat
    factor: 2.0
    status: draft
    since: 0.2.0
  - id: L
    name: Known bias
    parent: S1
    acts: It is known.
    perturbation: {kind: given}
    magnitude: {value: -0.5, unit: uarcsec}
    evidence: {tag: sourced, source: "=a paper"}
    class: static
    rule: linear
    status: agreed
    since: 0.2.0
  - id: T
    name: Open
    parent: R
    acts: Not known yet.
    perturbation: {kind: step, model: forward, direction: {mirror.mass: 1}}
    magnitude: null
    evidence: {tag: to be determined, source: nothing yet}
    class: drift
    rule: rss
    status: to be determined
    since: 0.2.0
"""
FIELDS = {
    key: ParamField(key, title=f"The {key.partition('.')[2]}", doc="A value.", units=unit, default=1.0, source="design")
    for key, unit in {
        "image.scale": "arcsec",
        "mirror.focal_length_m": "m",
        "mirror.tilt": "rad",
        "mirror.mass": "",
        "mirror.colour": "",
    }.items()
}
GRADIENTS = {
    "full": dict(zip(FIELDS, (1e6, -2.0e9, 0.0, 5.0, 0.0), strict=True)),
    "fixed": dict(zip(FIELDS, (1e6, 1.0e9, 1.5e3, 7.0, 0.0), strict=True)),
}


def _bias(value: float, magnitude: float) -> TermResult:
    return TermResult(
        contribution=abs(value), sensitivity=value / magnitude, bias=value, stealth=0.97, significance=4.0,
        residual=2.0, linear_range=12345.0, resolution=1e-6, second_order=1e-9,
    )  # fmt: skip


def numbers() -> dict[str, ComputedTerm]:
    """Return the numbers of the terms, by id."""
    focal, tilt, mass = (Driver(key) for key in ("mirror.focal_length_m", "mirror.tilt", "mirror.mass"))
    noise = {"full": TermResult(contribution=1.2, sigma=1.2), "fixed": TermResult(contribution=0.9, sigma=0.9)}
    check = IndependentValue("floor", 1.1, "lambda / (pi D)")
    given = TermResult(contribution=0.5, sensitivity=1.0, bias=-0.5)
    return {
        "N": ComputedTerm((focal._replace(elasticity=-0.5),), noise, (check,)),
        "S1": ComputedTerm((focal,), {"full": _bias(-2.0, 1.0), "fixed": _bias(1.0, 1.0)}, (), 1.0),
        "S2": ComputedTerm((tilt,), {"full": _bias(0.0, 1.0), "fixed": _bias(1.5, 1.0)}, (), 1.0),
        "L": ComputedTerm((), {"full": given, "fixed": given}, (), -0.5),
        "T": ComputedTerm((mass,), {}, ()),
    }


def toy_budget(document: str = DOCUMENT) -> Budget:
    """Return the budget of a document."""
    return parse_budget(parse_yaml(document, "toy.yaml"))


def toy_report(
    document: str = DOCUMENT,
    terms: Mapping[str, ComputedTerm] | None = None,
    gradients: Mapping[str, Mapping[str, float]] = GRADIENTS,
) -> dict[str, Any]:
    """Return the report of a document with numbers set by hand; a gradient of zero does not act."""
    budget, computed = toy_budget(document), numbers() | dict(terms or {})
    point = ComputedPoint(
        "uarcsec",
        1e-6,
        {
            "full": ComputedEstimator(1.3, 1.2, 2, 10.0, (("mirror.tilt", 1.3),)),
            "fixed": ComputedEstimator(0.9, 0.9, 1, 1.0, ()),
        },
        {name: {key: (value, value != 0) for key, value in items.items()} for name, items in gradients.items()},
        {"system": "a", "design": "b", "target": "a star", "image": "2 x 2", "wavelengths": 1, "pupil": "8",
         "photons": {"value": 1e9, "unit": "ph"}},
        {"fill": 0.5, "findings": []},
    )  # fmt: skip
    provenance = {
        "package_version": "1",
        **dict.fromkeys(("spec_hash", "config_hash", "design_hash", "budget_hash"), "sha256:" + 8 * "0123"),
        "profiles": [{"kind": "target", "name": "a star", "content_hash": "sha256:" + 8 * "4567"}],
        "command": "dluxshera budget report --budget toy.yaml",
        "created_with": {"numpy": "2"},
    }
    ids = [term.id for term in budget.terms]
    return copy.deepcopy(assembled(budget, point, [computed[name] for name in ids], provenance, FIELDS, None))
