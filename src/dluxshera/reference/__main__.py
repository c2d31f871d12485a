"""Write the reference pages, or with ``--check`` say which of them differ from the schemas and the report."""

import argparse
import sys
from pathlib import Path

from dluxshera.errors import SheraError
from dluxshera.reference import anchors, files
from dluxshera.reference.sources import REPORT


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pages; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dluxshera.reference", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="root of the repository (default: here)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is out of date")
    parser.add_argument(
        "--release", action="store_true", help="keep every link of now: from here on none of them may be lost"
    )
    options = parser.parse_args(arguments)
    try:
        changed = files.drift(options.root)
        if options.release:
            anchors.release(options.root)
    except SheraError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not options.check:
        files.apply(changed)
    for path, page in changed.items():
        if options.check:
            what = "is stale" if page is None else "is out of date" if path.exists() else "is missing"
        else:
            what = "removed" if page is None else "written"
        print(f"{path.relative_to(options.root)}: {what}")
    if not (options.root / REPORT).exists():
        print(f"{REPORT}: not there yet, so there is no error-budget page")
    if options.check and changed:
        print("run `python -m dluxshera.reference` and commit what it writes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
