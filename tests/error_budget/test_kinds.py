"""Kinds of perturbation: found by their files, complete, and part of the schema without another line of code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from dluxshera.documents import parse_yaml
from dluxshera.error_budget import (
    ImagePerturbation,
    NoisePerturbation,
    Perturbation,
    Quantity,
    budget_schema,
    kinds,
    parse_budget,
    perturbation_kinds,
)
from dluxshera.errors import DocumentError, ExpectationError
from error_budget.conftest import case

PLANTED_LIGHT = '''
from dataclasses import dataclass
from typing import final

import numpy as np

from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.schema_parts import record_schema
from dluxshera.error_budget.changes import ImageChange


@final
@dataclass(frozen=True)
class PlantedLight(ImagePerturbation):
    """Uniform light that the estimator ignores."""

    factor: float

    @classmethod
    def schema(cls):
        return record_schema("Light.", {"factor": {"type": "number", "description": "Factor of the magnitude."}})

    @classmethod
    def parse(cls, content):
        return cls(float(content["factor"]))

    def check(self, specs, at):
        return ("",)

    def moved(self, model):
        return ()

    def drivers(self, evaluation):
        return []

    def image_change(self, evaluation, magnitude_unit):
        light = self.factor * np.ones_like(evaluation.image)
        return ImageChange(light, lambda size: evaluation.image + size * light)
'''
ROW = """
  - id: EB-3.5x
    name: Stray light
    parent: EB-0
    acts: Light is added to every pixel.
    perturbation: {kind: planted_light, factor: 2}
    magnitude: {value: 3, unit: ""}
    evidence: {tag: illustrative, source: none}
    class: drift
    rule: rss
    status: draft
    since: 0.1.0
"""


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Plant the file of a kind, called ``planted_light``, beside those of the package."""
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])

    def plant(source: str) -> None:
        (tmp_path / "planted_light.py").write_text(source)
        perturbation_kinds.cache_clear()

    yield plant
    sys.modules.pop(f"{kinds.__name__}.planted_light", None)
    perturbation_kinds.cache_clear()


def test_each_file_is_one_final_kind():
    files = {path.stem for path in Path(kinds.__path__[0]).glob("*.py")} - {"__init__"}
    assert set(perturbation_kinds()) == files >= {"photon_noise", "marginalisation", "step", "derived_change"}
    for kind in perturbation_kinds().values():
        assert getattr(kind, "__final__", False), kind
        assert issubclass(kind, Perturbation), kind
        assert not (issubclass(kind, ImagePerturbation) and issubclass(kind, NoisePerturbation)), kind


def test_a_planted_kind_is_in_the_schema_and_is_parsed(plant, reference_text: str):
    with pytest.raises(DocumentError, match=r"perturbation\.kind: not an allowed value"):
        parse_budget(parse_yaml(reference_text + ROW))
    plant(PLANTED_LIGHT)
    perturbation = budget_schema()["properties"]["terms"]["items"]["properties"]["perturbation"]
    assert "planted_light" in perturbation["properties"]["kind"]["enum"]
    assert next(
        branch["then"]
        for branch in perturbation["allOf"]
        if branch["if"]["properties"]["kind"]["const"] == "planted_light"
    )["required"] == ["kind", "factor"]
    term = parse_budget(parse_yaml(reference_text + ROW)).terms[-1]
    assert term.perturbation == perturbation_kinds()["planted_light"](2.0)
    last = len(parse_budget(parse_yaml(reference_text)).terms)
    with pytest.raises(DocumentError, match=rf":\d\d\d:\d+: terms\[{last}\]\.perturbation: factor is missing"):
        parse_budget(parse_yaml(reference_text + ROW.replace(", factor: 2", "")))


def test_a_planted_kind_is_evaluated_like_the_others(plant, small_text: str):
    """Its bias against the normal equations, for the estimator that they condition best.

    The model keeps grids for larger aberrations than by default. The linear range is of a fit at which the image has
    a thousandth more light, which the worst conditioned estimator takes for 306 nm of defocus of M2.
    """
    plant(PLANTED_LIGHT)
    line = "    - n_wavelengths=2\n"
    assert line in small_text
    small = case(small_text.replace(line, line + "    - aberration_margin=10\n"))
    kind = perturbation_kinds()["planted_light"](2.0)
    result = kind.results(small.evaluation, Quantity(3.0, ""))["fixed_scale"]
    estimator = small.budget.estimators[2]
    fitted = small.evaluation.directions["inference"]
    jacobian = fitted.jacobian[fitted.rows(estimator.free)].reshape(-1, small.evaluation.image.size)
    sizes = np.sqrt(np.sum(jacobian**2 * small.evaluation.weights, axis=1))
    rows = jacobian / sizes[:, None]
    light = 6.0 * np.ones(small.evaluation.image.size)
    bias = np.linalg.solve((rows * small.evaluation.weights) @ rows.T, rows @ (small.evaluation.weights * light))
    assert result.bias == pytest.approx(bias[0] / sizes[0] * 1e6, rel=1e-6)
    assert result.sensitivity == pytest.approx(result.bias / 3)
    assert set(kind.results(small.evaluation, Quantity(3.0, ""))) == {"full", "calibrated_m2", "fixed_scale"}


def test_an_incomplete_kind_is_named_with_the_parts_that_it_lacks(plant):
    source = PLANTED_LIGHT.replace("def moved", "def moves").replace("def image_change", "def change")
    plant(source)
    message = (
        r"kinds\.planted_light\.PlantedLight: expected definitions of image_change, moved.*Define image_change, moved"
    )
    with pytest.raises(ExpectationError, match=message):
        budget_schema()


@pytest.mark.parametrize(
    ("source", "classes"),
    [("", r"\[\]"), (PLANTED_LIGHT + "\nclass Other(ImagePerturbation): ...", r"\['PlantedLight', 'Other'\]")],
    ids=["none", "two"],
)
def test_a_file_defines_exactly_one_kind(plant, source: str, classes: str):
    plant(source)
    with pytest.raises(ExpectationError, match=rf"planted_light: expected exactly one subclass .*, got {classes}"):
        perturbation_kinds()
