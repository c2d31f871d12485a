"""One cause, such as a temperature, that moves several parameters by stated coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self, final

import numpy as np

from dluxshera.documents import Where
from dluxshera.error_budget.perturbation import ImagePerturbation
from dluxshera.error_budget.requirement import quotient, unit_of
from dluxshera.error_budget.results import Driver
from dluxshera.error_budget.schema_parts import KEY, choice_schema, mapping_schema, record_schema
from dluxshera.error_budget.spec_check import ModelName, SpecCheck
from dluxshera.params import unit_factor

if TYPE_CHECKING:
    from dluxshera.error_budget.changes import ImageChange
    from dluxshera.error_budget.evaluation import Evaluation


class Coefficient(NamedTuple):
    """Change of a parameter per unit of the cause.

    Parameters
    ----------
    value : float or tuple of float
        Number, or one for each component of an array.
    unit : str
        Unit of the parameter's change over that of the cause, a VOUnit string without a slash.
    """

    value: float | tuple[float, ...]
    unit: str


@final
@dataclass(frozen=True)
class CommonCause(ImagePerturbation):
    """Displacement of the truth by one cause, unknown to the estimator; the magnitude is that of the cause.

    Parameters
    ----------
    model : {'forward', 'inference'}
        Model whose parameters the coefficients name.
    coefficients : mapping of str to Coefficient
        Change of each parameter per unit of the cause.
    """

    model: ModelName
    coefficients: Mapping[str, Coefficient]

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema."""
        value = {
            "type": ["number", "array"],
            "items": {"type": "number"},
            "description": "A number, or one for each component of an array.",
        }
        unit = {
            "type": "string",
            "minLength": 1,
            "pattern": "^[^/]*$",
            "x-form": "a VOUnit string without a slash, as nm.K**-1",
            "description": "Unit of the parameter's change over that of the cause.",
        }
        coefficient = record_schema("Change of a parameter per unit of the cause.", {"value": value, "unit": unit})
        names = {name: KEY[name] for name in ("pattern", "x-form")}
        return record_schema(
            "One cause, such as a temperature, that moves several parameters by stated coefficients.",
            {
                "model": choice_schema("Model whose parameters the coefficients name.", ["forward", "inference"]),
                "coefficients": mapping_schema(
                    "Parameter key to its change per unit of the cause.",
                    coefficient,
                    minProperties=1,
                    propertyNames=names,
                ),
            },
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes."""
        coefficients = {}
        for key, item in content["coefficients"].items():
            value = item["value"]
            number = tuple(map(float, value)) if isinstance(value, list) else float(value)
            coefficients[key] = Coefficient(number, item["unit"])
        return cls(content["model"], coefficients)

    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check the parameters; the magnitude converts to the unit of each change over that of its coefficient."""
        values = {key: item.value for key, item in self.coefficients.items()}
        fields = specs.direction((*at, "coefficients"), values, self.model)
        units = []
        for field, (key, item) in zip(fields, self.coefficients.items(), strict=True):
            specs.units((*at, "coefficients", key, "unit"), item.unit, [item.unit])
            units.append(quotient(unit_of(field), item.unit))
        return tuple(units)

    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the parameters."""
        return tuple(self.coefficients) if model == self.model else ()

    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the parameters."""
        return [
            Driver(key, ("coefficients", key), evaluation.acts(self.model, key, item.value))
            for key, item in self.coefficients.items()
        ]

    def image_change(self, evaluation: Evaluation, magnitude_unit: str) -> ImageChange:
        """Return the directional derivative of the image, and the displaced image."""
        spec = evaluation.store_of(self.model, self.coefficients).spec
        step = {
            key: np.asarray(item.value) * unit_factor(magnitude_unit, quotient(unit_of(spec[key]), item.unit))
            for key, item in self.coefficients.items()
        }
        return evaluation.step(self.model, step)
