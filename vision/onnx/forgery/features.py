"""The branch of frozen features as nodes: `backbones.feature_statistics`."""

from __future__ import annotations

from backbones.efficientnet_lite import EfficientNetLite, InvertedResidual
from backbones.feature_statistics import FIRST_STAGE, FeatureStatisticsNet
from vision.onnx.forgery.layers import convolution, standardized_layers
from vision.onnx.nodes import Nodes


def write_features(nodes: Nodes, image: str, net: FeatureStatisticsNet) -> str:
    """Images `[B, 3, H, W]` in gray levels, those of large ones halved -> `[B, hidden]`."""
    nodes.part("features")
    x = nodes("Div", nodes("Sub", image, 127.0), 128.0)
    found = []
    for map_ in _maps(nodes, x, net.trunk)[FIRST_STAGE:]:
        middle = nodes("ReduceMean", map_, [2, 3], keepdims=1)
        away = nodes("Sub", map_, middle)
        variance = nodes("ReduceMean", nodes("Mul", away, away), [2, 3], keepdims=0)
        found += [nodes("Squeeze", middle, [2, 3]), nodes("Sqrt", variance)]
    return standardized_layers(nodes, nodes("Concat", *found, axis=1), net)


def _maps(nodes: Nodes, x: str, trunk: EfficientNetLite) -> list[str]:
    x = _relu6(nodes, convolution(nodes, x, trunk.stem, same=True))
    maps = []
    for stage in trunk.stages:
        for block in stage:  # type: ignore[attr-defined]  # a Sequential
            x = _inverted_residual(nodes, x, block)
        maps.append(x)
    return maps


def _inverted_residual(nodes: Nodes, x: str, block: InvertedResidual) -> str:
    hidden = x if block.expand is None else _relu6(nodes, convolution(nodes, x, block.expand))
    hidden = _relu6(nodes, convolution(nodes, hidden, block.depthwise, same=True))
    out = convolution(nodes, hidden, block.project)
    return nodes("Add", x, out) if block.is_residual else out


def _relu6(nodes: Nodes, x: str) -> str:
    return nodes("Clip", x, 0.0, 6.0)
