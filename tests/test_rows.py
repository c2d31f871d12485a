"""The helper by which one test checks all rows of a table."""

import re

import pytest

from support.rows import every_row

ROWS = {
    "fine": lambda: None,
    "unequal": lambda: pytest.fail("1 is not 2"),
    "assertion": lambda: check(1 == 2),
    "error": lambda: {}["three"],
}


def check(condition: bool) -> None:
    assert condition, "wrong\n  by far"


def all_rows() -> None:
    with every_row() as row:
        for name, call in ROWS.items():
            with row("row", name):
                call()


def test_all_faults_of_a_table_are_reported_with_their_rows_and_lines():
    with pytest.raises(pytest.fail.Exception) as failure:
        all_rows()
    assert re.sub(r"line \d+", "line N", str(failure.value)).splitlines() == [
        "3 of 4 rows:",
        "row unequal: line N: 1 is not 2",
        "row assertion: line N: wrong by far assert False",
        "row error: line N: KeyError: 'three'",
    ]


def test_a_table_without_rows_is_a_fault():
    with pytest.raises(AssertionError, match="no rows"), every_row():
        pass


def test_an_error_between_the_rows_is_not_hidden():
    with pytest.raises(KeyError), every_row():
        ROWS["error"]()
