"""A first use of the installed package: build a small model, predict its image, and read a packaged profile."""

import sys
from importlib.metadata import version
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import dluxshera as ds  # noqa: E402 - after the precision is set


def main(tag: str) -> None:
    """Check the version against a tag, and the image against the photons that the parameters give."""
    assert tag in ("", f"v{ds.__version__}"), f"the package is {ds.__version__}, the tag {tag}"
    assert version("dluxshera") == ds.__version__
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=32)
    spec = ds.build_forward_model_spec_from_config(config)
    store = ds.ParameterStore.from_spec_defaults(spec)
    binder = ds.SheraThreePlaneBinder(config, spec, store)
    image = binder.predict(store)
    assert image.shape == (32, 32)
    photons = 10 ** float(binder.derived(store)["binary.log_flux_total"])
    assert 0 < float(image.sum()) < photons, (float(image.sum()), photons)
    assert float(image.min()) >= 0
    assert ds.load_model("instrument/shera_flight").config == ds.SHERA_FLIGHT_CONFIG
    print(f"dluxshera {ds.__version__} from {Path(ds.__file__).parent} works")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
