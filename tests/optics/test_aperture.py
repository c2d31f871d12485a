"""Rasters of the pupil, against areas in closed form and the reference."""

from math import asin, pi, sqrt

import numpy as np
import pytest

from dluxshera.errors import ConfigError
from dluxshera.optics import (
    TOLIMAN,
    cell_centres,
    diffractive_pupil_raster,
    open_area_fraction,
    pupil_raster,
)
from support import reference_optics as ref
from support.helpers import rounding


def raster_of(design: ref.Design, npix: int = 256) -> np.ndarray:
    return pupil_raster(
        npix,
        obscuration=design.m2_diameter / design.m1_diameter,
        n_struts=design.n_struts,
        strut_width=design.strut_width / design.m1_diameter,
        strut_rotation_deg=design.strut_rotation_deg,
    )


@pytest.mark.parametrize("npix", [64, 256])
def test_cells_are_symmetric_and_span_the_pupil(npix):
    x = cell_centres(npix)
    np.testing.assert_allclose(x, 2.0 * ref.cell_centres(npix, 1.0 / npix), rtol=0, atol=rounding(float))
    assert x[0] - (x[1] - x[0]) / 2 == pytest.approx(-1.0)


@pytest.mark.parametrize("name", ref.DESIGNS)
def test_raster_equals_the_reference(name):
    design = ref.DESIGNS[name]
    # Coverage comes in steps of 1/25: equal up to rounding means equal.
    np.testing.assert_allclose(raster_of(design), ref.design_coverage(design, 256), rtol=0, atol=rounding(float, 25))


@pytest.mark.parametrize("name", ref.DESIGNS)
def test_open_area_is_that_of_the_shapes(name):
    """The circle less the obscuration less the struts, each a rectangle cut by two arcs."""
    design = ref.DESIGNS[name]
    big, small, w = 0.5 * design.m1_diameter, 0.5 * design.m2_diameter, design.strut_width

    def half_strip(radius: float) -> float:  # the part of a strip of width w beyond the origin, within a circle
        return 0.5 * w * sqrt(radius**2 - 0.25 * w**2) + radius**2 * asin(0.5 * w / radius)

    area = pi * (big**2 - small**2) - design.n_struts * (half_strip(big) - half_strip(small))
    fraction = area / (pi * big**2)
    # An edge of length p cells, cut by 5 x 5 points: each cell errs by up to 1/10 of its size, at random along a curve
    # and together along a strut that follows the grid. The flight strut on +x does: 2.33 cells are drawn as 2.4.
    npix = 256
    along_grid = 0.1 * 2 * design.n_struts * npix / 2 / (pi / 4 * npix**2)
    assert open_area_fraction(raster_of(design, npix)) == pytest.approx(fraction, abs=along_grid)
    assert fraction == pytest.approx({"flight": 0.972, "testbed": 0.88}[name], abs=2e-3)


def test_clear_circle_has_the_area_of_a_circle():
    assert open_area_fraction(pupil_raster(256)) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(("rotation", "direction"), [(0.0, (0, -1)), (90.0, (-1, 0)), (180.0, (0, 1)), (-90.0, (1, 0))])
def test_first_strut_points_where_its_angle_says(rotation, direction):
    shadow = pupil_raster(128) - pupil_raster(128, n_struts=1, strut_width=0.05, strut_rotation_deg=rotation)
    x = cell_centres(128)
    mean = np.array([(shadow * x).sum(), (shadow * x[:, None]).sum()]) / shadow.sum()
    # A half-line from the centre to the rim has its middle at half the radius.
    np.testing.assert_allclose(mean, 0.5 * np.array(direction), atol=5e-3)


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


def test_toliman_mask_equals_the_reference():
    np.testing.assert_array_equal(diffractive_pupil_raster(TOLIMAN, 256), ref.toliman_mask(256))


def test_mask_follows_the_rule_and_the_orientation(tmp_path):
    """Row 0 at -y, column 0 at -x; the mean of a block, and one half counts as one."""
    pattern = np.zeros((16, 16), dtype=np.float32)
    pattern[0:4, 0:4] = 1.0  # the corner at (-x, -y)
    pattern[0:4, 12:14] = 1.0  # half of the corner at (+x, -y): a tie
    pattern[12:16, 0:4] = 0.25  # the corner at (-x, +y): below
    path = tmp_path / "corner.npy"
    np.save(path, pattern)
    raster = diffractive_pupil_raster(str(path), 4)
    expected = np.zeros((4, 4))
    expected[0, 0] = expected[0, 3] = 1.0
    np.testing.assert_array_equal(raster, expected)


def test_mask_never_unpickles(tmp_path):
    path = tmp_path / "pickled.npy"
    np.save(path, np.array([{"not": "a number"}], dtype=object), allow_pickle=True)
    with pytest.raises(ConfigError):
        diffractive_pupil_raster(str(path), 4)
