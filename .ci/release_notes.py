"""Print the section of CHANGELOG.md for a release: ``python .ci/release_notes.py v0.2.0``."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def notes(changelog: str, version: str) -> str:
    """Return the text of a version's section, without its heading.

    Parameters
    ----------
    changelog : str
        Text in the form of Keep a Changelog.
    version : str
        Version, as in ``0.2.0``.

    Raises
    ------
    ValueError
        If the section is missing, has no date or is empty.
    """
    heading = re.compile(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n", re.MULTILINE)
    start = heading.search(changelog)
    if start is None:
        raise ValueError(f"CHANGELOG.md has no section '## [{version}] - YYYY-MM-DD'")
    section = re.split(r"^## |^\[[^\]]+\]: ", changelog[start.end() :], maxsplit=1, flags=re.MULTILINE)[0].strip()
    if not section:
        raise ValueError(f"the section of {version} in CHANGELOG.md is empty")
    return section + "\n"


def main(tag: str) -> None:
    """Print the notes of a tag, which has to name the version of the package."""
    version = re.search(r'"(.+)"', (ROOT / "src/dluxshera/_version.py").read_text(encoding="utf-8"))[1]
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, the version of the package {version}")
    print(notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version), end="")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except ValueError as error:
        sys.exit(f"error: {error}")
