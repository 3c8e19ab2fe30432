"""Static quantization to 8 bits: weights per channel, activations by ranges that calibration images show."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vision.errors import UsageError
from vision.files import write_bytes
from vision.onnx.exporter import require_package

if TYPE_CHECKING:
    import onnx

QUANTIZATION = "quantization"  # the name of what the file says of it
# onnxruntime's quantizer warns of graphs that its own preparation has not seen; ours need none.
_PREPARED = {"onnx.quant.pre_process": "onnxruntime.quant"}


class Int8(NamedTuple):
    """What of a model may be computed in 8 bits, and on what.

    Attributes:
        kinds: of nodes that may be.
        takes: whether a node of such a kind is; None for all.
        inputs: uint8 RGB `[H, W, 3]` of any size -> what the graph is fed with.
    """

    kinds: tuple[str, ...]
    takes: Callable[[onnx.NodeProto], bool] | None
    inputs: Callable[[np.ndarray], Mapping[str, np.ndarray]]


def quantize(path: Path, target: Path, int8: Int8, images: Iterable[np.ndarray]) -> None:
    """Write an ONNX file again with parts of it in 8 bits, by pairs of QuantizeLinear and DequantizeLinear.

    Ranges are the least and the greatest value that all images show: those that look at whole distributions keep every
    activation of every image in memory. One image is held at a time.

    Args:
        path: of the file in float32.
        target: file to write; it appears complete or not at all.
        int8: of its model.
        images: uint8 RGB `[H, W, 3]` each.

    Raises:
        ImportError: onnx or onnxruntime is missing.
        UsageError: there are no images, or no nodes to quantize.
    """
    for package in ("onnx", "onnxruntime"):
        require_package(package)
    import onnx
    from onnx import helper
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    model = onnx.load(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    nodes = _chosen(model, int8)
    reader = _reader(int8, images)
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        helper.set_model_props(model, _PREPARED)
        onnx.save(model, source)
        quantize_static(
            source,
            made,
            reader,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(int8.kinds),
            nodes_to_quantize=nodes,
        )
        quantized = onnx.load(made)
    said = f"int8 weights per channel, uint8 activations, by the ranges of {reader.count} images"
    helper.set_model_props(quantized, {**metadata, QUANTIZATION: said})
    quantized.producer_name = model.producer_name
    write_bytes(target, quantized.SerializeToString())


def _chosen(model: onnx.ModelProto, int8: Int8) -> list[str]:
    constants = {tensor.name for tensor in model.graph.initializer}

    def is_chosen(node: onnx.NodeProto) -> bool:
        if node.op_type not in int8.kinds or not (int8.takes is None or int8.takes(node)):
            return False
        # Products of two activations, as those of attention, stay as they are.
        return node.op_type != "MatMul" or any(name in constants for name in node.input)

    found = [node.name for node in model.graph.node if is_chosen(node)]
    if not found:
        raise UsageError("this graph has no nodes that can be computed in 8 bits")
    return found


def _reader(int8: Int8, images: Iterable[np.ndarray]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        """Feeds one image after another."""

        def __init__(self) -> None:
            self.images, self.count = iter(images), 0

        def get_next(self) -> dict[str, np.ndarray] | None:
            image = next(self.images, None)
            if image is None:
                if not self.count:
                    raise UsageError("no images to calibrate with; expected at least one that can be read")
                return None
            self.count += 1
            return dict(int8.inputs(image))

    return Reader()
