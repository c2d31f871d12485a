"""What a reader does: searches, copies, sorts, filters, switches the scheme, follows a drawing, opens it from disk."""

import re

import pytest

from support import built_site
from support.built_site import SITE
from support.page_runner import ROOT, Page

PARAMETERS = "reference/parameters/index.html"
SYSTEMS = [path.relative_to(SITE).as_posix() for path in built_site.pages() if path.parent.name == "systems"]
KEY = "system.plate_scale_as_per_pix"

BOXES = """svg => Array.from(svg.querySelectorAll('.node rect'), rect => {
    const box = rect.getBoundingClientRect();
    return [box.x, box.y, box.width, box.height];
})"""
SPILLING = """svg => Array.from(svg.querySelectorAll('.node text')).filter(text => {
    const box = text.closest('.node').querySelector('rect').getBoundingClientRect();
    return text.getBoundingClientRect().right > box.right;
}).map(text => text.textContent)"""


def search(page, words):
    page.click("input.md-search__input")
    page.keyboard.type(words, delay=15)  # fill() sends no key, and the search waits for one
    hit = page.locator(f"a.md-search-result__link[href*='{KEY}']").first
    hit.wait_for(state="attached", timeout=10_000)
    if not hit.is_visible():  # further hits of a page stay folded
        page.locator("details.md-search-result__more", has=hit).locator("summary").click()
    return hit


def test_search_finds_a_name_inside_a_dotted_name(open_page):
    page = open_page("index.html")
    search(page, "plate_scale").click()
    page.wait_for_url(re.compile(re.escape(KEY)))
    heading = page.locator(f"[id='{KEY}']")
    assert "plate_scale" in heading.inner_text()
    assert 0 <= heading.bounding_box()["y"] < 400


def test_search_works_from_disk(browser, base):
    context = browser.new_context()
    page = context.new_page()
    page.goto((built_site.site() / "index.html").as_uri())
    assert search(page, "plate_scale").get_attribute("href").startswith("file:")
    context.close()


def test_copied_code_is_the_code_shown(open_page):
    page = open_page("index.html")
    block = page.locator("div.language-python").first
    block.hover()
    block.locator("button[data-md-type=copy], button.md-clipboard").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip("\n") == Page(ROOT / "docs/index.md").blocks()[0].strip("\n")


def test_copied_console_session_is_code_only(open_page):
    page = open_page("reference/api/params.html")
    block = page.locator("div.language-pycon").first
    block.scroll_into_view_if_needed()
    block.hover()
    block.locator("button[data-md-type=copy], button.md-clipboard").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip()
    assert ">>>" not in copied


def column(page, head):
    heads = page.locator(".data-table th").all_inner_texts()
    cells = page.locator(f".data-table tbody tr:visible td:nth-child({heads.index(head) + 1})").all_inner_texts()
    return [cell.strip() for cell in cells]


def test_the_table_sorts(open_page):
    page = open_page(PARAMETERS)
    before = column(page, "Parameter")
    for reverse in (False, True):
        page.locator(".data-table th", has_text="Parameter").click()
        assert column(page, "Parameter") == sorted(before, reverse=reverse)
    page.locator(".data-table th", has_text="Unit").focus()
    page.keyboard.press("Enter")
    assert column(page, "Unit") == sorted(column(page, "Unit"), key=str.lower)


def test_the_table_filters(open_page):
    page = open_page(PARAMETERS)
    total = len(column(page, "Parameter"))
    box = page.get_by_label("Filter the table")
    box.fill("plate_scale primitive")
    assert column(page, "Parameter") == [KEY]
    assert page.locator(".table-tools [role=status]").inner_text() == f"1 of {total}"
    box.fill("")
    assert len(column(page, "Parameter")) == total


def test_the_choices_narrow_the_table_down(open_page):
    page = open_page(PARAMETERS)
    total = len(column(page, "Parameter"))
    page.get_by_label("Group", exact=True).select_option("Telescope geometry")
    chosen = column(page, "Parameter")
    assert chosen
    assert all(key.startswith("system.") for key in chosen)
    assert len(chosen) < total
    units = page.get_by_label("Unit", exact=True)
    units.select_option("arcsec/pixel")
    assert set(column(page, "Unit")) == {"arcsec/pixel"}
    assert KEY in column(page, "Parameter")
    units.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    assert set(column(page, "Unit")) <= {units.input_value()}
    page.get_by_label("Kind", exact=True).select_option("structural")
    assert column(page, "Parameter") == []
    assert page.locator(".table-tools [role=status]").inner_text() == f"0 of {total}"


def test_the_table_needs_no_sideways_scroll_on_a_desktop(open_page):
    page = open_page(PARAMETERS)
    wrap = page.locator(".data-table .md-typeset__scrollwrap")
    assert wrap.evaluate("wrap => wrap.scrollWidth - wrap.clientWidth") == 0


def test_a_box_of_the_drawing_leads_to_its_parameter(open_page):
    page = open_page("reference/systems/shera_threeplane.html")
    page.locator(f".drawing a[href$='#{KEY}']").first.click()
    page.wait_for_url(re.compile(rf"system\.html#{re.escape(KEY)}$"))


@pytest.mark.parametrize("path", SYSTEMS)
def test_no_boxes_or_labels_of_the_drawings_overlap(open_page, path):
    page = open_page(path)
    drawings = page.locator(".drawing svg").all()
    assert drawings
    for drawing in drawings:
        boxes = drawing.evaluate(BOXES)
        spill = drawing.evaluate(SPILLING)
        overlapping = [
            (a, b) for i, a in enumerate(boxes) for b in boxes[:i]
            if a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
        ]  # fmt: skip
        assert boxes
        assert (overlapping, spill) == ([], [])


def test_the_switch_changes_scheme_and_figures_and_is_remembered(open_page):
    illustrated = next((path for path in sorted((ROOT / "docs").rglob("*.md")) if Page(path).figure_names()), None)
    if illustrated is None:
        pytest.skip("no page draws a figure")
    page = open_page(illustrated.relative_to(ROOT / "docs").with_suffix(".html").as_posix(), color_scheme="light")
    light, dark = (page.locator(f"img[src*='.{scheme}.svg']").first for scheme in ("light", "dark"))
    assert light.is_visible()
    assert not dark.is_visible()
    page.locator("label[title='Switch to dark mode']").click()
    assert page.evaluate("document.body.getAttribute('data-md-color-scheme')") == "slate"
    assert dark.is_visible()
    assert not light.is_visible()
    page.reload()
    assert page.evaluate("document.body.getAttribute('data-md-color-scheme')") == "slate"
