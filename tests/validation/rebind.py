"""Bind the long evidence of the inference to today's sources, after a change that leaves every number as it is.

Ten results of each piece are recomputed and compared with the committed ones; a piece that differs is left as it is and
has to be gathered again::

    PYTHONPATH=tests python -m validation.rebind [PIECE ...]
"""

import sys

import jax

from validation.pieces import PIECES


def main(names: list[str]) -> int:
    """Rebind the named pieces, or all; return the number of results that differ."""
    jax.config.update("jax_enable_x64", True)
    differences = []
    for name in names or list(PIECES):
        if name not in PIECES:
            raise SystemExit(f"no piece is called {name!r}; the pieces are {', '.join(PIECES)}")
        lines = PIECES[name].rebind()
        print(f"{name}: {'not bound' if lines else 'bound to the sources as they are'}", *lines, sep="\n    ")
        differences += lines
    return len(differences)


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
