"""What the long evidence on profiles was gathered from: the sources whose hashes stand in its records."""

from support.evidence import ROOT

_SOURCE = ROOT / "src" / "dluxshera"
_LOADER = [
    *(
        _SOURCE / "params" / f"{name}.py"
        for name in ("documents", "profile_files", "profiles", "quantities", "serialize", "validate")
    )
]
_SPECS = [_SOURCE / "params" / f"{name}.py" for name in ("field", "schema", "spec", "store")]
_SYSTEMS = [
    *(
        _SOURCE / "systems" / f"{name}.py"
        for name in (
            *("aperture", "config", "documents", "point_design"),
            *("points", "specs"),
        )
    )
]

SOURCES = {
    "schema-agreement": [*_LOADER, *_SPECS, *_SYSTEMS, ROOT / "tests" / "profile_documents.py"],
    "profile-fuzz": [*_LOADER, ROOT / "tests" / "profile_fuzz.py"],
}
COMMANDS = {
    "schema-agreement": "pytest -m validation tests/validation/test_profiles.py -k ten_thousand",
    "profile-fuzz": "pytest -m validation tests/validation/test_profiles.py -k hundred_thousand",
}
