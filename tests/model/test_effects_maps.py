"""Maps of OPD on the mirrors: what they do is what the same Zernike polynomial does, whichever part holds it."""

import numpy as np
import pytest

import dluxshera as ds
from dluxshera.optics import cell_centres, power_law_map, read_map, write_map
from support import reference_optics as ref
from support.effect_scenes import SMALL, binary, direct_sum, everything, everything_in_four_planes
from support.helpers import relative_l2, rounding
from support.scenes import M1_ZERNIKES, M2_ZERNIKES, Scene

EXACT = rounding(float, 64**2, condition=100)
# Beyond the border of a map its values go on as they are, and those of a polynomial do not; resampled light is there.
BORDER = 2e-6
M1_MAPS = ("primary.calibrated_map_nm", "primary.uncalibrated_map_nm")
M3_ZERNIKES = "tertiary.zernike_coeffs_nm"


def polynomial(noll: int, npix: int) -> np.ndarray:
    """Return a Zernike polynomial by its textbook formula on cells of the square around the circle."""
    x, y = np.meshgrid(cell_centres(npix), cell_centres(npix))
    r2 = x * x + y * y
    return {
        4: np.sqrt(3) * (2 * r2 - 1),
        5: np.sqrt(6) * 2 * x * y,
        6: np.sqrt(6) * (x * x - y * y),
        8: np.sqrt(8) * (3 * r2 - 2) * x,
        11: np.sqrt(5) * (6 * r2 * r2 - 6 * r2 + 1),
    }[noll]


def coefficient(noll: int, size: float) -> np.ndarray:
    values = np.zeros(8)
    values[noll - 4] = size
    return values


@pytest.mark.parametrize(("noll", "left"), [(4, 0.0), (5, 0.0), (6, 0.0), (8, 1e-3), (11, 1e-3)])
def test_map_of_a_polynomial_on_m1_is_its_coefficient(noll, left):
    """Cubic convolution has quadratics exactly, though the map's cells are not those of the pupil."""
    clean, opd = {M1_ZERNIKES: np.zeros(8)}, 7.0 * polynomial(noll, SMALL["m1_map_npix"])
    wanted = everything().image({M1_ZERNIKES: coefficient(noll, 7.0)})
    parts = {"primary.calibrated_map_nm": 3.0 * opd, "primary.uncalibrated_map_nm": -2.0 * opd}
    effect = relative_l2(everything().image(clean), wanted)
    assert effect > 1e-2
    assert relative_l2(everything().image({**clean, **parts}), wanted) < BORDER + left * effect


@pytest.mark.parametrize(("noll", "left"), [(4, 0.0), (5, 0.0), (6, 0.0), (8, 1e-3), (11, 1e-3)])
def test_map_of_a_polynomial_on_m2_is_its_coefficient(noll, left):
    """Cubic convolution has quadratics exactly, though the map's cells are not those of the light's grid."""
    opd = 7.0 * polynomial(noll, SMALL["surface_map_npix"])
    flat, wanted = {M2_ZERNIKES: np.zeros(8)}, everything().image({M2_ZERNIKES: coefficient(noll, 7.0)})
    parts = {"secondary.calibrated_map_nm": 3.0 * opd, "secondary.uncalibrated_map_nm": -2.0 * opd}
    effect = relative_l2(everything().image(flat), wanted)
    assert effect > 1e-3
    assert relative_l2(everything().image({**flat, **parts}), wanted) < BORDER + left * effect


def test_quadratic_map_behind_m2_is_its_coefficient():
    model, opd = everything_in_four_planes(), 9.0 * polynomial(6, SMALL["surface_map_npix"])
    left = 3e-6  # measured 2.8e-6, in proportion to the map and 2.4e-3 of its effect; the border of M3 is out of reach
    wanted = model.image({M3_ZERNIKES: coefficient(6, 9.0)})
    assert relative_l2(model.image({"tertiary.calibrated_map_nm": opd}), wanted) < left
    assert relative_l2(model.image({"tertiary.uncalibrated_map_nm": opd}), wanted) < left
    assert relative_l2(model.image(), wanted) > 1e-3


def test_map_lies_as_it_is_stored():
    """OPD that grows towards +x, a growing column, moves the image towards +x, and as far as its slope says."""
    npix = SMALL["m1_map_npix"]
    x, y = np.meshgrid(cell_centres(npix), cell_centres(npix))
    tilt = 40.0 * x + 15.0 * y  # nm over a radius; OPD growing towards +x moves the image towards +x
    moved = everything().image({"primary.calibrated_map_nm": tilt})
    shift = 1e-9 / 0.11 / ref.ARCSECOND * np.array([40.0, 15.0])
    stars = [(place + shift, photons) for place, photons in binary()]
    assert relative_l2(moved, direct_sum(stars)) < BORDER


def test_map_from_a_file_acts_like_the_map(tmp_path):
    opd = power_law_map(3, SMALL["m1_map_npix"], 20e-9)
    write_map(tmp_path / "m1.fits", opd)
    read = read_map(tmp_path / "m1.fits", SMALL["m1_map_npix"])
    image = everything().image({"primary.uncalibrated_map_nm": read / 1e-9})
    assert relative_l2(image, everything().image({"primary.uncalibrated_map_nm": opd / 1e-9})) < EXACT
    assert relative_l2(image, everything().image()) > 1e-2


def test_map_of_any_size_covers_the_square_around_the_pupil():
    """The same quadratic on maps of 5 and of 48 cells is the same image: none is stretched, shifted or cut."""
    few = everything().binder.config.replace(m1_map_npix=5)
    spec = ds.build_inference_spec_physics(few)
    store = ds.ParameterStore(
        {key: np.zeros((5, 5)) if key in M1_MAPS else everything().store[key] for key in spec.primitives}, spec
    )
    coarse = Scene(ds.SheraThreePlaneBinder(few, spec), store)
    images = [
        model.image({"primary.calibrated_map_nm": 9.0 * polynomial(6, npix)})
        for model, npix in ((coarse, 5), (everything(), SMALL["m1_map_npix"]))
    ]
    assert relative_l2(*images) < 5e-6  # the error of an image, on grids that are not the same
    assert relative_l2(images[0], everything().image()) > 1e-2
