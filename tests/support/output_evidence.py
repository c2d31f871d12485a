"""Sources of the long evidence on outputs and records of runs, whose hashes its records have."""

from support.evidence import ROOT

_PACKAGE = ROOT / "src" / "dluxshera"
_RUNS = [_PACKAGE / "runs" / f"{name}.py" for name in ("lock", "ownership", "record")]
_SUPPORT = ROOT / "tests" / "support"

SOURCES = {
    "killed-writers": [_PACKAGE / "files.py", *_RUNS, _SUPPORT / "kills.py", _SUPPORT / "toy_runs.py"],
    "edited-records": [_PACKAGE / "console.py", *_RUNS, _SUPPORT / "record_attack.py", _SUPPORT / "toy_runs.py"],
}
COMMANDS = {
    "killed-writers": "pytest -m validation tests/validation/test_outputs.py -k killed",
    "edited-records": "pytest -m validation tests/validation/test_outputs.py -k edited",
}
