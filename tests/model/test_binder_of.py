"""The binder of a configuration's system."""

import pytest

import dluxshera as ds
from dluxshera.errors import ConfigError
from dluxshera.model import binder_of


@pytest.mark.parametrize(
    ("source", "cls"),
    [
        ("observation/twoplane_flight_alpha_cen", ds.SheraTwoPlaneBinder),
        ("observation/flight_alpha_cen", ds.SheraThreePlaneBinder),
    ],
)
def test_the_system_of_a_configuration_decides(source, cls):
    model = ds.load_model(source, overrides=["image_npix=32"])
    binder = binder_of(*model)
    assert type(binder) is cls
    assert (binder.config, binder.spec) == (model.config, model.spec)
    assert binder.store == model.store


def test_a_configuration_of_no_system_is_refused():
    class Other(ds.SheraThreePlaneConfig):
        pass

    with pytest.raises(ConfigError, match=r"config: expected a SheraTwoPlaneConfig or .* or SheraFourPlaneConfig"):
        binder_of(object.__new__(Other), ds.build_inference_spec_basic(ds.SHERA_FLIGHT_CONFIG))
