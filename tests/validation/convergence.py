"""Images of the package against images from the native cells of the diffractive pupil."""

from __future__ import annotations

import hashlib
import json
from functools import cache, cached_property
from io import BytesIO
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dluxshera.files import write_bytes
from dluxshera.model import binder_of
from dluxshera.params import ParameterStore, ParamSpec
from dluxshera.systems import CONFIGS, TARGETS, SheraConfig, build_spec, structural_hash_from_config
from support import native_optics, native_spectra, reference_optics, separation_bias
from support.evidence import ROOT, hashes_of, modules_behind
from support.helpers import relative_l2
from support.native_optics import NativeOptics, Progress
from support.native_spectra import Interpolation, Spectrum, absorption_lines, sun_table, tabulated
from support.reference_optics import COEFFS_M1, COEFFS_M2
from support.separation_bias import M1, M2, M3, Columns

KEPT = ROOT / ".cache" / "native"
MAX_L2, MAX_BIAS_UAS, MAX_SPECTRAL_BIAS_UAS = 5e-6, 0.1, 0.5
FIGURES_NM = {M1: COEFFS_M1 / 5.0, M2: COEFFS_M2 / 5.0, M3: COEFFS_M2[::-1] / 5.0}  # for 1 nm a coefficient
BANDS = 20_000  # narrow bands of a spectrum
SUN, LINES = "the Sun", "300 lines"
LINES_ROWS = 22_001  # of the table of the lines that the package has, beyond both ends of the band
BETWEEN_NODES_M = (529.6e-9, 560.3e-9)  # where the interpolated native images are compared with native images


class Case(NamedTuple):
    """An image that the package and the native cells make.

    Parameters
    ----------
    system : str
        Packaged configuration, without ``shera_``.
    wavelengths : int
        Wavelengths of the native image; twice those of the package at least, unless both have equally many.
    equal : bool
        Whether the package has as many wavelengths: the error is then that of the grids alone.
    figure_nm : float
        Size of the Zernike coefficients of all mirrors.
    image_npix : int
        Pixels along a side.
    target : str
        Star.
    spectra : str
        Spectra of the stars, `SUN` or `LINES`; flat without.
    max_l2, max_bias_uas : float
        Bounds of the error of the image and of the separation; `inf` where there is none.
    """

    system: str
    wavelengths: int
    equal: bool = False
    figure_nm: float = 0.0
    image_npix: int = 256
    target: str = "alpha Cen"
    spectra: str = ""
    max_l2: float = MAX_L2
    max_bias_uas: float = MAX_BIAS_UAS

    @property
    def name(self) -> str:
        """What it is, in words."""
        parts = [self.system]
        if self.target != "alpha Cen":
            parts.append(self.target)
        if self.image_npix != 256:
            parts.append(f"{self.image_npix} pixels")
        if self.figure_nm:
            parts.append(f"{self.figure_nm:g} nm")
        if self.equal:
            parts.append(f"{self.wavelengths} wavelengths")
        if self.spectra:
            parts.append(self.spectra)
        return ", ".join(parts)

    @property
    def config(self) -> SheraConfig:
        """Configuration of the package."""
        config = CONFIGS[f"shera_{self.system}"].replace(image_npix=self.image_npix)
        if self.equal:
            config = config.replace(n_wavelengths=self.wavelengths)
        if self.spectra:
            rows = len(spectra_of(self)[0])
            config = config.replace(effects=("spectra",), spectrum_a_rows=rows, spectrum_b_rows=rows)
        return config

    def model(self, spec_name: str) -> tuple[SheraConfig, ParamSpec, ParameterStore]:
        """Configuration, spec and store of the package."""
        config = self.config
        spec = build_spec(config, spec_name, TARGETS[self.target])
        values: dict[str, np.ndarray] = {}
        if self.figure_nm:
            values |= {key: self.figure_nm * figure for key, figure in FIGURES_NM.items() if key in spec}
        if self.spectra:
            wavelengths, spectra = spectra_of(self)
            for star, spectrum in zip("ab", spectra, strict=True):
                values[f"binary.spectrum_{star}_wavelengths_m"] = wavelengths
                values[f"binary.spectrum_{star}"] = spectrum(wavelengths)
        return config, spec, ParameterStore.from_spec_defaults(spec).replace(values)


CASES = (
    Case("flight", 30),
    Case("testbed", 40),
    Case("twoplane_flight", 18),
    Case("twoplane_testbed", 40),
    Case("fourplane_example", 18),
    Case("flight", 3, equal=True, figure_nm=5.0, max_bias_uas=inf),
    Case("testbed", 3, equal=True, figure_nm=5.0, max_bias_uas=inf),
    Case("flight", 3, equal=True, figure_nm=5.0, image_npix=64, max_bias_uas=inf),
    Case("flight", 3, equal=True, figure_nm=5.0, image_npix=448, target="61 Cyg", max_bias_uas=inf),
    Case("flight", 3, equal=True, figure_nm=50.0, max_l2=1e-5, max_bias_uas=inf),
    Case("flight", 30, spectra=SUN, max_l2=inf, max_bias_uas=MAX_SPECTRAL_BIAS_UAS),
    Case("flight", 30, spectra=LINES, max_l2=inf, max_bias_uas=MAX_SPECTRAL_BIAS_UAS),
)


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


def native(case: Case) -> NativeOptics:
    """Native optics of a case."""
    config, _, store = case._replace(spectra="").model("forward")
    return native_optics.native_optics_of(config, store, KeptOptics)


@cache
def spectra_of(case: Case) -> tuple[np.ndarray, tuple[Spectrum, Spectrum]]:
    """Wavelengths in metres of the table that the package has, and the spectra of A and of B."""
    if case.spectra == SUN:
        wavelengths, photons = sun_table()
        return wavelengths, (tabulated(wavelengths, photons), tabulated(wavelengths, photons**1.5))
    design = CONFIGS[f"shera_{case.system}"].design
    centre, width = design.wavelength_m, design.bandwidth_m
    wavelengths = centre + width * np.linspace(-0.55, 0.55, LINES_ROWS)
    return wavelengths, (absorption_lines(centre, width), absorption_lines(centre, width, seed=2025))


def predicted(case: Case) -> np.ndarray:
    """Image of the package, photons per pixel."""
    config, spec, store = case.model("forward")
    return np.asarray(binder_of(config, spec, store).predict(store))


def columns(case: Case) -> Columns:
    """Derivatives of the package's image by the parameters of the estimators."""
    return Columns.of(*case.model("inference"))


def probes(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels of the truth that the record shows."""
    places = np.arange(case.image_npix // 4, 3 * case.image_npix // 4, 3)
    return places, places[::-1]


def measure(case: Case, progress: Progress | None = None) -> dict[str, Any]:
    """Error of the package's image, and the bias of the separation that it makes."""
    config, spec, _ = case.model("forward")
    record: dict[str, Any] = {
        "case": case.name,
        "structural_hash": structural_hash_from_config(config),
        "spec": spec.digest(),
        "wavelengths": case.wavelengths,
    }
    optics = native(case)
    if case.spectra:
        between = Interpolation.of(optics, case.wavelengths, progress)
        record |= {"narrow_bands": BANDS, "interpolation_error": between.error(BETWEEN_NODES_M)}
        truth = between.image(spectra_of(case)[1], BANDS)
    else:
        truth = optics.image(case.wavelengths, progress)
    image = predicted(case)
    bias = columns(case).bias(image - truth)
    return record | {
        "l2": relative_l2(image, truth),
        "photons": float(image.sum() / truth.sum() - 1.0),
        "bias_uas": {str(number): value for number, value in bias.items()},
        "probes": truth[probes(case)].tolist(),
    }


def judge(records: list[dict[str, Any]]) -> list[str]:
    """Return a line for each figure beyond its bound."""
    lines = []
    for case, record in zip(CASES, records, strict=True):
        for name, value, bound in [
            ("l2", record["l2"], case.max_l2),
            ("photons", record["photons"], case.max_l2),
            *((f"bias_uas, {n} parameters", value, case.max_bias_uas) for n, value in record["bias_uas"].items()),
        ]:
            if not abs(value) <= bound:
                lines.append(f"{case.name}, {name}: {value:.2g}, above {bound:g}")
    return lines


def sources() -> list[Path]:
    """Files whose code the record is of."""
    modules = (native_optics, native_spectra, reference_optics, separation_bias)
    files = [Path(__file__), *(Path(module.__file__ or "") for module in modules)]
    return sorted({*files, *(module for file in files for module in modules_behind(file))})
