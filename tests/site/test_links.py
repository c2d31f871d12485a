"""Every link, anchor and asset of the built site is there, nothing comes from elsewhere, every page can be reached."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from support import built_site

ELSEWHERE = {"http", "https"}
NOT_FETCHED = {"mailto", "data", "javascript", "about"}
# what a browser leaves alone until a reader follows it
FOLLOWED = {"a", "area"}


class BuiltPage(HTMLParser):
    """The ids of a page, and its links with the line they stand on."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.ids, self.links = path, Counter(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if given.get("id"):
            self.ids[given["id"]] += 1
        if tag == "link" and given.get("rel") == "canonical":
            return
        self.links += [
            (self.getpos()[0], tag, given[name]) for name in ("href", "src", "data", "poster") if given.get(name)
        ]


@pytest.fixture(scope="module")
def site() -> Path:
    return built_site.site()


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, BuiltPage]:
    return {path: BuiltPage(path) for path in built_site.pages()}


def target(page: BuiltPage, url: str, site: Path) -> tuple[Path, str]:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if not path:
        file = page.path
    elif path.startswith("/"):
        file = site / path.lstrip("/")
    else:
        file = (page.path.parent / path).resolve()
    return (file / "index.html" if file.is_dir() else file), unquote(parts.fragment)


def broken(page: BuiltPage, pages: dict[Path, BuiltPage], site: Path) -> list[str]:
    problems = []
    for line, tag, url in page.links:
        where, scheme = f"{page.path.relative_to(site)}:{line}: {url}", urlsplit(url).scheme
        if scheme in ELSEWHERE or url.startswith("//"):
            if tag not in FOLLOWED:
                problems.append(f"{where}: fetched from another host")
        elif scheme not in NOT_FETCHED:
            file, fragment = target(page, url, site)
            if not file.is_file():
                problems.append(f"{where}: no such file")
            elif file in pages and fragment and tag in FOLLOWED and fragment not in pages[file].ids:
                problems.append(f"{where}: no such anchor")
    return problems


def test_every_link_leads_somewhere(pages, site):
    problems = [problem for page in pages.values() for problem in broken(page, pages, site)]
    assert not problems, "\n".join(problems)


def test_a_broken_page_is_noticed(tmp_path):
    links = '<a href="#y">1</a> <a href="b.html">2</a> <img src="https://example.org/i.png"> <a href="a.html#x">3</a>'
    (tmp_path / "a.html").write_text(f'<p id="x">{links}</p>')
    page = BuiltPage(tmp_path / "a.html")
    assert [text.rpartition(": ")[2] for text in broken(page, {page.path: page}, tmp_path)] == [
        "no such anchor", "no such file", "fetched from another host",
    ]  # fmt: skip


def test_style_sheets_fetch_nothing_from_elsewhere(site):
    fetched = re.compile(r"(?:url\(|@import)\s*[\"']?\s*(?:https?:)?//")
    assert [path.name for path in site.rglob("*.css") if fetched.search(path.read_text(encoding="utf-8"))] == []


def test_every_page_can_be_reached(pages, site):
    reached, ahead = set(), [site / "index.html"]
    while ahead:
        path = ahead.pop()
        if path in pages and path not in reached:
            reached.add(path)
            inside = [url for _, tag, url in pages[path].links if tag == "a" and not urlsplit(url).scheme]
            ahead += [target(pages[path], url, site)[0] for url in inside]
    assert sorted(path.relative_to(site).as_posix() for path in pages.keys() - reached) == []


def test_ids_are_unique_on_a_page(pages, site):
    twice = [(page.path.relative_to(site), name) for page in pages.values() for name, n in page.ids.items() if n > 1]
    assert twice == []


def test_each_parameter_and_term_has_one_anchor_in_the_site(pages):
    root = built_site.ROOT
    schemas = [json.loads(path.read_text(encoding="utf-8")) for path in (root / "schemas").rglob("*.schema.json")]
    names = {key for schema in schemas if "x-spec" in schema for key in schema["properties"]}
    report = root / "docs/reference/data/error-budget-report.json"
    if report.exists():
        names |= {term["id"] for term in json.loads(report.read_text(encoding="utf-8"))["terms"]}
    found = Counter(name for page in pages.values() for name in page.ids if name in names)
    assert found == Counter(names)


@pytest.mark.parametrize("name", ["anchors.json", "released-anchors.json"])
def test_each_link_that_stays_leads_to_its_section(pages, site, name):
    """Of today, and of the last release: before the first there is no such file."""
    path = built_site.ROOT / "docs/reference/data" / name
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    lost = [f"{page}#{anchor}" for anchor, page in kept.items() if anchor not in pages[site / page].ids]
    assert lost == []
    assert kept or name == "released-anchors.json"


def test_every_schema_is_served_as_it_is(site):
    schemas = {path.relative_to(built_site.ROOT): path for path in (built_site.ROOT / "schemas").rglob("*.schema.json")}
    assert schemas
    assert [name for name, path in schemas.items() if (site / name).read_bytes() != path.read_bytes()] == []
