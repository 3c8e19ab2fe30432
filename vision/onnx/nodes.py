"""Graphs written node by node, for what tracing makes too large or fixes to one size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import onnx

OPSET = 20  # the first that has GELU
IR_VERSION = 10

# A node's output by its name, or a constant.
Operand: TypeAlias = "str | np.ndarray | float | Sequence[int] | None"


class Nodes:
    """Nodes and constants of a graph in the order in which they are written.

    `nodes("Add", x, 1.0)` writes a node and gives the name of its output; floats become float32 and sequences of whole
    numbers int64 constants, each stored once.
    """

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[bytes, onnx.TensorProto] = {}
        self._prefix = ""

    def part(self, name: str) -> None:
        """What the names of the nodes that follow begin with."""
        self._prefix = f"{name}/"

    def __call__(self, kind: str, *operands: Operand, **attributes: Any) -> str:
        """Write a node of one output."""
        return self.several(1, kind, *operands, **attributes)[0]

    def several(self, count: int, kind: str, *operands: Operand, **attributes: Any) -> list[str]:
        """Write a node of several outputs."""
        from onnx import helper

        name = f"{self._prefix}{kind}_{len(self._nodes)}"
        outputs = [name] if count == 1 else [f"{name}_{index}" for index in range(count)]
        self._nodes.append(helper.make_node(kind, [self._name(each) for each in operands], outputs, name, **attributes))
        return outputs

    def graph(
        self, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.GraphProto:
        """All that was written."""
        from onnx import helper

        return helper.make_graph(self._nodes, name, inputs, outputs, list(self._constants.values()))

    def rename(self, output: str, name: str) -> None:
        """Give what leaves the graph its name."""
        self._nodes.append(_identity(output, name))

    def _name(self, operand: Operand) -> str:
        if operand is None:
            return ""
        if isinstance(operand, str):
            return operand
        from onnx import numpy_helper

        array = np.asarray(operand, np.float32 if isinstance(operand, float) else None)
        array = np.ascontiguousarray(array).reshape(array.shape)  # the former makes a row of a single number
        key = hashlib.sha256(f"{array.dtype} {array.shape}".encode() + array.tobytes()).digest()
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(array, f"{self._prefix}constant_{len(self._constants)}")
        return self._constants[key].name


def _identity(source: str, name: str) -> onnx.NodeProto:
    from onnx import helper

    return helper.make_node("Identity", [source], [name], name)


def sides(nodes: Nodes, x: str) -> tuple[str, str]:
    """Height and width of `[B, C, H, W]`, int64 `[1]` each."""
    shape = nodes("Shape", x)
    return nodes("Slice", shape, [2], [3]), nodes("Slice", shape, [3], [4])


def cut(nodes: Nodes, x: str, axis: int, begin: int, end: int) -> str:
    """`x[begin:end]` along an axis; a negative `end` counts from there, 0 is the end itself."""
    return nodes("Slice", x, [begin], [end or np.iinfo(np.int64).max], [axis])


def reshape(nodes: Nodes, x: str, *shape: int | str) -> str:
    """Of whole numbers, 0 for a side that stays and -1 for what is left, and of names of int64 `[1]`."""
    numbers = [side for side in shape if not isinstance(side, str)]
    if len(numbers) == len(shape):
        return nodes("Reshape", x, numbers)
    return nodes("Reshape", x, nodes("Concat", *(s if isinstance(s, str) else [s] for s in shape), axis=0))
