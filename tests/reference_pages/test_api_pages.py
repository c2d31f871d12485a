"""The API pages show every public name of every room at its front door, and only what the stubs list."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from dluxshera.reference import api
from repository.import_rules import front_doors
from support.page_runner import ROOT

SOURCES = {
    "__init__.pyi": "from ._version import __version__ as __version__\nfrom .rooms import Door as Door",
    "_version.py": "__version__ = '1'",
    "rooms/__init__.pyi": "from .doors import WOOD as WOOD, Door as Door\nfrom .kinds import Oak as Oak",
    "rooms/__init__.py": '"""A house. It has doors.\n\nMore of it."""',
    "rooms/doors.py": '''
        """Doors, open and
        closed. And locks."""
        WOOD = "oak"
        """The material. Always."""
        class Door:
            """A door. It opens."""
        def width(): ...
        def _hinge(): ...
        ''',
    "rooms/kinds/__init__.py": '"""Kinds of wood."""\nclass Oak: ...',
    "rooms/transforms.py": '"""Formulas."""\ndef area(): ...\ndef _half(): ...',
    "errors.py": '"""Errors. All of them."""',
    "cli/__init__.py": '"""No stub, so no public names."""',
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, source in SOURCES.items():
        path = tmp_path / "src" / "dluxshera" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source).strip() + "\n")
    return tmp_path


def shown(page: str) -> list[str]:
    """Return the dotted names that a page tells mkdocstrings to show."""
    return re.findall(r"^::: (\S+)$", page, re.M)


def test_a_room_has_a_page_with_its_names_by_module(root: Path):
    pages = api.pages(root, [])
    assert set(pages) == {"api/index.md", "api/rooms.md", "api/errors.md"}
    page = pages["api/rooms.md"]
    assert shown(page) == ["dluxshera.rooms.WOOD", "dluxshera.rooms.Door", "dluxshera.rooms.Oak"]
    assert page.startswith("# dluxshera.rooms { #dluxshera.rooms }\n")
    assert "\nA house. It has doors.\n\nMore of it.\n" in page
    assert "## `doors` { #dluxshera.rooms.doors }\n\nDoors, open and closed.\n\n::: dluxshera.rooms.WOOD\n" in page
    assert "## `kinds` { #dluxshera.rooms.kinds }\n\nKinds of wood.\n" in page


def test_a_module_below_the_package_is_shown_whole(root: Path):
    assert shown(api.pages(root, [])["api/errors.md"]) == ["dluxshera.errors"]


def test_listing_a_name_in_the_stub_is_enough(root: Path):
    stub = root / "src/dluxshera/rooms/__init__.pyi"
    stub.write_text(stub.read_text() + "from .doors import width as width\n")
    assert "dluxshera.rooms.width" in shown(api.pages(root, [])["api/rooms.md"])


def test_functions_that_parameter_pages_link_to_are_shown_where_they_are_defined(root: Path):
    page = api.pages(root, ["dluxshera.rooms.transforms.area"])["api/rooms.md"]
    assert shown(page)[-1] == "dluxshera.rooms.transforms.area"
    assert not any("_half" in name for name in shown(page))
    page = api.pages(root, ["dluxshera.rooms.doors.width"])["api/rooms.md"]
    assert shown(page)[:3] == ["dluxshera.rooms.WOOD", "dluxshera.rooms.Door", "dluxshera.rooms.doors.width"]


def test_the_index_lists_the_rooms_and_the_top_level_names(root: Path):
    page = api.pages(root, [])["api/index.md"]
    assert "| [`dluxshera.errors`](errors.md) | Errors. |\n| [`dluxshera.rooms`](rooms.md) | A house. |\n" in page
    assert "| [`Door`](rooms.md#dluxshera.rooms.Door){ #dluxshera.Door } | A door. |\n" in page
    assert "__version__" not in page


@pytest.mark.parametrize(("name", "summary"), [("WOOD", "The material."), ("Door", "A door."), ("Oak", "")])
def test_the_summary_of_a_name_is_the_first_sentence_of_its_docstring(root: Path, name: str, summary: str):
    room = next(room for room in api.rooms(root / "src/dluxshera") if room.dotted == "dluxshera.rooms")
    assert api.summary(room, name) == summary


def test_a_folder_without_the_package_has_no_api_pages(tmp_path: Path):
    assert api.pages(tmp_path, []) == {}


def test_every_public_name_of_the_package_is_on_its_page():
    names = {name for name in front_doors(ROOT / "src/dluxshera") if name.count(".") == 2}
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs/reference/api").glob("*.md")]
    assert sorted(names - {name for page in pages for name in shown(page)}) == []
