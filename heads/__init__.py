"""Heads of the suite. Each is imported when it is first asked for, so that one model never pays for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports

if TYPE_CHECKING:
    from heads.forgery import ForgeryHead
    from heads.match_decoder import MatchDecoder

_HOME = {"ForgeryHead": "heads.forgery", "MatchDecoder": "heads.match_decoder"}

__all__ = ["ForgeryHead", "MatchDecoder"]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
