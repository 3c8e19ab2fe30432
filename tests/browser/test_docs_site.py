"""The documentation in a browser: it fits, its search finds, and (by `open_page`) it asks no other host."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("mkdocs")

ROOT = Path(__file__).resolve().parents[2]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(docs_site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(docs_site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", ["index", "how-the-kernels-work", "reference/apis", "models/dual_frequency_wild"])
def test_a_page_is_as_wide_as_the_window(name: str, width: int, address: str, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{address}/{name}.html", size=(width, 900))
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


def test_search_finds_an_operator(address: str, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{address}/index.html")
    page.keyboard.press("/")
    page.keyboard.type("merge_attentions")
    found = page.locator(".md-search-result__link")
    found.first.wait_for()
    assert any("reference/ops.html" in (link.get_attribute("href") or "") for link in found.all())


@pytest.mark.parametrize("figure", sorted(path.name for path in (ROOT / "docs/figures").glob("*.svg")))
def test_a_figure_shows_all_that_is_drawn(figure: str, address: str, open_page: Callable[..., Page]) -> None:
    """Nothing lies outside the canvas, where it would be cut off."""
    page = open_page(f"{address}/how-the-kernels-work.html")
    outside = page.evaluate(
        """async (name) => {
            const holder = document.body.appendChild(document.createElement("div"));
            holder.innerHTML = await (await fetch("figures/" + name)).text();
            const drawing = holder.querySelector("svg");
            const canvas = drawing.viewBox.baseVal;
            return [...drawing.querySelectorAll("rect, circle, text, line, path")].filter(part => {
                const box = part.getBBox();
                return box.x < 0 || box.y < 0 || box.x + box.width > canvas.width || box.y + box.height > canvas.height;
            }).length;
        }""",
        figure,
    )
    assert outside == 0
