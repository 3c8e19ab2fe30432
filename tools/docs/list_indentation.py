"""Reads lists as GitHub does: what belongs to an item is indented by two or three columns, not by four."""

from __future__ import annotations

from markdown import Markdown
from markdown.extensions import Extension


class ListIndentation(Extension):
    """Two columns are enough for what belongs to an item of a list."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.tab_length = 2


def makeExtension(**options: object) -> Extension:
    """By this name Python-Markdown finds it."""
    return ListIndentation(**options)
