"""Published budgets: their sums close, and a table that does not is a fault at its cell."""

from __future__ import annotations

import re
from math import hypot, inf, sqrt
from pathlib import Path

import pytest

from dluxshera.documents import read_document
from dluxshera.error_budget import (
    deficits,
    exposure_for_snr,
    given_results,
    import_budget,
    largest_snr,
    nodes,
    packaged_budgets,
    read_budget,
    sums_of_table,
    validate_budget,
)
from dluxshera.errors import DocumentError, ExpectationError
from support.rows import each_row

PUBLISHED = ("jwst-wavefront", "roman-calibration", "roman-stability")

# The five instruments' system performance and total with the reserve, as published: required and predicted.
JWST = {
    "nircam": ((135, 150), (96, 127)),
    "nirspec": ((233, 238), (123, 169)),
    "miri": ((386, 421), (134, 176)),
    "niriss": ((161, 180), (103, 140)),
    "fgs": ((155, 186), (103, 147)),
}


def table_of(name: str) -> Path:
    return packaged_budgets()[name]


@each_row("name", PUBLISHED)
def test_a_packaged_table_is_a_budget_without_a_model_that_is_valid(name: str):
    validation = validate_budget(name)
    assert validation.faults == validation.deficits == ()
    budget = validation.budget
    assert budget.reference is None
    assert budget.estimators == ()
    assert "BSD-3-Clause" in budget.licence
    assert "repository" in budget.publication
    assert all(term.evidence["source"] for term in budget.terms)


def test_the_fifty_sums_of_the_wavefront_budget_of_jwst_close():
    sums = sums_of_table(read_document(table_of("jwst-wavefront")))
    assert len(sums) == 50
    assert max(abs(item.stated - item.computed) for item in sums) < 1.5
    # Two of them by hand.
    assert any((item.stated, item.computed) == (122.0, pytest.approx(hypot(81, 91))) for item in sums)
    assert any((item.stated, item.computed) == (135.0, pytest.approx(hypot(122, 58))) for item in sums)


@each_row("case, numbers", list(JWST.items()))
def test_the_reserve_of_the_wavefront_budget_is_the_rest_of_the_total(case: str, numbers: tuple[tuple[int, int], ...]):
    """65 and 83 nm for NIRCam."""
    budget = read_budget("jwst-wavefront").case(case)
    (required, limit), (predicted, total) = numbers
    tree = {node.id: node for node in nodes(budget, given_results(budget))}
    assert budget.requirement.limit.value == limit
    assert tree["JW-1"].allocation == required
    assert tree["JW-1"].estimate == pytest.approx(predicted, abs=1.5)
    assert tree["JW-R"].allocation == pytest.approx(sqrt(limit**2 - required**2), rel=1e-9)
    assert tree["JW-R"].estimate == pytest.approx(sqrt(total**2 - predicted**2), rel=1e-9)
    assert tree["JW-0"].reserve == pytest.approx(0.0, abs=1e-5 * limit)
    assert tree["JW-0"].margin == pytest.approx(limit - total, abs=1.5)
    if case == "nircam":
        assert (round(tree["JW-R"].allocation), round(tree["JW-R"].estimate)) == (65, 83)
        assert budget.terms == read_budget("jwst-wavefront").terms  # the document itself is the first case


def test_the_stability_of_the_roman_coronagraph_is_169_parts_per_billion():
    budget = read_budget("roman-stability")
    total = nodes(budget, given_results(budget))[0].estimate
    assert total == pytest.approx(1.69e-9, abs=0.005e-9)
    assert total == pytest.approx(sqrt(0.611**2 + 1.245**2 + 0.968**2) * 1e-9, rel=1e-3)
    assert (budget.requirement.answer, budget.requirement.limit.unit) == ("contrast", "")


def test_the_calibration_of_the_roman_coronagraph_is_5_percent():
    budget = read_budget("roman-calibration")
    root = nodes(budget, given_results(budget))[0]
    assert root.allocated == pytest.approx(sqrt(2.9**2 + 2.6**2 + 2.2**2 + 1.3**2 + 1.0**2 + 1.5**2), rel=1e-12)
    assert root.allocated == pytest.approx(5.0, abs=0.05)
    assert budget.requirement.limit.unit == "%"
    assert root.margin == pytest.approx(5.0 - sqrt(1.9**2 + 2.0**2 + 1.08**2 + 1.16**2 + 0.71**2 + 0.28**2), rel=1e-12)
    assert deficits(budget) == []


def test_the_exposure_of_the_roman_coronagraph_for_a_signal_to_noise_ratio_of_5():
    rates = {"signal": 0.256209, "variance": 0.528663, "residual": 0.00299061}
    time = exposure_for_snr(5.0, **rates)
    assert time == pytest.approx(202.0, abs=0.05)
    assert largest_snr(rates["signal"], rates["residual"]) == pytest.approx(85.7, abs=0.05)
    # By the definition: signal over the root of the summed variances, after that time.
    noise = sqrt(rates["variance"] * time + (rates["residual"] * time) ** 2)
    assert rates["signal"] * time / noise == pytest.approx(5.0, rel=1e-12)
    assert exposure_for_snr(85.6, **rates) > 1e5
    assert largest_snr(1.0, 0.0) == inf
    with pytest.raises(ExpectationError, match=r"snr: expected below 85\.67\d*, .*got 85\.7"):
        exposure_for_snr(85.7, **rates)
    for name, value in (("signal", 0.0), ("variance", -1.0), ("residual", -1.0)):
        with pytest.raises(ExpectationError, match=rf"{name}: expected"):
            exposure_for_snr(5.0, **{**rates, name: value})


def test_an_imported_budget_is_a_document_of_its_own(tmp_path: Path):
    """Import, write, read: the same rows, with the stated sums, the source and the licence."""
    path = tmp_path / "jwst.yaml"
    path.write_text(import_budget("jwst-wavefront"), encoding="utf-8")
    budget, packaged = read_budget(path), read_budget("jwst-wavefront")
    assert budget == packaged
    assert validate_budget(path).faults == ()
    text = path.read_text()
    assert "spacetelescope/stpsf" in text
    assert "kind: children" in text
    changed = text.replace("value: 81.0", "value: 91.0")  # the predicted total of the telescope
    path.write_text(changed)
    with pytest.raises(DocumentError, match=r"JW-1\.1 \(Telescope\) does not close: stated 91 nm, computed 80\.\d* nm"):
        read_budget(path)


# Old and new text of the table of JWST, fragment that is pointed at, rest of the message.
FAULTS = {
    "required sum": (
        "allocation: [122, 128, 133, 131, 115]", "allocation: [122, 128, 143, 131, 115]", "143",
        r"rows\[2\]\.allocation\[2\]: the sum JW-1\.1 \(Telescope\) of miri does not close: stated 143 nm, computed"
        r" 133\.54 nm, tolerance 1\.5 nm; compare the rows JW-1\.1\.1, JW-1\.1\.2 with the source",
    ),
    "predicted sum": (
        "estimate: [53, 55, 56, 53, 40]", "estimate: [53, 55, 56, 53, 50]", "50]\n    class",
        r"rows\[7\]\.estimate\[4\]: the sum JW-1\.1\.2 .* of fgs does not close: stated 50 nm, computed 39\.56 nm",
    ),
    "just outside the tolerance": (
        "tolerance: 1.5", "tolerance: 0.4", "180, 186",
        r"does not close: stated \d+ nm, computed [\d.]+ nm, tolerance 0\.4 nm",
    ),
    "parts above the whole": (
        "estimate: [127,", "estimate: [90,", "90,",
        r"rows\[0\]\.estimate\[0\]: the sum JW-0 .* of nircam does not close: stated 90 nm, less than 96 nm, the sum of"
        r" the rows other than JW-R",
    ),
    "numbers that are missing": (
        "estimate: [53, 55, 56, 53, 40]", "estimate: [53, 55, 56, 53]", "[53, 55, 56, 53]",
        r"rows\[7\]\.estimate: not one number for each case \(allowed 5 numbers",
    ),
    "unknown parent": (
        "parent: JW-1.1.2\n    allocation: [13,", "parent: JW-1.1.3\n    allocation: [13,", "JW-1.1.3",
        r"rows\[8\]\.parent: not a row before this one \(allowed JW-0.*did you mean JW-1\.1",
    ),
    "repeated row": ("id: JW-1.2c", "id: JW-1.2b", "JW-1.2b\n    name: Instab", r"rows\[14\]\.id: duplicate id"),
    "negative number": ("[127, 169,", "[-127, 169,", "-127", r"rows\[0\]\.estimate\[0\]: out of range \(allowed >= 0"),
    "unknown column": ("    estimate: [127,", "    estimates: [127,", "estimates:", r"unknown name .*mean estimate"),
    "remainder with numbers": (
        "    remainder: true", "    remainder: true\n    allocation: [1, 1, 1, 1, 1]", "true\n    allocation",
        r"rows\[15\]\.remainder: the numbers of a remainder are computed",
    ),
    "licence that is missing": (
        "licence: BSD-3-Clause, Copyright (c) 2010-2024, Space Telescope Science Institute, AURA\n", "",
        "table_version",
        r"licence is missing",
    ),
    "unit": ("unit: nm", "unit: nanometre", "nanometre\ntol", r"unit: no such unit"),
}  # fmt: skip


@each_row("name", list(FAULTS))
def test_a_fault_of_a_table_is_at_its_cell(name: str, tmp_path_factory: pytest.TempPathFactory):
    old, new, fragment, message = FAULTS[name]
    text = table_of("jwst-wavefront").read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new, 1)
    path = tmp_path_factory.mktemp("tables") / "table.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError) as raised:
        read_budget(path)
    lines = [str(raised.value), *getattr(raised.value, "__notes__", ())]
    fitting = [line for line in lines if re.search(message, line)]
    assert fitting, lines[:3]
    if name != "just outside the tolerance":
        before = text[: text.index(fragment)]
        place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        assert fitting[0].startswith(f"{path}:{place}: "), fitting[0]
