"""The process in which models compute, and the check that another one was not forked from it."""

from __future__ import annotations

import os

from dluxshera.errors import ConfigError

_owner: int | None = None


def check_process() -> None:
    """Check that no model was built or used before this process was forked.

    JAX runs threads, which a forked process does not have, so that it would wait for them for ever.

    Raises
    ------
    ConfigError
        If one was.
    """
    global _owner
    if _owner == (process := os.getpid()):
        return
    if _owner is not None:
        raise ConfigError(
            "process",
            expected="a process that was not forked after a model had started JAX",
            got=f"{process}, forked from {_owner}",
            remedy="Start worker processes by multiprocessing.get_context('spawn'), or use threads, as predict_batch"
            " does",
        )
    _owner = process
