"""Data of fits from profiles: exposures that are simulated and read, units, masks and noise of `fit_profile`."""

import hashlib
import inspect
import re
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.io import fits
from typer.testing import CliRunner

import dluxshera as ds
from dluxshera import cli
from dluxshera.errors import DataError, ParameterError
from dluxshera.inference import GaussianNoise, PhotonReadNoise, PoissonNoise
from dluxshera.profiles import load_profile, provenance_of, shera_profiles
from dluxshera.runs import fit_profile, noise_of, read_fit_data, run_figures, simulate_profile
from support.rows import each_row

SOURCE = "observation/flight_alpha_cen"
SIZE = ["image_npix=32", "n_wavelengths=1"]
NOISY = [*SIZE, "effects=[electronics]"]
FREE = ["binary.separation_as", "binary.log_flux_total"]


def invoke(*arguments):
    done = CliRunner().invoke(cli.app, [*map(str, arguments)])
    if isinstance(done.exception, Exception):
        raise done.exception
    return done.exit_code, done.stdout + done.stderr


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    path = tmp_path_factory.mktemp("exposure") / "image.fits"
    return simulate_profile(SOURCE, path, overrides=SIZE, seed=3)


def fitted(data, folder, **options):
    return fit_profile(SOURCE, folder, data=data, free=FREE, overrides=SIZE, **options)


@pytest.fixture(scope="module")
def run(exposure, tmp_path_factory):
    return fitted(exposure, tmp_path_factory.mktemp("runs") / "run")


def changed(exposure, path, factor=1.0, **header):
    """Copy an exposure with its numbers multiplied, and with other cards."""
    with fits.open(exposure) as hdus:
        hdus[0].data = hdus[0].data * factor
        hdus[0].header.update(header)
        hdus.writeto(path)
    return path


def test_the_header_has_the_origin_of_an_exposure(exposure):
    header, flags = fits.getheader(exposure), fits.getdata(exposure, "DQ")
    config, spec, store = ds.load_model(SOURCE, spec="forward", overrides=SIZE)
    origin = provenance_of(config, load_profile(SOURCE, shera_profiles(), SIZE))
    binder = ds.SheraThreePlaneBinder(config, spec, store)
    assert (header["BUNIT"], header["EXPTIME"], header["GAIN"], header["SEED"]) == ("electron", 1800.0, 1.0, 3)
    assert header["PIXSCALE"] == float(binder.derived(store)["system.plate_scale_as_per_pix"])
    assert f"sha256:{header['CONFHASH']}" == origin["config_hash"]
    assert f"sha256:{header['DSGNHASH']}" == origin["design_hash"]
    assert [f"sha256:{header[f'PHASH{i + 1}']}" for i in range(5)] == [p["content_hash"] for p in origin["profiles"]]
    values = repr(sorted(store.as_dict().items()))
    assert header["PARHASH"] == hashlib.sha256(values.encode()).hexdigest()
    expected = binder.expose(store, 3)
    np.testing.assert_array_equal(fits.getdata(exposure), expected.electrons)
    np.testing.assert_array_equal(flags == 1, expected.saturated)


def test_the_same_seed_gives_the_same_file(exposure, tmp_path):
    again = simulate_profile(SOURCE, tmp_path / "again.fits", overrides=SIZE, seed=3)
    assert again.read_bytes() == exposure.read_bytes()
    other = simulate_profile(SOURCE, tmp_path / "other.fits", overrides=[*SIZE, "binary.separation_as=9.8"], seed=3)
    headers = fits.getheader(exposure), fits.getheader(other)
    assert headers[0]["PARHASH"] != headers[1]["PARHASH"]
    assert headers[0]["CONFHASH"] == headers[1]["CONFHASH"]


def test_a_fit_of_an_exposure_finds_the_values_of_the_profile(run):
    _, _, store = ds.load_model(SOURCE, spec="inference", overrides=SIZE)
    assert run.converged
    assert np.all(np.abs((run.theta - [float(store[key]) for key in FREE]) / run.sigma) < 5)
    assert run.provenance["data"] == "image.fits"
    facts = run.provenance["image"]
    assert (facts["unit"], facts["noise"], facts["masked_pixels"]) == ("electron", "poisson", 1)


def test_a_rate_is_the_same_data(run, exposure, tmp_path):
    """The example of the issue: photons per second and 1800 s were fitted as photons, with sigma 42 times too large."""
    rate = changed(exposure, tmp_path / "rate.fits", 1 / 1800.0, BUNIT="ph/s", EXPTIME=1800.0)
    other = fitted(rate, tmp_path / "run", seed=0)
    np.testing.assert_allclose(other.theta, run.theta, rtol=0, atol=1e-3 * run.sigma.min())
    np.testing.assert_allclose(other.sigma, run.sigma, rtol=1e-6)


def test_a_corrupted_pixel_that_is_masked_changes_nothing(run, exposure, tmp_path):
    """A planted fault, a mask that is dropped, moves the estimates by many sigma."""
    image, flags = fits.getdata(exposure), fits.getdata(exposure, "DQ")
    image[16, 18] = 1e12
    use = flags == 0
    use[16, 18] = False
    np.save(tmp_path / "image.npy", image)
    np.save(tmp_path / "use.npy", use)
    masked = fitted(tmp_path / "image.npy", tmp_path / "masked", mask=tmp_path / "use.npy")
    assert masked.converged
    assert np.all(np.abs(masked.theta - run.theta) < 0.5 * run.sigma)
    assert masked.provenance["image"]["masked_pixels"] == 2
    assert np.isnan(masked.images["data"]).sum() == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert {"image", "residual"} <= {name for name, _ in run_figures(masked)}
    plt.close("all")


def test_read_noise_in_the_header_is_that_of_the_fit(tmp_path):
    path = simulate_profile(SOURCE, tmp_path / "noisy.fits", overrides=NOISY, seed=1)
    assert fits.getheader(path)["RDNOISE"] == pytest.approx(0.5 * 36_000**0.5, rel=1e-12)  # of all frames
    observed = read_fit_data(path, 32)
    assert isinstance(observed.noise, PhotonReadNoise)
    assert float(observed.noise.read_variance) == pytest.approx(0.25 * 36_000, rel=1e-12)
    assert observed.facts["noise"] == "photon-read"
    assert isinstance(read_fit_data(path, 32, noise="poisson").noise, PoissonNoise)
    assert float(read_fit_data(path, 32, read_noise=3.0).noise.read_variance) == 9.0


@each_row("name, read_noise, expected", [
    (None, None, PoissonNoise), ("poisson", None, PoissonNoise), (None, 3.0, PhotonReadNoise),
    ("photon-read", 3.0, PhotonReadNoise), ("gaussian", 3.0, GaussianNoise),
])  # fmt: skip
def test_noise_by_name(name, read_noise, expected):
    assert isinstance(noise_of(name, read_noise), expected)


@each_row("name, read_noise, message", [
    ("poison", None, "noise: expected one of poisson, photon-read, gaussian, got 'poison'"),
    ("photon-read", None, "read_noise: expected electrons, which the noise photon-read needs.*--read-noise"),
    ("gaussian", None, "read_noise: expected electrons, which the noise gaussian needs"),
    ("poisson", 3.0, "read_noise: expected no read noise with poisson.*--noise photon-read"),
    (None, -1.0, "read_noise: expected a positive number of electrons"),
    (None, float("nan"), "read_noise: expected a positive number of electrons"),
    ("gaussian", 0.0, "read_noise: expected a positive number of electrons"),
])  # fmt: skip
def test_noise_that_does_not_exist(name, read_noise, message):
    with pytest.raises(ParameterError, match=message):
        noise_of(name, read_noise)


@each_row("shape, message", [
    ((64, 64), r"got an array of shape \(64, 64\).*--set image_npix=64"),
    ((33, 40), r"crop the data around the stars, for example to data\[0:32, 4:36\]"),
    ((32,), "one image of two dimensions"),
])  # fmt: skip
def test_data_of_another_shape_are_not_read(shape, message, tmp_path):
    path = tmp_path / f"{len(shape)}_{shape[0]}.npy"
    np.save(path, np.ones(shape))
    for options in ({}, {"mask": path}):
        data = None if options else path
        with pytest.raises(DataError, match=rf"{path.name}: expected an image of shape \(32, 32\).*{message}"):
            read_fit_data(data, 32, **options)


def test_the_commands(exposure, tmp_path):
    path = tmp_path / "image.fits"
    sizes = [part for size in SIZE for part in ("--set", size)]
    code, text = invoke("simulate", SOURCE, *sizes, "--seed", 3, "--output", path)
    assert (code, text) == (0, f"{path}: written\n")
    assert path.read_bytes() == exposure.read_bytes()
    code, text = invoke("simulate", SOURCE, "--output", path)
    assert code == 2
    assert "--force" in text
    fit = ["run", "fit", SOURCE, *sizes, "--free", FREE[0], "--max-steps", 1, "--output", tmp_path / "run"]
    with pytest.raises(DataError, match="an extension ERR with an image"):
        invoke(*fit, "--data", path, "--extension", "ERR")
    with pytest.raises(ParameterError, match="extension: expected a file of data"):
        invoke(*fit, "--extension", "SCI")
    with pytest.raises(ParameterError, match="noise: expected one of"):
        invoke(*fit, "--noise", "salt")
    assert not (tmp_path / "run").exists()
    code, text = invoke(*fit, "--data", path, "--extension", "0", "--noise", "photon-read", "--read-noise", 2)
    assert "image.fits, unit electron, noise photon-read, masked pixels 1" in text


def test_messages_name_options_that_exist():
    """Each --option in a message about data is one of run fit."""
    from dluxshera.inference import image_data as checks
    from dluxshera.inference import likelihood
    from dluxshera.optics import image_files
    from dluxshera.runs import profile_data

    helped = invoke("run", "fit", "--help")[1]
    named = set()
    for module in (likelihood, profile_data, image_files, inspect.getmodule(checks)):
        named |= set(re.findall(r"--[a-z][a-z-]+", inspect.getsource(module)))
    assert {"--noise", "--read-noise", "--set", "--data"} <= named
    assert {option for option in named if option not in helped} == set()
