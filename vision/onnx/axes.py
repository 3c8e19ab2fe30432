"""Names of axes without a fixed length: those that were asked for, where torch counts its symbols through."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch.export import Dim

_SYMBOL = re.compile(r"[A-Za-z_]\w*")


def name_axes(model: Any, dynamic_shapes: Any) -> None:
    """Call the open axes of a graph by the names of their `torch.export.Dim`, in place.

    An axis that is computed keeps its formula: `s53//32` becomes `height//32`.

    Args:
        model: `torch.onnx.ONNXProgram.model`.
        dynamic_shapes: a tuple that has per input a dict from axis to `Dim`, or None. Other forms name nothing.
    """
    names: dict[str, str] = {}
    asked = dynamic_shapes if isinstance(dynamic_shapes, tuple) else ()
    for value, axes in zip(model.graph.inputs, asked, strict=False):
        for axis, dim in axes.items() if isinstance(axes, dict) else ():
            if isinstance(dim, Dim):
                names |= dict(zip(_SYMBOL.findall(str(value.shape[axis])), _SYMBOL.findall(dim.__name__), strict=True))
    shape_type = importlib.import_module("onnx_ir").Shape
    for value in _values(model.graph):
        if value.shape is not None and not value.shape.is_static():
            value.shape = shape_type([_renamed(length, names) for length in value.shape])


def _values(graph: Any) -> Iterator[Any]:
    yield from graph.inputs
    for node in graph.all_nodes():
        yield from node.outputs


def _renamed(length: Any, names: Mapping[str, str]) -> int | str | None:
    text = length if isinstance(length, int) else length.value
    return _SYMBOL.sub(lambda found: names.get(found[0], found[0]), text) if isinstance(text, str) else text
