"""The imports of a first image."""

import json

from support.helpers import run_fresh

IMAGE = """
    import json, sys
    import jax
    jax.config.update("jax_enable_x64", True)
    import dluxshera as ds
    from dluxshera.model import binder_of
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=16, n_wavelengths=1)
    binder = binder_of(config, ds.build_inference_spec_basic(config))
    binder.predict(binder.store).block_until_ready()
    unneeded = {"astropy", "dLux", "matplotlib", "optax", "rich", "scipy", "zodiax"}
    print(json.dumps(sorted(unneeded & set(sys.modules))))
"""


def test_an_image_imports_no_package_that_it_does_not_need():
    """The package dLux takes a quarter of a second to import, and only wavefronts are made of it."""
    assert json.loads(run_fresh(IMAGE)) == []
