"""Changes of a model's image by perturbations of the truth, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from dluxshera.error_budget.sensitivity import Model
from dluxshera.errors import BoundsError
from dluxshera.inference import image_jacobian
from dluxshera.params import pack_params

NEGLIGIBLE = 1e-12  # relative change of the image below which a parameter does not act

Change = Mapping[str, Any]  # change of each parameter, a number or an array, by key


class ImageChange(NamedTuple):
    """A change of the image by a perturbation of the truth.

    Parameters
    ----------
    slope : ndarray, shape of the image, or None
        Derivative of the image by the size of the perturbation; None where the first order is zero.
    truth : callable
        Function from the size of the perturbation to the noise-free image.
    power : {1, 2}
        Lowest order of the change in the size of the perturbation.
    """

    slope: Float[np.ndarray, " *image"] | None
    truth: Callable[[float], Any]
    power: int = 1

    def at(self, amount: float) -> Any:
        """Return the noise-free image for a size to the `power`, which is not negative where the power is 2.

        Raises
        ------
        BoundsError
            If the power is 2 and the amount is negative.
        """
        if self.power == 1:
            return self.truth(amount)
        if amount < 0:
            raise BoundsError("magnitude", expected=">= 0", got=amount)
        return self.truth(sqrt(amount))


class Directions:
    """Derivatives of a model's image by the parameters of several directions, computed together.

    Parameters
    ----------
    model : Model
        Model at the reference point.
    keys : iterable of str
        Parameters of all directions.
    """

    def __init__(self, model: Model, keys: Iterable[str]) -> None:
        self.model = model
        self.free = model.store.spec.subset(dict.fromkeys(keys))
        self.theta = np.asarray(pack_params(model.store, self.free))

    @cached_property
    def _expansion(self) -> tuple[np.ndarray, np.ndarray]:
        image, jacobian = image_jacobian(self.model.predict, self.model.store, self.free)
        return np.asarray(image), np.asarray(jacobian)

    @property
    def image(self) -> Float[np.ndarray, " *image"]:
        """The image at the reference point."""
        return self._expansion[0]

    @property
    def jacobian(self) -> Float[np.ndarray, "n *image"]:
        """The derivative of the image by each element of the parameters."""
        return self._expansion[1]

    def rows(self, keys: Iterable[str]) -> list[int]:
        """Return the rows of the Jacobian that belong to some keys, in the order of the keys."""
        return [self.free.labels.index(label) for key in keys for label in self.free[key].labels]

    def acts(self, key: str) -> bool:
        """Return True if the image depends on a parameter by more than rounding."""
        rows = self.rows([key])
        size = np.where(self.theta[rows] == 0, 1.0, np.abs(self.theta[rows]))
        change = np.linalg.norm(self.jacobian[rows].reshape(len(rows), -1), axis=1) * size
        return bool(change.max() > NEGLIGIBLE * np.linalg.norm(self.image))

    def step(self, direction: Change) -> ImageChange:
        """Return the change of the image along a direction: parameter key to change per unit of size, in its unit."""
        along = in_shape(direction, self.model)
        rows = self.rows(along)
        slope = np.tensordot(np.concatenate([np.ravel(v) for v in along.values()]), self.jacobian[rows], axes=1)
        return ImageChange(slope, lambda size: self.model.predict(moved(self.model, along, size)))


def in_shape(direction: Change, model: Model) -> dict[str, Float[np.ndarray, "..."]]:
    """Return a direction with each change in the shape of its parameter."""
    spec = model.store.spec
    return {
        key: np.broadcast_to(np.asarray(value, dtype=float), spec[key].shape).copy() for key, value in direction.items()
    }


def moved(model: Model, direction: Change, size: float) -> Any:
    """Return the store of a model after a step of some size along a direction.

    Raises
    ------
    ParameterError
        If a parameter leaves its bounds.
    """
    store = model.store
    return store.replace({key: np.asarray(store[key]) + size * change for key, change in direction.items()})


def differences(
    function: Callable[[float], Float[np.ndarray, " *shape"]], at_zero: Float[np.ndarray, " *shape"], step: float
) -> tuple[Float[np.ndarray, " *shape"], Float[np.ndarray, " *shape"]]:
    """Return first and second derivative of a function at zero, by differences.

    The differences are central. Where the function ends at zero, as for a parameter at its bound, they are one-sided.

    Parameters
    ----------
    function : callable
        Function of a number, which raises `BoundsError` beyond a bound.
    at_zero : ndarray
        Value at zero.
    step : float
        Distance of the values, positive.

    Raises
    ------
    BoundsError
        If the function has no values on either side.
    """
    values: dict[float, np.ndarray] = {}
    fault: BoundsError | None = None
    for side in (step, -step):
        try:
            values[side] = function(side) - at_zero
        except BoundsError as error:
            fault = error
    if len(values) == 2:
        up, down = values[step], values[-step]
        return (up - down) / (2 * step), (up + down) / step**2
    if fault is not None and not values:
        raise fault
    ((side, near),) = values.items()
    far = function(2 * side) - at_zero
    return (4 * near - far) / (2 * side), (far - 2 * near) / side**2
