"""What the documents name exists: links and anchors, files, modules, commands with their options, targets of make."""

from __future__ import annotations

import argparse
import ast
import importlib
import itertools
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from vision.cli.main import build_parser

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("vision/weights/*.md")]
)
OURS = re.compile(r"\b(?:vision|backbones|heads)(?:\.[A-Za-z_]\w*)+")
# What commands write or users bring: it need not be here.
MADE = ("data", "demo-output", "dist", "gpu-check", "work_dirs")


class Piece(NamedTuple):
    """Code of a page, with the line it begins on; `language` is empty for code within a sentence."""

    line: int
    language: str
    text: str


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    wrong = [target for target in links(page) if not leads_somewhere(page, target)]
    assert not wrong, f"{page.name} links to what is not there: {wrong}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_one_title_a_page(page: Path) -> None:
    titles = [token for token in tokens(page) if token.type == "heading_open" and token.tag == "h1"]
    assert len(titles) == 1, f"{page.name} has {len(titles)} headings of the first level"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_paths_exist(page: Path) -> None:
    wrong = [
        f"line {piece.line}: {word}"
        for piece in code(page)
        if piece.language in ("", "bash")
        for word in re.split(r"[\s,'\"()]+" if piece.language else r"\s+", piece.text)
        if looks_like_a_path(word) and not exists(word)
    ]
    assert not wrong, f"{page.name} names files that are not there: {wrong}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_dotted_names_resolve(page: Path) -> None:
    wrong = [
        f"line {piece.line}: {name}"
        for piece in code(page)
        if piece.language in ("", "python", "py")
        for name in dotted_names(piece)
        if not resolves(name)
    ]
    assert not wrong, f"{page.name} names what cannot be imported: {wrong}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_commands_take_their_options(page: Path) -> None:
    wrong = [
        f"line {piece.line}: {' '.join(words)}"
        for piece in code(page)
        if piece.language in ("", "bash")
        for words in commands(piece)
        if not understood(words)
    ]
    assert not wrong, f"{page.name} calls what does not exist: {wrong}"


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs/README.md"
    listed = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}
    missing = {page for page in PAGES if page.parent.name in ("docs", "weights")} - listed - {index}
    assert not missing, f"docs/README.md does not list {names(sorted(missing))}"


def test_a_wrong_word_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n[a](no.md) [b](#two) [c](#one) [d](https://x.org)\n\n"
        "`vision/nothing.py` `vision/*.py` `vision.apis.Nothing` `vision.apis.forgery` `tools/{train,test}.py`\n\n"
        "```bash\nvision forgery --no-such-option a\nmake nothing\nvision forgery a --fpr 0.01  # words\n```\n"
    )
    assert [target for target in links(page) if not leads_somewhere(page, target)] == ["no.md", "#two"]
    words = [piece.text for piece in code(page) if not piece.language]
    assert [word for word in words if looks_like_a_path(word) and not exists(word)] == ["vision/nothing.py"]
    assert [word for word in words if OURS.fullmatch(word) and not resolves(word)] == ["vision.apis.Nothing"]
    block = next(piece for piece in code(page) if piece.language)
    assert [words[1] for words in commands(block) if not understood(words)] == ["forgery", "nothing"]


@cache
def tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Targets of links and images, without those on other hosts."""
    found = [
        str(child.attrs.get("href", child.attrs.get("src")))
        for token in tokens(page)
        for child in token.children or []
        if child.type in ("link_open", "image")
    ]
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    return file.exists() and (not anchor or (file.suffix == ".md" and anchor in anchors(file)))


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    found: set[str] = set()
    for heading, inline in itertools.pairwise(tokens(page)):
        if heading.type == "heading_open":
            text = "".join(child.content for child in inline.children or [] if child.type in ("text", "code_inline"))
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            numbered = itertools.chain([slug], (f"{slug}-{i}" for i in itertools.count(1)))
            found.add(next(anchor for anchor in numbered if anchor not in found))
    return found


def code(page: Path) -> Iterator[Piece]:
    line = 1
    for token in tokens(page):
        line = token.map[0] + 1 if token.map else line
        if token.type == "fence":
            yield Piece(line, token.info.strip() or "text", token.content)
        for child in token.children or []:
            if child.type == "code_inline":
                yield Piece(line, "", child.content)


def looks_like_a_path(word: str) -> bool:
    """Whether a word begins with a folder of this repository; `<name>` stands for anything."""
    first, slash, _ = word.partition("/")
    if not re.fullmatch(r"[\w.{},*/$<>-]+", word) or first in MADE:
        return False
    return bool(slash) and (ROOT / first).is_dir() and first not in ("", ".", "..")


def exists(word: str) -> bool:
    """Whether files fit a path with `{a,b}`, `*`, `<name>` or a shell's `$name`; modules may be without `.py`."""
    braces = re.search(r"\{([^{}]*)\}", word)
    if braces:
        return all(exists(word[: braces.start()] + part + word[braces.end() :]) for part in braces[1].split(","))
    pattern = re.sub(r"<\w+>|\$\w+", "*", word.rstrip("/."))
    return any(ROOT.glob(pattern)) or any(ROOT.glob(f"{pattern}.py"))


def dotted_names(piece: Piece) -> Iterator[str]:
    if not piece.language:
        yield from OURS.findall(re.sub(r"\S*/\S*", " ", piece.text))
        return
    for node in ast.walk(ast.parse(piece.text)):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names if OURS.match(f"{node.module}.x"))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if OURS.fullmatch(alias.name))


def resolves(name: str) -> bool:
    """Whether a dotted name is a module or what one holds."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def commands(piece: Piece) -> Iterator[list[str]]:
    """Calls of `vision` and `make`, split into words."""
    for line in piece.text.replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|;|\|", line):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:
                continue
            while words and re.fullmatch(r"\w+=\S*", words[0]):
                words = words[1:]
            if words and Path(words[0]).name in ("vision", "make") and (piece.language or len(words) > 1):
                yield [Path(words[0]).name, *words[1:]]


def understood(words: list[str]) -> bool:
    """Whether a command has the subcommand or target, and all options that are named."""
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = [word for word in words[1:] if "=" not in word]
        return all(re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE) for target in targets)
    options = subcommands()
    if words[1].startswith("-"):
        return words[1] in ("--version", "--help")
    given = {word.partition("=")[0] for word in words[2:] if re.match(r"--?[a-z]", word)}
    return words[1] in options and given <= options[words[1]]


@cache
def subcommands() -> dict[str, set[str]]:
    return {name: set(options_of(parser)) for name, parser in choices(build_parser())}


def options_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Options of a parser and of the parsers below it."""
    yield from parser._option_string_actions
    for _, below in choices(parser):
        yield from options_of(below)


def choices(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [pair for action in actions for pair in action.choices.items()]
