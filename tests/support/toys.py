"""A toy telescope whose derived values, images and posteriors have a closed form."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from dluxshera.params import (
    Bounds,
    DerivedResolver,
    Normal,
    ParameterStore,
    ParamField,
    ParamSpec,
    Transform,
    TransformRegistry,
)

FLUX, CONTRAST, COEFFS = "star.log_flux", "star.contrast", "mirror.coeffs_nm"
LENGTH, PITCH, DIAMETER = "lens.length_m", "lens.pitch_m", "lens.diameter_m"
SCALE, RATIO, AREA = "lens.scale", "lens.ratio", "lens.area"
OPEN = "lens.open_fraction"

parameter = partial(ParamField, source="illustrative")

SYSTEM = "toy_telescope"
GROUPS = (("star", "Star", "What shines."), ("lens", "Lens", "What bends."), ("mirror", "Mirror", "What reflects."))


def scale(pitch, length):
    return pitch / length


def ratio(length, diameter):
    return length / diameter


def area(scale, ratio, open_fraction):
    """Of no meaning: a derived value of two derived values and a structural one."""
    return open_fraction * (scale * ratio) ** 2


TRANSFORMS = (
    Transform(AREA, (SCALE, RATIO, OPEN), area),  # before those that it needs
    Transform(SCALE, (PITCH, LENGTH), scale),
    Transform(RATIO, (LENGTH, DIAMETER), ratio),
)


def derived(transform: Transform) -> ParamField:
    return parameter(
        transform.key,
        transform.fn.__name__.title(),
        "Computed.",
        kind="derived",
        transform=transform.name,
        depends_on=transform.inputs,
    )


def telescope(system_id: str = SYSTEM) -> ParamSpec:
    """A spec with a field of every kind, shape and scale."""
    return ParamSpec(
        system_id,
        "forward",
        (
            parameter(FLUX, "Flux", "Of the star.", units="ph", scale="log10", default=3.0, prior=Normal(3.0, 0.1)),
            parameter(CONTRAST, "Contrast", "Flux ratio A / B.", default=2.5, bounds=Bounds(minimum=0)),
            parameter(LENGTH, "Length", "Focal.", units="m", default=8.0, bounds=Bounds(exclusive_minimum=0)),
            parameter(PITCH, "Pitch", "Of a pixel.", units="m", default=0.25),
            *map(derived, TRANSFORMS),
            parameter(DIAMETER, "Diameter", "Of the lens.", units="m", default=0.5),
            parameter(OPEN, "Open", "Fraction.", kind="structural", default=0.75, acts_on=()),
            parameter(
                COEFFS,
                "Coefficients",
                "OPD.",
                units="nm",
                shape=(3,),
                components=("Z4", "Z5", "Z6"),
                default=(0.5, -1.0, 2.0),
                bounds=Bounds(minimum=-50, exclusive_maximum=50),
                prior=Normal(0.0, 5.0),
            ),
        ),
        GROUPS,
    )


def resolver(system_id: str = SYSTEM) -> DerivedResolver:
    return DerivedResolver([TransformRegistry(system_id, TRANSFORMS)], default_system=system_id)


def defaults(**changes: Any) -> dict[str, Any]:
    """The telescope's primitives as a plain dictionary."""
    return {key: field.default for key, field in telescope().items() if field.kind == "primitive"} | changes


class Linear(NamedTuple):
    """A model image that is linear in its parameters: base + jacobian^T theta, pixels in a row."""

    spec: ParamSpec
    store: ParameterStore
    jacobian: np.ndarray
    base: np.ndarray

    @property
    def key(self) -> str:
        return self.spec.fields[0].key

    def predict(self, store: Mapping[str, Any]):
        return jnp.asarray(self.base) + jnp.asarray(store[self.key]) @ jnp.asarray(self.jacobian)

    def image(self, theta) -> np.ndarray:
        return self.base + np.asarray(theta) @ self.jacobian


def coefficients(n: int, prior: Normal | None = None, bounds: Bounds | None = None) -> ParamSpec:
    """A spec of one array of `n` coefficients a0, a1, ... with default zero."""
    field = parameter(
        "toy.a",
        "Coefficients",
        "Of the toy.",
        shape=(n,),
        components=tuple(f"a{i}" for i in range(n)),
        default=(0.0,) * n,
        prior=prior,
        bounds=bounds or Bounds(),
    )
    return ParamSpec("toy", "linear", (field,))


def linear_model(n: int = 3, pixels: int = 40, prior: Normal | None = None, seed: int = 1) -> Linear:
    rng = np.random.default_rng(seed)
    spec = coefficients(n, prior)
    jacobian = rng.normal(size=(n, pixels)) * np.logspace(0, 2, n)[:, None]
    return Linear(spec, ParameterStore.from_spec_defaults(spec), jacobian, rng.uniform(2e3, 3e3, pixels))


def star_spec() -> ParamSpec:
    """Position in pixels, log10 of the flux, and a width that must be positive."""
    one = {"default": 0.0, "bounds": Bounds(minimum=-20, maximum=20), "prior": Normal(0.0, 3.0)}
    return ParamSpec(
        "toy",
        "star",
        (
            parameter("star.x", "x", "Column.", **one),
            parameter("star.y", "y", "Row.", **one),
            parameter("star.log_flux", "Flux", "Of the star.", scale="log10", default=4.0, prior=Normal(4.0, 0.3)),
            parameter("star.width", "Width", "Of the star.", default=2.0, bounds=Bounds(exclusive_minimum=0)),
        ),
    )


def star_image(store: Mapping[str, Any], npix: int = 16):
    """A Gaussian star on a faint sky: not linear in anything but the sky, which is fixed at 10 photons per pixel."""
    row = jnp.arange(npix) - (npix - 1) / 2
    profile = [jnp.exp(-0.5 * ((row - store[key]) / store["star.width"]) ** 2) for key in ("star.y", "star.x")]
    peak = 10.0 ** store["star.log_flux"] / (2 * jnp.pi * store["star.width"] ** 2)
    return 10.0 + peak * profile[0][:, None] * profile[1][None, :]
