"""`system_optics`: the optics of a structural configuration of any system, cached by content."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import Final, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np

from dluxshera.optics import RelayOptics, ZernikeBasis, cell_centres
from dluxshera.systems import (
    SheraConfig,
    SheraFourPlaneConfig,
    SheraThreePlaneConfig,
    aperture_raster,
    mask_raster,
    sampling,
    structural_hash_from_config,
)

CACHE_DISABLED_VARIABLE: Final = "DLUXSHERA_THREEPLANE_CACHE_DISABLED"
MAX_CACHED_OPTICS: Final = 8

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
_built: OrderedDict[tuple[str, str], SystemOptics] = OrderedDict()
_counts = {"hits": 0, "misses": 0}


def system_optics(config: SheraConfig) -> SystemOptics:
    """Return the optics of a configuration, from the cache if the same structure was built before.

    The key is `structural_hash_from_config`, which includes the content of the mask's file, and the default float type
    of JAX. The environment variable ``DLUXSHERA_THREEPLANE_CACHE_DISABLED`` disables the cache unless it is empty or
    ``0``. Safe under threads.

    Parameters
    ----------
    config : SheraConfig
        Configuration of any system.
    """
    dtype = np.dtype(jnp.result_type(float))
    if os.environ.get(CACHE_DISABLED_VARIABLE, "0") not in ("", "0"):
        return _build(config, dtype)
    key = (structural_hash_from_config(config), dtype.name)
    with _lock:  # held while building, so that threads that need the same optics build them once
        if key in _built:
            _counts["hits"] += 1
            _built.move_to_end(key)
            return _built[key]
        _counts["misses"] += 1
        optics = _build(config, dtype)
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


def _build(config: SheraConfig, dtype: np.dtype) -> SystemOptics:
    npix = sampling(config).pupil_npix
    grid = config.gap_grid if isinstance(config, SheraThreePlaneConfig | SheraFourPlaneConfig) else npix
    pupil = cell_centres(npix)
    gap = cell_centres(grid) * (grid / npix)  # the pupil's cells, continued outwards
    on_pupil, *on_surfaces = config.bases.values()
    return RelayOptics(
        aperture=aperture_raster(config),
        mask_opd=mask_raster(config) * (0.5 * config.mask_design_wavelength_m),
        pupil_basis=ZernikeBasis(on_pupil, pupil, dtype),
        surface_bases=tuple(ZernikeBasis(noll, gap, dtype) for noll in on_surfaces),
        gap_npix=grid,
    )
