"""A detector of AI-generated images as one ONNX graph of standard nodes, for windows of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from backbones import DualFrequencyNet, DualFrequencyStatisticsNet
from backbones.dual_frequency import LEAST_SIDE
from backbones.feature_statistics import LARGE
from heads import ForgeryBranchesHead, ForgeryHead
from vision.models.forgery.network import ForgeryNetwork
from vision.onnx.forgery.features import write_features
from vision.onnx.forgery.layers import linear
from vision.onnx.forgery.network import write_network
from vision.onnx.forgery.residuals import write_residuals
from vision.onnx.nodes import IR_VERSION, OPSET, Nodes, reshape, sides

if TYPE_CHECKING:
    import onnx

INPUT = "image"
OUTPUTS = ("logit", "probability")


def forgery_graph(network: ForgeryNetwork) -> onnx.ModelProto:
    """The graph: `image` float32 `[B, 3, H, W]` RGB 0..255, sides multiples of 4 -> `logit` and `probability` `[B]`.

    The probability is calibrated for images of no special history. Nothing is traced: the nodes are written one by one,
    in a second, and keep sizes open, on which the halving and the Fourier transforms depend.

    Raises:
        ValueError: the detector has a part that has no nodes.
        ImportError: onnx is missing.
    """
    from onnx import TensorProto, helper

    nodes = Nodes()
    pooled = _branches(nodes, network.backbone)
    nodes.part("head")
    logit = _head(nodes, pooled, network.head)
    calibration = network.calibration
    scaled = nodes("Div", nodes("Sub", logit, float(calibration.offset)), float(calibration.temperature))
    nodes.rename(logit, OUTPUTS[0])
    nodes.rename(nodes("Sigmoid", scaled), OUTPUTS[1])
    image = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", 3, "height", "width"])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch"]) for name in OUTPUTS]
    graph = nodes.graph("forgery", [image], outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _branches(nodes: Nodes, backbone: nn.Module) -> list[str]:
    """The mean of each branch's map, `[B, C]` each."""
    if isinstance(backbone, DualFrequencyStatisticsNet):
        network = _network(nodes, backbone.network)
        residuals = write_residuals(nodes, INPUT, backbone.residuals)
        return [network, residuals, write_features(nodes, _halved(nodes, INPUT, LARGE, 1), backbone.features)]
    if isinstance(backbone, DualFrequencyNet):
        return [_network(nodes, backbone)]
    raise ValueError(f"a detector whose backbone is a {type(backbone).__name__} cannot be exported")


def _network(nodes: Nodes, net: DualFrequencyNet) -> str:
    return write_network(nodes, _halved(nodes, INPUT, LEAST_SIDE, 4) if net.halve else INPUT, net)


def _head(nodes: Nodes, pooled: list[str], head: nn.Module) -> str:
    if isinstance(head, ForgeryBranchesHead):
        weights = head.weights.tolist()
        heads = [each for each in head.branches if isinstance(each, ForgeryHead)]
    else:
        assert isinstance(head, ForgeryHead)
        weights, heads = [1.0], [head]
    said = [
        nodes("Mul", linear(nodes, x, each.fc), weight) for x, each, weight in zip(pooled, heads, weights, strict=True)
    ]
    return nodes("Squeeze", nodes("Sum", *said), [1])


def _halved(nodes: Nodes, x: str, least: int, multiple: int) -> str:
    """Images whose shorter side is at least `least` at half their size, in sides that are multiples of `multiple`."""
    nodes.part("halved")
    shape = nodes("Shape", x, start=2)
    is_large = nodes("GreaterOrEqual", nodes("ReduceMin", shape, keepdims=1), [least])
    factor = nodes("Add", nodes("Cast", is_large, to=7), [1])
    unit = nodes("Mul", factor, [multiple])
    kept = nodes("Slice", x, [0, 0], nodes("Mul", nodes("Div", shape, unit), unit), [2, 3])
    height, width = (nodes("Div", side, factor) for side in sides(nodes, kept))
    parts = reshape(nodes, kept, 0, 0, height, factor, width, factor)
    return nodes("ReduceMean", parts, [3, 5], keepdims=0)
