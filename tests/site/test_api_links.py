"""Links to the API work by every path of a name: its front door, its module and the top level."""

import re
import zlib

import pytest

from repository.import_rules import front_doors
from support import built_site

DOORS = front_doors(built_site.ROOT / "src" / "dluxshera")


@pytest.fixture(scope="module")
def inventory() -> dict[str, str]:
    """The address of each name in the inventory, which other projects' documentation reads."""
    content = (built_site.site() / "objects.inv").read_bytes()
    _, _, packed = content.partition(b"zlib.\n")
    rows = (line.split(" ") for line in zlib.decompress(packed).decode().splitlines())
    return {row[0]: row[3].replace("$", row[0]) for row in rows}


def test_the_inventory_leads_from_every_path_of_a_public_name_to_its_front_door(inventory: dict[str, str]):
    problems = []
    for door, target in DOORS.items():
        if door.count(".") != 2:
            continue
        page = f"reference/api/{door.split('.')[1].replace('_', '-')}.html"
        problems += [
            f"{path}: {inventory.get(path)}" for path in (door, target) if inventory.get(path) != f"{page}#{door}"
        ]
    assert problems == []


def test_every_name_of_the_package_itself_has_an_anchor(inventory: dict[str, str]):
    page = (built_site.site() / "reference/api/index.html").read_text(encoding="utf-8")
    names = {door for door in DOORS if door.count(".") == 1 and not door.endswith("__version__")}
    assert names <= set(re.findall(r'<a [^>]*id="(dluxshera\.\w+)"', page))
    assert len(names) > 20
