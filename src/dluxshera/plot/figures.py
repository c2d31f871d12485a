"""The figures of a fit: image, residual, convergence, pulls, correlations. Each returns a new pyplot figure."""

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
    """Draw an image on a logarithmic scale.

    Parameters
    ----------
    image : array_like, shape (n, m)
        Photons per pixel.
    plate_scale : float
        arcsec per pixel.
    title : str
    """
    from matplotlib.colors import LogNorm

    image = np.asarray(image)
    figure, axes = _figure(5.6, 4.6)
    peak = float(image.max())
    floor = max(float(np.quantile(image, 0.01)), 1e-6 * peak)
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
    """Draw what a model leaves of the data, in units of the photon noise, and its histogram against a unit normal.

    Parameters
    ----------
    data, model : array_like, shape (n, m)
        Photons per pixel.
    plate_scale : float
        arcsec per pixel.
    title : str
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
    histogram.hist(residual.ravel(), bins=edges, density=True, color="C0", alpha=0.7, label="pixels")
    histogram.plot(edges, np.exp(-0.5 * edges**2) / np.sqrt(2 * np.pi), color="C1", label="unit normal")
    histogram.set(xlabel="(data - model) / sigma", ylabel="density")
    histogram.legend(frameon=False)
    return figure


def plot_convergence(losses: Sequence[float], gradient_norms: Sequence[float], tolerance: float) -> Figure:
    """Draw the steps of a fit: how far the loss is above its end, and the norm of the whitened gradient.

    Parameters
    ----------
    losses : sequence of float
        One for each step.
    gradient_norms : sequence of float
        About the distance to the maximum, in units of sigma.
    tolerance : float
        Below which the fit ends.
    """
    figure, (left, right) = _figure(9.2, 3.6, columns=2)
    above = np.asarray(losses) - losses[-1]
    left.semilogy(np.arange(len(above) - 1), above[:-1], marker="o", color="C0")
    left.set(xlabel="step", ylabel="loss above its end", title="Loss")
    right.semilogy(gradient_norms, marker="o", color="C0")
    right.axhline(tolerance, color="C1", ls="--", label="tolerance")
    right.set(xlabel="step", ylabel="distance to the maximum (sigma)", title="Gradient")
    right.legend(frameon=False)
    return figure


def plot_pulls(pulls: Iterable[float], labels: Sequence[str], *, title: str = "") -> Figure:
    """Draw (estimate - truth) / sigma of each parameter.

    Parameters
    ----------
    pulls : iterable of float
    labels : sequence of str
        A name for each.
    title : str
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
    labels : sequence of str
        A name for each row.
    title : str
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
    """Draw the histogram of the draws of one parameter, and the normal distribution that a fit gives.

    Parameters
    ----------
    draws : array_like
        Of any shape.
    estimate, sigma : float
        Of the fit.
    label : str
        Of the parameter.
    title : str
    """
    draws = np.ravel(np.asarray(draws))
    figure, axes = _figure(6.4, 3.6)
    _, edges, _ = axes.hist(draws, bins=25, density=True, color="C0", alpha=0.7, label="draws")
    spread = max(float(np.abs(edges - estimate).max()), 4 * sigma)
    x = np.linspace(estimate - spread, estimate + spread, 401)
    normal = np.exp(-0.5 * ((x - estimate) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    axes.plot(x, normal, color="C1", label="of the fit")
    axes.set(xlabel=label or "value", ylabel="density", title=title)
    axes.legend(frameon=False)
    return figure
