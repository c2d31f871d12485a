"""The first difference between two JSON documents."""

from __future__ import annotations

from math import isclose
from typing import Any


def difference(old: Any, new: Any, *, relative: float, path: str = "") -> str | None:
    """Describe the first difference between two JSON documents, or return None if there is none.

    Parameters
    ----------
    old, new : object
        Plain data.
    relative : float
        Tolerance of numbers, relative to the larger one.
    path : str
        Path of the two parts in their documents; empty for whole documents.

    Examples
    --------
    >>> difference({"a": [1.0, 2.0]}, {"a": [1.0, 2.1]}, relative=1e-6)
    'a[1]: 2.0 became 2.1'
    """
    if _is_number(old) and _is_number(new):
        return None if isclose(old, new, rel_tol=relative) else f"{path}: {old!r} became {new!r}"
    if isinstance(old, dict) and isinstance(new, dict):
        if list(old) != list(new):
            changed = ", ".join(sorted(set(old) ^ set(new)))
            return f"{path or 'the document'}: " + (f"not in both: {changed}" if changed else "another order of names")
        pairs = [(f"{path}.{name}".lstrip("."), old[name], new[name]) for name in old]
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            return f"{path}: {len(old)} items became {len(new)}"
        pairs = [(f"{path}[{i}]", a, b) for i, (a, b) in enumerate(zip(old, new, strict=True))]
    else:
        return None if type(old) is type(new) and old == new else f"{path}: {old!r} became {new!r}"
    return next((text for at, a, b in pairs if (text := difference(a, b, relative=relative, path=at))), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
