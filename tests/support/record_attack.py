"""Edited records of runs, and everything that reads a run: an edit is an error of the package, or does no harm."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Final

from dluxshera.console import json_for_terminal
from dluxshera.errors import SheraError
from dluxshera.runs import can_resume, print_run, print_runs, read_run, run_data, runs_table, write_csv
from dluxshera.runs.ownership import check_output

VALUES: Final = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        1.5,
        -1e308,
        1e-320,
        10**30,
        "",
        "x",
        "nan",
        "1e9",
        "../x",
        "/etc/passwd",
        "\x1b[2J",
    ),
    *(
        "\x9b31m",
        "\u202e",
        "$\\frac{",
        "[/red]",
        "fault",
        "é" * 50,
        "x" * 5000,
        [],
        [1],
        [[]],
        ["x", None],
        {},
        {"float": "nan"},
    ),
    *({"float": "x"}, {"float": 1}, {"": ""}, [[[[[[]]]]]], {"a": {"b": {"c": []}}}),
)
TEXTS: Final = (  # spellings that no value of Python has
    *("NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "[" * 5000, '"\\ud800"', '{"a": 1, "a": 2}', "", "\x00"),
    *("'x'", "0x10", "1_000", "\ufeff1", '"\t"', "nul", "{,}", "[1,]"),
)


def paths(value: Any, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every part of plain data."""
    yield here
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*here, key))


def edited(record: dict[str, Any], rng: random.Random) -> str:
    """Return the text of a record with one to three edits."""
    data, mark = copy.deepcopy(record), "\U0001f4a3"
    text = ""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        *above, last = rng.choice([path for path in paths(data) if path])
        part = data
        for key in above:
            part = part[key]
        match rng.choice(("replace", "replace", "replace", "remove", "add", "exchange", "spell")):
            case "replace":
                part[last] = copy.deepcopy(rng.choice(VALUES))
            case "remove":
                del part[last]
            case "add" if isinstance(part, dict):
                part[rng.choice(("x", "", "files", "arrays.npz", "../y", "\x1b"))] = copy.deepcopy(rng.choice(VALUES))
            case "exchange":
                part[last] = copy.deepcopy(data.get(rng.choice(list(data))) if data else None)
            case "spell":
                part[last], text = mark, rng.choice(TEXTS)
        if not data:
            break
    return json.dumps(data).replace(json.dumps(mark), text, 1)


def readers(folder: Path, table: Path) -> None:
    """Call everything that reads a run, once; each may raise an error of the package and no other."""

    def shown() -> None:
        with redirect_stdout(StringIO()) as out:
            print_run(read_run(folder))
        assert not set(out.getvalue()) & {"\x1b", "\x9b", "\u202e"}

    def as_json() -> None:
        text = json_for_terminal(json.dumps(run_data(read_run(folder)), ensure_ascii=False, allow_nan=False))
        json.loads(text)
        assert not set(text) & {"\x1b", "\x9b", "\u202e"}

    def tabulated() -> None:
        rows = runs_table([folder])
        with redirect_stdout(StringIO()) as out:
            print_runs(rows)
        assert not set(out.getvalue()) & {"\x1b", "\x9b", "\u202e"}
        write_csv(table, rows)

    for read in (shown, as_json, tabulated, lambda: can_resume(folder), lambda: check_output(folder, replace=True)):
        try:
            read()
        except SheraError:
            continue


def attack(folder: Path, table: Path, number: int, seed: int) -> dict[str, int]:
    """Read so many edited records in the folder of a run; return how many of them are read and rejected.

    Raises
    ------
    AssertionError
        If an edit brings out another exception than those of the package.
    """
    head = folder / "run.json"
    original, rng = json.loads(head.read_text()), random.Random(seed)
    counts = {"read": 0, "rejected": 0}
    for _ in range(number):
        text = edited(original, rng)
        head.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            readers(folder, table)
        except Exception as error:
            raise AssertionError(f"{error!r} from the record {text[:3000]}") from error
        try:
            read_run(folder)
            counts["read"] += 1
        except SheraError:
            counts["rejected"] += 1
    head.write_text(json.dumps(original))
    return counts
