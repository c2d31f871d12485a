"""Profiles that earlier versions of the package wrote are read by this one, and say what of them is lost.

``earlier/<version>`` holds documents as that version wrote them: packaged profiles, saved models, the folder of a run.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from dluxshera.errors import DocumentError
from dluxshera.profiles import MigrationWarning, ProfileModel, load_model, load_profile, parse_profile, shera_profiles
from dluxshera.profiles.format import VERSION
from dluxshera.profiles.migration import HISTORY, MIGRATIONS
from dluxshera.runs import read_run
from dluxshera.systems import CONFIGS
from support.rows import each_row

EARLIER = Path(__file__).parent / "earlier"
KNOWN = shera_profiles()
RETIRED = {"pupil_npix", "gap_npix", "pixel_nodes", "aperture_subpixels", "curve_samples"}


def said_by(load, *arguments: object) -> tuple[object, list[str]]:
    """Return what a function returns, and the texts of the migrations' warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = load(*arguments)
    assert {item.category for item in caught} <= {MigrationWarning}
    return result, [str(item.message) for item in caught]


def test_every_earlier_version_has_a_migration_and_documents():
    versions = list(HISTORY)
    assert versions[-1] == VERSION
    assert list(MIGRATIONS) == [path.name for path in sorted(EARLIER.iterdir())] == versions[:-1]
    assert [step.to for step in MIGRATIONS.values()] == versions[1:]


def test_packaged_profiles_of_0_1_0_mean_the_defaults_of_today():
    """Their grids were the defaults of their version: nothing is lost, and nothing is said."""
    folder = EARLIER / "0.1.0"
    reference, said = said_by(load_profile, folder / "numerics" / "reference.yaml", KNOWN)
    assert {name: item.value for name, item in reference.config.items()} == {"n_wavelengths": 3}
    assert said == []
    testbed, said = said_by(load_model, folder / "instrument" / "shera_testbed.yaml")
    assert testbed.config == CONFIGS["shera_testbed"]
    assert said == []
    flight, said = said_by(load_model, folder / "observation" / "flight_alpha_cen.yaml")
    assert flight.config == CONFIGS["shera_flight"]
    assert said == []


def test_grids_of_0_1_0_that_somebody_chose_are_left_out_with_a_warning():
    path = EARLIER / "0.1.0" / "numerics" / "fast.yaml"
    profile, (said,) = said_by(load_profile, path, KNOWN)
    assert {name: item.value for name, item in profile.config.items()} == {"n_wavelengths": 3, "m1_map_npix": 128}
    assert said == (
        f"{path}: dluxshera.profile/0.1.0: left out, because the grids follow from the design now:"
        " pupil_npix = 128, aperture_subpixels = 3."
    )


def as_saved(path: Path) -> dict:
    document = parse_text(path)
    return {key: item["value"] for key, item in document["parameters"].items()}


def parse_text(path: Path) -> dict:
    from dluxshera.documents import parse_document

    return parse_document(path.read_text(), str(path)).data


@each_row("name", ["saved.yaml", "saved.json", "run/profile.yaml"])
def test_a_model_that_0_1_0_saved_is_read_with_every_value(name: str):
    path = EARLIER / "0.1.0" / name
    model, _ = said_by(load_model, path)
    assert isinstance(model, ProfileModel)
    saved = parse_text(path)
    for field, value in saved["config"].items():
        if field in RETIRED:
            assert getattr(model.config, field, None) is None, field
        else:
            assert getattr(model.config, field) == (tuple(value) if isinstance(value, list) else value), field
    values = as_saved(path)
    for key in model.spec.primitives:
        if not key.endswith("_map_nm"):
            assert np.asarray(model.store[key]).tobytes() == np.asarray(values[key], dtype=float).tobytes(), key


def test_maps_of_m1_keep_the_size_that_the_pupil_gave_them():
    model, (said,) = said_by(load_model, EARLIER / "0.1.0" / "saved.yaml")
    assert model.config.m1_map_npix == 128
    assert model.spec["primary.calibrated_map_nm"].shape == (128, 128)
    assert said.endswith("now: pupil_npix = 128, gap_npix = 160.")
    model, said = said_by(load_model, EARLIER / "0.1.0" / "saved.json")
    assert model.config.m1_map_npix == 256
    assert said == []


def test_a_run_of_0_1_0_is_read_and_its_store_belongs_to_its_profile():
    run = read_run(EARLIER / "0.1.0" / "run")
    assert run.converged
    model, (said,) = said_by(load_model, run.folder / "profile.yaml")
    assert "pupil_npix = 64" in said
    store = run.store(model.spec)
    assert float(store["binary.separation_as"]) == float(run.theta[0])
    assert model.config.image_npix == run.images["data"].shape[0]


def test_a_damaged_profile_of_0_1_0_is_still_refused():
    """The content is checked against its hash before it is migrated."""
    text = (EARLIER / "0.1.0" / "saved.json").read_text()
    with pytest.raises(DocumentError, match="changed after the profile was saved"):
        parse_profile(text.replace('"n_wavelengths": 3', '"n_wavelengths": 4'), KNOWN, "p.json")


def with_config(config: object) -> str:
    return json.dumps({"schema": "dluxshera.profile/0.1.0", "kind": "numerics", "name": "x", "config": config})


@each_row("config", [3, [], {"pupil_npix": [3], "gap_npix": {}, "image_npix": "x"}])
def test_a_fault_of_0_1_0_is_a_fault_after_its_migration(config: object):
    with pytest.raises(DocumentError, match="config"):
        said_by(parse_profile, with_config(config), KNOWN, "p.json")


@each_row("config", [{}, {"pupil_npix": 1e300}, {"pupil_npix": [3], "gap_npix": {}}, {"pupil_npix": 2}])
def test_only_a_size_that_a_map_can_have_becomes_one(config: object):
    profile, _ = said_by(parse_profile, with_config(config), KNOWN, "p.json")
    assert profile.config == {}
