"""The dual-frequency network as nodes: `backbones.dual_frequency`."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from backbones.dual_frequency import Bottleneck, DualFrequencyNet
from vision.layers.residual import LIMIT, residual_filters
from vision.normalize import IMAGENET_MEAN, IMAGENET_STD
from vision.onnx.forgery.frequency import write_dual_frequency
from vision.onnx.forgery.layers import convolution, values
from vision.onnx.nodes import Nodes


def write_network(nodes: Nodes, image: str, net: DualFrequencyNet) -> str:
    """Images `[B, 3, H, W]` in gray levels, already halved where the network halves -> mean of its map `[B, C]`."""
    nodes.part("network")
    if net.residual:
        x = _residuals(nodes, image)
        square = nodes("Slice", x, [-3], [np.iinfo(np.int64).max], [1])
        x = nodes("Concat", x, write_dual_frequency(nodes, square, net.frequency), axis=1)
    else:
        mean, deviation = (np.array(each, np.float32).reshape(3, 1, 1) for each in (IMAGENET_MEAN, IMAGENET_STD))
        x = write_dual_frequency(nodes, nodes("Div", nodes("Sub", image, mean), deviation), net.frequency)
    nodes.part("trunk")
    x = nodes("Relu", convolution(nodes, x, net.conv1, net.bn1))
    if net.pool == "max":
        x = nodes("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    else:
        x = nodes("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    for name in net.stages:
        for block in getattr(net, name):
            x = _bottleneck(nodes, x, block)
    return nodes("ReduceMean", x, [2, 3], keepdims=0)


def _residuals(nodes: Nodes, image: str) -> str:
    """What `high_pass_residuals` gives; the mean of a channel changes nothing."""
    weight = residual_filters(torch.zeros(1, 3, 1, 1))
    padded = nodes("Pad", image, [0, 0, 2, 2, 0, 0, 2, 2], mode="reflect")
    out = nodes("Conv", padded, values(weight), kernel_shape=[5, 5])
    return nodes("Clip", out, -LIMIT, LIMIT)


def _bottleneck(nodes: Nodes, x: str, block: Bottleneck) -> str:
    shortcut = x
    if block.downsample is not None:
        assert isinstance(block.downsample, nn.Sequential)
        shortcut = convolution(nodes, x, *block.downsample)
    x = nodes("Relu", convolution(nodes, x, block.conv1, block.bn1))
    x = nodes("Relu", convolution(nodes, x, block.conv2, block.bn2))
    return nodes("Relu", nodes("Add", convolution(nodes, x, block.conv3, block.bn3), shortcut))
