"""Canaries for changes of the packages that dLuxShera computes with."""

import ast
import os
from pathlib import Path

import numpy as np
import pytest

import dluxshera as ds
from support.compilation import AS_USERS
from support.fingerprints import (
    PROFILES,
    TOLERANCE,
    default_image,
    differences,
    fingerprint,
    read_record,
    versions,
)
from support.helpers import relative_l2, rounding, run_fresh
from support.scenes import (
    ABERRATED,
    CONFIGS,
    CONTRAST,
    DETECTOR_SEPARATION,
    M1_ZERNIKES,
    M2_ZERNIKES,
    SEPARATION,
    scene,
)

PACKAGE = Path(ds.__file__).parent
UPSTREAM = {"dLux", "dLuxToliman", "abcdLux"}


USERS = {
    **AS_USERS,
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]),
}


def image_and_columns() -> tuple[np.ndarray, np.ndarray]:
    """Return a small image with its derivatives by a few parameters of every part of the model."""
    model = scene(CONFIGS["flight"], "forward", ABERRATED, image_npix=32)
    keys = (SEPARATION, CONTRAST, M1_ZERNIKES, M2_ZERNIKES, DETECTOR_SEPARATION)
    image, columns = model.binder.expand(model.store, model.binder.spec.subset(keys))
    return np.asarray(image), np.asarray(columns)


@pytest.fixture(scope="module")
def arrays(tmp_path_factory) -> dict[str, np.ndarray]:
    """The default images, and a small one with its columns, of a user's process."""
    path = tmp_path_factory.mktemp("images") / "images.npz"
    code = f"""
        import jax
        jax.config.update("jax_enable_x64", True)
        import numpy as np
        from support.fingerprints import PROFILES, default_image
        from test_upstream import image_and_columns
        image, columns = image_and_columns()
        images = {{profile: default_image(profile) for profile in PROFILES}}
        np.savez({str(path)!r}, image=image, columns=columns, **images)
    """
    run_fresh(code, USERS)
    with np.load(path) as file:
        return dict(file)


@pytest.fixture(scope="module")
def images(arrays) -> dict[str, np.ndarray]:
    return {profile: arrays[profile] for profile in PROFILES}


def test_the_default_images_are_those_of_the_record(images):
    """A release of a dependency that changes the default images fails here.

    Tests of this suite compare with independent truth. This one compares with earlier output of the package, because
    its subject is change itself: a dependency that redefines an argument can alter images by an amount that the
    tolerances of other tests let pass, or alter the models that they compare with in the same way. Agreement here says
    nothing about correctness.
    """
    message = differences(images, read_record())
    if message:
        pytest.fail(message, pytrace=False)


def test_the_fast_compilation_of_the_tests_changes_numbers_by_rounding_alone(arrays):
    image, columns = image_and_columns()
    assert relative_l2(image, arrays["image"]) < rounding(float, 32**2)
    for column, of_users in zip(columns, arrays["columns"], strict=True):
        assert relative_l2(column, of_users) < 1e-11  # by lengths: small differences of large slopes
    profile = PROFILES[0]
    assert relative_l2(default_image(profile), arrays[profile]) < rounding(float, arrays[profile].size)


def test_each_packaged_design_has_an_image_in_the_record():
    designs = {path.stem for path in (PACKAGE / "profiles/data/instrument").glob("*.yaml")}
    assert {ds.load_model(profile).config.name for profile in PROFILES} == designs
    assert set(read_record()["images"]) == set(PROFILES)


def test_a_fingerprint_sees_a_change_of_one_pixel_and_no_rounding(images):
    record = {"versions": versions(), "images": {name: fingerprint(image) for name, image in images.items()}}
    noise = np.random.default_rng(1).standard_normal(images[PROFILES[0]].shape)
    assert differences({name: image * (1.0 + 1e-13 * noise) for name, image in images.items()}, record) == ""
    for name, image in images.items():
        changed, moved = image.copy(), image.copy()
        changed[100, 150] += 3 * TOLERANCE * np.linalg.norm(image)
        moved[120, 130], moved[121, 130] = image[121, 130], image[120, 130]
        assert name in differences({name: changed}, record)
        assert name in differences({name: moved}, record)
        assert name in differences({name: np.full_like(image, np.nan)}, record)


def test_a_sinc_that_takes_its_argument_in_radians_is_seen(tmp_path):
    """Simulate a redefinition in NumPy: in a new process with an empty cache, because built models are kept."""
    code = """
        import jax
        jax.config.update("jax_enable_x64", True)
        import numpy as np
        from support.fingerprints import PROFILES, default_image, differences, read_record
        sinc = np.sinc
        np.sinc = lambda x: sinc(np.asarray(x) / np.pi)
        print(differences({PROFILES[0]: default_image(PROFILES[0])}, read_record()))
    """
    message = run_fresh(code, {**USERS, "DLUXSHERA_CACHE_DIR": str(tmp_path)})
    assert "The default images have changed:\nobservation/flight_alpha_cen: sum " in message
    for name, number in versions().items():
        assert f"{name} {read_record()['versions'][name]} -> {number}" in message


def positional_calls(source: str) -> list[str]:
    """Return the calls of functions of dLux and its companions that pass arguments by position."""
    tree = ast.parse(source)
    names = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if (node.module or "" if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0] in UPSTREAM
    }
    return [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).split(".")[0] in names
    ]


def test_functions_of_dlux_are_called_by_keyword():
    """An argument that is renamed with its meaning then raises, instead of being taken for the new one."""
    files = [*PACKAGE.rglob("*.py"), *(Path(__file__).parent / "benchmarks").glob("*.py")]
    faults = {path.name: calls for path in files if (calls := positional_calls(path.read_text(encoding="utf-8")))}
    assert faults == {}


@pytest.mark.parametrize("call", [
    "import dLux.utils as dlu\ndlu.soft_circle(xy, 2.0)",
    "import dLux\ndLux.utils.soft_circle(xy, radius=2.0)",
    "from dLux.utils import soft_circle\nsoft_circle(xy, 2.0)",
    "from dLux import Wavefront as Field\nField.from_phasor(u, 1e-6)",
])  # fmt: skip
def test_a_positional_call_is_seen(call):
    assert len(positional_calls(call)) == 1
    assert positional_calls(call.replace("(xy, 2.0)", "(coords=xy)").split("\n")[0]) == []
