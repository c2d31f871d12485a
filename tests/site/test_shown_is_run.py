"""Every Python block that the built site shows is, character by character, one that the page runner runs."""

import re
from html import unescape

from support import built_site
from support.page_runner import ROOT, Page
from support.rows import each_row

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# signatures of the API pages are not typed by anyone, and their examples run as doctests
BLOCK = re.compile(r'<div class="language-py(?:thon)?\b(?![^"]*doc-signature)[^"]*">.*?<code[^>]*>(.*?)</code>', re.S)


@each_row("path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_every_shown_block_is_one_that_runs(path):
    built = built_site.site() / path.relative_to(DOCS).with_suffix(".html")
    found = BLOCK.findall(built.read_text(encoding="utf-8"))
    shown = [unescape(re.sub(r"<[^>]+>", "", code)).strip("\n") for code in found]
    assert shown == [block.strip("\n") for block in Page(path).blocks()]
