"""`Parameter`, the record of one parameter: everything that the systems state about it. No jax."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from dluxshera.errors import ParameterError
from dluxshera.params import Bounds, Constraint, Deprecation, FormerKey, Kind, ParamField, Scale, Status
from dluxshera.systems.parameters.kinds import SpecKinds
from dluxshera.systems.parameters.origins import (
    ApertureNumber,
    DesignAttribute,
    EvenlySpaced,
    ForwardSpec,
    NoDefault,
    Origin,
    TargetAttribute,
)
from dluxshera.systems.planes import SURFACES


@final
@dataclass(frozen=True)
class Computation:
    """Function that computes a derived parameter in a system.

    Parameters
    ----------
    function : callable
        Pure function of `dluxshera.systems.transforms`.
    inputs : tuple of str
        Keys of its arguments, in their order.
    equation : str
        LaTeX, without dollar signs.
    optional : tuple of str
        Keys of further arguments, which are None in a spec that does not have them.
    """

    function: Callable[..., Any]
    inputs: tuple[str, ...]
    equation: str
    optional: tuple[str, ...] = ()


@final
@dataclass(frozen=True)
class Coefficients:
    """List with a number for each Noll index in a field of the configuration."""

    config_field: str


@final
@dataclass(frozen=True)
class Elements:
    """List whose length is a field of the configuration."""

    config_field: str


@final
@dataclass(frozen=True)
class Cells:
    """Square map whose side is a field of the configuration."""

    config_field: str


Size = Coefficients | Elements | Cells


@dataclass(frozen=True, kw_only=True, eq=False)
class Parameter:
    """Record of one parameter, the single place for everything that the systems state about it.

    Parameters
    ----------
    key : str
        Dotted name, ``group.name``; a unit suffix in it agrees with `units`.
    title, doc, units, symbol, bounds, period, scale, acts_on, since, status, deprecated, formerly
        Attributes of the same names of `dluxshera.params.ParamField`. `acts_on` states whether the image itself reads
        the parameter; in a spec, the inputs of a derived value that acts on the image act on it as well.
    kinds : mapping of str to SpecKinds
        Kind in each spec, by system.
    origin : Origin
        Origin of the default. A parameter that the forward spec of a system derives has that value as its default in
        the system's other specs; the origin holds for the other systems.
    computed : mapping of str to Computation
        Computation of the derived value, by system.
    size : Size, optional
        Length of a list or side of a map; None for a number.
    prior_sigma, relative_prior_sigma : float, optional
        Standard deviation of the prior, in the unit of the parameter or as a part of the default.
    constraints : tuple of Constraint
        Relations with other parameters; each holds in the specs that have all of its keys as primitives.
    effect : str
        Optional effect that the parameter belongs to, the first of several; empty for a parameter of every model.

    Raises
    ------
    ParameterError
        If a part of the record is missing or contradicts another.
    """

    key: str
    title: str
    doc: str
    symbol: str
    units: str
    kinds: Mapping[str, SpecKinds]
    origin: Origin
    computed: Mapping[str, Computation] = field(default_factory=dict)
    size: Size | None = None
    bounds: Bounds = field(default_factory=Bounds)
    period: float | None = None
    constraints: tuple[Constraint, ...] = ()
    scale: Scale = "linear"
    prior_sigma: float | None = None
    relative_prior_sigma: float | None = None
    acts_on: tuple[str, ...] = ("image",)
    effect: str = ""
    since: str = "0.1.0"
    status: Status = "stable"
    deprecated: Deprecation | None = None
    formerly: tuple[FormerKey, ...] = ()

    def __post_init__(self) -> None:
        for name in ("title", "doc", "symbol"):
            self._require(bool(getattr(self, name)), f"a {name}", "", f"Add {name}=... to its record")
        self._require(self.doc.endswith("."), "a doc of whole sentences", self.doc, "End it with a full stop")
        self._require(bool(self.kinds), "its kind in the specs of a system", self.kinds, "Add kinds=in_systems(...)")
        for system, kinds in self.kinds.items():
            self._require(system in SURFACES, f"a system among {', '.join(SURFACES)}", system)
            self._require(bool(kinds.named()), f"a spec of {system} that has it", kinds)
        self._check_computations()
        self._check_origin()
        spaced = isinstance(self.origin, EvenlySpaced)
        self._require(not spaced or bool(self.length_field), "a list whose length is a field", self.size)
        widths = (self.prior_sigma, self.relative_prior_sigma)
        self._require(None in widths, "an absolute or a relative width of the prior, not both", widths)

    def _check_computations(self) -> None:
        for system in SURFACES:
            derived = "derived" in self.in_specs(system).values()
            computed = system in self.computed
            self._require(
                derived == computed,
                f"a computation for {system}, which derives it"
                if derived
                else f"no computation for {system}, which does not derive it",
                self.computed.get(system),
                "Add computed={system: Computation(...)} to its record" if derived else "",
            )
        for computation in self.computed.values():
            self._require(bool(computation.equation), "an equation", computation)

    def _check_origin(self) -> None:
        primitive = [
            (system, spec) for system in self.kinds for spec, kind in self.in_specs(system).items() if kind != "derived"
        ]
        own = [f"{system}.{spec}" for system, spec in primitive if not self.is_derived_forward(system)]
        structural = "structural" in {kind for system in self.kinds for kind in self.in_specs(system).values()}
        remedy = "Change origin=... or kinds=... in its record"
        self._require(structural == isinstance(self.origin, ApertureNumber), "an origin in the aperture, which a"
                      " structural parameter and no other has", self.origin, remedy)  # fmt: skip
        if own:
            has_value = not isinstance(self.origin, ForwardSpec | NoDefault)
            self._require(has_value, f"the origin of its default in {', '.join(own)}", self.origin, remedy)
        elif primitive:
            self._require(isinstance(self.origin, ForwardSpec), "the origin ForwardSpec()", self.origin, remedy)
        else:
            self._require(isinstance(self.origin, NoDefault), "the origin NoDefault()", self.origin, remedy)

    def _require(self, holds: bool, expected: str, got: object, remedy: str = "") -> None:
        if not holds:
            raise ParameterError(self.key, expected=expected, got=got, remedy=remedy)

    @property
    def name(self) -> str:
        """The key without its group, which is also the attribute of a design or target."""
        return self.key.partition(".")[2]

    @property
    def basis(self) -> str:
        """Field of the configuration with its Noll indices; empty if its values are not Zernike coefficients."""
        return self.size.config_field if isinstance(self.size, Coefficients) else ""

    @property
    def is_list(self) -> bool:
        """True if its value is a list of numbers."""
        return isinstance(self.size, Coefficients | Elements)

    @property
    def is_map(self) -> bool:
        """True if its value is a map, an array of two dimensions."""
        return isinstance(self.size, Cells)

    @property
    def map_side(self) -> str:
        """Field of the configuration with the side of its map; empty if its value is not a map."""
        return self.size.config_field if isinstance(self.size, Cells) else ""

    @property
    def length_field(self) -> str:
        """Field of the configuration with the length of its list; empty if it has no such field."""
        return self.size.config_field if isinstance(self.size, Elements) else ""

    @property
    def is_of_target(self) -> bool:
        """True if a target has its default."""
        return isinstance(self.origin, TargetAttribute)

    @property
    def is_of_visit(self) -> bool:
        """True if its value is chosen for each visit."""
        return isinstance(self.origin, DesignAttribute) and self.origin.per_visit

    @property
    def is_structural(self) -> bool:
        """True if the configuration fixes its value."""
        return isinstance(self.origin, ApertureNumber)

    @property
    def is_settable(self) -> bool:
        """True if it is primitive in a spec of some system."""
        return any("primitive" in self.in_specs(system).values() for system in self.kinds)

    def in_specs(self, system: str) -> dict[str, Kind]:
        """Return its kind in the specs of a system, by name of the spec."""
        return self.kinds[system].named() if system in self.kinds else {}

    def is_derived_forward(self, system: str) -> bool:
        """Return whether the forward spec of a system derives it."""
        return self.in_specs(system).get("forward") == "derived"

    def prior_width(self, default: float) -> float | None:
        """Return the standard deviation of the prior around a default, or None if there is no prior."""
        if self.relative_prior_sigma is not None:
            return self.relative_prior_sigma * default
        return self.prior_sigma

    def spec_field(self, **parts: Any) -> ParamField:
        """Return the parameter as a field of a spec, with the parts that depend on the spec."""
        return ParamField(
            self.key,
            title=self.title,
            doc=self.doc,
            units=self.units,
            scale=self.scale,
            bounds=self.bounds,
            period=self.period,
            symbol=self.symbol,
            acts_on=self.acts_on,
            effect=self.effect,
            since=self.since,
            status=self.status,
            deprecated=self.deprecated,
            formerly=self.formerly,
            **parts,
        )


def records_of(definitions: Iterable[object]) -> tuple[Parameter, ...]:
    """Return the records among the definitions of a module, in their order."""
    return tuple(item for item in definitions if isinstance(item, Parameter))
