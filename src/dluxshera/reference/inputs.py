"""Inputs of the pages: the newest version of each schema, and the error-budget report."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dluxshera.error_budget import read_sign_off, sign_off_file
from dluxshera.errors import DocumentError, near_matches

SCHEMA_FOLDER = Path("schemas")
REPORT_FILE = Path("docs/reference/data/error-budget-report.json")
SHORT = 70  # characters that fit on a line beside the names of the specs


class Label(NamedTuple):
    """A spec of a system."""

    system: str
    spec: str


@dataclass(frozen=True)
class ParameterEntry:
    """A parameter, with its description in each spec that has it."""

    key: str
    by_spec: dict[Label, dict[str, Any]]

    @property
    def group(self) -> str:
        """The part of the key before its first dot."""
        return self.key.partition(".")[0]

    @property
    def title(self) -> str:
        """The title, or the key if there is none."""
        return self.get("title", self.key)

    @property
    def systems(self) -> list[str]:
        """The systems that have the parameter."""
        return list(dict.fromkeys(label.system for label in self.by_spec))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a keyword in the first spec that has it."""
        return next((entry[name] for entry in self.by_spec.values() if name in entry), default)

    def kind(self, label: Label) -> str:
        """Return the kind in a spec, or ``absent``."""
        return self.by_spec[label]["x-kind"] if label in self.by_spec else "absent"


@dataclass(frozen=True)
class Catalogue:
    """The content of the newest schemas.

    Parameters
    ----------
    parameters : dict of str to ParameterEntry
        Parameters by key, in the order of the pages.
    groups : dict of str to dict
        Title and description of each group.
    specs : dict of Label to dict
        The schema of each spec.
    configs : dict of str to dict
        The schema of each system's configuration.
    files : dict of Path to dict
        Every schema by its path below the folder of schemas.
    """

    parameters: dict[str, ParameterEntry]
    groups: dict[str, dict[str, str]]
    specs: dict[Label, dict[str, Any]]
    configs: dict[str, dict[str, Any]]
    files: dict[Path, dict[str, Any]]

    @property
    def systems(self) -> list[str]:
        """The systems, the one with the fewest parameters first."""
        return list(dict.fromkeys(label.system for label in self.specs))

    @property
    def spec_names(self) -> list[str]:
        """The names that the specs of all systems have."""
        return sorted({label.spec for label in self.specs})

    @property
    def transforms(self) -> list[str]:
        """The dotted names of the functions that compute derived values."""
        entries = (entry for p in self.parameters.values() for entry in p.by_spec.values())
        return sorted({entry["x-transform"] for entry in entries if "x-transform" in entry})

    def of_group(self, group: str) -> list[ParameterEntry]:
        """Return the parameters of a group, in the order of the schemas."""
        return [p for p in self.parameters.values() if p.group == group]

    def of_system(self, system: str) -> list[Label]:
        """Return the specs of a system."""
        return [label for label in self.specs if label.system == system]

    def depends_on(self, key: str, label: Label) -> list[str]:
        """Return the keys from which `key` is computed in a spec."""
        return self.parameters[key].by_spec.get(label, {}).get("x-depends-on", [])

    def used_by(self, key: str) -> list[str]:
        """Return the keys that depend directly on `key`, in any spec."""
        return [k for k in self.parameters if any(key in self.depends_on(k, label) for label in self.specs)]

    def combined(self, values: Mapping[Label, str]) -> str:
        """Return one text for several specs: the common text, or each text with the names of its specs."""
        texts = list(dict.fromkeys(filter(None, values.values())))
        if len(texts) == 1 and all(values.values()):
            return texts[0]
        names = {text: self.named([label for label in values if values[label] == text], values) for text in texts}
        if sum(map(len, texts)) < SHORT:
            return "; ".join(f"{text} ({specs})" for text, specs in names.items())
        return "<br>".join(f"*{specs}*: {text}" for text, specs in names.items())

    def named(self, labels: Collection[Label], among: Collection[Label]) -> str:
        """Return the shortest names of some specs among others.

        A name of a spec stands for that spec of every system, and a name of a system for all of its specs.
        """
        left, names = list(labels), []
        for spec in dict.fromkeys(label.spec for label in among):
            same = {label for label in among if label.spec == spec}
            if same <= set(labels):
                names.append(words(spec))
                left = [label for label in left if label not in same]
        for system in dict.fromkeys(label.system for label in left):
            specs = [label for label in left if label.system == system]
            whole = {label for label in among if label.system == system} <= set(labels)
            names.append(system if whole else f"{system} {' and '.join(words(label.spec) for label in specs)}")
        return ", ".join(names)


def words(name: str) -> str:
    """Return a name with blanks for underscores, as in ``physics inference``."""
    return name.replace("_", " ")


def unknown(file: Path, key: str, what: str, name: str, names: Iterable[str]) -> DocumentError:
    """Return the error for an undefined name, with its nearest matches."""
    near = near_matches(name, names)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return DocumentError(f"{what} {name!r}{hint}", file=file, key=key)


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in `path`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DocumentError(error.msg, file=path, line=error.lineno, column=error.colno) from error


def read_schemas(folder: Path) -> Catalogue:
    """Read the newest version of each schema, from ``<name>/<version>/<part>.schema.json`` below `folder`."""
    versions: dict[str, list[Path]] = {}
    for path in sorted({schema.parent for schema in folder.glob("*/*/*.schema.json")}):
        versions.setdefault(path.parent.name, []).append(path)
    newest = [max(paths, key=lambda path: [int(part) for part in path.name.split(".")]) for paths in versions.values()]
    files = {path: read_json(path) for place in newest for path in sorted(place.glob("*.schema.json"))}
    spec_files = [(path, schema) for path, schema in files.items() if "x-spec" in schema]
    if not spec_files:
        raise DocumentError("no <system>/<version>/<spec>.schema.json; run `dluxshera schema export`", file=folder)

    sizes: dict[str, int] = {}
    for _, schema in spec_files:
        sizes[schema["x-system"]] = max(sizes.get(schema["x-system"], 0), len(schema["properties"]))
    spec_files.sort(key=lambda item: (sizes[item[1]["x-system"]], item[1]["x-system"], item[1]["x-spec"]))
    groups: dict[str, dict[str, str]] = {}
    keys: list[str] = []
    # The order of keys is that of the largest system; keys of smaller systems are inserted after their neighbours.
    for path, schema in sorted(spec_files, key=lambda item: -sizes[item[1]["x-system"]]):
        groups |= {name: group for name, group in schema["x-groups"].items() if name not in groups}
        place = 0
        for key in schema["properties"]:
            check_entry(path, key, schema)
            if key not in keys:
                keys.insert(place, key)
            place = keys.index(key) + 1
    entries: dict[str, dict[Label, dict[str, Any]]] = {key: {} for key in keys}
    specs = {Label(schema["x-system"], schema["x-spec"]): schema for _, schema in spec_files}
    for label, schema in specs.items():
        for key, entry in schema["properties"].items():
            entries[key][label] = entry
    order = list(groups)
    ranked = sorted(
        (ParameterEntry(key, by_spec) for key, by_spec in entries.items()), key=lambda p: order.index(p.group)
    )
    return Catalogue(
        parameters={p.key: p for p in ranked},
        groups=groups,
        specs=specs,
        configs={s["x-system"]: s for s in files.values() if s.get("x-system") in sizes and "x-spec" not in s},
        files={path.relative_to(folder): schema for path, schema in files.items()},
    )


def check_entry(file: Path, key: str, schema: dict[str, Any]) -> None:
    """Check that an entry has the keywords that its page shows, and that its links lead to parameters.

    Raises
    ------
    DocumentError
        If a keyword is missing, or a group or a dependency is undefined.
    """
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


def recorded_sign_off(report: Path) -> dict[str, Any] | None:
    """Return the sign-off beside a report, or None if there is none."""
    path = sign_off_file(report)
    return read_sign_off(path) if path.exists() else None


def read_report(path: Path, catalogue: Catalogue) -> dict[str, Any] | None:
    """Return the error-budget report, checked against the parameters, or None if there is no report."""
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
            if (other := result["contribution"]["unit"]) != unit:
                raise DocumentError(f"contribution in {other}, requirement in {unit}", file=path, key=term["id"])
    return report
