"""What the pages are made from: the newest schema of each system, and the error-budget report."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dluxshera.errors import DocumentError, near_matches

SCHEMAS = Path("schemas")
REPORT = Path("docs/reference/data/error-budget-report.json")


@dataclass(frozen=True)
class Parameter:
    """One key, as each spec that has it describes it."""

    key: str
    by_spec: dict[str, dict[str, Any]]

    @property
    def group(self) -> str:
        """The part of the key before its first dot."""
        return self.key.partition(".")[0]

    @property
    def title(self) -> str:
        """The name in words."""
        return self.get("title", self.key)

    def get(self, name: str, default: Any = None) -> Any:
        """Return `name` from the first spec that states it."""
        return next((entry[name] for entry in self.by_spec.values() if name in entry), default)

    def kind(self, spec: str) -> str:
        """Return the kind in `spec`, or ``absent``."""
        return self.by_spec[spec]["x-kind"] if spec in self.by_spec else "absent"


@dataclass(frozen=True)
class Catalogue:
    """All parameters of the newest schemas."""

    parameters: dict[str, Parameter]
    groups: dict[str, dict[str, str]]
    specs: dict[str, dict[str, Any]]

    def of_group(self, group: str) -> list[Parameter]:
        """Return the parameters of a group, in the order of the schemas."""
        return [p for p in self.parameters.values() if p.group == group]

    def depends_on(self, key: str, spec: str) -> list[str]:
        """Return the keys from which `key` is computed in `spec`."""
        return self.parameters[key].by_spec.get(spec, {}).get("x-depends-on", [])

    def used_by(self, key: str) -> list[str]:
        """Return the keys that depend directly on `key`, in any spec."""
        return [k for k in self.parameters if any(key in self.depends_on(k, spec) for spec in self.specs)]


def unknown(file: Path, key: str, what: str, name: str, known: Iterable[str]) -> DocumentError:
    """Return the error for a name that nothing defines, with its nearest matches."""
    near = near_matches(name, known)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return DocumentError(f"{what} {name!r}{hint}", file=file, key=key)


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in `path`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DocumentError(error.msg, file=path, line=error.lineno, column=error.colno) from error


def read_schemas(folder: Path) -> Catalogue:
    """Read ``<system>/<version>/<spec>.schema.json`` below `folder`, the newest version of each system."""
    versions: dict[str, list[Path]] = {}
    for path in sorted({schema.parent for schema in folder.glob("*/*/*.schema.json")}):
        versions.setdefault(path.parent.name, []).append(path)
    if not versions:
        raise DocumentError("no <system>/<version>/<spec>.schema.json; run `dluxshera schema export`", file=folder)

    parameters: dict[str, Parameter] = {}
    groups: dict[str, dict[str, str]] = {}
    specs: dict[str, dict[str, Any]] = {}
    for system, paths in versions.items():
        newest = max(paths, key=lambda path: [int(part) for part in path.name.split(".")])
        for path in sorted(newest.glob("*.schema.json")):
            schema = read_json(path)
            if "x-spec" not in schema:  # a schema of documents, not of parameters
                continue
            label = schema["x-spec"] if len(versions) == 1 else f"{system} {schema['x-spec']}"
            specs[label] = schema
            groups |= schema["x-groups"]
            for key, entry in schema["properties"].items():
                check_entry(path, key, schema)
                parameters.setdefault(key, Parameter(key, {})).by_spec[label] = entry
    order = list(groups)
    ranked = sorted(parameters.values(), key=lambda p: order.index(p.group))
    return Catalogue({p.key: p for p in ranked}, groups, specs)


def check_entry(file: Path, key: str, schema: dict[str, Any]) -> None:
    """Refuse an entry that lacks what a page shows, or that points to a parameter of no schema."""
    entry = schema["properties"][key]
    for name in ("title", "description", "x-kind", "x-group", "x-unit"):
        if name not in entry:
            raise DocumentError(f"{name} is missing", file=file, key=key)
    group = entry["x-group"]
    if group not in schema["x-groups"]:
        raise unknown(file, key, "x-group is the unknown group", group, schema["x-groups"])
    if not key.startswith(f"{group}."):
        raise DocumentError(f"the key does not start with its group {group!r}", file=file, key=key)
    for needed in entry.get("x-depends-on", []):
        if needed not in schema["properties"]:
            raise unknown(file, key, "x-depends-on names the unknown parameter", needed, schema["properties"])


def read_report(path: Path, catalogue: Catalogue) -> dict[str, Any] | None:
    """Return the error-budget report, checked against the parameters; None where there is none yet."""
    if not path.exists():
        return None
    report = read_json(path)
    estimators = [estimator["id"] for estimator in report["estimators"]]
    unit = report["budget"]["requirement"]["unit"]
    for term in report["terms"]:
        for key in term["keys"]:
            if key not in catalogue.parameters:
                raise unknown(path, term["id"], "keys names the unknown parameter", key, catalogue.parameters)
        for estimator, result in term["results"].items():
            if estimator not in estimators:
                raise unknown(path, term["id"], "results of the unknown estimator", estimator, estimators)
            if (given := result["contribution"]["unit"]) != unit:
                raise DocumentError(f"contribution in {given}, requirement in {unit}", file=path, key=term["id"])
    return report
