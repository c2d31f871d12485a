"""Names of partial files: those beside a file that is being written, which a killed writer may leave."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import uuid4

PART: Final = re.compile(r"\.(.+)\.[0-9a-f]{32}\.part", re.DOTALL)
LONG: Final = 120  # bytes of a name that its partial file repeats; file systems allow 255, some 143


def is_part(name: str) -> bool:
    """Return True if a name is that of a partial file, which a killed writer may have left."""
    return PART.fullmatch(name) is not None


def stem_of(name: str) -> str:
    """Return the part of a name that its partial files repeat: a short name, or the hash of a long one."""
    return name if len(os.fsencode(name)) <= LONG else sha256(os.fsencode(name)).hexdigest()[:32]


def part_of(target: Path) -> Path:
    """Return a new partial file beside a file that is to be written."""
    return target.parent / f".{stem_of(target.name)}.{uuid4().hex}.part"
