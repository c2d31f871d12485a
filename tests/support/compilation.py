"""How tests compile programs: fast, because most of them run only a few times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import jax

# Most of the tests' time was that of XLA's compiler. Without optimisation, by the emitters that write LLVM directly, a
# program compiles six times faster, and its numbers are the same to rounding (tests/test_upstream.py). XLA ends the
# process if a release does not know a flag.
FLAGS = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
# For processes that compile as those of a user do.
AS_USERS = {"XLA_FLAGS": "", "JAX_DISABLE_MOST_OPTIMIZATIONS": "0"}


def make_fast() -> None:
    """Make this process compile fast, before it compiles anything, and the processes that it starts."""
    os.environ.setdefault("XLA_FLAGS", FLAGS)
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    jax.config.update("jax_disable_most_optimizations", os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] == "1")


@contextmanager
def optimised() -> Iterator[None]:
    """Let XLA optimise the programs that this process compiles in the block."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
