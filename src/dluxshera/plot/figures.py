"""Figures of a fit: image, residual, convergence, pulls, correlations, marginals. Each call returns a new figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _figure(width: float, height: float, columns: int = 1) -> tuple[Figure, Any]:
    import matplotlib.pyplot as plt

    return plt.subplots(1, columns, figsize=(width, height), layout="constrained")


def _extent(shape: tuple[int, ...], plate_scale: float) -> tuple[float, float, float, float]:
    half_x, half_y = 0.5 * plate_scale * shape[1], 0.5 * plate_scale * shape[0]
    return (-half_x, half_x, -half_y, half_y)


def plot_image(image: Any, plate_scale: float, *, title: str = "") -> Figure:
    """Draw an image on a logarithmic scale, with +x to the right and +y up.

    Parameters
    ----------
    image : array_like, shape (n, m)
        Image in photons per pixel; NaN is not drawn.
    plate_scale : float
        Plate scale, arcsec per pixel.
    title : str
        Title of the figure.
    """
    from matplotlib.colors import LogNorm

    image = np.asarray(image)
    figure, axes = _figure(5.6, 4.6)
    peak = float(np.nanmax(image))
    floor = max(float(np.nanquantile(image, 0.01)), 1e-6 * peak)
    shown = axes.imshow(
        np.maximum(image, floor),
        origin="lower",
        extent=_extent(image.shape, plate_scale),
        norm=LogNorm(floor, peak),
        cmap="magma",
    )
    figure.colorbar(shown, ax=axes, label="photons per pixel")
    axes.set(xlabel="x (arcsec)", ylabel="y (arcsec)", title=title)
    return figure


def plot_residual(data: Any, model: Any, plate_scale: float, *, title: str = "") -> Figure:
    """Draw the residual in units of the photon noise, and its histogram with the standard normal distribution.

    The noise is the square root of the model; read noise is not included.

    Parameters
    ----------
    data, model : array_like, shape (n, m)
        Images in photons per pixel; NaN is not drawn.
    plate_scale : float
        Plate scale, arcsec per pixel.
    title : str
        Title of the image.
    """
    data, model = np.asarray(data), np.asarray(model)
    residual = (data - model) / np.sqrt(model)
    figure, (image, histogram) = _figure(9.2, 4.2, columns=2)
    shown = image.imshow(
        residual, origin="lower", extent=_extent(data.shape, plate_scale), cmap="RdBu_r", vmin=-4, vmax=4
    )
    figure.colorbar(shown, ax=image, label="(data - model) / sigma")
    image.set(xlabel="x (arcsec)", ylabel="y (arcsec)", title=title)
    edges = np.linspace(-5, 5, 51)
    histogram.hist(residual[np.isfinite(residual)], bins=edges, density=True, color="C0", alpha=0.7, label="pixels")
    histogram.plot(edges, np.exp(-0.5 * edges**2) / np.sqrt(2 * np.pi), color="C1", label="standard normal")
    histogram.set(xlabel="(data - model) / sigma", ylabel="density")
    histogram.legend(frameon=False)
    return figure


def plot_convergence(losses: Sequence[float], gradient_norms: Sequence[float], tolerance: float) -> Figure:
    """Draw the loss above its final value and the norm of the whitened gradient at each step of a fit.

    Parameters
    ----------
    losses : sequence of float
        Loss at each step.
    gradient_norms : sequence of float
        Norm of the whitened gradient at each step, about the distance to the maximum in units of sigma.
    tolerance : float
        Norm below which the fit ends.
    """
    figure, (left, right) = _figure(9.2, 3.6, columns=2)
    above = np.asarray(losses) - losses[-1]
    left.semilogy(np.arange(len(above) - 1), above[:-1], marker="o", color="C0")
    left.set(xlabel="step", ylabel="loss above its final value", title="Loss")
    right.semilogy(gradient_norms, marker="o", color="C0")
    right.axhline(tolerance, color="C1", ls="--", label="tolerance")
    right.set(xlabel="step", ylabel="distance to the maximum (sigma)", title="Gradient")
    right.legend(frameon=False)
    return figure


def plot_pulls(pulls: Iterable[float], labels: Sequence[str], *, title: str = "") -> Figure:
    """Draw the pull of each parameter, (estimate - truth) / sigma.

    Parameters
    ----------
    pulls : iterable of float
        Pulls of the parameters.
    labels : sequence of str
        Names of the parameters.
    title : str
        Title of the figure.
    """
    values = np.asarray(list(pulls))
    rows = np.arange(len(values))
    figure, axes = _figure(7.0, 1.0 + 0.24 * len(values))
    axes.axvspan(-1, 1, color="C0", alpha=0.15, label="1 sigma")
    axes.axvspan(-2, 2, color="C0", alpha=0.10, label="2 sigma")
    axes.axvline(0, color="C0", lw=1)
    axes.plot(values, rows, "o", color="C1")
    axes.set(yticks=rows, yticklabels=labels, xlabel="(estimate - truth) / sigma", title=title)
    axes.set_xlim(-max(3.5, 1.1 * np.abs(values).max()), max(3.5, 1.1 * np.abs(values).max()))
    axes.invert_yaxis()
    axes.legend(frameon=False, loc="lower right")
    return figure


def plot_correlation(covariance: Any, labels: Sequence[str], *, title: str = "") -> Figure:
    """Draw the correlation matrix of the estimates.

    Parameters
    ----------
    covariance : array_like, shape (n, n)
        Covariance of the estimates.
    labels : sequence of str
        Names of the parameters.
    title : str
        Title of the figure.
    """
    covariance = np.asarray(covariance)
    sigma = np.sqrt(np.diag(covariance))
    size = 2.4 + 0.24 * len(labels)
    figure, axes = _figure(size + 1.2, size)
    shown = axes.imshow(covariance / np.outer(sigma, sigma), cmap="RdBu_r", vmin=-1, vmax=1)
    figure.colorbar(shown, ax=axes, label="correlation")
    ticks = np.arange(len(labels))
    axes.set(xticks=ticks, yticks=ticks, yticklabels=labels, xlabel="parameter", title=title)
    axes.set_xticklabels(labels, rotation=90)
    return figure


def plot_marginal(draws: Any, estimate: float, sigma: float, *, label: str = "", title: str = "") -> Figure:
    """Draw the histogram of posterior draws of one parameter, and the normal distribution of a fit.

    Parameters
    ----------
    draws : array_like
        Draws in an array of any shape.
    estimate, sigma : float
        Estimate and standard deviation of the fit.
    label : str
        Name of the parameter.
    title : str
        Title of the figure.
    """
    draws = np.ravel(np.asarray(draws))
    figure, axes = _figure(6.4, 3.6)
    _, edges, _ = axes.hist(draws, bins=25, density=True, color="C0", alpha=0.7, label="draws")
    spread = max(float(np.abs(edges - estimate).max()), 4 * sigma)
    x = np.linspace(estimate - spread, estimate + spread, 401)
    normal = np.exp(-0.5 * ((x - estimate) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    axes.plot(x, normal, color="C1", label="fit")
    axes.set(xlabel=label or "value", ylabel="density", title=title)
    axes.legend(frameon=False)
    return figure
