"""The cache of built optics: never stale, safe under threads, cleared and switched off on request."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import jax
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.model import threeplane_optics_cache_info
from dluxshera.model.optics import CACHE_DISABLED_VARIABLE
from dluxshera.systems import aperture
from support.helpers import relative_l2
from support.rows import each_row
from support.scenes import CONFIGS, scene

# Without the packaged mask, and with edges on few cells, optics are built in milliseconds.
CONFIG = CONFIGS["flight"].replace(image_npix=16, n_wavelengths=1, diffractive_pupil=None)
CELLS = 256
# A change of every structural field that alters the optics or how they are used.
STRUCTURAL = {
    "obscuration": 0.2,
    "n_struts": 4,
    "strut_width": 0.05,
    "strut_rotation_deg": 10.0,
    "m1_noll": (4, 5),
    "m2_noll": (4, 5),
    "diffractive_pupil": "dLuxToliman",
    "mask_design_wavelength_m": 600e-9,
    "pupil_npix": 96,
    "image_npix": 32,
    "n_wavelengths": 3,
    "pixel_nodes": 4,
    "source_offset_as": 12.0,
    "aberration_margin": 12.0,
    "gap_npix": 160,
    "effects": ("background",),
    "spectrum_a_rows": 3,
    "spectrum_b_rows": 3,
    "transmission_rows": 3,
    "m1_map_npix": 64,
    "n_field_stars": 2,
    "motion_margin": 4,
    "surface_map_npix": 64,
}
OF_ROWS = ("spectrum_a_rows", "spectrum_b_rows", "transmission_rows")
OF_EFFECTS = ("effects", *OF_ROWS, "m1_map_npix", "n_field_stars", "motion_margin", "surface_map_npix")
SETTINGS = ("n_wavelengths", *OF_EFFECTS)  # no part of the optics, unless effects that read them are in the model


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch):
    monkeypatch.delenv(CACHE_DISABLED_VARIABLE, raising=False)
    monkeypatch.setattr(aperture, "_LEAST_NATIVE", CELLS)
    forget()
    yield
    forget()


def forget() -> None:
    ds.clear_threeplane_optics_cache()
    aperture._native_pupil.cache_clear()


def optics_of(config):
    return scene(config).binder.optics


def same_arrays(one, other) -> bool:
    leaves, others = jax.tree.leaves(one), jax.tree.leaves(other)
    return len(leaves) == len(others) and all(np.array_equal(a, b) for a, b in zip(leaves, others, strict=True))


def test_design_values_share_the_optics():
    """What is continuous is no part of the structure: another exposure time or focal length is the same build."""
    config = CONFIG
    first = optics_of(config)
    other = config.replace(
        name="another", design=replace(config.design, exposure_time_s=900.0, m1_focal_length_m=0.604352)
    )
    assert ds.structural_hash_from_config(other) == ds.structural_hash_from_config(config)
    assert optics_of(other) is first
    assert threeplane_optics_cache_info()[:2] == (1, 1)


def test_every_structural_field_is_listed():
    """A new field of the configuration wants its row in the table above."""
    assert set(STRUCTURAL) == set(CONFIG.structure()) - {"system_id"}


@each_row("field", STRUCTURAL)
def test_structural_fields_are_never_served_stale(field):
    """Whatever was built before, the optics are those of an empty cache; and they change with what they are made of."""
    other = CONFIG.replace(**{field: STRUCTURAL[field]})
    assert ds.structural_hash_from_config(other) != ds.structural_hash_from_config(CONFIG)
    before, after = optics_of(CONFIG), optics_of(other)
    ds.clear_threeplane_optics_cache()
    assert same_arrays(after, optics_of(other))
    assert same_arrays(before, after) == (field in SETTINGS)


def test_settings_that_are_no_part_of_the_optics_reach_the_image():
    first = scene(CONFIG).image()
    assert scene(CONFIG.replace(image_npix=32)).image().shape == (32, 32)
    assert relative_l2(scene(CONFIG.replace(n_wavelengths=3)).image(), first) > 1e-6


def test_changed_mask_at_the_same_path(tmp_path):
    path = tmp_path / "mask.npy"
    rng = np.random.default_rng(3)
    patterns = [rng.integers(0, 2, (256, 256)).astype(np.float32) for _ in range(2)]
    config = CONFIG.replace(diffractive_pupil=str(path))
    images, hashes = [], []
    for pattern in (*patterns, patterns[0]):
        np.save(path, pattern)
        hashes.append(ds.structural_hash_from_config(config))
        images.append(scene(config).image())
    assert hashes[0] == hashes[2] != hashes[1]
    np.testing.assert_array_equal(images[0], images[2])
    assert relative_l2(images[1], images[0]) > 1e-3
    assert threeplane_optics_cache_info()[:2] == (1, 2)
    # The same content elsewhere is the same structure.
    elsewhere = tmp_path / "copy.npy"
    np.save(elsewhere, patterns[0])
    assert ds.structural_hash_from_config(config.replace(diffractive_pupil=str(elsewhere))) == hashes[0]


@pytest.mark.filterwarnings("ignore:the model is built in single precision")
def test_precision_is_part_of_the_key():
    double = optics_of(CONFIG)
    with jax.enable_x64(False):
        single = optics_of(CONFIG)
        assert scene(CONFIG).image().dtype == np.float32
    assert single is not double
    assert optics_of(CONFIG) is double
    assert scene(CONFIG).image().dtype == np.float64


def test_threads_get_what_they_asked_for():
    """Eight threads, four structures, twice each at once: the optics of a lone build, one object for each structure."""
    configs = [CONFIG.replace(strut_rotation_deg=float(angle)) for angle in (0, 10, 20, 30)]
    alone = [optics_of(config) for config in configs]
    ds.clear_threeplane_optics_cache()
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(optics_of, configs * 8))
    for i, optics in enumerate(together):
        assert optics is together[i % 4]
        assert same_arrays(optics, alone[i % 4])
    info = threeplane_optics_cache_info()
    assert (info.hits + info.misses, info.misses, info.currsize) == (32, 4, 4)


def test_threads_may_clear_meanwhile():
    configs = [CONFIG.replace(strut_rotation_deg=float(angle)) for angle in (0, 10)]
    truth = [scene(config).image() for config in configs]

    def work(i: int):
        if i % 5 == 4:
            ds.clear_threeplane_optics_cache()
        return i % 2, scene(configs[i % 2]).image()

    with ThreadPoolExecutor(8) as pool:
        for which, image in pool.map(work, range(24)):
            np.testing.assert_array_equal(image, truth[which])


def test_cache_forgets_the_oldest_and_is_bounded():
    size = threeplane_optics_cache_info().maxsize
    configs = [CONFIG.replace(strut_rotation_deg=float(angle)) for angle in range(size + 1)]
    first = optics_of(configs[0])
    for config in configs[1:]:
        optics_of(config)
    assert threeplane_optics_cache_info().currsize == size
    again = optics_of(configs[0])
    assert again is not first
    assert same_arrays(again, first)


def test_clear_forgets():
    first = optics_of(CONFIG)
    ds.clear_threeplane_optics_cache()
    assert threeplane_optics_cache_info()[:2] == (0, 0)
    assert threeplane_optics_cache_info().currsize == 0
    assert optics_of(CONFIG) is not first


@pytest.mark.parametrize(("value", "disabled"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_environment_switches_it_off(monkeypatch, value, disabled):
    monkeypatch.setenv(CACHE_DISABLED_VARIABLE, value)
    assert CACHE_DISABLED_VARIABLE == "DLUXSHERA_THREEPLANE_CACHE_DISABLED"
    first, second = optics_of(CONFIG), optics_of(CONFIG)
    assert (first is not second) == disabled
    assert same_arrays(first, second)
    assert threeplane_optics_cache_info().currsize == (0 if disabled else 1)


def test_binders_share_and_never_write_what_they_share():
    one, other = scene(CONFIG), scene(CONFIG.replace(name="another"))
    assert one.binder.optics is other.binder.optics
    before = [np.array(leaf) for leaf in jax.tree.leaves(one.binder.optics)]
    one.image({"binary.x_position_as": 0.3})
    assert all(np.array_equal(a, b) for a, b in zip(before, jax.tree.leaves(other.binder.optics), strict=True))
