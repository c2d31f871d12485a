"""Migration of profiles from earlier versions of the format, and the check of the hash of a saved profile."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from dluxshera.documents import Document
from dluxshera.errors import DocumentError, ExpectationError, ParameterError
from dluxshera.params import in_own_unit, is_amount
from dluxshera.profiles.format import HASH, PROFILE, VERSION, content_hash
from dluxshera.systems import BANDWIDTH, TABLE_SUFFIX, WAVELENGTH, settable_parameters

HISTORY: Final[dict[str, str]] = {  # version -> its changes, oldest first
    "0.1.0": "the first version",
    "0.2.0": "the grids of pupil and detector follow from the design, and aperture_subpixels is removed; spectra and"
    " filters are tables with wavelengths of their own, and curve_samples is removed",
}

_RETIRED: Final = {  # fields whose numbers described the grids of version 0.1.0 -> their defaults
    "pupil_npix": (256,),
    "gap_npix": (None,),
    "pixel_nodes": (2, 3),  # 3 on the testbed
    "aperture_subpixels": (5,),
}


class MigrationWarning(UserWarning):
    """A profile of an earlier version of the format has a setting that means nothing to this one."""


class Migration(NamedTuple):
    """The step from one version of the format to a later one.

    Parameters
    ----------
    to : str
        Later version.
    apply : callable
        Function from the content of the earlier version to that of the later one.
    note : callable
        Function from the content of the earlier version to a sentence about what the step loses, empty for nothing.
    """

    to: str
    apply: Callable[[dict[str, Any]], dict[str, Any]]
    note: Callable[[dict[str, Any]], str] = lambda data: ""


def _config(data: dict[str, Any]) -> dict[str, Any]:
    config = data.get("config")
    return config if isinstance(config, dict) else {}


def _with_derived_grids(data: dict[str, Any]) -> dict[str, Any]:
    """Return a profile of version 0.1.0 as one of version 0.2.0.

    Numbers of cells and samples are left out, because they described another computation; ``n_wavelengths`` stays. The
    number of cells across the pupil, which was also the size of M1's maps, stays as that size.
    """
    config = _config(data)
    if not config:
        return data
    kept = {name: value for name, value in config.items() if name not in _RETIRED}
    cells = config.get("pupil_npix")
    if cells in range(4, 2049, 2) and cells not in _RETIRED["pupil_npix"]:
        kept.setdefault("m1_map_npix", cells)
    return {**data, "config": kept}


def _lost_grids(data: dict[str, Any]) -> str:
    lost = [
        f"{name} = {value}" for name, value in _config(data).items() if name in _RETIRED and value not in _RETIRED[name]
    ]
    if not lost:
        return ""
    return f"left out, because the grids follow from the design now: {', '.join(lost)}"


_BAND: Final = (WAVELENGTH.key, BANDWIDTH.key)


def _with_tables(data: dict[str, Any]) -> dict[str, Any]:
    """Return a profile whose curves, evenly spaced samples across the band, are tables with wavelengths.

    Raises
    ------
    ParameterError
        If the document has such a curve and not the band that places its samples.
    """
    config, parameters = _config(data), data.get("parameters")
    if "curve_samples" in config:
        data = {**data, "config": {name: value for name, value in config.items() if name != "curve_samples"}}
    if not isinstance(parameters, dict):
        return data
    tables = dict(parameters)
    for key in (name.removesuffix(TABLE_SUFFIX) for name in settable_parameters() if name.endswith(TABLE_SUFFIX)):
        samples = _amount(parameters.get(key))
        if not isinstance(samples, list) or len(samples) < 2 or not is_amount(samples):
            continue  # a fault of the schema, if it is there
        if missing := [name for name in _BAND if name not in parameters]:
            raise ParameterError(
                key,
                expected=f"{' and '.join(missing)} beside it, across which its samples were evenly spaced",
                remedy=f"Set the band in this document, or replace the samples by a table with {key}{TABLE_SUFFIX}",
            )
        centre, width = (_metres(name, parameters[name]) for name in _BAND)
        if centre is not None and width is not None:
            last = len(samples) - 1
            rows = [centre + width * (i / last - 0.5) for i in range(len(samples))]
            tables.setdefault(f"{key}{TABLE_SUFFIX}", {"value": rows, "unit": "m"})
    return {**data, "parameters": tables}


def _amount(value: Any) -> Any:
    return value.get("value") if isinstance(value, dict) else value


def _metres(key: str, value: Any) -> float | None:
    """Return a length of a document in metres; None for one that the checks of the document do not accept."""
    amount = _amount(value)
    if isinstance(amount, list) or not is_amount(amount):
        return None
    unit = value.get("unit") if isinstance(value, dict) else "m"
    try:
        return float(in_own_unit(settable_parameters()[key], amount, str(unit)))
    except (ValueError, TypeError):
        return None


def _to_0_2_0(data: dict[str, Any]) -> dict[str, Any]:
    return _with_tables(_with_derived_grids(data))


MIGRATIONS: Final[dict[str, Migration]] = {  # by the version that a document was written against
    "0.1.0": Migration("0.2.0", _to_0_2_0, _lost_grids),
}


def migrated(document: Document, migrations: Mapping[str, Migration]) -> Document:
    """Return a document in the current version of the format.

    Warns
    -----
    MigrationWarning
        If a setting of the document means nothing to the current version.

    Raises
    ------
    DocumentError
        If the document has another format, a newer version, or a version without a migration.
    """
    data = document.data
    if not isinstance(data, dict):
        return document
    schema = data.get("schema")
    if not isinstance(schema, str):
        problem = "schema is missing" if "schema" not in data else "wrong type"
        raise document.error(("schema",), problem, allowed=f"{PROFILE}/{VERSION}")
    name, _, version = schema.partition("/")
    if name != PROFILE or not re.fullmatch(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}", version):
        raise document.error(("schema",), "not a profile", allowed=f"{PROFILE}/{VERSION}", got=schema)
    if version != VERSION and HASH in data and (errors := hash_faults(document)):
        raise errors[0]
    while version != VERSION:
        if version not in migrations:
            raise document.error(("schema",), _no_migration(version), allowed=f"{PROFILE}/{VERSION}", got=schema)
        step = migrations[version]
        if note := step.note(data):
            warnings.warn(f"{document.file}: {schema}: {note}.", MigrationWarning, stacklevel=2)
        try:
            data = {**step.apply(data), "schema": f"{PROFILE}/{step.to}"}
        except ExpectationError as error:
            problem = str(error).removeprefix(f"{error.key}: ").removesuffix(".")
            raise document.error(("parameters", error.key), problem, at_key=True) from error
        data.pop(HASH, None)
        version = step.to
    return Document(document.file, data, document.places)


def hash_faults(document: Document) -> list[DocumentError]:
    """Return the fault of a document whose content differs from its hash, or nothing."""
    saved = document.data.get(HASH)
    if not isinstance(saved, str) or saved == (current := content_hash(document.data)):
        return []
    problem = "the content changed after the profile was saved: remove this line, or save the profile again"
    return [document.error((HASH,), problem, allowed=current, got=saved)]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _no_migration(version: str) -> str:
    if _numbers(version) > _numbers(VERSION):
        return f"was written against version {version}, which is newer than this package: install a newer one"
    changes = [f"{name}: {text}" for name, text in HISTORY.items() if _numbers(name) > _numbers(version)]
    return f"was written against version {version}, and there is no migration; changes since: {'; '.join(changes)}"
