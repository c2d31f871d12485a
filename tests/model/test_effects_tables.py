"""A band that leaves the table of a filter: an error where the values are known, NaN where they are traced."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import GraphError, ParameterError

ROWS, CENTRE = "band.transmission_wavelengths_m", "band.wavelength_m"
COVERED = np.array([520e-9, 550e-9, 590e-9])


@cache
def binder() -> ds.SheraThreePlaneBinder:
    config = ds.SHERA_FLIGHT_CONFIG.replace(
        image_npix=16, n_wavelengths=2, effects=["filter", "spectra"], transmission_rows=3
    )
    spec = ds.build_forward_model_spec_from_config(config)
    store = ds.ParameterStore.from_spec_defaults(spec).replace({"band.transmission": [0.2, 0.9, 0.4], ROWS: COVERED})
    return ds.SheraThreePlaneBinder(config, spec, store)


@pytest.mark.parametrize(("updates", "complaint"), [
    ({CENTRE: 572e-9}, "592.5 nm, got .*520 to 590 nm.*Missing: 590 to 592.5 nm; extend the table, or change centre"),
    ({CENTRE: 532e-9}, "Missing: 511.5 to 520 nm"),
    ({"band.bandwidth_m": 90e-9}, "Missing: 505 to 520 nm and 590 to 595 nm"),
    ({ROWS: COVERED[::-1]}, "ascending order"),
])  # fmt: skip
def test_a_band_beyond_its_table(updates, complaint):
    model = binder()
    with pytest.raises(ParameterError, match=f"^{ROWS}: .*{complaint}"):
        model.store.replace(updates)
    store = jax.tree_util.tree_map_with_path(  # which checks nothing
        lambda path, value: np.asarray(updates.get(path[-1].key, value)), model.store
    )
    for output in (model.predict, model.derived, lambda store: model.predict_batch([model.store, store])):
        with pytest.raises(ParameterError, match=f"^{ROWS}: .*{complaint}"):
            output(store)
    with pytest.raises(GraphError, match=complaint):
        model.graph.value("image", store)

    @jax.jit
    def traced(values):
        return model.predict(model.store.replace(values))

    assert np.isnan(traced({key: jnp.asarray(value) for key, value in updates.items()})).all()
    assert np.isfinite(traced({key: jnp.asarray(model.store[key]) for key in updates})).all()


def test_a_filter_stays_where_it_is_when_the_band_moves():
    """Of a ramp a redder band sees the upper part; the same shift of the table is what a filter that moves would do."""
    model = binder()
    ramp = {"band.transmission": [0.0, 0.5, 1.0], ROWS: np.array([500e-9, 550e-9, 600e-9])}
    for centre in (540e-9, 560e-9):
        moved = model.derived(model.store.replace({**ramp, CENTRE: centre}))["band.mean_transmission"]
        assert moved == pytest.approx((centre - 500e-9) / 100e-9, rel=1e-12)
    along = {**ramp, CENTRE: 560e-9, ROWS: ramp[ROWS] + 10e-9}
    assert model.derived(model.store.replace(along))["band.mean_transmission"] == pytest.approx(0.5, rel=1e-12)
