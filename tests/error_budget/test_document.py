"""Budget documents: reading, and faults with their place, the allowed values and near matches."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from dluxshera.documents import DIMENSIONS, parse_yaml
from dluxshera.error_budget import (
    ComposedReference,
    Quantity,
    budget_schema,
    check_against_specs,
    parse_budget,
    quotient,
    read_budget,
    reference_budget,
    report_schema,
    table_schema,
)
from dluxshera.error_budget.kinds.marginalisation import Marginalisation
from dluxshera.error_budget.kinds.photon_noise import PhotonNoise
from dluxshera.error_budget.kinds.step import ParameterStep
from dluxshera.error_budget.spec_check import is_common_unit
from dluxshera.errors import DocumentError
from dluxshera.units import vounit
from support.rows import every_row

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def check() -> Callable[[str], None]:
    """Read a budget and check it against the specs of the flight design, with those of the effects of terms."""
    reference = ComposedReference.of(read_budget(reference_budget()))

    def run(text: str) -> None:
        budget = parse_budget(parse_yaml(text, "budget.yaml"))
        check_against_specs(budget, reference.forward_spec, reference.inference)

    return run


def test_the_schemas_are_schemas_and_the_committed_ones_are_these():
    for name, schema in {"budget": budget_schema(), "report": report_schema()}.items():
        Draft202012Validator.check_schema(schema)
        committed = ROOT / "schemas" / "error_budget" / schema["x-version"] / f"{name}.schema.json"
        assert json.loads(committed.read_text()) == schema


def test_every_part_of_the_schemas_is_described():
    def bare(schema: dict, path: str) -> list[str]:
        inner = [found for name, part in schema.get("properties", {}).items() for found in bare(part, f"{path}.{name}")]
        inner += [found for part in schema.get("allOf", []) for found in bare(part["then"], path)]
        inner += bare(schema["items"], f"{path}[]") if "properties" in schema.get("items", {}) else []
        return inner if {"const", "description"} & set(schema) else [path, *inner]

    assert bare(budget_schema(), "") == []
    assert bare(report_schema(), "") == []
    assert bare(table_schema(), "") == []
    assert bare({"properties": {"a": {"type": "string"}}, "description": ""}, "") == [".a"]


def test_the_reference_budget_is_read(reference_text: str, check):
    check(reference_text)
    budget = parse_budget(parse_yaml(reference_text))
    assert budget.requirement.limit == Quantity(3.0, "uarcsec")
    assert [len(estimator.free) for estimator in budget.estimators] == [9, 8, 7]
    assert budget.reference.profile == "observation/flight_alpha_cen"
    perturbations = {term.id: term.perturbation for term in budget.terms}
    assert isinstance(perturbations["EB-1.1"], PhotonNoise)
    assert isinstance(perturbations["EB-1.2"], Marginalisation)
    assert perturbations["EB-2.1b"] == ParameterStep("forward", {"system.m1_m2_separation_m": 1.0})
    assert {term.id for term in budget.terms if term.rule == "informative"} == {
        "EB-2.1b", "EB-2.1c", "EB-3.4b", "EB-4.4", "EB-7.1",
    }  # fmt: skip


def place(text: str, fragment: str, near: int) -> tuple[int, int]:
    """Return line and column of a fragment, of its occurrences the nearest to a position."""
    at = min((found.start() for found in re.finditer(re.escape(fragment), text)), key=lambda found: abs(found - near))
    before = text[:at]
    return before.count("\n") + 1, at - before.rfind("\n")


# What is replaced, by what, the fragment of the new text that is pointed at, and the rest of the message.
FAULTS = {
    "unknown name": (
        "    rule: rss\n    allocation: {value: 1.0,",
        "    rule: rss\n    alocation: {value: 1.0,",
        "alocation",
        r"terms\[0\]\.alocation: unknown name \(allowed id, name,.*got \"alocation\"; did you mean allocation\?\)",
    ),
    "missing name": (
        "    status: draft\n    since: 0.1.0\n    verification: {text: Closed",
        "    since: 0.1.0\n    verification: {text: Closed",
        "id: EB-1.1",
        r"terms\[0\]: status is missing",
    ),
    "wrong choice": (
        "class: static",
        "class: statik",
        "statik",
        r"terms\[3\]\.class: not an allowed value \(allowed random, static, drift, got .*; did you mean static\?\)",
    ),
    "wrong type": (
        "value: 3.0",
        "value: three",
        "three",
        r"requirement\.value: wrong type \(allowed number, got \"three\"\)",
    ),
    "out of range": ("value: 3.0", "value: -3", "-3", r"requirement\.value: out of range \(allowed > 0, got -3\)"),
    "name in a perturbation": (
        "      relative: true",
        "      relativ: true",
        "relativ",
        r"terms\[3\]\.perturbation\.relativ: unknown name .*did you mean relative\?",
    ),
    "duplicate key": (
        "    class: static\n",
        "    class: static\n    class: drift\n",
        "class: drift",
        r"terms\[3\]\.class: the key is repeated \(first in line \d+\)",
    ),
    "duplicate id": (
        "id: EB-1.2",
        "id: EB-1.1",
        "EB-1.1\n    name: Marg",
        r"terms\[1\]\.id: duplicate id \(got \"EB-1.1\"\)",
    ),
    "duplicate estimator": (
        "id: calibrated_m2",
        "id: full",
        "full\n    title: Calib",
        r"estimators\[1\]\.id: duplicate id",
    ),
    "missing parent": (
        "parent: EB-2.1a",
        "parent: EB-2.1",
        "EB-2.1\n    acts: >-\n      The same nanometre in",
        r"terms\[5\]\.parent: no such term \(allowed EB-0, .*got \"EB-2.1\"; did you mean .*EB-",
    ),
    "circle of parents": (
        "tied to M1\n    parent: EB-0",
        "tied to M1\n    parent: EB-2.1b",
        "EB-2.1b",
        r"terms\[4\]\.parent: the parents form a circle, EB-2.1a -> EB-2.1b -> EB-2.1a",
    ),
    "allocation's unit": (
        "allocation: {value: 0.1, unit: uarcsec}",
        "allocation: {value: 0.1, unit: nm}",
        "nm}",
        r"terms\[4\]\.allocation\.unit: wrong unit \(allowed a unit that converts to uarcsec, got \"nm\"\)",
    ),
    "magnitude's unit": (
        "magnitude: {value: 1.0, unit: nm}",
        "magnitude: {value: 1.0, unit: s}",
        "s}",
        r"terms\[4\]\.magnitude\.unit: wrong unit \(allowed a unit that converts to m, got \"s\"\)",
    ),
    "no unit at all": (
        "magnitude: {value: 1.0, unit: nm}",
        "magnitude: {value: 1.0, unit: nanometre}",
        "nanometre}",
        r"no such unit \(allowed a VOUnit string, got \"nanometre\"\)",
    ),
    "unit in another spelling": (
        "magnitude: {value: 1.0, unit: nm}",
        "magnitude: {value: 1.0, unit: µm}",
        "µm}",
        r"no such unit, write um \(allowed a VOUnit string, got \"µm\"\)",
    ),
    "unit of a fraction": (
        'unit: ""',
        "unit: nm",
        "nm}",
        r"terms\[3\]\.magnitude\.unit: wrong unit \(allowed a pure number",
    ),
    "no magnitude": (
        "magnitude: {value: 1.0, unit: nm}",
        "magnitude: null",
        "null\n    evidence:\n      tag: illustrative",
        r"terms\[4\]\.magnitude: does not match the kind of perturbation \(allowed a magnitude, or the"
        r" evidence tag or the status 'to be determined'\)",
    ),
    "magnitude of a noise": (
        "    magnitude: null\n",
        "    magnitude: {value: 1.0, unit: nm}\n",
        "{value: 1.0, unit: nm}\n    evidence:\n      tag: computed\n      source: Poisson",
        r"terms\[0\]\.magnitude: does not match the kind of perturbation \(allowed null, because the reference point",
    ),
    "unknown parameter": (
        "{system.m1_m2_separation_m: 1, ",
        "{system.m1_m2_seperation_m: 1, ",
        "system.m1_m2_sep",
        r"direction\.system\.m1_m2_seperation_m: not a primitive parameter of the shera_threeplane\.forward spec"
        r" \(got \"system.m1_m2_seperation_m\"; did you mean system\.m1_m2_separation_m",
    ),
    "parameter of the wrong spec": (
        "        - imaging.throughput",
        "        - binary.log_flux_total",
        "binary.log_flux_total",
        r"terms\[0\]\.perturbation\.keys\[6\]: not a primitive parameter of the shera_threeplane\.forward spec",
    ),
    "unknown estimator key": (
        "      - binary.y_position_as\n",
        "      - binary.y_positon_as\n",
        "binary.y_positon_as",
        r"estimators\[0\]\.free\[3\]: not a primitive parameter .*inference spec .*did you mean binary\.y_position_as",
    ),
    "answer not fitted": (
        "    free:\n      - binary.separation_as\n",
        "    free:\n",
        "- binary.position_angle_deg",
        r"estimators\[0\]\.free: the answer is not among the fitted parameters \(allowed binary.separation_as\)",
    ),
    "malformed key": (
        "        - binary.contrast\n",
        "        - contrast\n",
        "contrast\n",
        r"perturbation\.keys\[1\]: not of the right form \(allowed group.name, as binary.contrast, got \"contrast\"\)",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_place(name: str, reference_text: str, check):
    old, new, fragment, message = FAULTS[name]
    assert old in reference_text
    text = reference_text.replace(old, new, 1)
    line, column = place(text, fragment, near=reference_text.index(old))
    with pytest.raises(DocumentError) as refused:
        check(text)
    assert (refused.value.line, refused.value.column) == (line, column)
    assert str(refused.value).startswith(f"budget.yaml:{line}:{column}: ")
    assert re.search(message, str(refused.value))


def test_the_first_fault_is_raised_and_the_others_are_its_notes(reference_text: str, check):
    text = reference_text.replace("status: illustrative", "status: certain").replace("class: drift", "class: slow")
    with pytest.raises(DocumentError, match=r"requirement\.status") as refused:
        check(text)
    drifting = [
        i for i, term in enumerate(parse_budget(parse_yaml(reference_text)).terms) if term.term_class == "drift"
    ]
    assert len(drifting) > 3
    assert [note.split(": ")[1] for note in refused.value.__notes__] == [f"terms[{i}].class" for i in drifting]


def test_a_budget_may_be_json(tmp_path: Path, reference_text: str):
    budget = parse_budget(parse_yaml(reference_text))
    path = tmp_path / "budget.json"
    path.write_text(json.dumps(budget.source.data))
    assert read_budget(path) == budget


def test_the_requirement_is_in_a_unit_of_the_answer(reference_text: str, check):
    with pytest.raises(
        DocumentError, match=r"requirement\.unit: wrong unit \(allowed a unit that converts to arcsec, got \"nm\"\)"
    ):
        check(reference_text.replace("unit: uarcsec", "unit: nm"))


def test_a_file_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(DocumentError, match=r"none\.yaml: cannot be read: No such file"):
        read_budget(tmp_path / "none.yaml")


def test_units():
    assert quotient("uarcsec", "nm") == "uarcsec/nm"
    assert quotient("uarcsec", "") == "uarcsec"
    assert quotient("uarcsec", "m.s**-1") == "uarcsec/(m.s**-1)"


def test_common_units_are_those_of_astropy():
    """Each one is a VOUnit string; texts that are none are left to astropy, which offers another spelling."""
    prefixed = [prefix + base for prefix in ("", *"kMmunp") for base in ("m", "s", "rad", "arcsec", "K")]
    atoms = [*prefixed, "mas", "deg", "ph", "pixel"]
    texts = [*atoms, *(f"{atom}**-2" for atom in atoms), *DIMENSIONS, "%", "m.s**-1", "ph.s**-1.m**-3", "arcsec/pixel"]
    with every_row() as row:
        for text in texts:
            with row(text):
                assert is_common_unit(text)
                vounit(text)
    assert not any(map(is_common_unit, ("uas", "µas", "kpixel", "m/s/s", "nanometre", "m s", "1e-6arcsec", "m**0")))


def test_a_check_of_a_document_imports_neither_jax_nor_astropy_nor_scipy():
    """In an interpreter of its own; the check also costs less than half a second of it."""
    code = (
        "import sys, time; start = time.process_time()\n"
        "from dluxshera.error_budget import validate_budget\n"
        "validation = validate_budget('reference')\n"
        "assert validation.budget is not None and validation.faults == ()\n"
        "print(time.process_time() - start, *sorted({'jax', 'astropy', 'scipy', 'dLux'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *imported = done.stdout.split()
    assert imported == []
    assert float(seconds) < 0.5
