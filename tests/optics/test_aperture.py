"""Rasters of the pupil, against areas in closed form and dense samples of its cells."""

from math import asin, pi, sqrt

import numpy as np
import pytest

from dluxshera.errors import ConfigError
from dluxshera.optics import (
    TOLIMAN,
    block_mean,
    cell_centres,
    diffractive_pupil_raster,
    open_area_fraction,
    pupil_raster,
)
from support import reference_optics as ref
from support.helpers import rounding


def edges_of(design: ref.Design) -> dict[str, float]:
    return {
        "obscuration": design.m2_diameter / design.m1_diameter,
        "n_struts": design.n_struts,
        "strut_width": design.strut_width / design.m1_diameter,
        "strut_rotation_deg": design.strut_rotation_deg,
    }


def open_area(obscuration: float = 0.0, n_struts: int = 0, strut_width: float = 0.0, strut_rotation_deg: float = 0.0):
    """The circle less the obscuration less the struts, each a rectangle cut by two arcs; in units of the circle."""

    def half_strip(radius: float) -> float:  # the part of a strip beyond the origin, within a circle
        w = strut_width
        return 0.5 * w * sqrt(radius**2 - 0.25 * w**2) + radius**2 * asin(0.5 * w / radius) if radius else 0.0

    area = pi / 4.0 * (1.0 - obscuration**2) - n_struts * (half_strip(0.5) - half_strip(0.5 * obscuration))
    if n_struts and not obscuration:
        assert n_struts == 4  # neighbours share a square of half their width at the centre
        area += 4.0 * (0.5 * strut_width) ** 2
    return area / (pi / 4.0)


def is_open(x, y, obscuration=0.0, n_struts=0, strut_width=0.0, strut_rotation_deg=0.0):
    """Whether points are open, coordinates in units of the diameter: the definition."""
    inside = (np.hypot(x, y) <= 0.5) & (np.hypot(x, y) >= 0.5 * obscuration)
    for number in range(n_struts):
        angle = np.deg2rad(strut_rotation_deg + 360.0 * number / n_struts)
        along, beside = -x * np.sin(angle) - y * np.cos(angle), x * np.cos(angle) - y * np.sin(angle)
        inside &= ~((along > 0.0) & (np.abs(beside) <= 0.5 * strut_width))
    return inside


APERTURES = {
    "flight": edges_of(ref.FLIGHT),
    "testbed": edges_of(ref.TESTBED),
    "circle": {},
    "no obscuration": {"n_struts": 4, "strut_width": 0.03, "strut_rotation_deg": 10.0},
    "thin struts": {"obscuration": 0.3, "n_struts": 3, "strut_width": 4e-4, "strut_rotation_deg": 7.0},
    "thin struts on the grid": {"obscuration": 0.3, "n_struts": 4, "strut_width": 4e-4},
    "wide": {"obscuration": 0.45, "n_struts": 5, "strut_width": 0.08, "strut_rotation_deg": -33.0},
}


@pytest.mark.parametrize("npix", [64, 256])
def test_cells_are_symmetric_and_span_the_pupil(npix):
    x = cell_centres(npix)
    np.testing.assert_allclose(x, 2.0 * ref.cell_centres(npix, 1.0 / npix), rtol=0, atol=rounding(float))
    assert x[0] - (x[1] - x[0]) / 2 == pytest.approx(-1.0)


@pytest.mark.parametrize("npix", [65, 512])
@pytest.mark.parametrize("name", APERTURES)
def test_cells_have_the_open_part_of_their_area(name, npix):
    """Random cells among those that an edge crosses, against 400 x 400 points in each."""
    edges = APERTURES[name]
    raster = pupil_raster(npix, **edges)
    assert raster.min() > -1e-10
    assert raster.max() < 1.0 + 1e-12
    rng = np.random.default_rng(npix)
    rows, columns = np.nonzero((raster > 0.0) & (raster < 1.0))
    some = rng.choice(rows.size, 60, replace=False)
    offsets = (np.arange(400) - 199.5) / 400
    x, wrong = np.arange(npix) - (npix - 1) / 2.0, []
    for row, column in zip(rows[some], columns[some], strict=True):
        points = is_open((x[column] + offsets) / npix, (x[row] + offsets[:, None]) / npix, **edges)
        wrong.append(raster[row, column] - points.mean())
    # 400 x 400 points place an edge along the grid to 1/400. A cell in which edges meet can be further off.
    assert np.median(np.abs(wrong)) < 1e-3
    assert np.sum(np.abs(wrong) > 2.5e-3 + 0.05 * 2.0 / npix) <= 2
    assert np.abs(wrong).max() < 0.05


@pytest.mark.parametrize("npix", [16, 65, 256, 1024])
@pytest.mark.parametrize("name", APERTURES)
def test_open_area_is_that_of_the_shapes(name, npix):
    edges = APERTURES[name]
    # Where edges meet, at most twice for each side of a strut, a few hundredths of a cell are in doubt. A circle of n
    # cells across passes through 4 n of them, and a line in its place errs by 0.01 x 2 / n of a cell on average.
    cells = pi / 4.0 * npix**2
    meeting = 4 * edges.get("n_struts", 0) * 0.05 / cells
    circles = 1 + (edges.get("obscuration", 0.0) > 0.0)
    arcs = circles * 8 * 0.015 / cells
    assert open_area_fraction(pupil_raster(npix, **edges)) == pytest.approx(open_area(**edges), abs=meeting + arcs)


def test_open_parts_of_the_designs():
    assert {name: round(open_area(**APERTURES[name]), 2) for name in ref.DESIGNS} == {"flight": 0.97, "testbed": 0.88}


def test_strut_below_a_cell_blocks_its_own_area():
    """A strut along a row of cells: each has the strut's width over the cell's."""
    npix, width = 64, 2e-3
    shadow = 1.0 - pupil_raster(npix, n_struts=1, strut_width=width, strut_rotation_deg=-90.0)[:, 40:60]
    # The strut on +x lies between the two middle rows, half of it in each.
    np.testing.assert_allclose(shadow[31:33], 0.5 * width * npix, rtol=1e-9)
    assert not shadow[[30, 33]].any()


@pytest.mark.parametrize(("rotation", "direction"), [(0.0, (0, -1)), (90.0, (-1, 0)), (180.0, (0, 1)), (-90.0, (1, 0))])
def test_first_strut_points_where_its_angle_says(rotation, direction):
    shadow = pupil_raster(128) - pupil_raster(128, n_struts=1, strut_width=0.05, strut_rotation_deg=rotation)
    x = cell_centres(128)
    mean = np.array([(shadow * x).sum(), (shadow * x[:, None]).sum()]) / shadow.sum()
    # A half-line from the centre to the rim has its middle at half the radius.
    np.testing.assert_allclose(mean, 0.5 * np.array(direction), atol=1e-3)


def test_quarter_turns_turn_the_raster():
    edges = {"obscuration": 0.2, "n_struts": 3, "strut_width": 0.02}
    turned = [pupil_raster(90, strut_rotation_deg=20.0 + angle, **edges) for angle in (0.0, 90.0)]
    # The strut at angle a points along (-sin a, -cos a), so a quarter turn of a takes -y to -x.
    np.testing.assert_allclose(np.rot90(turned[0]), turned[1], atol=rounding(float, 100, 100))


def test_flight_struts_are_at_0_120_and_240_degrees():
    shadow = pupil_raster(256, obscuration=0.1) - pupil_raster(
        256, obscuration=0.1, n_struts=3, strut_width=0.01, strut_rotation_deg=-90.0
    )
    x = cell_centres(256)
    angle = np.degrees(np.arctan2(*np.broadcast_arrays(x[:, None], x))) % 360.0
    radius = np.hypot(x, x[:, None])
    ring = shadow * ((radius > 0.5) & (radius < 0.9))
    for expected in (0.0, 120.0, 240.0):
        away = (angle - expected + 180.0) % 360.0 - 180.0
        near = ring * (np.abs(away) < 30.0)
        assert near.sum() == pytest.approx(ring.sum() / 3.0, rel=0.05)
        assert (near * away).sum() / near.sum() == pytest.approx(0.0, abs=0.05)


def test_toliman_mask_is_that_of_its_package():
    raster = diffractive_pupil_raster(TOLIMAN)
    assert raster.shape == (2048, 2048)
    assert raster.dtype == np.float64
    assert set(np.unique(raster)) == {0.0, 0.25, 0.5, 0.75, 1.0}
    np.testing.assert_array_equal(block_mean(raster, 8) >= 0.5, ref.toliman_mask(256))


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, bool])
def test_mask_keeps_its_fractions_and_their_places(tmp_path, dtype):
    """Row 0 at -y, column 0 at -x; no threshold, no average."""
    pattern = np.zeros((16, 16), dtype=dtype)
    pattern[2, 13] = pattern[15, 0] = 1
    if dtype is np.float32:
        pattern[7, 7] = 0.25
    np.save(tmp_path / "mask.npy", pattern)
    np.testing.assert_array_equal(diffractive_pupil_raster(str(tmp_path / "mask.npy")), pattern.astype(float))


@pytest.mark.parametrize(("mask", "expected"), [
    (np.array([[{"not": "a number"}]], dtype=object), "a .npy file of numbers"),
    (np.zeros((4, 5)), "a square array"),
    (np.zeros((4, 4, 4)), "a square array"),
    (np.zeros((0, 0)), "a square array"),
    (np.zeros((4, 4), dtype=complex), "a square array of real numbers"),
    (np.full((4, 4), "1"), "a square array of real numbers"),
    (np.full((4, 4), 1.01), "values from 0 to 1.*m1_maps"),
    (np.full((4, 4), -1e-9), "values from 0 to 1.*m1_maps"),
    (np.full((4, 4), np.nan), "values from 0 to 1"),
])  # fmt: skip
def test_file_that_is_no_mask(tmp_path, mask, expected):
    path = tmp_path / "mask.npy"
    np.save(path, mask, allow_pickle=True)
    with pytest.raises(ConfigError, match=f"(?s)diffractive_pupil: expected {expected}"):
        diffractive_pupil_raster(str(path))


def test_mask_that_does_not_exist_or_is_empty(tmp_path):
    with pytest.raises(ConfigError, match="existing file"):
        diffractive_pupil_raster(str(tmp_path / "none.npy"))
    (tmp_path / "empty.npy").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"a \.npy file of numbers"):
        diffractive_pupil_raster(str(tmp_path / "empty.npy"))
