"""Fixtures of the tests of models."""

import jax
import pytest

# jax traces under these names, whether or not a compiled program is found on disk afterwards.
TRACE_EVENT = "/jax/core/compile/jaxpr_trace_duration"


@pytest.fixture
def traces():
    """Names of the functions that jax traces while the test runs."""
    seen: list[str] = []

    def listen(event: str, _duration: float, **details) -> None:
        if event == TRACE_EVENT:
            seen.append(str(details.get("fun_name", "?")))

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield seen
    jax.monitoring.unregister_event_duration_listener(listen)
