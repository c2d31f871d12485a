"""The built site, for the tests that look at it."""

import os
from pathlib import Path

import pytest

from support.paths import ROOT

SITE = Path(os.environ.get("SITE_DIR", ROOT / "site")).resolve()


def site() -> Path:
    """Return the folder of the built site, if it was built from the pages as they are now."""
    index = SITE / "index.html"
    if not index.exists():
        pytest.skip(f"{SITE} is not built: run make site")
    if "SITE_DIR" not in os.environ:
        sources = [ROOT / "mkdocs.yml", *(path for path in (ROOT / "docs").rglob("*") if path.is_file())]
        newer = [path for path in sources if path.stat().st_mtime > index.stat().st_mtime]
        if newer:
            pytest.skip(f"{newer[0].relative_to(ROOT)} is newer than the built site: run make site")
    return SITE


def pages() -> list[Path]:
    """Return every page of the built site, without the one that stands in for missing pages."""
    return [path for path in sorted(SITE.rglob("*.html")) if path.name != "404.html"]
