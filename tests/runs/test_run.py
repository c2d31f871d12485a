"""Folders of runs: all that was found comes back as it was, faults are told, and a table survives a broken one."""

import csv
import dataclasses
import json
import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from dluxshera.errors import DocumentError, OutputError, ParameterError
from dluxshera.files import OutputWarning
from dluxshera.inference import FitResult, FitStep, Solution
from dluxshera.params import ParameterStore
from dluxshera.runs import Checkpoint, read_run, runs_table, save_run, write_csv
from support import toys
from support.rows import each_row

LABELS = ("star.log_flux", "mirror.coeffs_nm[Z5]")
THETA = np.array([1 / 3, -2e-300])
COVARIANCE = np.array([[0.25, 0.1], [0.1, 1 / 7]])
TRUTH = np.array([0.5, 0.0])
DATA, MODEL = np.arange(6.0).reshape(2, 3), np.full((2, 3), 0.1)
SAMPLES = {"draws": np.random.default_rng(0).normal(size=(2, 5, 2)), "diverging": np.array([True, False])}


def overridden() -> ParameterStore:
    """A store with an explicit value for a derived key, which differs from what its primitives give."""
    store = ParameterStore.from_dict(toys.defaults(**{toys.LENGTH: 0.1}), toys.telescope())
    return store.with_derived_allowed().replace({toys.SCALE: 123.0})


def solution(**changes) -> Solution:
    history = (FitStep(np.inf, np.nan, np.zeros(2)), FitStep(-0.1, 1e-4, THETA))
    made = Solution(THETA, overridden(), COVARIANCE, -0.1, FitResult.CONVERGED, history, LABELS)
    said = {
        "diagnostics": {"steps": 1, "misfit": np.float64(0.1), "evaluations": np.nan},
        "provenance": {"solver": "x"},
    }
    return dataclasses.replace(made, **(said | changes))


def saved(folder: Path, made: Solution | None = None, **said) -> Path:
    given = {"truth": TRUTH, "images": {"data": DATA, "model": MODEL}, "samples": SAMPLES, "provenance": {"seed": 7}}
    return save_run(folder, made or solution(), **(given | said))


@pytest.fixture
def folder(tmp_path):
    return saved(tmp_path / "results" / "run")


def test_all_of_a_solution_comes_back_bit_by_bit(folder):
    run, made = read_run(folder), solution()
    for name in ("theta", "covariance"):
        np.testing.assert_array_equal(getattr(run, name), getattr(made, name))
    assert (run.result, run.labels, run.loss, run.steps) == (made.result, made.labels, made.loss, 1)
    for one, two in zip(run.history, made.history, strict=True):
        np.testing.assert_equal(one._asdict(), two._asdict())
    assert type(run.history[0].loss) is float
    np.testing.assert_equal(run.diagnostics, {"steps": 1, "misfit": 0.1, "evaluations": np.nan})
    np.testing.assert_array_equal(run.truth, TRUTH)
    np.testing.assert_equal(run.images, {"data": DATA, "model": MODEL})
    np.testing.assert_equal(run.samples, SAMPLES)
    np.testing.assert_array_equal(run.sigma, made.sigma)
    np.testing.assert_array_equal(run.pulls, made.pulls(TRUTH))


def test_the_store_is_the_one_that_was_fitted_and_nothing_in_it_is_computed_anew(folder):
    store = read_run(folder).store(toys.telescope())
    assert store == solution().store
    assert store.overrides == (toys.SCALE,)
    assert float(store[toys.SCALE]) == 123.0  # and not 0.25 / 0.1, as the primitives have it
    assert store.allow_derived


def changed(key=toys.CONTRAST, **changes):
    """The telescope with another contrast, or with another field."""
    spec = toys.telescope()
    fields = (dataclasses.replace(x, **changes) if x.key == key else x for x in spec.fields)
    return dataclasses.replace(spec, fields=tuple(fields))


# Name -> a spec in which one key has another meaning, and that key.
OTHER_MEANINGS = {
    "absent": (toys.telescope().without([toys.CONTRAST]), toys.CONTRAST),
    "unit": (changed(units="mag"), toys.CONTRAST),
    "scale": (changed(scale="log10"), toys.CONTRAST),
    "transform": (changed(toys.SCALE, transform=toys.TRANSFORMS[2].name), toys.SCALE),
    "kind": (changed(toys.SCALE, kind="primitive", transform="", depends_on=(), default=1.0), toys.SCALE),
    "shape": (changed(shape=(2, 2)), toys.CONTRAST),
    "components": (changed(toys.COEFFS, components=("Z4", "Z6", "Z5")), toys.COEFFS),
    "structural value": (changed(toys.OPEN, default=0.5), toys.OPEN),
}


@pytest.mark.parametrize(("spec", "key"), OTHER_MEANINGS.values(), ids=OTHER_MEANINGS)
def test_a_store_is_not_given_under_a_spec_in_which_a_key_means_something_else(spec, key, folder):
    with pytest.raises(DocumentError, match=rf"run\.json: spec: .* differ in {re.escape(key)}"):
        read_run(folder).store(spec)


def test_a_structural_value_that_was_computed_otherwise_is_told_with_both_values_and_what_to_do(folder):
    """The open fraction of an aperture is one that a version with finer rasters computes otherwise."""
    with pytest.raises(DocumentError) as error:
        read_run(folder).store(changed(toys.OPEN, default=0.7512345678))
    message = str(error.value)
    assert f"differ in {toys.OPEN} (0.75 in the run, 0.7512345678 here); build the spec from the same" in message
    assert message.endswith("take the fitted numbers from Run.stores, or repeat the fit.")
    assert float(read_run(folder).stores[0][toys.CONTRAST]) == float(solution().store[toys.CONTRAST])
    with pytest.raises(DocumentError) as error:  # in another field nothing was computed
        read_run(folder).store(changed(units="mag"))
    assert "Run.stores" not in str(error.value)


def test_what_does_not_change_a_value_does_not_matter(folder):
    spec = changed(doc="Other words.", default=9.0, prior=toys.Normal(9.0, 1.0))
    assert read_run(folder).store(spec).as_dict() == overridden().as_dict()


def test_the_stores_of_several_exposures_are_kept(tmp_path):
    store = toys.ParameterStore.from_spec_defaults(toys.telescope())
    stores = [store.replace({toys.CONTRAST: float(i + 1)}) for i in range(12)]
    run = read_run(saved(tmp_path / "run", stores=stores))
    assert [float(run.store(toys.telescope(), i)[toys.CONTRAST]) for i in range(12)] == [i + 1.0 for i in range(12)]


def test_a_fit_that_failed_is_kept_as_it_ended(tmp_path):
    failed = solution(result=FitResult.NON_FINITE, loss=np.nan, covariance=np.full((2, 2), np.nan), at_bound=LABELS[:1])
    run = read_run(saved(tmp_path / "run", failed, truth=None, samples=None))
    assert run.result is FitResult.NON_FINITE
    assert np.isnan(run.loss)
    assert np.isnan(run.covariance).all()
    assert run.at_bound == LABELS[:1]
    assert run.truth is run.pulls is None
    assert run.samples == {}


def test_the_misfit_is_that_of_the_solution(tmp_path):
    said = {"misfit": 0.5, "misfit_expected": 0.98, "misfit_sigma": 0.08}
    made = solution(diagnostics=said)
    run = read_run(saved(tmp_path / "run", made))
    assert run.misfit == made.misfit == (0.5, 0.98, 0.08)
    assert run.misfit.sigmas == pytest.approx(-6.0)
    assert run.misfit.exceeds(5.0)
    assert not run.misfit.exceeds(6.1)


def test_the_record_says_what_was_run(folder):
    said = read_run(folder).provenance
    assert said["seed"] == 7
    assert said["solver"] == "x"
    assert {"python", "numpy", "jax", "dluxshera"} <= set(said["versions"])
    assert said["created"].endswith("+00:00")
    assert said["command"]
    head = json.loads((folder / "run.json").read_text())
    assert head["spec"]["digest"] == toys.telescope().digest()


def test_files_are_plain_json_and_arrays(folder):
    assert {path.name for path in folder.iterdir()} == {"run.json", "arrays.npz", "samples.npz"}
    assert {path.name for path in folder.parent.iterdir()} == {"run"}
    json.loads((folder / "run.json").read_text(), parse_constant=pytest.fail)  # no NaN
    for path in folder.glob("*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            assert all(array.dtype != object for array in arrays.values())


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"images": {"data": np.array([object()])}}, r"image\.data.*array of numbers"),
        ({"samples": {"draws": [{}]}}, "draws.*array of numbers"),
        ({"truth": [1.0]}, "truth.*a vector of 2 numbers"),
        ({"provenance": {"x": object()}}, "provenance.*plain data"),
        ({"provenance": {"x": float("nan")}}, "provenance.*plain data"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_an_old_run_stays(said, message, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ParameterError, match=message):
        saved(folder, **said)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_run_replaces_a_run_and_nothing_else(folder, tmp_path):
    with pytest.raises(ParameterError, match=r"expected a new folder, got 'a run'\. Pass resume .* or force"):
        saved(folder)
    saved(folder, samples=None, texts={"profile.yaml": "x: 1\n"}, force=True)
    assert {path.name for path in folder.iterdir()} == {"run.json", "arrays.npz", "profile.yaml"}
    mine = tmp_path / "mine"
    mine.mkdir()
    saved(mine)  # an empty folder is nobody's
    shutil.rmtree(mine)
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    with pytest.raises(ParameterError, match=r"a new folder or the folder of a run, got 'other files: thesis\.tex'"):
        saved(mine)
    with pytest.warns(OutputWarning, match="it is a file, not a folder.* The result is stored in"):
        beside = saved(mine / "thesis.tex")  # a result is never dropped
    assert read_run(beside).theta.tolist() == THETA.tolist()
    assert (mine / "thesis.tex").read_text() == "years of work"


def test_a_checkpoint_stays_with_a_run_that_can_be_continued(tmp_path):
    for result in (FitResult.MAX_STEPS, FitResult.CONVERGED):
        there = tmp_path / result.name
        keep = Checkpoint(there, {}, kinds=())
        keep([1.5])
        with pytest.raises(DocumentError, match=rf"{result.name}: has not ended; .*--resume"):
            read_run(there)
        saved(there, solution(result=result), checkpoint=keep)
        assert (keep.resume() == [1.5]) is (result is FitResult.MAX_STEPS)


FAULTS = {
    "no folder": (shutil.rmtree, "run: does not exist; name the folder"),
    "empty": (lambda f: [path.unlink() for path in f.iterdir()], r"run: has no run\.json"),
    "no arrays": (lambda f: (f / "arrays.npz").unlink(), r"arrays\.npz: cannot be read.*repeat the run"),
    "no samples": (lambda f: (f / "samples.npz").unlink(), r"samples\.npz: cannot be read"),
    "cut arrays": (lambda f: cut(f / "arrays.npz"), r"arrays\.npz: is not the file that was written.*repeat the run"),
    "cut head": (lambda f: cut(f / "run.json"), r"run\.json:\d+:\d+: .*(is not JSON|is not text).*repeat the run"),
    "a list": (lambda f: (f / "run.json").write_text("[1]"), r"run\.json: has the format \[1\], not dluxshera\.run/1"),
    "not text": (lambda f: (f / "run.json").write_bytes(b"\xff"), r"run\.json: is not UTF-8"),
    "deep": (lambda f: (f / "run.json").write_text("[" * 100_000), r"run\.json:1:\d+: .*nested deeper than 50 levels"),
    "a folder": (lambda f: [(f / "run.json").unlink(), (f / "run.json").mkdir()], r"run\.json: is not a file"),
    "newer": (lambda f: edit(f, format="dluxshera.run/9"), "format 'dluxshera.run/9'.*read it with the version"),
    "shape": (lambda f: edit(f, labels=["a"]), r"run\.json: is not the record of a run.*theta has the shape"),
    "result": (lambda f: edit(f, result="FINE"), r"run\.json:1:\d+: result: .*CONVERGED.*FINE.*repeat the run"),
    "files": (lambda f: edit(f, files={"../x": "0"}), r"run\.json:1:\d+: files: arrays\.npz is missing"),
}  # fmt: skip


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def edit(folder: Path, **changes) -> None:
    head = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(head | changes))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_an_error_with_the_file_and_the_remedy(name, folder):
    spoil, message = FAULTS[name]
    spoil(folder)
    with pytest.raises(DocumentError, match=message) as found:
        read_run(folder)
    assert str(folder) in str(found.value)


@each_row("name", ["none", "x" * 300, "a\0b", "file/x", "loop"])
def test_a_folder_that_cannot_exist_is_an_error_too(name, tmp_path):
    (tmp_path / "file").touch()
    if name == "loop":
        (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DocumentError, match=r"does not exist; name the folder"):
        read_run(tmp_path / name)
    assert "does not exist" in runs_table([tmp_path / name])[0]["fault"]


def test_what_a_head_lacks_is_told(folder):
    head = json.loads((folder / "run.json").read_text())
    for name in head:
        if name not in ("format", "steps"):
            (folder / "run.json").write_text(json.dumps({key: value for key, value in head.items() if key != name}))
            with pytest.raises(DocumentError, match=rf"run\.json:\d+:\d+: {name} is missing; repeat the run"):
                read_run(folder)


def test_damage_anywhere_is_an_error_of_the_package_or_does_no_harm(folder):
    whole = {path: path.read_bytes() for path in folder.iterdir()}
    rng = random.Random(1)
    told = 0
    for _ in range(300):
        path = rng.choice(sorted(whole))
        raw = bytearray(whole[path])
        raw[rng.randrange(len(raw))] = rng.randrange(256)
        path.write_bytes(raw)
        try:
            np.testing.assert_array_equal(read_run(folder).theta, THETA)
        except DocumentError:
            told += 1
        path.write_bytes(whole[path])
    assert told > 150


def test_a_failure_while_writing_leaves_no_folder(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="no space"):
        saved(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_table_has_a_row_for_each_run_and_says_what_is_wrong_with_a_broken_one(tmp_path):
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    saved(one)
    saved(two)
    cut(two / "arrays.npz")
    saved(three, solution(result=FitResult.STALLED), truth=None)
    rows = runs_table([one, two, three, tmp_path / "none"])
    assert [row["folder"] for row in rows] == [str(x) for x in (one, two, three, tmp_path / "none")]
    assert [row["fault"] == "" for row in rows] == [True, False, True, False]
    assert "arrays.npz: is not the file that was written" in rows[1]["fault"]
    assert [row.get("result") for row in rows] == ["CONVERGED", None, "STALLED", None]
    assert (rows[0]["seed"], rows[0]["steps"], rows[0]["loss"]) == (7, 1, -0.1)
    assert rows[0]["misfit"] == 0.1
    assert np.isnan(rows[0]["misfit sigmas"])  # the solution has no expectation
    for i, label in enumerate(LABELS):
        assert rows[0][label] == THETA[i]
        assert rows[0][f"{label} sigma"] == np.sqrt(COVARIANCE[i, i])
        assert rows[0][f"{label} pull"] == (THETA[i] - TRUTH[i]) / np.sqrt(COVARIANCE[i, i])
        assert f"{label} pull" not in rows[2]


def test_a_csv_has_every_digit_and_reads_back(tmp_path):
    saved(tmp_path / "a,b")
    rows = runs_table([tmp_path / "a,b", tmp_path / "none"])
    write_csv(tmp_path / "all.csv", rows)
    with (tmp_path / "all.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["folder"] for row in read] == [str(tmp_path / "a,b"), str(tmp_path / "none")]
    assert [float(read[0][label]) for label in LABELS] == list(THETA)
    assert read[1]["fault"] == rows[1]["fault"]
    assert read[1][LABELS[0]] == ""


@pytest.mark.parametrize("text", [
    "=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "  =1", "\t=1", "\r", "\uff1d1", "-text", "-1e5",
])  # fmt: skip
def test_a_cell_that_a_spreadsheet_would_compute_is_text(text, tmp_path):
    rows = [{"folder": text, "fault": "", text: -1.5, "x": -1e300, "n": -3, "none": None, "plain": "a=b"}]
    write_csv(tmp_path / "all.csv", rows)
    with (tmp_path / "all.csv").open(newline="") as file:
        head, cells = csv.reader(file)
    assert head[0:3] == ["folder", "fault", f"'{text}"]
    assert cells == [f"'{text}", "", "-1.5", "-1e+300", "-3", "", "a=b"]
