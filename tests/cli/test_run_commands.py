"""`dluxshera run`: a fit from a profile to a folder, continued, shown, drawn, and one table of many."""

import csv
import json
import re
import shutil
import threading
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.io import fits
from typer.testing import CliRunner

import dluxshera as ds
from dluxshera import cli
from dluxshera.errors import DataError, DocumentError, ParameterError, UnknownKeyError
from dluxshera.inference import PoissonNoise
from dluxshera.runs import read_run, run_figures
from dluxshera.runs.checkpoint import NAME
from dluxshera.runs.lock import claimed
from support.rows import each_row
from support.toy_runs import tree

SMALL = [
    "observation/flight_alpha_cen", "--set", "image_npix=32", "--set", "n_wavelengths=1",
    "--free", "binary.separation_as", "--free", "binary.log_flux_total", "--free", "primary.zernike_coeffs_nm",
]  # fmt: skip


def run(*arguments: object) -> tuple[int, str]:
    """Run a command; return its exit code and what it printed, or else its complaint."""
    done = CliRunner().invoke(cli.app, ["run", *map(str, arguments)])
    if isinstance(done.exception, Exception):
        raise done.exception
    return done.exit_code, done.stdout or done.stderr


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> tuple[Path, str]:
    """A run and what it printed."""
    folder = tmp_path_factory.mktemp("runs") / "a"
    code, text = run("fit", *SMALL, "--seed", "4", "--output", folder)
    assert code == 0
    return folder, text


def test_a_fit_recovers_a_truth_that_was_drawn_from_the_prior(fitted):
    found = read_run(fitted[0])
    assert len(found.labels) == 10
    assert found.result.name == "CONVERGED"
    assert np.abs(found.pulls).max() < 5
    config, spec, _ = ds.load_model(SMALL[0], spec="inference", overrides=SMALL[2:5:2])
    free = spec.subset(SMALL[6::2])
    start, mean = found.history[0].theta, np.array([field.prior.mean for field in free.fields for _ in field.labels])
    for one, two in ((start, found.truth), (start, mean), (found.truth, mean)):
        assert np.all(one != two)
    estimate = found.store(spec)
    np.testing.assert_array_equal(ds.pack_params(estimate, free), found.theta)
    image = ds.SheraThreePlaneBinder(config, spec, estimate).predict(estimate)  # on grids for these aberrations
    np.testing.assert_allclose(found.images["model"], image, rtol=0, atol=1e-6 * image.max())
    chi2 = np.sum((found.images["data"] - found.images["model"]) ** 2 / found.images["model"])
    assert abs(chi2 - 32 * 32) < 5 * np.sqrt(2 * 32 * 32)


def test_its_folder_says_whence_and_holds_a_profile_of_the_model(fitted):
    found = read_run(fitted[0])
    assert {path.name for path in fitted[0].iterdir()} >= {"run.json", "arrays.npz", "profile.yaml"}
    config, spec, store = ds.load_model(fitted[0] / "profile.yaml")
    given = ds.load_model(SMALL[0], spec="inference", overrides=SMALL[2:5:2])
    assert config == given.config
    assert store.as_dict() == given.store.as_dict()
    assert found.store(spec) == store.replace({key: found.store(spec)[key] for key in SMALL[6::2]})
    said = found.provenance
    assert said["config_hash"] == f"sha256:{ds.structural_hash_from_config(config)}"
    assert said["seed"] == 4
    assert said["profiles"][0]["name"] == "shera_flight"
    assert all(item["content_hash"].startswith("sha256:") for item in said["profiles"])


def test_the_table_of_results_has_two_digits_of_sigma(fitted):
    found = read_run(fitted[0])
    (line,) = (line.split() for line in fitted[1].splitlines() if "separation_as" in line and "free" not in line)
    sigma, decimals = found.sigma[0], len(line[1].partition(".")[2])
    assert 10 <= sigma * 10**decimals < 100
    assert abs(float(line[1]) - found.theta[0]) <= 0.5 * 10**-decimals
    assert float(line[2]) == pytest.approx(sigma, rel=0.05)
    assert line[4] == f"{found.pulls[0]:+.2f}"
    assert "converged, after" in fitted[1]


def test_show_says_the_same_and_as_json_exactly(fitted):
    assert run("show", fitted[0])[1] == fitted[1]
    shown, found = json.loads(run("show", fitted[0], "--json")[1]), read_run(fitted[0])
    assert [row["parameter"] for row in shown["parameters"]] == list(found.labels)
    for name, values in (
        ("estimate", found.theta),
        ("sigma", found.sigma),
        ("truth", found.truth),
        ("pull", found.pulls),
    ):
        assert [row[name] for row in shown["parameters"]] == list(values)
    assert (shown["result"], shown["loss"]) == ("CONVERGED", found.loss)


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_plot_draws_each_figure(fitted, tmp_path, suffix, start):
    code, text = run("plot", fitted[0], "--output", tmp_path, "--format", suffix)
    names = {f"{name}.{suffix}" for name in ("image", "residual", "convergence", "correlation", "pulls")}
    assert code == 0
    assert {path.name for path in tmp_path.iterdir()} == names
    assert all(path.read_bytes().startswith(start) for path in tmp_path.iterdir())
    assert text.splitlines() == [
        f"{tmp_path / line.split('/')[-1].split(':')[0]}: written" for line in text.splitlines()
    ]
    assert plt.get_fignums() == []


def test_the_figures_are_of_what_was_fitted(fitted):
    found = read_run(fitted[0])
    made = dict(run_figures(found))
    residual = made["residual"].axes[0].images[0]
    expected = (found.images["data"] - found.images["model"]) / np.sqrt(found.images["model"])
    np.testing.assert_array_equal(residual.get_array(), expected)
    half = 16 * float(found.store(ds.load_model(fitted[0] / "profile.yaml").spec)["system.plate_scale_as_per_pix"])
    np.testing.assert_allclose(residual.get_extent(), [-half, half, -half, half])
    np.testing.assert_array_equal(made["pulls"].axes[0].lines[-1].get_xdata(), found.pulls)
    assert list(made["convergence"].axes[1].lines[0].get_ydata()) == [s.gradient_norm for s in found.history]
    plt.close("all")


def test_a_fit_that_was_cut_short_goes_on_to_the_same_end(fitted, tmp_path):
    whole, folder = read_run(fitted[0]), tmp_path / "cut"
    arguments = ("fit", *SMALL, "--seed", "4", "--output", folder)
    code, text = run(*arguments, "--max-steps", "2")
    assert code == 1
    assert "stopped at the largest number of steps" in text
    assert (folder / NAME).exists()
    code, text = run(*arguments, "--resume")
    assert code == 0
    again = read_run(folder)
    np.testing.assert_array_equal(again.theta, whole.theta)
    np.testing.assert_array_equal(again.covariance, whole.covariance)
    assert [step.loss for step in again.history] == [step.loss for step in whole.history]
    assert not (folder / NAME).exists()
    before = (folder / "run.json").read_bytes()
    assert run(*arguments, "--resume") == (0, text)  # it has ended: nothing is left to do
    assert (folder / "run.json").read_bytes() == before


def test_a_killed_run_is_told_and_another_problem_does_not_continue_it(fitted, tmp_path):
    folder = tmp_path / "killed"
    run("fit", *SMALL, "--seed", "4", "--output", folder, "--max-steps", "1")
    for path in folder.iterdir():
        if path.name != NAME:
            path.unlink()
    with pytest.raises(DocumentError, match="has not ended; repeat its command with --resume"):
        run("show", folder)
    with pytest.raises(ParameterError, match=r"another problem.* differ in .*data.*start"):
        run("fit", *SMALL, "--seed", "5", "--output", folder, "--resume")
    with pytest.raises(ParameterError, match=r"a new folder, got 'a run'\. Pass resume .* or force"):
        run("fit", *SMALL, "--output", folder)
    assert run("fit", *SMALL, "--seed", "4", "--output", folder, "--resume")[0] == 0
    np.testing.assert_array_equal(read_run(folder).theta, read_run(fitted[0]).theta)


@each_row("changes, named", [
    (["--seed", "3"], "data, start"),
    (["--set", "binary.contrast=3.1"], "data"),
    (["--tolerance", "1e-4"], "tolerance"),
    (["--free", "binary.x_position_as"], "data, .*labels"),
    (["--set", "system.m2_diameter_m=24mm"], "spec"),
])  # fmt: skip
def test_a_run_that_has_ended_answers_no_other_question(changes, named, fitted):
    before = tree(fitted[0])
    arguments = ("fit", *SMALL, *(() if "--seed" in changes else ("--seed", "4")), "--output", fitted[0], "--resume")
    with pytest.raises(ParameterError, match=rf"another problem.* differ in .*{named}"):
        run(*arguments, *changes)
    assert tree(fitted[0]) == before


def test_a_run_without_the_identity_of_its_problem_is_not_continued(fitted, tmp_path):
    folder = tmp_path / "old"
    shutil.copytree(fitted[0], folder)
    head = json.loads((folder / "run.json").read_text())
    del head["problem"]
    (folder / "run.json").write_text(json.dumps(head))
    with pytest.raises(ParameterError, match=r"another problem.* differ in"):
        run("fit", *SMALL, "--seed", "4", "--output", folder, "--resume")


def test_notes_in_the_folder_of_a_run_stay_and_a_folder_that_is_locked_is_left(fitted, tmp_path):
    folder = tmp_path / "cut"
    arguments = ("fit", *SMALL, "--seed", "4", "--output", folder)
    assert run(*arguments, "--max-steps", "2")[0] == 1
    (folder / "notes.txt").write_text("mine")
    with claimed(folder):
        before = tree(folder)
        faults = []

        def other() -> None:
            try:
                run(*arguments, "--resume")
            except ParameterError as error:
                faults.append(str(error))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert tree(folder) == before
    assert len(faults) == 1
    assert "no other fit writes to" in faults[0]
    assert run(*arguments, "--resume")[0] == 0
    assert (folder / "notes.txt").read_text() == "mine"
    np.testing.assert_array_equal(read_run(folder).theta, read_run(fitted[0]).theta)
    assert run(*arguments[:-3], "5", "--output", folder, "--force", "--max-steps", "1")[0] == 1
    assert (folder / "notes.txt").read_text() == "mine"
    assert read_run(folder).provenance["seed"] == 5


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for force in ([], ["--force"], ["--resume"]):
        with pytest.raises(ParameterError, match=r"the folder of a run, got 'other files: thesis\.tex'"):
            run("fit", *SMALL, "--output", tmp_path, *force)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("suffix", ["npy", "fits"])
def test_data_of_a_file_is_fitted_and_has_no_truth(fitted, tmp_path, suffix):
    data = read_run(fitted[0]).images["data"]
    path = tmp_path / f"data.{suffix}"
    if suffix == "npy":
        np.save(path, data)
    else:
        fits.writeto(path, data.astype(np.float32))  # photon counts are exact in it
    code, text = run("fit", *SMALL, "--data", path, "--seed", "9", "--output", tmp_path / "run")
    found, other = read_run(tmp_path / "run"), read_run(fitted[0])
    assert code == 0
    assert found.truth is None
    assert found.provenance["data"] == path.name
    assert "pull" not in text
    assert np.abs((found.theta - other.theta) / other.sigma).max() < 1e-2  # from another start


@pytest.fixture(scope="module")
def halved(fitted, tmp_path_factory) -> tuple[Path, Path, int, str]:
    """Data of half the counts, their run, its exit code and what it printed."""
    folder = tmp_path_factory.mktemp("halved")
    np.save(folder / "data.npy", 0.5 * read_run(fitted[0]).images["data"])
    code, text = run("fit", *SMALL, "--data", folder / "data.npy", "--output", folder / "run")
    return folder / "data.npy", folder / "run", code, text


def lines_of(text: str) -> dict[str, str]:
    """The table of facts that a run prints, by name."""
    return {line[:16].strip(): line[16:].strip() for line in text.splitlines() if line.startswith(" ")}


def test_a_misfit_is_printed_with_its_causes_and_the_run_is_kept(halved, fitted):
    _, folder, code, text = halved
    kept, facts = read_run(folder), lines_of(text)
    assert code == 1
    assert kept.converged
    assert np.all(np.isfinite(kept.sigma))
    assert 0.4 < kept.misfit.value < 0.6
    assert kept.misfit.sigmas < -5
    assert facts["Misfit"] == str(kept.misfit)
    assert "gain, exposure time" in facts["Likely causes"]
    assert facts["Result"].startswith("converged, after")
    assert "Likely causes" not in lines_of(fitted[1])
    assert abs(read_run(fitted[0]).misfit.sigmas) < 5
    assert run("show", folder) == (0, text)


@each_row("limit, code", [("none", 0), ("None", 0), ("1000", 0), ("5", 1), ("5.0", 1), ("0.1", 1)])
def test_the_limit_of_the_misfit_decides_on_the_exit_code(halved, limit, code):
    data, folder, *_ = halved  # a finished run is read, and not fitted again
    arguments = ("fit", *SMALL, "--data", data, "--output", folder, "--resume", "--misfit-limit", limit)
    assert run(*arguments)[0] == code
    assert ("Likely causes" in run(*arguments)[1]) is bool(code)


@each_row("limit", ["0", "-5", "nan", "inf", "five", "", "5 sigma"])
def test_a_limit_that_is_no_number_of_sigma_is_wrong_usage(limit, tmp_path):
    code, text = run("fit", *SMALL, "--output", tmp_path / "x", "--misfit-limit", limit)
    assert code == 2
    assert "above 0, or none" in " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())
    assert not (tmp_path / "x").exists()


def test_a_table_and_json_have_the_misfit(halved, fitted, tmp_path):
    folders = (halved[1], fitted[0])
    code, text = run("table", *folders, "--csv", tmp_path / "all.csv")
    assert code == 0  # whatever the misfit
    with (tmp_path / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for folder, row in zip(folders, rows, strict=True):
        misfit = read_run(folder).misfit
        assert float(row["misfit"]) == misfit.value
        assert float(row["misfit sigmas"]) == misfit.sigmas
        assert f"{misfit.sigmas:.10g}"[:6] in text
        shown = json.loads(run("show", folder, "--json")[1])["misfit"]
        assert shown == {**misfit._asdict(), "sigmas": misfit.sigmas}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--free", "binary.seperation_as"], UnknownKeyError, "Did you mean binary.separation_as"),
        (["--data", "none.npy"], DataError, "none.npy: expected an existing file"),
        (["--set", "image_npx=3"], DocumentError, "did you mean image_npix"),
    ],
)
def test_wrong_usage_is_told_and_writes_nothing(arguments, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        run("fit", *SMALL, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_data_of_another_size_are_told(tmp_path):
    np.save(tmp_path / "a.npy", PoissonNoise().sample(np.random.default_rng(0), np.ones((8, 8))))
    with pytest.raises(DataError, match=r"an image of shape \(32, 32\).*Set image_npix to the size of the data"):
        run("fit", *SMALL, "--data", tmp_path / "a.npy", "--output", tmp_path / "run")


def test_the_table_survives_a_broken_run_and_says_what_it_is(fitted, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(fitted[0], broken)
    (broken / "arrays.npz").write_bytes(b"")
    code, text = run("table", fitted[0], broken, "--csv", tmp_path / "all.csv")
    assert code == 1
    assert "arrays.npz: is not the file that was written" in text
    rows = [line.split() for line in text.splitlines() if line.strip().startswith(str(tmp_path.parent))]
    assert ["cannot", "be", "read"] in [row[1:4] for row in rows]
    with (tmp_path / "all.csv").open(newline="") as file:
        one, two = csv.DictReader(file)
    assert float(one["binary.separation_as"]) == read_run(fitted[0]).theta[0]
    assert (one["fault"], two["result"]) == ("", "")
    code, text = run("table", fitted[0], "--parameter", "binary.log_flux_total")
    assert code == 0
    assert "log_flux" in text
    assert "separation" not in text
