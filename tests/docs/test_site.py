"""The site builds without warnings, all of its pages can be reached, and a browser that reads it asks no other host."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("mkdocs")

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "apis": "vision.apis",
    "ops": "vision.ops",
    "layers": "vision.layers",
    "backbones": "backbones",
    "heads": "heads",
    "datasets": "vision.datasets",
    "metrics": "vision.metrics",
}
# What a browser fetches by itself, by element. `a` is followed by people only.
FETCHED = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "use": "href",
}


class Element(NamedTuple):
    tag: str
    attributes: dict[str, str]


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(Element(tag, {name: value or "" for name, value in attrs}))


def elements(page: Path) -> list[Element]:
    parser = Elements()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.found


def test_every_page_can_be_reached_from_the_start(docs_site: Path) -> None:
    start = docs_site / "index.html"
    seen, left = {start}, [start]
    while left:
        for target in set(links(left.pop())) - seen:
            seen.add(target)
            left.append(target)
    pages = set(docs_site.rglob("*.html")) - {docs_site / "404.html"}
    assert len(pages) > 30
    assert not {str(page.relative_to(docs_site)) for page in pages - seen}


def test_links_and_anchors_of_the_built_pages_exist(docs_site: Path) -> None:
    ids = {page: {e.attributes.get("id") for e in elements(page)} for page in docs_site.rglob("*.html")}
    wrong = [
        f"{page.relative_to(docs_site)}: {href}"
        for page in ids
        if page.name != "404.html"
        for href in hrefs(page)
        for path, anchor in [resolved(page, href)]
        if not path.exists() or (anchor and path in ids and anchor not in ids[path])
    ]
    assert not wrong


def test_no_page_asks_another_host(docs_site: Path) -> None:
    asked = [
        f"{page.relative_to(docs_site)}: <{element.tag}> {target}"
        for page in docs_site.rglob("*.html")
        for element in elements(page)
        for target in fetched(element)
        if urlsplit(target).netloc
    ]
    styles = [
        f"{path.relative_to(docs_site)}: {target}"
        for path in [*docs_site.rglob("*.css"), *docs_site.rglob("*.html")]
        for target in re.findall(r"(?:url\(|@import\s+)['\"]?([^'\")\s]+)", path.read_text(encoding="utf-8"))
        if urlsplit(target).netloc
    ]
    assert asked == []
    assert styles == []


@pytest.mark.parametrize("page", PACKAGES)
def test_the_reference_has_every_public_name(page: str, docs_site: Path) -> None:
    package = importlib.import_module(PACKAGES[page])
    ids = {element.attributes.get("id") for element in elements(docs_site / f"reference/{page}.html")}
    assert not {name for name in package.__all__ if f"{package.__name__}.{name}" not in ids}


@pytest.mark.parametrize("card", sorted((ROOT / "vision/weights").glob("*.md")), ids=lambda card: card.stem)
def test_the_page_of_a_model_has_its_card(card: Path, docs_site: Path) -> None:
    text = (docs_site / f"models/{card.stem}.html").read_text(encoding="utf-8")
    titles = re.findall(r"^## (.+)$", card.read_text(encoding="utf-8"), re.MULTILINE)
    assert titles
    for title in titles:
        assert re.search(rf"<h3[^>]*>{re.escape(title)}<", text)


def test_a_broken_link_ends_the_build(
    tmp_path: Path, build_docs: Callable[[Path, Path], CompletedProcess[str]]
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text("# Start\n\n[nowhere](#nowhere)\n")
    config = tmp_path / "mkdocs.yml"
    config.write_text(f"INHERIT: {ROOT}/mkdocs.yml\nexclude_docs: ''\nhooks: []\nwatch: []\nnav: []\nplugins: []\n")
    done = build_docs(config, tmp_path / "site")
    assert done.returncode != 0
    assert "nowhere" in done.stderr


def links(page: Path) -> Iterator[Path]:
    for href in hrefs(page):
        target, _ = resolved(page, href)
        if target.suffix == ".html" and target.exists():
            yield target


def hrefs(page: Path) -> Iterator[str]:
    """Links for people to pages of the site."""
    for element in elements(page):
        href = element.attributes.get("href", "")
        if element.tag == "a" and href and not urlsplit(href).scheme and not urlsplit(href).netloc:
            yield href


def resolved(page: Path, href: str) -> tuple[Path, str]:
    """File and anchor of a link."""
    parts = urlsplit(href)
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    return (target / "index.html" if target.is_dir() else target), unquote(parts.fragment)


def fetched(element: Element) -> Iterator[str]:
    name = FETCHED.get(element.tag)
    # A link says where a page belongs, too, which nobody fetches.
    if element.tag == "link" and element.attributes.get("rel") in ("canonical", "next", "prev", "alternate"):
        return
    if name and name in element.attributes:
        yield element.attributes[name]
    for candidate in element.attributes.get("srcset", "").split(","):
        if candidate.strip():
            yield candidate.split()[0]
