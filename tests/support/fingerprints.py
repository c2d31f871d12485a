"""Fingerprints of the default images, and their record. ``python -m support.fingerprints`` in tests/ records them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import dluxshera as ds

RECORD = Path(__file__).with_name("fingerprints.json")
DEPENDENCIES = ("dLux", "jax", "jaxlib", "numpy")
# One observation for each packaged design. The rest of each profile is what its name says.
PROFILES = (
    "observation/flight_alpha_cen",
    "observation/testbed_alpha_cen",
    "observation/twoplane_flight_alpha_cen",
    "observation/twoplane_testbed_alpha_cen",
    "observation/fourplane_example_alpha_cen",
)
BINDERS = {
    "shera_twoplane": ds.SheraTwoPlaneBinder,
    "shera_threeplane": ds.SheraThreePlaneBinder,
    "shera_fourplane": ds.SheraFourPlaneBinder,
}
PROJECTIONS = 5
# Rounding differs between processors by about 1e-13 of an image, and a change of physics that matters at a
# microarcsecond by more than 1e-7.
TOLERANCE = 1e-9


def default_image(profile: str) -> np.ndarray:
    """Return the image of a packaged profile at its own values, in photons per pixel."""
    model = ds.load_model(profile)
    binder = BINDERS[model.config.system_id](*model)
    return np.asarray(binder.predict(model.store))


def fingerprint(image: np.ndarray) -> list[float]:
    """Return the sum and the Euclidean length of an image, and its projections on fixed random signs.

    The signs are the bits of SHAKE-256, so that they depend on no package.
    """
    bits = np.frombuffer(hashlib.shake_256(b"dLuxShera").digest(-(-PROJECTIONS * image.size // 8)), dtype=np.uint8)
    signs = 1.0 - 2.0 * np.unpackbits(bits)[: PROJECTIONS * image.size].reshape(PROJECTIONS, image.size)
    return [float(image.sum()), float(np.linalg.norm(image)), *map(float, signs @ image.ravel())]


def versions() -> dict[str, str]:
    """Return the installed versions of the packages that compute the images."""
    return {name: version(name) for name in DEPENDENCIES}


def read_record() -> dict[str, Any]:
    """Return the recorded fingerprints and the versions of the packages that they were computed with."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


def differences(images: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> str:
    """Return a message about the images whose fingerprint is not the recorded one; empty if all agree."""
    lines = []
    for profile, image in images.items():
        recorded, actual = np.array(record["images"][profile]), np.array(fingerprint(image))
        change = np.abs(actual - recorded) / np.array([recorded[0], *[recorded[1]] * (len(recorded) - 1)])
        if not np.all(change <= TOLERANCE):
            lines.append(
                f"{profile}: sum {actual[0]:.10e}, recorded {recorded[0]:.10e}; largest relative change "
                f"{change.max():.1e}"
            )
    if not lines:
        return ""
    now = versions()
    packages = ", ".join(f"{name} {record['versions'][name]} -> {now[name]}" for name in DEPENDENCIES)
    return "\n".join([
        "The default images have changed:", *lines,
        f"Packages, recorded -> installed: {packages}.",
        "If the versions differ, a dependency may have changed the physics: install the recorded versions with "
        "constraints.txt, and run this test again. If it passes, read the changelog of the dependency, correct the "
        "calls in dluxshera.optics or exclude the release in pyproject.toml.",
        "If the versions agree, the optics of dLuxShera have changed. If that is intended, run the comparisons with "
        "the independent model (tests/optics, tests/crosschecks), then record the new images: "
        "cd tests && python -m support.fingerprints",
    ])  # fmt: skip


def main() -> None:
    """Record the fingerprints of this installation."""
    import jax

    jax.config.update("jax_enable_x64", True)
    images = {profile: fingerprint(default_image(profile)) for profile in PROFILES}
    RECORD.write_text(json.dumps({"versions": versions(), "images": images}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
