"""Every page's code runs as shown, prints what the page shows, and draws the figures that the page links."""

import hashlib
import os
import sys
from contextlib import nullcontext
from importlib.metadata import version

import pytest

from support import page_runner
from support.compilation import optimised
from support.page_runner import ROOT, Page

LIBRARIES = (
    "arviz",
    "blackjax",
    "dLux",
    "dLuxToliman",
    "equinox",
    "jax",
    "jaxlib",
    "matplotlib",
    "numpy",
    "optax",
    "sybil",
)


@pytest.fixture(scope="session")
def sources() -> bytes:
    """Return a digest of all that a page's result depends on, but for the page itself."""
    digest = hashlib.sha256(repr([sys.version, *((name, version(name)) for name in LIBRARIES)]).encode())
    for folder in (ROOT / "src", ROOT / "schemas"):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"):
            digest.update(path.read_bytes())
    for path in sorted((ROOT / "docs" / "validation").glob("*.json")):  # what pages draw
        digest.update(path.read_bytes())
    digest.update((ROOT / "tests" / "support" / "page_runner.py").read_bytes())
    return digest.digest()


def key_of(page: Page, sources: bytes) -> str:
    """Return a digest that changes with the page, its figures or `sources`."""
    digest = hashlib.sha256(sources + page.path.read_bytes())
    for file in page.figure_files():
        digest.update(file.read_bytes() if file.exists() else b"missing")
    return digest.hexdigest()


@pytest.mark.parametrize("path", page_runner.pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_page(path, sources, tmp_path, request):
    page = Page(path)
    if not any(True for _ in page.document):
        return
    cache, name = request.config.cache, f"pages/{path.relative_to(ROOT).as_posix()}"
    if not os.environ.get("CI") and cache.get(name, None) == key_of(page, sources):
        return  # passed as it is; CI=true runs it again
    cache.set(name, None)
    samples = "sample_posterior(" in path.read_text(encoding="utf-8")  # runs for longer than it takes to compile
    with optimised() if samples else nullcontext():
        problems = page.run(tmp_path)
    assert not problems, "\n\n".join(problems)
    cache.set(name, key_of(page, sources))
