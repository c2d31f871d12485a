"""The type checker that jaxtyping puts on every function of the package under pytest (see pyproject.toml)."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype
from beartype.roar import BeartypeDecorHintPep673Exception

F = TypeVar("F", bound=Callable[..., object])

# An int is a float, as mypy has it; and what a comparison of NumPy's numbers yields is a bool.
_OVERRIDES = FrozenDict({bool: bool | np.bool_})
_check = beartype(conf=BeartypeConf(is_pep484_tower=True, hint_overrides=_OVERRIDES))


def checked(function: F) -> F:
    """Check the arguments and the result of `function`, unless it is a method whose annotations say Self.

    jaxtyping decorates methods one by one, and there Self has no meaning for beartype; mypy still checks them.
    """
    try:
        return _check(function)
    except BeartypeDecorHintPep673Exception:
        return function
