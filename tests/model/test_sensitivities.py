"""What lengths do to the image's scale and focus, found through the image: a fit of plate scale and defocus.

The transforms alone have these numbers in closed form; here the derivative of the image by a length is projected on the
derivatives by what a fit would free, so that the whole way from a length to the pixels is in it.
"""

import jax
import numpy as np
import pytest

import dluxshera as ds
from support.scenes import CONFIGS, LOG_FLUX, PLATE_SCALE, scene

F1, F2 = "system.m1_focal_length_m", "system.m2_focal_length_m"
S, L = "system.m1_m2_separation_m", "system.m2_detector_separation_m"
ALPHA_CEN_UAS = 9.765e6
FITTED = (
    "binary.separation_as",
    "binary.position_angle_deg",
    "binary.x_position_as",
    "binary.y_position_as",
    LOG_FLUX,
    "binary.contrast",
    PLATE_SCALE,
    "primary.zernike_coeffs_nm",
)


@pytest.fixture(scope="module")
def fitted():
    """Change of the fitted plate scale (relative) and of Z4 (nm) for a metre of each length."""
    sizes = {"image_npix": 128, "n_wavelengths": 1}
    forward = scene(CONFIGS["flight"], "forward", **sizes)
    lengths = {key: forward.store[key] for key in (F1, F2, S, L)}
    by_length = jax.jit(jax.jacfwd(lambda v: forward.binder.predict(forward.store.replace(v))))(lengths)

    model = scene(CONFIGS["flight"], "inference", **sizes)
    free = model.binder.spec.subset(FITTED)
    theta = ds.pack_params(model.store, free)
    by_theta = jax.jit(jax.jacfwd(lambda t: model.binder.predict(ds.unpack_params(t, free, model.store)).ravel()))(
        theta
    )
    root = np.sqrt(model.image().ravel())  # photon noise
    design = np.asarray(by_theta) / root[:, None]
    size = np.linalg.norm(design, axis=0)
    found = {}
    for key, derivative in by_length.items():
        target = np.asarray(derivative).ravel() / root
        solved, *_ = np.linalg.lstsq(design / size, target, rcond=None)
        left = target - design / size @ solved
        change = dict(zip(free.labels, solved / size, strict=True))
        found[key] = (
            change[PLATE_SCALE] / float(model.store[PLATE_SCALE]),
            change["primary.zernike_coeffs_nm[Z4]"],
            np.linalg.norm(left) / np.linalg.norm(target),
        )
    return found


def test_the_lengths_act_by_scale_and_focus_alone(fitted):
    """What the fit cannot explain is the walk of M2's footprint, whose edge stops next to nothing."""
    assert max(left for *_, left in fitted.values()) < 2e-3


@pytest.mark.parametrize(("key", "logarithmic"), [(S, 0.917), (L, 0.928), (F2, -0.845), (F1, 0.0)])
def test_the_fitted_scale_follows_the_image_scale_and_not_the_focal_length(fitted, key, logarithmic):
    """optics.md, section 2: logarithmic derivatives of B, which the plate scale has with the other sign."""
    length = {F1: 0.604353, F2: -0.0545, S: 0.554130, L: 0.63997}[key]
    assert -fitted[key][0] * length == pytest.approx(logarithmic, abs=2e-3)


def test_microarcseconds_for_a_nanometre(fitted):
    """optics.md, section 2: with L fixed, and with the detector tied to M1, where s and L move together."""
    # The measured separation follows the image scale B, so against the plate scale.
    uas = {key: -1e-9 * scale * ALPHA_CEN_UAS for key, (scale, *_) in fitted.items()}
    assert uas[S] == pytest.approx(0.016, abs=5e-4)
    assert uas[S] - (uas[S] + uas[L]) == pytest.approx(-0.014, abs=5e-4)
    assert uas[S] + uas[L] == pytest.approx(0.030, abs=1e-3)
    assert abs(uas[F2]) == pytest.approx(0.151, abs=2e-3)
    assert abs(uas[F1]) < 2e-4


def test_the_rest_shows_as_defocus(fitted):
    """4.8 pm rms of Noll 4 per nanometre of s (optics.md, section 2); the relay's closed form says the same."""
    assert abs(fitted[S][1]) * 1e-9 * 1e3 == pytest.approx(4.8, abs=0.1)
    design = {"f1": 0.604353, "f2": -0.0545, "s": 0.554130, "L": 0.6399726}

    def defocus_nm(f1, f2, s, L):
        a = 1 - s / f1 - L * (1 / f1 + 1 / f2 - s / (f1 * f2))
        b = s + L * (1 - s / f2)
        return a / b * 0.11**2 / (4 * np.sqrt(3.0)) * 1e9

    for key, name in ((F1, "f1"), (F2, "f2"), (S, "s"), (L, "L")):
        step = 1e-6
        ends = [defocus_nm(**{**design, name: design[name] + sign * step}) for sign in (-1, 1)]
        assert fitted[key][1] == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=5e-3)
