"""Models in other processes: a fork raises instead of hanging, spawned processes and pickles work."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import GraphError
from dluxshera.graph import Node, SystemGraph

FORKED = """
import os, sys, warnings
import jax
jax.config.update("jax_enable_x64", True)
warnings.simplefilter("ignore")  # JAX warns at the fork
import dluxshera as ds
from dluxshera.errors import ConfigError
from dluxshera.model import binder_of
from dluxshera.systems import build_spec

config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=16, n_wavelengths=1, diffractive_pupil=None)
binder = binder_of(config, build_spec(config, "inference"))
{before}
other = config.replace(image_npix=18)
child = os.fork()
if child == 0:
    refused = 0
    for use in (
        lambda: binder.predict(binder.store), lambda: binder.predict_batch([binder.store]),
        lambda: binder.energy(binder.store), lambda: binder.derived(binder.store),
        lambda: binder.expand(binder.store, binder.spec.subset(["binary.contrast"])),
        lambda: binder_of(other, build_spec(other, "forward")),
    ):
        try:
            use()
        except ConfigError as error:
            refused += "spawn" in str(error)
    os._exit(refused)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("before", ["", "binder.predict(binder.store)"], ids=["built", "used"])
def test_a_forked_process_raises_instead_of_waiting_for_ever(before):
    done = subprocess.run(
        [sys.executable, "-c", FORKED.format(before=before)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.split() == ["6"], done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_forked_before_the_first_model_works():
    code = """
import os
import dluxshera as ds
from dluxshera.model import binder_of
from dluxshera.systems import build_spec
config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=16, n_wavelengths=1, diffractive_pupil=None)
spec = build_spec(config, "inference")
child = os.fork()
binder = binder_of(config, spec)
assert float(binder.predict(binder.store).sum()) > 0
if child == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["7"], done.stderr


def test_the_graph_of_a_model_pickles():
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=16, n_wavelengths=1, diffractive_pupil=None)
    spec = ds.build_inference_spec_basic(config)
    binder = ds.SheraThreePlaneBinder(config, spec)
    graph = binder.graph
    image = np.asarray(graph.value("image", binder.store))
    again = pickle.loads(pickle.dumps(graph))
    assert isinstance(again, SystemGraph)
    assert (tuple(again.nodes), again.inputs) == (tuple(graph.nodes), graph.inputs)
    np.testing.assert_array_equal(again.value("image", binder.store), image)
    for other in (graph.for_exposures(["binary.x_position_as"], ["a", "b"]), graph.extended([])):
        assert tuple(pickle.loads(pickle.dumps(other)).nodes) == tuple(other.nodes)


def test_a_graph_that_does_not_pickle_names_the_node():
    graph = SystemGraph([Node("twice", ("x",), lambda x: 2 * x)], ["x"])
    with pytest.raises(GraphError, match=r"twice: the function does not pickle: .*lambda.*Define it at the top level"):
        pickle.dumps(graph)
    for other in (copy.copy(graph), copy.deepcopy(graph)):
        assert other.value("twice", {"x": 3}) == 6
