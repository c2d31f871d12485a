"""`system_optics`: the optics of a structural configuration of any system, on the device and cached by content."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from dluxshera.disk_cache import cached_arrays
from dluxshera.model.process import check_process
from dluxshera.optics import (
    Grid,
    RelayOptics,
    Sampling,
    ZernikeBasis,
    centred_points,
    matrix_of_samples,
    matrix_of_sums,
)
from dluxshera.systems import SheraConfig, resampled_pupil, structural_hash_from_config

CACHE_DISABLED_VARIABLE: Final = "DLUXSHERA_THREEPLANE_CACHE_DISABLED"
MAX_CACHED_OPTICS: Final = 8
PIXEL_CUT: Final = 1e-6  # smallest singular value of the fit of the pixels' matrix, over the largest

SystemOptics: TypeAlias = RelayOptics


class CacheInfo(NamedTuple):
    """Statistics of the cache of built optics since it was last cleared.

    Parameters
    ----------
    hits, misses : int
        Number of optics taken from the cache, and of optics built.
    maxsize, currsize : int
        Largest and current number of optics in the cache.
    """

    hits: int
    misses: int
    maxsize: int
    currsize: int


_lock = threading.Lock()
_built: OrderedDict[tuple[str, Sampling, str, jax.Device], SystemOptics] = OrderedDict()
_counts = {"hits": 0, "misses": 0}


def system_optics(config: SheraConfig, sampling: Sampling) -> SystemOptics:
    """Return the optics of a configuration, from the cache if the same structure was built before.

    The arrays are placed on JAX's default device once, so that a call of the model transfers parameters only. The key
    is `structural_hash_from_config`, which includes the content of the mask's file, the sampling, and JAX's default
    float type and device. The environment variable ``DLUXSHERA_THREEPLANE_CACHE_DISABLED`` disables the cache unless it
    is empty or ``0``. Safe under threads.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    sampling : Sampling
        Grids, as of `sampling_for`.

    Raises
    ------
    ConfigError
        If this process was forked after a model had been built.
    """
    check_process()
    dtype = np.dtype(jnp.result_type(float))
    if os.environ.get(CACHE_DISABLED_VARIABLE, "0") not in ("", "0"):
        return _build(config, sampling, dtype)
    key = (structural_hash_from_config(config), sampling, dtype.name, _default_device())
    with _lock:  # held while building, so that threads that need the same optics build them once
        if key in _built:
            _counts["hits"] += 1
            _built.move_to_end(key)
            return _built[key]
        _counts["misses"] += 1
        optics = _build(config, sampling, dtype)
        if structural_hash_from_config(config) == key[0]:  # the mask's file did not change meanwhile
            _built[key] = optics
        while len(_built) > MAX_CACHED_OPTICS:
            _built.popitem(last=False)
        return optics


def clear_threeplane_optics_cache() -> None:
    """Forget all built optics and the cache's statistics."""
    with _lock:
        _built.clear()
        _counts.update(hits=0, misses=0)


def threeplane_optics_cache_info() -> CacheInfo:
    """Return the statistics of the cache of built optics."""
    with _lock:
        return CacheInfo(_counts["hits"], _counts["misses"], MAX_CACHED_OPTICS, len(_built))


def _build(config: SheraConfig, sampling: Sampling, dtype: np.dtype) -> SystemOptics:
    def placed(values: np.ndarray) -> jax.Array:
        with jax.ensure_compile_time_eval():  # a model can be built while a function is traced
            return jax.device_put(np.asarray(values, dtype))

    pupil = resampled_pupil(config, sampling.grids[0])
    bases = [
        ZernikeBasis(noll, 2.0 * grid.coordinates())
        for noll, grid in zip(config.bases.values(), sampling.grids[1:], strict=True)
    ]
    reductions = [_reduction(*grids, of_pupil=number == 0) for number, grids in enumerate(pairwise(sampling.grids))]
    return RelayOptics(
        clear=placed(pupil["clear"]),
        stepped=placed(pupil["stepped"]),
        step=placed(np.asarray(0.5 * config.mask_design_wavelength_m)),
        bases=tuple(jax.tree.map(placed, basis) for basis in bases),
        reductions=tuple(None if matrix is None else placed(matrix) for matrix in reductions),
        pixels=placed(_pixel_matrix(sampling)),
        sampling=sampling,
    )


def _reduction(before: Grid, after: Grid, *, of_pupil: bool) -> np.ndarray | None:
    if before == after:
        return None
    inner = after.pupil if of_pupil else after
    matrix = matrix_of_sums(before.coordinates(), inner.coordinates(), after.band)
    matrix = np.pad(matrix, (((after.npix - inner.npix) // 2,) * 2, (0, 0)))
    # The squared modulus of a cell's amplitude is its power, so amplitudes grow with the size of the cells.
    return matrix * (after.per_diameter / before.per_diameter) ** 0.5


def _pixel_matrix(sampling: Sampling) -> np.ndarray:
    samples = centred_points(sampling.image_samples, sampling.pitch)
    pixels, band = centred_points(sampling.image_npix, 1.0), sampling.largest_frequency

    def matrix() -> dict[str, np.ndarray]:
        return {"matrix": matrix_of_samples(samples, pixels, band, width=1.0, cut=PIXEL_CUT)}

    grids = (sampling.image_samples, sampling.pitch, sampling.image_npix, band, PIXEL_CUT)
    return cached_arrays(f"pixel matrix 2: {grids!r}", matrix)["matrix"]


def _default_device() -> jax.Device:
    """Return the device on which JAX places an array."""
    with jax.ensure_compile_time_eval():
        (device,) = jax.device_put(np.zeros(())).devices()
    return device
