"""The long evidence of the inference: each piece is gathered, written, and then judged."""

import pytest

from validation.pieces import PIECES


@pytest.mark.validation
@pytest.mark.parametrize("name", PIECES)
def test_gather(name, capsys):
    piece = PIECES[name]
    with capsys.disabled():
        records = piece.gather()
    assert piece.judge(records) == []
