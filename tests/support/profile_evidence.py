"""Sources of the long evidence on profiles, whose hashes its records have."""

from support.evidence import ROOT

_SOURCE = ROOT / "src" / "dluxshera"
_LOADER = [
    *sorted((_SOURCE / "documents").glob("*.py")),
    *(_SOURCE / "profiles" / f"{name}.py" for name in ("composition", "format", "migration", "overrides", "setting")),
    *(_SOURCE / "params" / f"{name}.py" for name in ("quantities", "values")),
]
_SPECS = [_SOURCE / "params" / f"{name}.py" for name in ("field", "schema", "spec", "store")]
_SYSTEMS = [
    *(_SOURCE / "profiles" / f"{name}.py" for name in ("model", "schema")),
    *sorted((_SOURCE / "systems").rglob("*.py")),
]
_SUPPORT = ROOT / "tests" / "support"

SOURCES = {
    "schema-agreement": [*_LOADER, *_SPECS, *_SYSTEMS, _SUPPORT / "profile_documents.py"],
    "profile-fuzz": [*_LOADER, _SUPPORT / "profile_fuzz.py"],
}
COMMANDS = {
    "schema-agreement": "pytest -m validation tests/validation/test_profiles.py -k ten_thousand",
    "profile-fuzz": "pytest -m validation tests/validation/test_profiles.py -k hundred_thousand",
}
