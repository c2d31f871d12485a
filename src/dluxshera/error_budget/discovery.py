"""Discovery of the kinds of perturbation from the files of ``error_budget/kinds``. No jax."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from dluxshera.error_budget import kinds
from dluxshera.error_budget.perturbation import Perturbation
from dluxshera.errors import ExpectationError


@cache
def perturbation_kinds() -> Mapping[str, type[Perturbation]]:
    """Return the kinds of perturbation by the name that documents use, which is the name of the file.

    Raises
    ------
    ExpectationError
        If a file does not define exactly one subclass of `Perturbation`, or the class lacks a method.
    """
    names = sorted(module.name for module in iter_modules(kinds.__path__))
    return MappingProxyType({name: _kind(f"{kinds.__name__}.{name}") for name in names})


def _kind(module: str) -> type[Perturbation]:
    classes = [
        value
        for value in vars(import_module(module)).values()
        if inspect.isclass(value) and issubclass(value, Perturbation) and value.__module__ == module
    ]
    if len(classes) != 1:
        raise ExpectationError(
            module,
            expected="exactly one subclass of Perturbation",
            got=[cls.__name__ for cls in classes],
            remedy="Define the kind as one subclass of ImagePerturbation or NoisePerturbation",
        )
    if missing := sorted(classes[0].__abstractmethods__):
        raise ExpectationError(
            f"{module}.{classes[0].__name__}",
            expected=f"definitions of {', '.join(missing)}",
            got=None,
            remedy=f"Define {', '.join(missing)}; their contracts are in dluxshera.error_budget.perturbation",
        )
    return classes[0]
