"""The table of all parameters, those of every model and those of optional effects, and queries on it. No jax."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from dluxshera.errors import ParameterError, near_matches
from dluxshera.params import ParamField
from dluxshera.systems.effects import EFFECTS
from dluxshera.systems.parameters import COMMON, GROUPS
from dluxshera.systems.parameters.record import Parameter


def table_of(records: Iterable[Parameter]) -> dict[str, Parameter]:
    """Return records by key, in their order.

    Raises
    ------
    ParameterError
        If two records have one key, the group of a key has no text, or the input of a computation has no record.
    """
    table: dict[str, Parameter] = {}
    groups = [group for group, _, _ in GROUPS]
    for record in records:
        if table.setdefault(record.key, record) is not record:
            raise ParameterError(record.key, expected="one record for each key", got=record.title)
        group = record.key.partition(".")[0]
        if group not in groups:
            remedy = "Add the group to dluxshera.systems.parameters.GROUPS"
            raise ParameterError(record.key, expected=f"a group among {', '.join(groups)}", got=group, remedy=remedy)
    for record in table.values():
        for computation in record.computed.values():
            for key in (*computation.inputs, *computation.optional):
                if key not in table:
                    near = near_matches(key, table)
                    raise ParameterError(
                        record.key,
                        expected="inputs that are keys of parameters",
                        got=key,
                        remedy=f"Did you mean {' or '.join(near)}?" if near else "Add a record for that key",
                    )
    return table


PARAMETERS: Final[Mapping[str, Parameter]] = table_of(
    dict.fromkeys((*COMMON, *(parameter for effect in EFFECTS.values() for parameter in effect.parameters)))
)


@lru_cache(maxsize=1)
def settable_parameters() -> Mapping[str, ParamField]:
    """Return, by key, the parameters that a profile can set: those that are primitive in a spec, without maps.

    The fields belong to no spec: they have no default, because it differs from one design to the next.
    """
    return {
        key: parameter.spec_field(kind="derived", transform="-", source="-")
        for key, parameter in PARAMETERS.items()
        if parameter.is_settable and not parameter.is_map
    }


def target_keys() -> dict[str, str]:
    """Return the keys of the parameters whose defaults a target has, with its attributes; optional effects left out."""
    return {
        key: parameter.name for key, parameter in PARAMETERS.items() if parameter.is_of_target and not parameter.effect
    }


def visit_keys() -> dict[str, str]:
    """Return the keys of the parameters that are chosen for each visit, with the attributes of the design."""
    return {key: parameter.name for key, parameter in PARAMETERS.items() if parameter.is_of_visit}
