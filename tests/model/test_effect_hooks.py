"""The hooks of effects: the model runs each of them, and those of the detector agree with a closed form."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr

from dluxshera.model import binder_of, system_graph
from dluxshera.params import ParameterStore
from dluxshera.systems import EFFECTS, SHERA_FOURPLANE_EXAMPLE_CONFIG, build_spec, effects_of

SMALL = SHERA_FOURPLANE_EXAMPLE_CONFIG.replace(image_npix=16, n_wavelengths=2, m1_map_npix=8, surface_map_npix=8)


def hooks_of(monkeypatch, config, name: str) -> list[str]:
    """Return the effects whose hooks run for an image, in their order."""
    ran = []

    def record(effect, run):
        return lambda *inputs: (ran.append(effect), run(*inputs))[1]

    spec = build_spec(config, name)
    optics = binder_of(config, spec).optics
    with monkeypatch.context() as patch:
        for effect, item in list(EFFECTS.items()):
            patch.setitem(EFFECTS, effect, replace(item, hook=replace(item.hook, run=record(effect, item.hook.run))))
        graph = system_graph(config, spec, optics, compiled=False)
        jax.eval_shape(graph.function("image"), dict(ParameterStore.from_spec_defaults(spec)))
    return ran


def test_the_model_runs_the_hook_of_each_effect_of_its_configuration(monkeypatch):
    everything = SMALL.replace(effects=effects_of(2))
    forward = hooks_of(monkeypatch, everything, "forward")
    assert sorted(forward) == sorted(effects_of(2))
    # Ghosts are light of the two stars and precede other sources; effects with a margin precede those without.
    for order in (
        ("black_bodies", "spectra", "filter", "ghosts", "field_stars", "distortion"),
        ("motion", "pixel_offsets", "background", "pixel_response", "electronics"),
    ):
        assert tuple(name for name in forward if name in order) == order
    effective = hooks_of(monkeypatch, everything, "inference")  # in which the pair's position stands for alignment
    assert set(effects_of(2)) - set(effective) == {"alignment"}
    assert hooks_of(monkeypatch, SMALL, "forward") == []
    for effect in ("motion", "ghosts"):
        assert hooks_of(monkeypatch, SMALL.replace(effects=[effect]), "forward") == [effect]


def gaussian_pixels(size: int, width_x: float, width_y: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """Return the integrals of a Gaussian at (x, y) over pixels around the origin."""
    edges = np.arange(size + 1) - size / 2
    return np.outer(np.diff(ndtr((edges - y) / width_y)), np.diff(ndtr((edges - x) / width_x)))


def test_the_detector_of_a_gaussian_in_closed_form():
    """Motion, displaced pixels, background, response and dark signal, one after another."""
    npix, jitter, drift, plate_scale = 12, 0.6, np.array([0.02, -0.01]), 0.12
    config = SMALL.replace(image_npix=npix)
    response = np.random.default_rng(4).uniform(0.9, 1.1, (npix, npix))
    values = {
        "system.plate_scale_as_per_pix": plate_scale,
        "imaging.jitter_as": jitter * plate_scale,
        "imaging.smear_x_as": drift[0] * plate_scale,
        "imaging.smear_y_as": drift[1] * plate_scale,
        "detector.pixel_x_offset_pix": np.full((npix, npix), 0.3),
        "detector.pixel_y_offset_pix": np.full((npix, npix), -0.2),
        "field.background": 0.25,
        "detector.pixel_response": response,
        "detector.dark_signal": 0.25,
    }
    hooks = [EFFECTS[name].hook for name in ("motion", "pixel_offsets", "background", "pixel_response", "electronics")]
    margins = [hook.margin(config) for hook in hooks]
    assert margins == [config.motion_margin, 3, 0, 0, 0]
    image = jnp.asarray(1e3 * gaussian_pixels(npix + 2 * sum(margins), 2.5, 3.0))
    arrays = {key: jnp.asarray(value) for key, value in values.items()}
    for hook, margin in zip(hooks, margins, strict=True):
        image = hook.run(image, margin, arrays)
    width_x, width_y = np.sqrt(np.array([2.5, 3.0]) ** 2 + jitter**2 + drift**2 / 12)
    truth = response * (1e3 * gaussian_pixels(npix, width_x, width_y, -0.3, 0.2) + 0.25) + 0.25
    np.testing.assert_allclose(image, truth, atol=5e-4 * truth.max())
