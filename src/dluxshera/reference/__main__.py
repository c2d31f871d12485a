"""Write the reference pages. With ``--check``, report the pages that differ from their sources instead."""

import argparse
import sys
from pathlib import Path

from dluxshera.errors import SheraError
from dluxshera.reference import anchors, files
from dluxshera.reference.inputs import REPORT_FILE


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pages; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dluxshera.reference", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="root of the repository (default: current folder)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is out of date")
    parser.add_argument(
        "--schemas", action="store_true", help="write only the copies of the schemas that the site serves"
    )
    parser.add_argument(
        "--release", action="store_true", help="record the current links as released; none of them may be lost later"
    )
    options = parser.parse_args(arguments)
    try:
        changes = {} if options.schemas else files.drift(options.root)
        if options.release:
            anchors.release(options.root)
    except SheraError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not options.check:
        files.apply(changes)
        files.apply(files.served(options.root))
    for path, page in changes.items():
        if options.check:
            state = "is stale" if page is None else "is out of date" if path.exists() else "is missing"
        else:
            state = "removed" if page is None else "written"
        print(f"{path.relative_to(options.root)}: {state}")
    if not options.schemas and not (options.root / REPORT_FILE).exists():
        print(f"{REPORT_FILE}: missing, so the error-budget page is not written")
    if options.check and changes:
        print("run `python -m dluxshera.reference` and commit the files that it writes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
