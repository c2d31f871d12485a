"""The long tier of the command line: hostile paths in a scratch folder that is compared before and after."""

import pytest

from support.command_attack import attack

pytestmark = pytest.mark.validation


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_hundred_command_lines_with_hostile_paths(tmp_path, seed):
    wrong, codes = attack(tmp_path, seed=seed, count=100)
    assert not wrong, "\n".join(wrong)
    assert set(codes) <= {0, 1, 2}
    assert codes[1] + codes[2] > 60
