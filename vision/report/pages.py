"""The templates of the page, with everything escaped that somebody else wrote."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vision.errors import printable
from vision.files import readable

_FOLDER = Path(__file__).parent / "templates"


class Templates:
    """Renders the templates in `templates`: jinja2 escapes what HTML would obey, and `_harmless` what readers would.

    Style and script stand in the page, which allows these two alone, by their hashes, and no request at all.
    """

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_harmless,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """A template as text."""
        return self._environment.get_template(name).render(context)

    def generate(self, name: str, context: Mapping[str, Any]) -> Iterator[str]:
        """The page, in parts."""
        shared = {"style": self._style, "script": self._script, "policy": self._policy}
        return self._environment.get_template(name).generate({**context, **shared})

    @cached_property
    def _style(self) -> Markup:
        return _source("page.css")

    @cached_property
    def _script(self) -> Markup:
        return _source("page.js")

    @cached_property
    def _policy(self) -> str:
        """What the page may do: nothing but its own style, its own script and the images inside of it."""
        return (
            f"default-src 'none'; img-src data:; style-src {_hash(self._style)}; script-src {_hash(self._script)}; "
            "base-uri 'none'; form-action 'none'"
        )


def markup(text: str) -> Markup:
    """Text that is HTML already."""
    return Markup(text)


def _source(name: str) -> Markup:
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _harmless(value: object) -> object:
    """Text without control characters: those that turn the direction of reading make a name look like another."""
    if not isinstance(value, str) or value.isprintable() or isinstance(value, Markup):
        return value
    return printable(readable(value))
