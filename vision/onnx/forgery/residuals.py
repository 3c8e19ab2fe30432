"""The branch of residual statistics as nodes: `vision.layers.statistics` of `vision.ops.residuals`.

The kernel that counts has no counterpart in ONNX, and the reference in PyTorch makes thousands of nodes, which a
runtime takes seconds to load. Here counts are additions to scattered cells, and what is computed of the sums is
computed for all kinds and scales at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from backbones.residual_statistics import ResidualStatisticsNet
from vision.layers.statistics import FLOOR, KINDS_ALIKE, LINES_ALIKE, SIGNS_ALIKE
from vision.onnx.forgery.layers import standardized_layers
from vision.onnx.nodes import Nodes, cut, reshape
from vision.ops.residuals.reference import CELLS, COLOR_STEPS, DIFFERENCE_STEP, LAGS, LEVELS, LUMA, LUMA_STEP

_Y, _X = 2, 3  # axes of images
_KINDS = 5
_LINES, _COLORS = 3, 2  # histograms of each kind: of three neighbors in a plane, of three colors at a place
_MIDDLE = (CELLS - 1) // 2
_COLOR_STEPS = np.array(COLOR_STEPS, np.float32).reshape(-1, 1, 1, 1)


def write_residuals(nodes: Nodes, image: str, net: ResidualStatisticsNet) -> str:
    """Images `[B, 3, H, W]` in gray levels -> `[B, hidden]`."""
    nodes.part("residuals")
    return standardized_layers(nodes, write_statistics(nodes, nodes("Round", image), net.scales), net)


def write_statistics(nodes: Nodes, levels: str, scales: int) -> str:
    """What `residual_statistics` gives of `[B, 3, H, W]` in gray levels."""
    sums = _Sums(nodes, nodes("Shape", levels, start=0, end=1))
    for scale in range(scales):
        if scale:
            levels = nodes("AveragePool", levels, kernel_shape=[2, 2], strides=[2, 2])
        sums.add_scale(levels)
    return sums.statistics(scales)


class _Sums:
    """Collects histograms, means and products of each kind at each scale."""

    def __init__(self, nodes: Nodes, batch: str) -> None:
        self.nodes, self.batch = nodes, batch
        self.lines: list[str] = []  # [B, 3, 125] each; of the last kind of a scale along x and along y
        self.colors: list[str] = []  # [B, 2, 125] each
        self.magnitudes: list[str] = []  # [B, 1, 6] each
        self.products: list[str] = []  # [B, 1, 36] each
        self.lags: list[str] = []  # [B, 3] each

    def add_scale(self, levels: str) -> None:
        """Take the sums of `[B, 3, H, W]`."""
        along_x, along_y = _first(self.nodes, levels, _X), _first(self.nodes, levels, _Y)
        twice_x, twice_y = _second(self.nodes, along_x, _X), _second(self.nodes, along_y, _Y)
        self._add_kind(along_x, _X)
        self._add_kind(along_y, _Y)
        self._add_kind(twice_x, _X)
        self._add_kind(twice_y, _Y)
        both = _second(self.nodes, _first(self.nodes, twice_y, _X), _X)
        planes, cells = self._add_kind(both, _X)
        self.lines.append(self._histograms(_triples(self.nodes, cells, _Y), _LINES))
        for down, right in LAGS:
            here = cut(self.nodes, cut(self.nodes, planes, _Y, 0, -down), _X, 0, -right)
            there = cut(self.nodes, cut(self.nodes, planes, _Y, down, 0), _X, right, 0)
            self.lags.append(self.nodes("ReduceMean", self.nodes("Mul", here, there), [_Y, _X], keepdims=0))

    def _add_kind(self, rgb: str, axis: int) -> tuple[str, str]:
        """Take the sums of one kind of residuals `[B, 3, H, W]`; gives planes and cells."""
        nodes = self.nodes
        planes = _planes(nodes, rgb)
        steps = np.array([LUMA_STEP, DIFFERENCE_STEP, DIFFERENCE_STEP], np.float32).reshape(3, 1, 1)
        cells = _truncated(nodes, nodes("Div", planes, steps))
        self.lines.append(self._histograms(_triples(nodes, cells, axis), _LINES))
        coarse = _truncated(nodes, nodes("Div", nodes("Unsqueeze", rgb, [1]), _COLOR_STEPS))
        self.colors.append(
            self._histograms(_joined(nodes, *nodes.several(3, "Split", coarse, axis=2, num_outputs=3)), _COLORS)
        )
        six = reshape(nodes, nodes("Concat", planes, rgb, axis=1), 0, 6, -1)
        self.magnitudes.append(nodes("ReduceMean", nodes("Abs", six), [2], keepdims=0))
        count = nodes("Cast", nodes("Shape", six, start=2, end=3), to=1)
        products = nodes("Div", nodes("MatMul", six, nodes("Transpose", six, perm=[0, 2, 1])), count)
        self.products.append(reshape(nodes, products, 0, 36))
        return planes, cells

    def _histograms(self, numbers: str, count: int) -> str:
        """Share of each number -62 to 62 in floats of `count` planes: `[B, count, 125]`."""
        nodes = self.nodes
        index = nodes("Cast", nodes("Add", reshape(nodes, numbers, 0, count, -1), float(_MIDDLE)), to=7)
        empty = nodes("Expand", np.zeros((1, count, CELLS), np.float32), nodes("Concat", self.batch, [1, 1], axis=0))
        ones = nodes("Expand", 1.0, nodes("Shape", index))
        counts = nodes("ScatterElements", empty, index, ones, axis=2, reduction="add")
        return nodes("Div", counts, nodes("ReduceSum", counts, [2], keepdims=1))

    def statistics(self, scales: int) -> str:
        """`[B, statistics_size(scales)]`, in the order of `vision.layers.statistics`."""
        nodes = self.nodes
        parts = [self._folded(self.lines, _line_means(scales), LINES_ALIKE)]
        parts.append(self._folded(self.colors, _color_means(scales), SIGNS_ALIKE))
        means = reshape(nodes, nodes("Concat", *self.magnitudes, axis=1), 0, -1, 6)
        products = reshape(nodes, nodes("Concat", *self.products, axis=1), 0, -1, 36)
        squares = nodes("Gather", products, list(range(0, 36, 7)), axis=2)
        mean, root = nodes("Add", means, FLOOR), nodes("Add", nodes("Sqrt", squares), FLOOR)
        parts += [nodes("Log", mean), nodes("Log", root), nodes("Div", root, mean)]
        scale = nodes("Sqrt", nodes("Max", squares, FLOOR**2))
        pairs = nodes("Gather", products, [3 * 6 + 4, 4 * 6 + 5, 5 * 6 + 3], axis=2)
        scales_of = nodes("Mul", nodes("Gather", scale, [3, 4, 5], axis=2), nodes("Gather", scale, [4, 5, 3], axis=2))
        parts.append(nodes("Div", pairs, scales_of))
        both = nodes("Gather", squares, list(range(_KINDS - 1, _KINDS * scales, _KINDS)), axis=1)
        strength = nodes("Unsqueeze", nodes("Max", nodes("Gather", both, [0, 1, 2], axis=2), FLOOR**2), [2])
        lags = reshape(nodes, nodes("Concat", *self.lags, axis=1), 0, scales, len(LAGS), 3)
        parts.append(nodes("Div", lags, strength))
        flat = [nodes("Flatten", part) for part in parts]
        return nodes("Gather", nodes("Concat", *flat, axis=1), _order(scales), axis=1)

    def _folded(self, shares: list[str], means: np.ndarray, members: tuple[int, ...]) -> str:
        """Square roots of the shares of classes of cells, after means over kinds: `[B, rows of means, classes]`."""
        alike = np.eye(max(members) + 1, dtype=np.float32)[list(members)]
        joined = self.nodes("Concat", *shares, axis=1)
        return self.nodes("Sqrt", self.nodes("MatMul", self.nodes("MatMul", means, joined), alike))


def _first(nodes: Nodes, x: str, axis: int) -> str:
    """Differences of neighbors."""
    return nodes("Sub", cut(nodes, x, axis, 1, 0), cut(nodes, x, axis, 0, -1))


def _second(nodes: Nodes, first: str, axis: int) -> str:
    """Half of the second differences from the first; in sixteenths of gray levels all of them are exact."""
    return nodes("Mul", _first(nodes, first, axis), 0.5)


def _planes(nodes: Nodes, rgb: str) -> str:
    """Luma, red - green and blue - green, in the reference's order of additions."""
    red, green, blue = nodes.several(3, "Split", rgb, axis=1, num_outputs=3)
    weighted = [nodes("Mul", plane, weight) for plane, weight in zip((red, green, blue), LUMA, strict=True)]
    luma = nodes("Add", nodes("Add", *weighted[:2]), weighted[2])
    return nodes("Concat", luma, nodes("Sub", red, green), nodes("Sub", blue, green), axis=1)


def _truncated(nodes: Nodes, x: str) -> str:
    return nodes("Clip", nodes("Round", x), -2.0, 2.0)


def _triples(nodes: Nodes, cells: str, axis: int) -> str:
    """Numbers -62 to 62 of three neighbors along an axis."""
    return _joined(nodes, *(cut(nodes, cells, axis, begin, end) for begin, end in ((0, -2), (1, -1), (2, 0))))


def _joined(nodes: Nodes, first: str, second: str, third: str) -> str:
    high = nodes("Add", nodes("Mul", first, float(LEVELS)), second)
    return nodes("Add", nodes("Mul", high, float(LEVELS)), third)


def _line_means(scales: int) -> np.ndarray:
    """Which of the histograms of lines, six times three of each scale, are averaged: `[rows, 18 * scales]`."""
    groups = [(*kinds, _KINDS) if len(kinds) == 1 else kinds for kinds in KINDS_ALIKE]
    return _means(scales, groups, _KINDS + 1, _LINES)


def _color_means(scales: int) -> np.ndarray:
    return _means(scales, KINDS_ALIKE, _KINDS, _COLORS)


def _means(scales: int, groups: Sequence[tuple[int, ...]], of_scale: int, count: int) -> np.ndarray:
    found = np.zeros((scales, len(groups), count, scales, of_scale, count), np.float32)
    for scale, (group, kinds), plane in product(range(scales), enumerate(groups), range(count)):
        for kind in kinds:
            found[scale, group, plane, scale, kind, plane] = 1 / len(kinds)
    return found.reshape(scales * len(groups) * count, -1)


def _order(scales: int) -> np.ndarray:
    """Where each statistic lies among the parts that `_Sums.statistics` joins."""
    shapes = [
        (scales, len(KINDS_ALIKE), _LINES * (max(LINES_ALIKE) + 1)),
        (scales, len(KINDS_ALIKE), _COLORS * (max(SIGNS_ALIKE) + 1)),
        *[(scales, _KINDS, 2, 3)] * 3,
        (scales, _KINDS, 3),
        (scales, 3 * len(LAGS)),
    ]
    begins = np.cumsum([0, *(np.prod(shape) for shape in shapes)])
    lines, colors, mean, root, tail, pairs, lags = (
        np.arange(begin, begin + np.prod(shape)).reshape(shape) for begin, shape in zip(begins, shapes, strict=False)
    )
    found = []
    for scale in range(scales):
        for group, kinds in enumerate(KINDS_ALIKE):
            found += [lines[scale, group], colors[scale, group]]
            for kind in kinds:
                found += [part[scale, kind, half] for half in range(2) for part in (mean, root, tail)]
                found.append(pairs[scale, kind])
            found += [lags[scale]] if len(kinds) == 1 else []
    return np.concatenate(found)
