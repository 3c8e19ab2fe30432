"""Layers of PyTorch as nodes."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from backbones.statistics import StatisticsNet
from vision.onnx.nodes import Nodes


def values(tensor: Tensor) -> np.ndarray:
    """A parameter as numbers."""
    return tensor.detach().cpu().numpy()


def convolution(nodes: Nodes, x: str, layer: nn.Conv2d, norm: nn.BatchNorm2d | None = None, same: bool = False) -> str:
    """A convolution with the batch normalization that follows it.

    Args:
        nodes: where to.
        x: input.
        layer: the convolution.
        norm: in eval mode; None where there is none.
        same: pad as TensorFlow's "SAME" does, whatever the layer's own padding.
    """
    weight = values(layer.weight).astype(np.float64)
    bias = np.zeros(len(weight)) if layer.bias is None else values(layer.bias).astype(np.float64)
    if norm is not None:
        assert norm.running_mean is not None and norm.running_var is not None
        scale = values(norm.weight) / np.sqrt(values(norm.running_var).astype(np.float64) + norm.eps)
        weight = weight * scale[:, None, None, None]
        bias = (bias - values(norm.running_mean)) * scale + values(norm.bias)
    padding = {"auto_pad": "SAME_UPPER"} if same else {"pads": [*layer.padding, *layer.padding]}
    operands = weight.astype(np.float32), bias.astype(np.float32)
    return nodes(
        "Conv", x, *operands, kernel_shape=layer.kernel_size, strides=layer.stride, group=layer.groups, **padding
    )


def linear(nodes: Nodes, x: str, layer: nn.Linear) -> str:
    """`[B, in]` -> `[B, out]`."""
    return nodes("Gemm", x, values(layer.weight), values(layer.bias), transB=1)


def standardized_layers(nodes: Nodes, statistics: str, net: StatisticsNet) -> str:
    """What `StatisticsNet` makes of its statistics `[B, inputs]`: `[B, hidden]`."""
    deviation = np.sqrt(values(net.standard.variance)) + np.float32(1e-3)
    x = nodes("Div", nodes("Sub", statistics, values(net.standard.mean)), deviation)
    x = nodes("Clip", x, -5.0, 5.0)
    for layer in net.layers:
        if isinstance(layer, nn.Linear):
            x = nodes("Relu", linear(nodes, x, layer))
    return x
