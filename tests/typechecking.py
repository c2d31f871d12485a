"""The type checker that jaxtyping puts on every function of the package under pytest (see pyproject.toml)."""

from collections.abc import Callable
from typing import TypeVar

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep673Exception

F = TypeVar("F", bound=Callable[..., object])

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as mypy has it


def checked(function: F) -> F:
    """Check the arguments and the result of `function`, unless it is a method whose annotations say Self.

    jaxtyping decorates methods one by one, and there Self has no meaning for beartype; mypy still checks them.
    """
    try:
        return _check(function)
    except BeartypeDecorHintPep673Exception:
        return function
