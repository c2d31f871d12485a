"""Each page in each scheme: silent console, no other host, accessible, formulas drawn, no sideways scroll on phones."""

from pathlib import Path

import pytest

from support import built_site
from support.built_site import SITE

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
GATE = {"serious", "critical"}
PAGES = [path.relative_to(SITE).as_posix() for path in built_site.pages()]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


@pytest.fixture(scope="module", params=["light", "dark"])
def walker(request, open_context):
    return open_context(color_scheme=request.param)


@pytest.mark.parametrize("path", PAGES or ["index.html"])
def test_page(walker, base, path):
    page, log = walker
    log.clear()
    page.set_viewport_size(DESKTOP)
    page.goto(f"{base}/{path}", wait_until="load")
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    problems = log + [
        f"{fault['impact']} {fault['id']}: {node['html'][:160]} {node['failureSummary'][:240]}"
        for fault in found
        if fault["impact"] in GATE
        for node in fault["nodes"]
    ]
    problems += [f"formula: {text}" for text in page.locator(".katex-error").all_inner_texts()]
    if waiting := page.locator(".arithmatex:not([data-done])").count():
        problems.append(f"{waiting} formulas are not drawn")
    page.set_viewport_size(PHONE)
    if sideways := page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"):
        problems.append(f"the page is {sideways} px too wide for a phone of {PHONE['width']} px")
    assert not problems, "\n".join(problems)
