"""The front door of a room: its public names, imported from their modules when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import lazy_loader


def front_door(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package that lists its public names in a stub.

    Parameters
    ----------
    package, file : str
        ``__name__`` and ``__file__`` of the package. The names are the imports of the ``__init__.pyi`` beside the
        file, which type checkers and the API pages read too.
    """
    attribute, names_in, names = lazy_loader.attach_stub(package, file)

    def __getattr__(name: str) -> Any:
        if name in names:
            return attribute(name)
        from dluxshera.errors import near_matches

        near = near_matches(name, names)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        text = f"module {package!r} has no attribute {name!r}.{hint}"
        raise AttributeError(text, name=name, obj=sys.modules[package])

    return __getattr__, names_in, names
