"""`OptionalEffect`, a part of the model that a configuration switches on. No jax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from dluxshera.errors import ConfigError
from dluxshera.systems.effects.hooks import ModelHook
from dluxshera.systems.parameters.record import Parameter
from dluxshera.systems.planes import systems_with


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class OptionalEffect:
    """Optional part of the model, with the parameters that it adds to the specs.

    A model without effects has none of these parameters and none of their cost.

    Parameters
    ----------
    name : str
        Name, as in the field ``effects`` of a configuration.
    doc : str
        Description in one sentence.
    parameters : tuple of Parameter
        Parameters in the order of the specs. Several effects can share one.
    hook : ModelHook
        Function by which the effect acts in the model.
    surfaces : int
        Constant of surfaces behind the pupil that a system needs to have the effect.
    config_fields : tuple of str
        Fields of the configuration that only this effect, or effects like it, use.
    replaces : tuple of Parameter
        Parameters of every model that a model with the effect does not have.
    idle : mapping of str to float, optional
        Values, by key, at which the effect does nothing, where the defaults do something; None if there are none.

    Raises
    ------
    ConfigError
        If a part is missing or contradicts another.
    """

    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    hook: ModelHook
    surfaces: int = 0
    config_fields: tuple[str, ...] = ()
    replaces: tuple[Parameter, ...] = field(default=())
    idle: Mapping[str, float] | None = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ConfigError("effects", expected="a name of letters, digits and underscores", got=self.name)
        if not self.doc.endswith("."):
            raise ConfigError(self.name, expected="a doc that ends with a full stop", got=self.doc)
        if self.name not in {parameter.effect for parameter in self.parameters}:
            raise ConfigError(
                self.name,
                expected="a parameter of the effect",
                got=[parameter.key for parameter in self.parameters],
                remedy=f"Add effect={self.name!r} to the record of its parameters",
            )
        for parameter in self.parameters:
            if not parameter.effect:
                remedy = f"Add effect={self.name!r} to its record"
                raise ConfigError(self.name, expected="parameters of effects", got=parameter.key, remedy=remedy)
            if tuple(parameter.kinds) != systems_with(self.surfaces):
                raise ConfigError(
                    self.name,
                    expected=f"parameters of the systems {', '.join(systems_with(self.surfaces))}",
                    got=f"{parameter.key} of {', '.join(parameter.kinds)}",
                    remedy="Change kinds=... in its record, or surfaces=... of the effect",
                )

    def parameters_in(self, system: str, spec: str) -> tuple[Parameter, ...]:
        """Return the parameters that the effect adds to a spec of a system, by the name of the spec."""
        return tuple(parameter for parameter in self.parameters if spec in parameter.in_specs(system))
