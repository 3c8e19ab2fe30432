"""Pages in a real browser, for the tests in this folder.

`open_page(address)` gives a Playwright page. When the test ends, the page must have asked no other host than the one
that it came from, and have written nothing to the console.

Playwright drives the Chromium of the system and fetches none. Without either, tests are skipped with one line that
says so; where CI=true they fail instead, so that nobody takes what was skipped for what is right.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE, NARROW = (1440, 900), (390, 844)
_INSIDE = ("data", "blob", "about")
# Without a GPU, Chromium's own choice reads each picture of WebGL back, and warns in the console that this is slow.
_ARGUMENTS = ("--use-angle=swiftshader",)


def browser_program() -> str:
    """The browser's program.

    Raises:
        LookupError: it, or Playwright, is missing; the message says what to install.
    """
    if importlib.util.find_spec("playwright") is None:
        raise LookupError("the package playwright is missing: pip install playwright")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise LookupError("Chromium is missing: apt-get install chromium")
    return found


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail here, in one place for all: so pytest makes one line of all that were skipped."""
    if "browser" not in getattr(item, "fixturenames", ()):
        return
    missing = ""
    try:
        browser_program()
    except LookupError as error:
        missing = f"browser tests were skipped: {error}"
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{missing}; with CI=true they must run", pytrace=False)
    if missing:
        pytest.skip(missing)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running Chromium. It ends with its module: meanwhile asyncio.run fails in this process."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser_program(), args=_ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A function that opens an address, in a window of (width, height), with Playwright's options of a new context."""
    said: list[str] = []
    strangers: list[str] = []
    contexts = []

    def open_one(address: str, size: tuple[int, int] = WIDE, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"uncaught: {error}"))
        page.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: strangers.extend(_strange(request.url, address)))
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not strangers, f"the page asked for {strangers}"
    assert not said, f"the page said {said}"


def _strange(url: str, address: str) -> list[str]:
    """The address of a request, unless it stays in the page or goes to where the page came from."""
    asked, home = urlsplit(url), urlsplit(address)
    if asked.scheme in _INSIDE:
        return []
    is_home = (asked.scheme, asked.netloc) == (home.scheme, home.netloc)
    # All files share one empty host: a page from a file may ask for itself alone.
    return [] if is_home and (home.scheme != "file" or asked.path == home.path) else [url]
