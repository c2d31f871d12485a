"""The package's prose: plain technical English, and names that are nouns."""

from pathlib import Path

import pytest

from repository.import_rules import ROOMS, modules_of, room
from repository.prose import phrase_faults, prose_faults

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "dluxshera"


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_is_written_in_plain_english(name: str):
    modules = [path for module, path in modules_of(PACKAGE).items() if room(module) == name]
    assert [fault for path in modules for fault in prose_faults(path)] == []


PLANTED = '''
def f(mass, said):
    """What is computed anew.

    Parameters
    ----------
    mass : float
        Of the mirror.
    """
    found = 1  # a copy, for the caller
'''


def test_planted_faults_are_reported(tmp_path: Path):
    path = tmp_path / "planted.py"
    path.write_text(PLANTED)
    assert [fault.split(": ", 1)[1].split(":")[0] for fault in prose_faults(path)] == [
        "the name 'said'",
        "'anew'",
        "a docstring that begins with 'What'",
        "a parameter without a subject",
        "', for the'",
        "the name 'found'",
    ]


def test_a_phrase_across_lines_is_found():
    assert [line for _, line in phrase_faults("It is done, for\nthe caller.")] == [0]
