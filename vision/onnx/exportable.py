"""A model as it is exported: what every exporter of a task gives, and all that writing and comparing need to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vision.onnx.int8 import Int8

Size = tuple[int, int]


@dataclass(frozen=True)
class Exportable:
    """A module with inputs, names and what the file is to say of itself.

    Attributes:
        module: takes the inputs in their order; gives a tensor or a tuple of tensors.
        example: height and width in pixels -> inputs of that size, always the same and like those of real use: the
            module is traced with those of `size`, and runtimes are compared on them.
        size: height and width that the graph is made for, or one of those that it takes.
        input_names: of the graph.
        output_names: of the graph.
        metadata: what the file says of itself, ready for JSON: see `vision.onnx.metadata`.
        tolerance: greatest difference of an output between PyTorch and a runtime that is not a fault.
        unit: of that difference, such as "pixels"; "" for logits and scores.
        dynamic_shapes: per input, which axes have no fixed length: as for `torch.export.export`. None: all are fixed.
        other_sizes: where the graph takes several, more of them to compare.
        rewrite: as for `vision.onnx.export`.
        write_graph: writes the ONNX file to a path, with the metadata given, where a task makes its graph node by
            node; None traces the module.
        int8: what of the ONNX graph may be computed in 8 bits; None if nothing.
    """

    module: nn.Module
    example: Callable[[int, int], tuple[Tensor, ...]]
    size: Size
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    metadata: Mapping[str, Any]
    tolerance: float
    unit: str = ""
    dynamic_shapes: tuple[Any, ...] | None = None
    other_sizes: tuple[Size, ...] = ()
    rewrite: bool = False
    write_graph: Callable[[Path, Mapping[str, str]], object] | None = None
    int8: Int8 | None = None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What the module is traced with."""
        return self.example(*self.size)
