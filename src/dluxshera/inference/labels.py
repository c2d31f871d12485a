"""Labels of the elements of theta: their positions, and the parameters that dominate a direction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from dluxshera.errors import UnknownKeyError


def label_index(label: str, labels: tuple[str, ...], owner: str) -> int:
    """Return the position of a label.

    Parameters
    ----------
    label : str
        Label of one element, such as ``primary.zernike_coeffs_nm[Z4]``.
    labels : tuple of str
        All labels, in order.
    owner : str
        Object that has the labels, named in the error message.

    Raises
    ------
    UnknownKeyError
        If no element has that label; near matches are named.
    """
    if label not in labels:
        raise UnknownKeyError(label, labels, expected=f"a label of {owner}")
    return labels.index(label)


def key_of(label: str) -> str:
    """Return the key of a parameter from the label of one of its elements: ``a.b`` from ``a.b[Z4]@2``."""
    return label.partition("@")[0].partition("[")[0]


def names_in(vector: Float[np.ndarray, " n"], labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of the components above 30 % of the largest one."""
    size = np.abs(vector)
    return tuple(label for label, component in zip(labels, size, strict=True) if component > 0.3 * size.max())


def directions_text(directions: Iterable[tuple[str, ...]]) -> str:
    """Return the text of an error message about directions: ``a with b; c``."""
    return "; ".join(" with ".join(names) for names in directions)
