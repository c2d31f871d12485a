"""`ParamField`: name, meaning, unit and bounds of one parameter. No values, no jax."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from itertools import product
from math import inf, isfinite
from typing import Any, Final, Literal, get_args

from dluxshera.errors import ParameterError
from dluxshera.params.changes import Deprecation, FormerKey
from dluxshera.params.priors import Prior

Kind = Literal["primitive", "derived", "structural"]
Scale = Literal["linear", "log10"]
Status = Literal["stable", "provisional", "deprecated"]

LEAST_MASS: Final = 1e-3  # of a prior within the bounds, so that few draws have to be repeated


@dataclass(frozen=True)
class Bounds:
    """Limits of a parameter's values, each included or not. The names are those of JSON Schema.

    Parameters
    ----------
    minimum, maximum : float, optional
        Smallest and largest value.
    exclusive_minimum, exclusive_maximum : float, optional
        Limits that a value may not equal.
    reason : str
        Reason of the limits, as a phrase that completes "Bounds: ...". It is no part of comparisons.

    Examples
    --------
    >>> Bounds(exclusive_minimum=0, maximum=1).contains(0.0)
    False
    >>> print(Bounds(exclusive_minimum=0, maximum=1))
    > 0 and <= 1
    """

    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    reason: str = field(default="", compare=False, repr=False)

    @property
    def sentence(self) -> str:
        """The reason as a sentence; empty without one."""
        return f"Bounds: {self.reason}." if self.reason else ""

    def contains(self, value: float) -> bool:
        """Return whether a number lies within the bounds; one that is not finite never does."""
        return (
            isfinite(value)
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
            and (self.exclusive_minimum is None or value > self.exclusive_minimum)
            and (self.exclusive_maximum is None or value < self.exclusive_maximum)
        )

    @property
    def interval(self) -> tuple[float, float]:
        """The lower and the upper limit, whether included or not; infinite where there is none."""
        lower = [limit for limit in (self.minimum, self.exclusive_minimum) if limit is not None]
        upper = [limit for limit in (self.maximum, self.exclusive_maximum) if limit is not None]
        return max(lower, default=-inf), min(upper, default=inf)

    def as_dict(self) -> dict[str, float]:
        """Return the limits that are set, under the keywords of JSON Schema."""
        names = {
            "minimum": self.minimum,
            "exclusiveMinimum": self.exclusive_minimum,
            "maximum": self.maximum,
            "exclusiveMaximum": self.exclusive_maximum,
        }
        return {name: limit for name, limit in names.items() if limit is not None}

    def __str__(self) -> str:
        signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
        return " and ".join(f"{signs[name]} {limit:g}" for name, limit in self.as_dict().items()) or "any finite number"


@dataclass(frozen=True)
class ParamField:
    """One parameter: its name, meaning, unit, bounds and prior.

    Every value is a real number, a list of them, or a map (an array of two dimensions), in double precision unless the
    model is built in single. Integers become floats; booleans, complex numbers and strings raise.

    Parameters
    ----------
    key : str
        Dotted name, ``group.name``; a unit suffix in it agrees with `units`.
    title : str
        Name in prose.
    doc : str
        Description with the sign convention, as one or more sentences.
    units : str
        VOUnit string, which `astropy.units.Unit(units, format="vounit")` parses; empty for a pure number.
    kind : {'primitive', 'derived', 'structural'}
        Origin of the value. A primitive is set in a store; a transform computes a derived value; a structural value is
        fixed by the configuration that the spec was built from.
    scale : {'linear', 'log10'}
        'log10' if the value is the decimal logarithm of the quantity in `units`.
    shape : tuple of int
        Shape of the value; ``()`` for a number.
    components : tuple of str
        Name of each element of a list, such as ``Z4``; empty for a number and for a map.
    default : float or tuple of float, optional
        Default of a primitive, or of each element of a map; the value of a structural parameter.
    bounds : Bounds
        Limits of the value, which a store checks element by element.
    period : float, optional
        Period of a circular parameter, such as 360 for an angle in degrees: values that differ by it mean the same. The
        bounds hold for values that are set; draws and steps of fits go beyond them and return by whole turns.
    prior : Prior, optional
        Prior distribution, in the unit of the value; for an array, of each element. At least a thousandth of it lies
        within the bounds, to which draws are confined.
    symbol, equation : str
        LaTeX, without dollar signs.
    transform : str
        Dotted name of the function that computes a derived value.
    depends_on : tuple of str
        Keys of the transform's inputs, in its order.
    acts_on : tuple of str
        Model outputs that change with the value: ``("image",)`` or ``()``. A test checks it by derivative, key by key.
    effect : str
        Optional part of the model that it belongs to; empty for a parameter of every model.
    source : str
        Source of the default: a citation, "design", "computed" or "illustrative". Never empty.
    since : str
        First version of the package that has the parameter.
    status : {'stable', 'provisional', 'deprecated'}
        Maturity. A provisional parameter may change without a deprecation.
    deprecated : Deprecation, optional
        Deprecation notice of a deprecated parameter.
    formerly : tuple of FormerKey
        Former keys, which are still accepted with a warning (see `ParamSpec.rename`).

    Raises
    ------
    ParameterError
        If the parts contradict each other.
    """

    key: str
    title: str
    doc: str
    units: str = ""
    kind: Kind = "primitive"
    scale: Scale = "linear"
    shape: tuple[int, ...] = ()
    components: tuple[str, ...] = ()
    default: float | tuple[float, ...] | None = None
    bounds: Bounds = field(default_factory=Bounds)
    period: float | None = None
    prior: Prior | None = None
    symbol: str = ""
    equation: str = ""
    transform: str = ""
    depends_on: tuple[str, ...] = ()
    acts_on: tuple[str, ...] = ("image",)
    effect: str = ""
    source: str = ""
    since: str = "0.1.0"
    status: Status = "stable"
    deprecated: Deprecation | None = None
    formerly: tuple[FormerKey, ...] = ()

    def __post_init__(self) -> None:
        for key in (self.key, *(former.key for former in self.formerly)):
            group, dot, name = key.partition(".")
            if not (dot and group.isidentifier() and name.isidentifier()):
                raise ParameterError("key", expected="a dotted name such as 'binary.separation_as'", got=key)
        if not self.source.strip():
            raise ParameterError(
                self.key,
                expected="a source",
                got=self.source,
                remedy="Name the source of its default: 'illustrative', for example",
            )
        if self.status not in get_args(Status):
            raise ParameterError(self.key, expected=f"a status among {', '.join(get_args(Status))}", got=self.status)
        if (self.status == "deprecated") != (self.deprecated is not None):
            raise ParameterError(
                self.key,
                expected="the status 'deprecated' together with a Deprecation, or neither",
                got=(self.status, self.deprecated),
            )
        if self.kind == "derived" and (self.default is not None or not self.transform):
            raise ParameterError(self.key, expected="a transform and no default for a derived value", got=self.default)
        if self.kind != "derived" and (self.default is None or self.transform or self.depends_on):
            raise ParameterError(self.key, expected=f"a default and no transform for a {self.kind} value", got=self)
        size = self.shape[0] if len(self.shape) == 1 else 0
        if len(self.shape) > 2:
            raise ParameterError(self.key, expected="a number, a list or a map", got=self.shape)
        if len(self.components) != size:
            raise ParameterError(self.key, expected=f"{size} component names", got=self.components)
        shape = (len(self.default),) if isinstance(self.default, tuple) else ()
        if self.default is not None and shape != (self.shape if len(self.shape) < 2 else ()):
            raise ParameterError(self.key, expected=f"a default of shape {self.shape}", got=self.default)
        for number in self.default if isinstance(self.default, tuple) else (self.default,):
            if number is not None and not self.bounds.contains(number):
                raise ParameterError(self.key, expected=f"a default {self.bounds}", got=number)

        self._check_period_and_prior()

    def _check_period_and_prior(self) -> None:
        low, high = self.bounds.interval
        if self.period is not None and not (0.0 < self.period <= high - low < inf):
            raise ParameterError(
                self.key, expected=f"finite bounds that hold a period of {self.period}", got=str(self.bounds)
            )
        if self.prior is not None and self.period is None and (mass := self.prior.mass(low, high)) < LEAST_MASS:
            raise ParameterError(
                self.key,
                expected=f"a prior with at least {LEAST_MASS:g} of its probability within the bounds, {self.bounds}",
                got=mass,
                remedy="Move the prior, or widen the bounds",
            )

    @property
    def group(self) -> str:
        """The part of the key before the dot."""
        return self.key.partition(".")[0]

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each number of the parameter, for tables and messages."""
        if len(self.shape) == 2:
            return tuple(f"{self.key}[{row},{column}]" for row, column in product(*map(range, self.shape)))
        return tuple(f"{self.key}[{name}]" for name in self.components) or (self.key,)

    @property
    def default_value(self) -> Any:
        """The default in its full shape: a number, a tuple, or for a map an array."""
        if len(self.shape) < 2:
            return self.default
        import numpy as np  # a spec without maps needs none

        return np.full(self.shape, self.default)

    def as_dict(self) -> dict[str, Any]:
        """Return all attributes of the field by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def plain(self) -> dict[str, Any]:
        """Return all attributes of the field as plain data, which JSON can hold."""
        prior = self.prior.as_dict() if self.prior else None
        return {**self.as_dict(), "bounds": self.bounds.as_dict(), "prior": prior}
