"""The cache of results: what need not be computed again is not, and what is resumed has the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dluxshera.error_budget import computation, evaluate, new_budget_text, report
from dluxshera.runtime import set_up_command
from support.rows import each_row

SMALL = "overrides: [image_npix=32, n_wavelengths=1]"


class Computed(Exception):
    """A number is about to be computed."""


@pytest.fixture(scope="module")
def text() -> str:
    plain = new_budget_text("small", "A small budget")
    assert "overrides: []" in plain
    return plain.replace("overrides: []", SMALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def first(text: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The report of the small budget, computed into an empty cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLUXSHERA_CACHE_DIR", str(folder))
        patch.delenv("DLUXSHERA_CACHE_DISABLED", raising=False)
        return report_of(text, tmp_path_factory.mktemp("first"))


@pytest.fixture
def cached(first: dict, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache holds the results, and nothing can be computed."""

    def compute(*_, **__):
        raise Computed

    monkeypatch.setenv("DLUXSHERA_CACHE_DIR", str(folder))
    monkeypatch.delenv("DLUXSHERA_CACHE_DISABLED", raising=False)
    monkeypatch.setattr(report.ReferenceModels, "of", compute)


def report_of(text: str, folder: Path, **options) -> dict:
    path = folder / "budget.yaml"
    path.write_text(text, encoding="utf-8")
    return evaluate(path, command="dluxshera", **options)


def test_an_unchanged_budget_is_not_computed_again(cached, first, text, tmp_path: Path):
    prepared = []
    assert report_of(text, tmp_path, prepare=lambda: prepared.append(set_up_command)) == first
    assert prepared == []


@each_row("old, new", [
    ("{value: 2.0, unit: uarcsec}", "{value: 1.5, unit: uarcsec}"), ("rule: rss", "rule: linear"),
    ("status: draft\n    since", "status: agreed\n    since"), ("class: static", "class: drift"),
    ("tag: illustrative", "tag: sourced"), ("name: Plate-scale knowledge", "name: Scale"), ("value: 3.0", "value: 2.0"),
    ("parent: REQ\n    acts: The plate", "parent: REQ-1\n    acts: The plate"),
], ids=lambda row: row[1].strip()[:20])  # fmt: skip
def test_inputs_of_the_roll_up_alone_compute_nothing(old, new, cached, first, text, tmp_path: Path):
    assert old in text
    changed = report_of(text.replace(old, new), tmp_path)
    assert changed != first
    assert [term["results"]["standard"]["contribution"] for term in changed["terms"]] == [
        term["results"]["standard"]["contribution"] for term in first["terms"]
    ]


@each_row("magnitude", [1e-8, 2e-7, 3e-7])
def test_a_magnitude_within_the_linear_range_computes_nothing(magnitude, cached, first, text, tmp_path: Path):
    before = first["terms"][2]["results"]["standard"]
    assert before["linear_range"]["value"] > 3e-7
    after = report_of(text.replace("value: 1.0e-7", f"value: {magnitude!r}"), tmp_path)["terms"][2]["results"][
        "standard"
    ]
    assert after["bias"]["value"] == pytest.approx(before["bias"]["value"] * magnitude / 1e-7, rel=1e-8)
    assert after["significance"] == pytest.approx(before["significance"] * abs(magnitude) / 1e-7, rel=1e-8)
    assert after["sensitivity"] == before["sensitivity"]
    assert after["linear_range"] == before["linear_range"]


@each_row("old, new", [
    ("value: 1.0e-7", "value: 10.0"),
    ("direction: {system.plate_scale_as_per_pix: 1}", "direction: {binary.contrast: 1}"),
    (SMALL, SMALL.replace("32", "48")), ("      - binary.contrast\n", ""),
    ("unit: uarcsec\n  status", "unit: marcsec\n  status"),
], ids=lambda row: row[1].strip()[:20])  # fmt: skip
def test_inputs_of_the_model_are_computed_again(old, new, cached, text, tmp_path: Path):
    assert old in text
    with pytest.raises(Computed):
        report_of(text.replace(old, new), tmp_path)


def test_other_flags_of_the_compiler_are_computed_again(cached, text, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--other")
    with pytest.raises(Computed):
        report_of(text, tmp_path)


def test_a_disabled_cache_is_not_read(cached, text, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("DLUXSHERA_CACHE_DISABLED", "1")
    with pytest.raises(Computed):
        report_of(text, tmp_path)


def test_a_killed_computation_that_is_resumed_has_the_same_bytes(first, text, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("DLUXSHERA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("DLUXSHERA_CACHE_DISABLED", raising=False)
    compute = computation.compute_term

    def killed(budget, i, evaluation):
        if i == 2:
            raise KeyboardInterrupt
        return compute(budget, i, evaluation)

    monkeypatch.setattr(computation, "compute_term", killed)
    with pytest.raises(KeyboardInterrupt):
        report_of(text, tmp_path)
    resumed = []

    def counted(budget, i, evaluation):
        resumed.append(i)
        return compute(budget, i, evaluation)

    monkeypatch.setattr(computation, "compute_term", counted)
    assert json.dumps(report_of(text, tmp_path)) == json.dumps(first)
    assert resumed == [2]
