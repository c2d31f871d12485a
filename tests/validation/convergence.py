"""Default images of the packaged designs against the image from the native cells of the diffractive pupil."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from dluxshera.files import write_bytes
from dluxshera.model import binder_of
from dluxshera.profiles import ProfileModel, load_model
from dluxshera.systems import structural_hash_from_config
from support import native_optics, native_spectra, reference_optics, separation_bias
from support.evidence import ROOT, hashes_of, modules_behind
from support.helpers import relative_l2
from support.native_optics import NativeOptics, Progress
from support.native_spectra import Interpolation
from support.reference_optics import COEFFS_M1, COEFFS_M2
from support.separation_bias import M1, M2, M3, Columns

KEPT = ROOT / ".cache" / "native"
# Wavelengths of the truth: twice the default's at least; on the flight design narrow bands are interpolated from them.
WAVELENGTHS = {
    "flight": 30,
    "testbed": 40,
    "twoplane_flight": 18,
    "twoplane_testbed": 40,
    "fourplane_example": 18,
}
FIGURES: Mapping[str, Mapping[str, np.ndarray]] = {
    "none": {},
    "5 nm": {M1: COEFFS_M1, M2: COEFFS_M2, M3: COEFFS_M2[::-1]},
}
MAX_L2, MAX_BIAS_UAS = 5e-6, 0.1
PROBES = np.arange(60, 196, 3)  # rows and, backwards, columns of pixels of the truth that the record shows


class KeptOptics(NativeOptics):
    """Native optics that keep the images of the stars on disk, by the content of everything that acts on them."""

    @cached_property
    def folder(self) -> Path:
        """Folder of the images, named by the code, the parameters and the rasters."""
        acting = {
            key: np.asarray(value).tolist()
            for key, value in sorted(self.params.items())
            if key.startswith("system.")
            or key.endswith(("zernike_coeffs_nm", "separation_as", "position_angle_deg", "position_as"))
        }
        files = [Path(module.__file__ or "") for module in (native_optics, reference_optics)]
        settings = [hashes_of(files), acting, self.image_npix, self.node_weights.size, self.grid_npix]
        digest = hashlib.sha256(json.dumps(settings).encode())
        for raster in (self.structure.coverage, self.structure.mask):
            digest.update(np.ascontiguousarray(raster).tobytes())
        return KEPT / digest.hexdigest()[:32]

    def stars(self, wavelength: float) -> np.ndarray:
        """Read the images of both stars, or compute and keep them."""
        path = self.folder / f"{wavelength!r}.npy"
        if path.exists():
            return np.load(path, allow_pickle=False)
        images = super().stars(wavelength)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = BytesIO()
        np.save(content, images, allow_pickle=False)
        write_bytes(path, content.getvalue())
        return images


@cache
def models(observation: str, figure: str) -> tuple[ProfileModel, Any, ProfileModel, Any]:
    """The forward and the inference model of a packaged observation, each with a store that has the figures."""
    pair = []
    for spec in ("forward", "inference"):
        model = load_model(f"observation/{observation}_alpha_cen", spec=spec)
        figures = {key: value for key, value in FIGURES[figure].items() if key in model.spec}
        pair += [model, model.store.replace(figures)]
    return tuple(pair)


def native(observation: str, figure: str = "none") -> NativeOptics:
    """Native optics of a packaged observation."""
    model, store, *_ = models(observation, figure)
    return native_optics.native_optics_of(model.config, store, KeptOptics)


def truth(
    observation: str, figure: str = "none", progress: Progress | None = None, number: int | None = None
) -> Interpolation:
    """Native images at a number of wavelengths: `Interpolation.flat` sums them, `Interpolation.image` spectra."""
    return Interpolation.of(native(observation, figure), number or WAVELENGTHS[observation], progress)


def columns(observation: str, figure: str = "none") -> Columns:
    """Derivatives of the package's image by the parameters of the estimators."""
    *_, model, store = models(observation, figure)
    return Columns.of(model.config, model.spec, store)


def measure(observation: str, figure: str, progress: Progress | None = None) -> dict[str, Any]:
    """Error of the default image of a packaged observation, and the bias of the separation that it makes."""
    model, store, *_ = models(observation, figure)
    image = np.asarray(binder_of(model.config, model.spec, store).predict(store))
    expected = truth(observation, figure, progress).flat()
    bias = columns(observation, figure).bias(image - expected)
    return {
        "observation": observation,
        "figure": figure,
        "structural_hash": structural_hash_from_config(model.config),
        "spec": model.spec.digest(),
        "wavelengths": WAVELENGTHS[observation],
        "l2": relative_l2(image, expected),
        "photons": float(image.sum() / expected.sum() - 1.0),
        "bias_uas": {str(number): value for number, value in bias.items()},
        "probes": expected[PROBES, PROBES[::-1]].tolist(),
    }


def jobs() -> list[tuple[str, str]]:
    """Observation and figures of each record."""
    return [(observation, figure) for figure in FIGURES for observation in WAVELENGTHS]


def judge(records: list[dict[str, Any]]) -> list[str]:
    """Return a line for each figure beyond its bound."""
    lines = []
    for record in records:
        name = f"{record['observation']}, figure {record['figure']}"
        if not record["l2"] <= MAX_L2:
            lines.append(f"{name}: {record['l2']:.2g} of the image, above {MAX_L2:g}")
        lines += [
            f"{name}: {bias:.3g} uas with {number} parameters, above {MAX_BIAS_UAS:g}"
            for number, bias in record["bias_uas"].items()
            if not abs(bias) <= MAX_BIAS_UAS
        ]
    return lines


def sources() -> list[Path]:
    """Files whose code the record is of."""
    modules = (native_optics, native_spectra, reference_optics, separation_bias)
    files = [Path(__file__), *(Path(module.__file__ or "") for module in modules)]
    return sorted({*files, *(module for file in files for module in modules_behind(file))})
