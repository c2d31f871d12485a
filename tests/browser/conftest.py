"""One Chromium for all tests, on a site served from this machine; whatever else is asked for is a failure."""

import functools
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from support import built_site

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 800}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def base():
    handler = functools.partial(Quiet, directory=str(built_site.site()))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser(base):
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip(f"no {' or '.join(NAMES[:3])} on the path: install Chromium to test the site in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def open_context(browser, base):
    """Return a function that makes a page in a fresh context, and a list of what went wrong in it."""
    contexts = []

    def make(**options):
        context = browser.new_context(**({"viewport": DESKTOP} | options))
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=base)
        contexts.append(context)
        log: list[str] = []
        context.on(
            "console", lambda said: log.append(f"console: {said.text}") if said.type in ("error", "warning") else None
        )
        context.on("weberror", lambda error: log.append(f"script: {error.error}"))
        context.on(
            "response", lambda answer: log.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None
        )

        def refuse(route):
            log.append(f"another host: {route.request.url}")
            route.abort()

        context.route(lambda url: not url.startswith((base, "data:", "blob:", "about:")), refuse)
        return context.new_page(), log

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def open_page(open_context, base):
    """Return a function that opens one page; at the end of the test nothing may have gone wrong."""
    logs = []

    def visit(path, **options):
        page, log = open_context(**options)
        logs.append(log)
        page.goto(f"{base}/{path}", wait_until="load")
        return page

    yield visit
    assert [entry for log in logs for entry in log] == []
