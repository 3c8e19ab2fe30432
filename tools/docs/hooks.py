"""Hooks of mkdocs: pages that lie outside of docs/ come in, so that nothing is written twice.

A line that ends with `<!-- card: NAME -->` is replaced by the card of these weights. Links are those of the repository,
which work on GitHub, too: here they are turned into links of the site, and what is no page of it stays as text.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = "contributing.md"
CARD = re.compile(r"^.*<!-- card: (\w+) -->$", re.MULTILINE)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page for contributors, which lies at the root of the repository."""
    files.append(File.generated(config, CONTRIBUTING, content=(ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Take in cards, and turn the repository's links into the site's."""
    at = page.file.src_uri
    source = "CONTRIBUTING.md" if at == CONTRIBUTING else f"docs/{at}"
    pages = {file.src_uri for file in files}
    markdown = with_site_links(markdown, source, at, pages)
    return CARD.sub(lambda found: with_site_links(*card(found[1], at), at, pages), markdown)


def card(name: str, at: str) -> tuple[str, str]:
    """Text of a card without its title, two levels of headings down, and its path in the repository."""
    path = f"vision/weights/{name}.md"
    if not (ROOT / path).is_file():
        raise PluginError(f"{at} takes in {path}, which is not there")
    _, _, text = (ROOT / path).read_text(encoding="utf-8").partition("\n")
    return re.sub(r"^#", "##", text, flags=re.MULTILINE), path


def with_site_links(text: str, source: str, at: str, pages: set[str]) -> str:
    """Links of a file of the repository, as those of the page `at`; fenced code stays as it is."""

    def replaced(found: re.Match[str]) -> str:
        image, words, target = found.groups()
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            return found[0]
        path, _, anchor = target.partition("#")
        uri = site_uri(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
        if uri not in pages:
            return words if not image else found[0]
        here = os.path.relpath(uri, PurePosixPath(at).parent)
        return f"{image}[{words}]({here}{'#' + anchor if anchor else ''})"

    parts = re.split(r"(^ *```.*?^ *```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if i % 2 else LINK.sub(replaced, part) for i, part in enumerate(parts))


def site_uri(path: str) -> str:
    """Where the site has a file of the repository; a path that no page has, for what it does not have."""
    if path in ("README.md", "docs/README.md"):
        return "index.md"
    if path == "CONTRIBUTING.md":
        return CONTRIBUTING
    folder, _, name = path.rpartition("/")
    if folder == "vision/weights":
        return f"models/{name}"
    return path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}"
