"""The model as a graph: what recomputes when a key changes, what exposures share, and that it is the binder's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import GraphError
from dluxshera.graph import Node
from dluxshera.inference import PoissonNoise, make_posterior
from dluxshera.systems import effects_of
from support.helpers import relative_l2, rounding
from support.scenes import ABERRATED, CONFIGS, SEPARATION, scene

SMALL = {"image_npix": 16, "n_wavelengths": 2, "m1_map_npix": 16, "surface_map_npix": 16}
OUTPUTS = ("image", "energy", "system.focal_ratio", "imaging.full_well_margin")


@pytest.fixture(scope="module")
def every_effect():
    return scene(CONFIGS["flight"], "forward", ABERRATED, effects=effects_of(1), **SMALL)


def moved(store, key):
    return store.replace({key: np.asarray(store[key]) * 0.999 + (1e-9 if not np.any(store[key]) else 0.0)})


def test_a_change_of_a_key_recomputes_what_depends_on_it_and_nothing_else(every_effect):
    """The dependencies are read from the transforms and from an independent walk of the nodes' declared inputs."""
    graph, store = every_effect.binder.graph, every_effect.store
    needed = set(graph.needs(OUTPUTS))
    for key in every_effect.binder.spec.primitives:
        reached, grew = {key}, True
        while grew:
            more = {name for name, node in graph.nodes.items() if reached & set(node.inputs)}
            grew, reached = not more <= reached, reached | more
        graph.clear()  # what was not looked up for long is forgotten
        graph.evaluate(OUTPUTS, store)
        before = graph.statistics()
        graph.evaluate(OUTPUTS, moved(store, key))
        after = graph.statistics()
        assert {name for name in after if after[name].computed > before[name].computed} == (reached & needed), key


def test_every_primitive_reaches_the_image_or_is_said_not_to(every_effect):
    """The graph declares what the spec says acts; the derivatives are tested against finite differences elsewhere."""
    graph, spec = every_effect.binder.graph, every_effect.binder.spec
    inputs = set(graph.inputs_of("image"))
    assert {key for key in spec.primitives if "image" in spec[key].acts_on} == inputs


@pytest.mark.parametrize("spec", ["forward", "inference"])
def test_the_graph_gives_the_binder_s_image_and_derived_values(spec):
    model = scene(CONFIGS["flight"], spec, ABERRATED, **SMALL)
    binder, store = model.binder, model.store
    assert relative_l2(binder.graph.value("image", store), binder.predict(store)) < rounding(float, 16**2)
    derived = binder.derived(store)
    for key, value in binder.graph.evaluate(binder.spec.derived, store).items():
        assert float(value) == float(derived[key])


def test_the_loss_through_the_graph_is_the_loss_through_the_binder():
    model = scene(CONFIGS["flight"], "inference", ABERRATED, **SMALL)
    binder, store = model.binder, model.store
    data = np.random.default_rng(3).poisson(model.image()).astype(float)
    noise = PoissonNoise()
    misfit = Node("misfit", ("data", "image"), lambda data, image: -noise.log_likelihood(data, image))
    graph = binder.graph.extended([misfit], ["data"])
    free = binder.spec.subset([SEPARATION, "primary.zernike_coeffs_nm"])
    posterior = make_posterior(binder.predict, free, store, data)
    theta = ds.pack_params(store, free) * 1.0001

    def through_the_graph(theta):
        values = {**ds.unpack_params(theta, free, store), "data": jnp.asarray(data)}
        return graph.function("misfit")(values)["misfit"] - posterior.log_prior(theta)

    value, gradient = jax.jit(jax.value_and_grad(through_the_graph))(theta)
    expected, slope = jax.jit(jax.value_and_grad(posterior.loss))(theta)
    # An image that is off by its rounding moves the loss by that times what the data differ from it.
    apart = np.abs(data - np.asarray(binder.predict(ds.unpack_params(theta, free, store)))).sum()
    slack = rounding(float, 16**2, condition=10) * apart
    assert float(value) == pytest.approx(float(expected), rel=1e-12, abs=slack)
    np.testing.assert_allclose(gradient, slope, rtol=1e-8, atol=1e-8 * float(jnp.abs(slope).max()))
    assert float(graph.value("misfit", {**store, "data": jnp.asarray(data)})) == pytest.approx(
        float(-posterior.log_likelihood(ds.pack_params(store, free))), rel=1e-12, abs=slack
    )


def test_exposures_share_the_optics():
    """Epochs that differ in background and exposure share one optical image; those that differ in place share M1."""
    model = scene(CONFIGS["flight"], "inference", ABERRATED, effects=("background",), **SMALL)
    store = dict(model.store)
    graph = model.binder.graph.for_exposures(["field.background"], ["one", "two", "three"])
    background = store.pop("field.background")
    values = {
        **store,
        **{f"field.background@{label}": i + background for i, label in enumerate(("one", "two", "three"))},
    }
    images = graph.evaluate([f"image@{label}" for label in ("one", "two", "three")], values)
    counts = graph.statistics()
    assert counts["optical_image"].computed == 1
    assert [counts[f"image@{label}"].computed for label in ("one", "two", "three")] == [1, 1, 1]
    alone = model.image({"field.background": 2.0})
    np.testing.assert_allclose(images["image@three"], alone, rtol=1e-12)

    epochs = model.binder.graph.for_exposures([SEPARATION], ["first", "second"])
    store = dict(model.store)
    separation = store.pop(SEPARATION)
    values = {**store, f"{SEPARATION}@first": separation, f"{SEPARATION}@second": separation + 0.01}
    epochs.evaluate(["image@first", "image@second"], values)
    counts = epochs.statistics()
    assert [counts[name].computed for name in ("band", "pupil", "relay")] == [1, 1, 1]


def test_an_override_stands_for_its_node_and_errors_name_the_path():
    model = scene(CONFIGS["flight"], "forward", ABERRATED, **SMALL)
    graph, store = model.binder.graph, model.store
    scale = model.binder.derived(store)["system.plate_scale_as_per_pix"]
    graph.clear()
    overridden = graph.value("image", {**store, "system.plate_scale_as_per_pix": scale * 1.01})
    assert graph.statistics()["system.plate_scale_as_per_pix"].computed == 0
    with_override = store.with_derived_allowed().replace({"system.plate_scale_as_per_pix": scale * 1.01})
    assert relative_l2(overridden, model.binder.predict(with_override)) < rounding(float, 16**2)
    values = dict(store)
    del values["system.m1_focal_length_m"]
    with pytest.raises(GraphError, match=r"m1_focal_length_m") as error:
        graph.value("image", values)
    assert error.value.path[0] == "image"
    assert error.value.path[-1] == "system.m1_focal_length_m"


def test_the_same_binder_has_the_same_graph_which_draws_itself(every_effect):
    binder = every_effect.binder
    assert binder.graph is binder.graph
    drawn = binder.graph.svg()
    assert all(
        f">{name}<" in drawn for name in ("band", "sources", "pupil", "relay", "light", "optical_image", "image")
    )
