"""Export to ONNX. Each part is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports

if TYPE_CHECKING:
    from vision.onnx.attention import tiled_attention
    from vision.onnx.exporter import decompositions, export

_HOME = {
    "decompositions": "vision.onnx.exporter",
    "export": "vision.onnx.exporter",
    "tiled_attention": "vision.onnx.attention",
}

__all__ = ["decompositions", "export", "tiled_attention"]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
