"""The committed evidence of the inference: of this code, complete, convincing, and the same when some is run again.

Each piece has a twin that must fail: the same results with a sigma half as large, or a fit that is broken.
"""

import numpy as np
import pytest

from support.evidence import FOLDER, PACKAGE, STALE, STALE_PAGES
from validation import judging, sampling, starts
from validation.gathering import AGREE, Evidence, apart, rounded
from validation.pieces import BRIGHT, FAINT, PIECES


@pytest.mark.parametrize("name", PIECES)
def test_it_is_of_the_code_as_it_stands(name):
    changed = PIECES[name].changed_since()
    if commit := STALE.get(name):
        assert changed, f"{name} is of the code as it stands, not of {commit}: take it off the list of stale records"
        return
    assert not changed, f"gather it again with `{PIECES[name].command}`: changed since are {', '.join(changed)}"


@pytest.mark.parametrize("name", PIECES)
def test_it_is_complete_and_shows_what_it_is_to_show(name):
    piece = PIECES[name]
    arguments = [tuple(record[key] for key in ("photons", "seed") if key in record) for record in piece.records]
    assert arguments == list(piece.jobs)
    assert piece.judge(piece.records) == []


@pytest.mark.parametrize("page", STALE_PAGES)
def test_a_page_of_stale_records_says_so(page):
    text = (FOLDER / page).read_text("utf-8")
    for name in STALE_PAGES[page]:
        assert f"belong to commit `{STALE[name]}`" in text, name


def test_the_numbers_of_seeds_are_those_that_are_stated():
    assert {photons: len(seeds) for photons, seeds in BRIGHT.items()} == {1e11: 200, 1e9: 50}
    assert set(FAINT) == {1e5, 1e6, 1e7}
    assert all(len(seeds) == 100 for seeds in FAINT.values())
    assert len(PIECES["starts"].jobs) == len(PIECES["attainment"].jobs) == 100
    assert len(PIECES["ranks"].jobs) == 200


def test_with_sigma_halved_the_recovery_is_not_calibrated():
    lines = judging.judge_recovery(PIECES["recovery"].records, factor=2.0)
    for photons in BRIGHT:
        about = [line for line in lines if line.startswith(f"{photons:g} photons")]
        assert any("deviation of the pulls of the separation" in line for line in about)
        assert any("distance in all parameters" in line for line in about)
        assert sum("p-value of the scatter" in line for line in about) > 12


def test_with_sigma_halved_the_intervals_do_not_cover():
    lines = judging.judge_coverage(PIECES["coverage"].records, factor=2.0)
    for photons in FAINT:
        about = [line for line in lines if line.startswith(f"{photons:g} photons")]
        for level in ("68%", "95%"):
            assert any(f"{level} intervals that hold binary.separation_as" in line for line in about)


def test_with_sigma_halved_the_scatter_is_not_at_the_bound():
    lines = judging.judge_attainment(PIECES["attainment"].records, factor=2.0)
    assert any("distance in all parameters" in line for line in lines)


def test_with_sigma_halved_the_draws_are_not_those_of_the_posterior():
    lines = judging.judge_ranks(PIECES["ranks"].records, of="narrow")
    assert all(any(f"ranks of {label} " in line for line in lines) for label in sampling.KEYS)
    lines = judging.judge_comparison(PIECES["sampling"].records, factor=0.5)
    assert len(lines) >= len(PIECES["sampling"].jobs)


def test_an_end_that_is_off_or_not_converged_is_named():
    piece = PIECES["agreement"]
    first, *others = piece.records
    assert "descent ended 0.02 sigma off" in piece.judge([first | {"descent": 0.02}, *others])[0]
    broken = piece.judge([first | {"results": ["CONVERGED", "STALLED", "CONVERGED"]}, *others])
    assert "STALLED" in broken[0]


@pytest.mark.parametrize(("name", "job"), [("recovery", 3), ("coverage", 104)])
def test_a_fit_comes_out_the_same(name, job):
    if name in STALE:  # its numbers are of other code
        return
    piece = PIECES[name]
    again, then = piece.work(*piece.jobs[job]), piece.records[job]
    np.testing.assert_allclose(again["pulls"], then["pulls"], rtol=0, atol=AGREE)
    np.testing.assert_allclose(again["of_prior"], then["of_prior"], rtol=1e-4)
    assert again["chi2"] == pytest.approx(then["chi2"], rel=1e-5)
    assert again["result"] == then["result"]


def test_the_scatter_comes_out_the_same():
    if "attainment" in STALE:  # its numbers are of other code
        return
    piece = PIECES["attainment"]
    np.testing.assert_allclose(piece.work(7)["pulls"], piece.records[7]["pulls"], rtol=0, atol=AGREE)


def test_a_start_leads_to_the_maximum_again_and_a_careless_fit_does_not():
    """The twin says that it converged once it is within 100,000 sigma."""
    if "starts" in STALE:  # its numbers are of other code
        return
    piece = PIECES["starts"]
    again, then = piece.work(11), piece.records[11]
    assert judging.judge_starts([again]) == []
    np.testing.assert_allclose(again["norms"][:2], then["norms"][:2], rtol=1e-4)
    careless = starts.climb(11, tolerance=1e5, misfit_limit=None)
    assert careless["result"] == "CONVERGED"
    assert len(judging.judge_starts([careless])) == 1


def test_what_changed_is_named(monkeypatch):
    piece = PIECES["recovery"]
    sources = {path.removeprefix("src/dluxshera/") for path in piece.provenance()["sources"]}
    assert {"model/binder.py", "inference/fisher.py", "optics/relay.py", "tests/validation/recovery.py"} <= sources
    assert all((PACKAGE / path).exists() for path in sources if not path.startswith("tests/"))
    now = piece.provenance()
    now["sources"]["src/dluxshera/optics/new.py"] = now["sources"].pop("src/dluxshera/optics/relay.py")
    monkeypatch.setattr(Evidence, "provenance", lambda self: now | {"structural_hash": ["0"]})
    expected = {"src/dluxshera/optics/new.py", "src/dluxshera/optics/relay.py", "structural_hash"}
    assert expected <= set(piece.changed_since())


def test_a_result_that_differs_from_its_record_is_named():
    record = {"result": "CONVERGED", "steps": 5, "pulls": [0.1, -2.0]}
    assert apart(record | {"pulls": [0.1005, -2.001]}, record) == []
    assert apart(record | {"pulls": [0.11, -2.0]}, record) == ["pulls[0] is 0.11, the record says 0.1"]
    assert apart(record | {"steps": 6}, record) == ["steps is 6, the record says 5"]
    assert apart(record | {"result": "STALLED"}, record) == ["result is STALLED, the record says CONVERGED"]
    assert len(apart({"result": "CONVERGED"}, record)) == 1
    assert len(apart(record | {"pulls": [0.1]}, record)) == 1


def test_files_hold_numbers_as_they_are_shown():
    assert rounded({"a": [1 / 3, (2, 1e-12 / 3)], "b": "c"}) == {"a": [0.333333, [2, 3.33333e-13]], "b": "c"}
