"""The helper by which one test checks all rows of a table."""

import re

import pytest

from support.rows import each_row, every_row

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


@pytest.fixture
def offset():
    return 10


CASES = [(1, 11), pytest.param(2, 13, id="two"), (3, 14)]


@each_row("x, y", [(1, 11), (2, 12)])
def test_a_decorated_test_takes_its_fixtures_and_rows(offset, x, y):
    assert x + offset == y


def test_a_decorated_test_reports_each_faulty_row():
    @each_row("x, y", CASES)
    def test(offset, x, y):
        assert x + offset == y

    with pytest.raises(pytest.fail.Exception) as failure:
        test(offset=10)
    assert re.sub(r"line \d+", "line N", str(failure.value)).splitlines() == [
        "2 of 3 rows:",
        "two: line N: assert (2 + 10) == 13",
        "3, 14: line N: assert (3 + 10) == 14",
    ]


def test_names_of_rows():
    @each_row("x", [1, 2], ids=lambda x: f"number {x}")
    def test(x):
        assert x == 1

    with pytest.raises(pytest.fail.Exception, match="number 2: line"):
        test()
    with pytest.raises(AssertionError, match="does not take y"):
        each_row("y", [1])(lambda x: None)
