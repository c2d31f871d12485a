"""The figures hold the numbers that they were given, and say in which units."""

import io

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from dluxshera.plot import figures
from support.helpers import run_fresh

IMAGE = np.random.default_rng(0).uniform(1.0, 1e4, (6, 8))
SCALE = 0.125


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def saved(figure: Figure) -> bytes:
    """A figure as PNG; a warning while it is drawn would be an error."""
    out = io.BytesIO()
    figure.savefig(out, dpi=50)
    return out.getvalue()


ALL = {
    "image": lambda: figures.plot_image(IMAGE, SCALE),
    "residual": lambda: figures.plot_residual(IMAGE + 1.0, IMAGE, SCALE),
    "convergence": lambda: figures.plot_convergence([9.0, 4.0, 1.0], [5.0, 1.0, 1e-4], 1e-3),
    "pulls": lambda: figures.plot_pulls([0.1, -1.2], ["a", "b"]),
    "marginal": lambda: figures.plot_marginal([0.1, 0.2, 0.4], 0.2, 0.1),
    "correlation": lambda: figures.plot_correlation(np.diag([1.0, 4.0]), ["a", "b"]),
}


@pytest.mark.parametrize("name", ALL)
def test_a_figure_is_returned_and_can_be_saved(name):
    figure = ALL[name]()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == [figure.number]  # a new pyplot figure, which a notebook shows
    assert saved(figure).startswith(b"\x89PNG")
    for axes in figure.axes:
        assert axes.get_xlabel() or axes.get_ylabel()


def test_every_figure_is_tried_here():
    assert {f"plot_{name}" for name in ALL} == {name for name in vars(figures) if name.startswith("plot_")}


def test_importing_the_module_imports_no_matplotlib():
    assert run_fresh("import sys, dluxshera.plot.figures; print('matplotlib' in sys.modules)").strip() == "False"


@pytest.mark.parametrize("array", [np.asarray, jnp.asarray, np.ndarray.tolist])
def test_the_image_is_shown_right_way_up_in_arcseconds(array):
    figure = figures.plot_image(array(IMAGE), SCALE, title="A title")
    axes, bar = figure.axes
    (shown,) = axes.images
    np.testing.assert_allclose(shown.get_array(), np.maximum(IMAGE, np.quantile(IMAGE, 0.01)))
    assert shown.origin == "lower"
    assert shown.get_extent() == [-0.5, 0.5, -0.375, 0.375]  # eight columns, six rows
    assert isinstance(shown.norm, LogNorm)
    assert shown.norm.vmax == IMAGE.max()
    assert axes.get_title() == "A title"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (arcsec)", "y (arcsec)")
    assert bar.get_ylabel() == "photons per pixel"


def test_dark_pixels_do_not_break_the_logarithmic_scale():
    dark = IMAGE * (np.arange(48).reshape(6, 8) > 30)
    figure = figures.plot_image(dark, SCALE)
    shown = figure.axes[0].images[0]
    assert shown.norm.vmin == pytest.approx(1e-6 * dark.max())
    assert saved(figure)


def test_the_residual_is_in_units_of_the_photon_noise():
    model = np.random.default_rng(1).uniform(100.0, 1e4, (40, 40))
    data = np.random.default_rng(2).poisson(model)
    figure = figures.plot_residual(data, jnp.asarray(model), SCALE, title="Left over")
    image, histogram, _bar = figure.axes
    expected = (data - model) / np.sqrt(model)
    np.testing.assert_allclose(image.images[0].get_array(), expected)
    assert image.images[0].get_clim() == (-4.0, 4.0)
    assert image.images[0].get_extent() == [-2.5, 2.5, -2.5, 2.5]
    assert image.get_title() == "Left over"
    heights, edges = np.histogram(expected, bins=np.linspace(-5, 5, 51), density=True)
    np.testing.assert_allclose([bar.get_height() for bar in histogram.patches], heights)
    np.testing.assert_allclose([bar.get_x() for bar in histogram.patches], edges[:-1])
    x, y = histogram.lines[0].get_data()
    np.testing.assert_allclose(np.trapezoid(y, x), 1.0, atol=1e-5)  # the unit normal
    np.testing.assert_allclose(np.trapezoid(y * x**2, x), 1.0, atol=1e-3)


def test_convergence_shows_each_step_and_the_tolerance():
    losses, norms = [100.0, 12.0, 10.5, 10.0], [50.0, 3.0, 0.2, 1e-5]
    left, right = figures.plot_convergence(losses, norms, 1e-3).axes
    np.testing.assert_allclose(left.lines[0].get_xydata(), [[0, 90.0], [1, 2.0], [2, 0.5]])
    np.testing.assert_allclose(right.lines[0].get_xydata(), [[i, norm] for i, norm in enumerate(norms)])
    assert list(right.lines[1].get_ydata()) == [1e-3, 1e-3]
    assert left.get_yscale() == right.get_yscale() == "log"
    assert right.get_ylabel() == "distance to the maximum (sigma)"


def test_a_fit_that_was_at_its_end_from_the_start_has_a_figure_too():
    assert saved(figures.plot_convergence([10.0], [1e-5], 1e-3))


@pytest.mark.parametrize(("pulls", "limit"), [([0.5, -1.25, 3.0], 3.5), ([0.5, -8.0, 3.0], 8.8)])
def test_pulls_are_shown_one_row_each_from_the_top(pulls, limit):
    figure = figures.plot_pulls(iter(pulls), ["first", "second", "third"], title="Pulls")
    (axes,) = figure.axes
    points = axes.lines[-1]
    np.testing.assert_array_equal(points.get_xdata(), pulls)
    np.testing.assert_array_equal(points.get_ydata(), [0, 1, 2])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second", "third"]
    assert axes.yaxis_inverted()
    np.testing.assert_allclose(axes.get_xlim(), (-limit, limit))
    assert axes.get_xlabel() == "(estimate - truth) / sigma"
    one, two = (patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches)
    np.testing.assert_allclose([one.x0, one.x1, two.x0, two.x1], [-1, 1, -2, 2])


def test_correlations_have_the_labels_of_their_rows_and_columns():
    covariance = [[4.0, -3.0, 0.0], [-3.0, 9.0, 1.5], [0.0, 1.5, 25.0]]
    figure = figures.plot_correlation(covariance, ["a", "b", "c"], title="Correlations")
    axes, bar = figure.axes
    (shown,) = axes.images
    np.testing.assert_allclose(shown.get_array(), [[1, -0.5, 0], [-0.5, 1, 0.1], [0, 0.1, 1]])
    assert shown.get_clim() == (-1.0, 1.0)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["a", "b", "c"]
    assert (axes.get_title(), bar.get_ylabel()) == ("Correlations", "correlation")
    assert axes.yaxis_inverted()  # the first row is at the top


def test_a_marginal_is_a_density_beside_that_of_the_fit():
    draws = np.random.default_rng(3).normal(2.0, 0.5, (4, 500))
    figure = figures.plot_marginal(draws, 2.0, 0.5, label="a key", title="Draws")
    (axes,) = figure.axes
    areas = [bar.get_height() * bar.get_width() for bar in axes.patches]
    np.testing.assert_allclose(sum(areas), 1.0)
    edges = [axes.patches[0].get_x(), axes.patches[-1].get_x() + axes.patches[-1].get_width()]
    np.testing.assert_allclose(edges, [draws.min(), draws.max()])
    x, y = axes.lines[0].get_data()
    np.testing.assert_allclose(np.trapezoid(y, x), 1.0, atol=2e-3)
    np.testing.assert_allclose(np.trapezoid(y * x, x), 2.0, atol=5e-3)
    np.testing.assert_allclose(np.trapezoid(y * (x - 2) ** 2, x), 0.25, atol=5e-3)
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("a key", "density", "Draws")
