"""Data of fits from profiles: images that are read, and exposures that are simulated and written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from dluxshera._version import __version__
from dluxshera.errors import ParameterError
from dluxshera.inference import (
    GaussianNoise,
    Noise,
    PhotonReadNoise,
    PoissonNoise,
    check_image_shape,
)
from dluxshera.model import binder_of
from dluxshera.optics import FITS_SUFFIXES, check_suffix, read_image, read_pixels_to_use, write_image
from dluxshera.profiles import load_profile, model_of, provenance_of, shera_profiles
from dluxshera.systems import EXPOSURE_TIME, FRAME_TIME, PLATE_SCALE, READ_NOISE

NOISES: Final = ("poisson", "photon-read", "gaussian")


@dataclass(frozen=True, eq=False)
class FitData:
    """An image to fit, with its noise and its mask.

    Parameters
    ----------
    image : ndarray or None
        Photons per pixel; None if the image is to be simulated.
    noise : Noise
        Noise model.
    mask : ndarray of bool or None
        True for the pixels to use; None for all.
    facts : dict
        Plain data for the record of the run.
    """

    image: np.ndarray | None
    noise: Noise
    mask: np.ndarray | None
    facts: dict[str, Any] = field(default_factory=dict)

    def shown(self, image: np.ndarray) -> np.ndarray:
        """Return an image with NaN in place of the pixels that are not used."""
        return image if self.mask is None else np.where(self.mask, image, np.nan)


def read_fit_data(
    data: Path | None,
    npix: int,
    *,
    extension: str | None = None,
    mask: Path | None = None,
    noise: str | None = None,
    read_noise: float | None = None,
) -> FitData:
    """Read the image of a fit, its mask, and its noise.

    Parameters
    ----------
    data : path or None
        FITS or ``.npy`` file, see `dluxshera.optics.read_image`; None if the image is to be simulated.
    npix : int
        Pixels across the model's image.
    extension : str, optional
        Name or number of the FITS extension.
    mask : path, optional
        File of the pixels to use, see `dluxshera.optics.read_pixels_to_use`, beside the flags in the file of the data.
    noise : {'poisson', 'photon-read', 'gaussian'}, optional
        Noise model. By default ``poisson``, or ``photon-read`` if there is a read noise.
    read_noise : float, optional
        Standard deviation of each pixel of the image by read noise, electrons. By default ``RDNOISE`` in the header of
        the data.

    Raises
    ------
    DataError
        If a file cannot be read, or does not fit the model.
    ParameterError
        If an option does not suit the others.
    """
    shape = (npix, npix)
    if extension is not None and data is None:
        raise ParameterError("extension", expected="a file of data", got=None, remedy="Set data (--data)")
    image = use = None
    facts: dict[str, Any] = {}
    if data is not None:
        image, use, from_header, facts = read_image(
            data, extension=extension, check_shape=lambda other: check_image_shape(str(data), other, shape)
        )
        read_noise = from_header if read_noise is None and noise != "poisson" else read_noise
    if mask is not None:
        more = read_pixels_to_use(mask, check_shape=lambda other: check_image_shape(str(mask), other, shape))
        use = more if use is None else use & more
    model = noise_of(noise, read_noise)
    facts["noise"] = noise or ("photon-read" if read_noise else "poisson")
    facts |= {"read_noise": read_noise} if read_noise else {}
    facts |= {} if use is None else {"masked_pixels": int(use.size - np.count_nonzero(use))}
    return FitData(image, model, use, facts)


def noise_of(name: str | None = None, read_noise: float | None = None) -> Noise:
    """Return a noise model by name.

    Parameters
    ----------
    name : {'poisson', 'photon-read', 'gaussian'}, optional
        Noise model; by default ``poisson``, or ``photon-read`` if there is a read noise.
    read_noise : float, optional
        Standard deviation of each pixel by read noise, electrons; for ``gaussian`` that of the whole noise.

    Raises
    ------
    ParameterError
        If there is no such noise model, or the read noise is missing, not positive, or not part of it.
    """
    name = name or ("poisson" if not read_noise else "photon-read")
    if name not in NOISES:
        raise ParameterError("noise", expected=f"one of {', '.join(NOISES)}", got=name)
    if read_noise is not None and not 0 < read_noise < float("inf"):
        raise ParameterError("read_noise", expected="a positive number of electrons", got=read_noise)
    if name == "poisson":
        if read_noise is not None:
            remedy = "Use the noise photon-read (--noise photon-read)"
            raise ParameterError("read_noise", expected="no read noise with poisson", got=read_noise, remedy=remedy)
        return PoissonNoise()
    if read_noise is None:
        remedy = "Set read_noise (--read-noise), the standard deviation of each pixel"
        raise ParameterError("read_noise", expected=f"electrons, which the noise {name} needs", got=None, remedy=remedy)
    return PhotonReadNoise(read_noise**2) if name == "photon-read" else GaussianNoise(read_noise**2)


def simulate_profile(source: str | Path, path: Path | str, *, overrides: Iterable[str] = (), seed: int = 0) -> Path:
    """Simulate an exposure of a profile's model, and write it to a FITS file that `fit_profile` reads.

    The exposure has photon noise and, with the effect ``electronics``, read noise of each frame. Saturated pixels are
    flagged in the extension ``DQ``. The header has the unit, the exposure time, the gain, the plate scale, the seed,
    and hashes of configuration, design, parameters and profiles. Switch on JAX's double precision first.

    Parameters
    ----------
    source : str or path
        Name of a packaged profile, such as ``observation/flight_alpha_cen``, or path of a file.
    path : path
        FITS file to write. An existing one is replaced.
    overrides : iterable of str
        ``key=value`` or ``key=value unit``, applied to the profile.
    seed : int
        Seed of the noise.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If the name has no suffix of FITS.
    DocumentError
        If the profile has a fault.
    """
    path = Path(path)
    check_suffix(path, FITS_SUFFIXES, "Exposures are written as FITS, which keeps their unit")
    profile = load_profile(source, shera_profiles(), overrides)
    model = model_of(profile, spec="forward")
    binder = binder_of(*model)
    store = model.store
    exposure = binder.expose(store, seed)
    origin = provenance_of(model.config, profile)
    exposure_time, frame_time = float(store[EXPOSURE_TIME.key]), float(store[FRAME_TIME.key])
    frames, read_noise = exposure_time / frame_time, float(store.get(READ_NOISE.key, 0.0))
    values = repr(sorted(store.as_dict().items()))
    cards: dict[str, tuple[Any, str]] = {
        "EXPTIME": (exposure_time, "[s] exposure time"),
        "FRAMTIME": (frame_time, "[s] time of a frame"),
        "NFRAMES": (frames, "frames in the exposure"),
        "GAIN": (1.0, "electrons per unit of the data"),
        "RDNOISE": (read_noise * frames**0.5, "[electron] read noise of all frames"),
        "PIXSCALE": (float(binder.derived(store)[PLATE_SCALE.key]), "[arcsec/pixel] plate scale"),
        "SEED": (seed, "seed of the noise"),
        "PROFILE": (profile.name, ""),
        "SYSTEM": (model.config.system_id, ""),
        "ORIGIN": (f"dluxshera {__version__}", ""),
        "CONFHASH": (_hash_text(origin["config_hash"]), ""),
        "DSGNHASH": (_hash_text(origin["design_hash"]), ""),
        "PARHASH": (hashlib.sha256(values.encode()).hexdigest(), ""),
    }
    for number, document in enumerate(origin["profiles"], 1):
        cards[f"PROF{number}"] = (f"{document['kind']}/{document['name']}", "")
        cards[f"PHASH{number}"] = (_hash_text(document["content_hash"]), "")
    write_image(path, np.asarray(exposure.electrons), cards, np.asarray(exposure.saturated))
    return path


def _hash_text(text: str) -> str:
    """Return a hash without its prefix, because a card of a header holds 68 characters."""
    return text.removeprefix("sha256:")
