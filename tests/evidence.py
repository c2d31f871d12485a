"""The long evidence: results with the hashes of what they were gathered from, committed as JSON."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dluxshera.files import write_text

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "validation"


def hashes_of(paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files, by their path in the repository."""
    return {path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def write_evidence(name: str, result: dict[str, Any], sources: Iterable[Path], packages: Iterable[str]) -> None:
    """Write ``docs/validation/<name>.json``."""
    content = {
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": shlex.join(["pytest", *sys.argv[1:]]),
        "python": platform.python_version(),
        "packages": {package: version(package) for package in packages},
        "result": result,
        "sha256": hashes_of(sources),
    }
    write_text(FOLDER / f"{name}.json", json.dumps(content, indent=2) + "\n")
