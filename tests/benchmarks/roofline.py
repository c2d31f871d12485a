"""The parts of an image: how many operations each needs by a count, and how long each takes on its own.

A part is compiled by itself, from the same functions of the package as the whole image and on the same arrays. The
whole is compiled as one, so it can be faster than the sum of its parts, which pass their results through memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log2
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.case import Case
from benchmarks.measure import timed
from dluxshera.optics import Kernels, Quadrants, RelayOptics, transform_by_quadrants, transform_kernels, travel

CORE = 62e9  # float64 products and sums a second of the core on which the goals were set
PHASOR = 44  # of exp(i x) by polynomials: reduction of the argument 6, sine 16, cosine 16, choice of the quadrant 6
COMPLEX_PRODUCT = 6
SQUARED_MODULUS = 3
SIZE, ROUNDS = 1024, 15


class Part(NamedTuple):
    """A part of the image: its name, the operations that it needs, and the work itself."""

    name: str
    operations: float
    work: Callable[[], Any]


def roofline(case: Case) -> list[dict[str, Any]]:
    """Rows of the parts of a case's image, of their sum, and of the image as it is computed."""
    rows = []
    total = 0.0
    for part in parts_of(case):
        rows.append(_row(part))
        total += part.operations
    parts = {name: sum(row[name] for row in rows) for name in rows[0] if name not in ("Part", "Of the core, %")}
    rows.append({"Part": "sum of the parts", **parts, "Of the core, %": _percent(total, parts["Processor, ms"])})
    binder, store = case.scene.binder, case.scene.store
    rows.append(_row(Part("the image", total, lambda: binder.predict(store))))
    return rows


def _row(part: Part) -> dict[str, Any]:
    wall, processor = timed(part.work, ROUNDS)
    return {
        "Part": part.name,
        "Operations, million": part.operations / 1e6,
        "At 62 GFLOP/s, ms": 1e3 * part.operations / CORE,
        "Wall, ms": 1e3 * wall,
        "Processor, ms": 1e3 * processor,
        "Of the core, %": _percent(part.operations, 1e3 * processor),
    }


def _percent(operations: float, milliseconds: float) -> float:
    return 100.0 * 1e3 * operations / CORE / milliseconds


def product_rate() -> float:
    """Operations a second of processor time in a product of large float64 matrices on this machine."""
    a = jnp.asarray(np.random.default_rng(0).normal(size=(SIZE, SIZE)))
    product = jax.jit(jnp.matmul)
    return 2.0 * SIZE**3 / timed(lambda: product(a, a), ROUNDS).processor


def parts_of(case: Case) -> Iterator[Part]:
    """The parts in the order of the light, for a system without maps."""
    binder = case.scene.binder
    optics: RelayOptics = binder.optics
    light = binder.graph.value("light", case.scene.store)
    n_w, stars = light.wavelengths.size, light.angles.shape[0]
    sampling = optics.sampling
    n, samples, npix = sampling.exit.npix, sampling.image_samples, sampling.image_npix
    surfaces = len(light.surfaces)
    half, half_samples = n // 2, samples // 2

    @jax.jit
    def phasors(optics: RelayOptics, light: Any) -> tuple[Any, Kernels]:
        waves = optics.waves(light.wavelengths, light.angles, light.pupil, light.surfaces)
        x = light.pupil.diameter * optics.coordinates(-1)[half:]
        cycles = sampling.pitch * (jnp.arange(half_samples) + 0.5) * light.plate_scale / light.wavelengths[:, None]
        return waves, transform_kernels(x, cycles)

    modes = sum(len(basis.noll) for basis in optics.bases)
    cells = n_w * ((1 + surfaces) * n**2 + half * half_samples)
    yield Part(
        "phasors of figures and kernels, field behind the mask",
        PHASOR * cells + n_w * (4 + COMPLEX_PRODUCT) * n**2 + 2 * modes * n**2,
        lambda: phasors(optics, light),
    )

    @jax.jit
    def legs(waves: Any) -> jax.Array:
        def at_exit(waves: Any) -> jax.Array:
            field = waves.pupil * waves.tilts[:, 1, :, None] * waves.tilts[:, 0, None, :]
            for transfer, figure in zip(waves.transfers[:-1], waves.surfaces, strict=True):
                field = travel(field, transfer) * figure
            return travel(field, waves.transfers[-1]) * waves.exits[1, :, None] * waves.exits[0]

        return jax.lax.map(at_exit, waves)

    waves, kernels = phasors(optics, light)
    of_fft = 5 * n**2 * log2(n**2)
    of_leg = 2 * of_fft + COMPLEX_PRODUCT * n**2
    yield Part(
        "legs to M2 and back by FFT",
        n_w * stars * ((surfaces + 1) * of_leg + (4 + surfaces) * COMPLEX_PRODUCT * n**2)
        + n_w * (surfaces + 1) * COMPLEX_PRODUCT * n**2,
        lambda: legs(waves),
    )

    @jax.jit
    def transforms(fields: jax.Array, kernels: Kernels) -> Quadrants:
        return jax.lax.map(lambda sample: transform_by_quadrants(*sample), (fields, kernels))

    fields = legs(waves)
    products = 4 * 2 * 2 * stars * half_samples * half * (half + half_samples)
    halves = 4 * stars * n**2 + 16 * stars * half_samples**2
    yield Part("matrix Fourier transform by quadrants", n_w * (products + halves), lambda: transforms(fields, kernels))

    @jax.jit
    def densities(spectra: Quadrants, photons: jax.Array) -> jax.Array:
        def add(total: Quadrants, sample: tuple[Quadrants, jax.Array]) -> tuple[Quadrants, None]:
            spectra, weights = sample
            power = (jnp.real(field) ** 2 + jnp.imag(field) ** 2 for field in spectra)
            return Quadrants(
                *(t + jnp.einsum("s,asb->ab", weights, p) for t, p in zip(total, power, strict=True))
            ), None

        zero = jnp.zeros((half_samples, half_samples))
        return jax.lax.scan(add, Quadrants(*(zero,) * 4), (spectra, photons.T))[0].join()

    spectra = transforms(fields, kernels)
    yield Part(
        "densities, summed over stars and wavelengths",
        n_w * stars * (SQUARED_MODULUS + 2) * samples**2,
        lambda: densities(spectra, light.photons),
    )

    @jax.jit
    def pixels(matrix: jax.Array, density: jax.Array) -> jax.Array:
        return matrix @ density @ matrix.T

    density = densities(spectra, light.photons)
    yield Part(
        "pixels by a matrix along each axis",
        2 * npix * samples * (samples + npix),
        lambda: pixels(optics.pixels, density),
    )
