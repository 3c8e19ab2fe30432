"""Statistics of high-pass residuals at several scales: what cameras leave in neighboring pixels and colors.

Co-occurrences of truncated residuals are those of the spatial rich model (Fridrich & Kodovsky, 2012) and of its color
version (Goljan et al., 2014). Each scale is the Haar low-pass band of the one before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

FILTERS = ("first", "second", "square")
LEVELS = 5  # of a truncated residual: -2 to 2 steps
CELLS = LEVELS**3  # of three of them
LUMA = (0.299, 0.587, 0.114)
# Steps of the truncation in gray levels: luma, the two color differences, and red, green and blue twice.
LUMA_STEP, DIFFERENCE_STEP, COLOR_STEPS = 1.0, 0.7, (1.0, 2.5)
LAGS = ((0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (3, 0), (1, 1))
FLOOR = 0.05  # of a residual's strength in gray levels, so that plain areas have a logarithm


def residual_statistics(levels: Tensor, scales: int = 3) -> Tensor:
    """Co-occurrences, strengths and correlations of the residuals of images.

    Args:
        levels: images `[B, 3, H, W]`, RGB in gray levels 0 to 255; sides of at least `8 * 2 ** (scales - 1)`.
        scales: how often the statistics are taken, each time at half the size of the time before.

    Returns:
        `[B, statistics_size(scales)]`, float32. They do not depend on the size of the image but by their noise.

    Raises:
        ValueError: the images are too small for so many scales.
    """
    least = 8 << (scales - 1)
    if min(levels.shape[2:]) < least:
        size = tuple(levels.shape[2:])
        raise ValueError(f"images are {size}; expected sides of at least {least} for {scales} scales")
    found = []
    for scale in range(scales):
        levels = F.avg_pool2d(levels, 2) if scale else levels
        found.append(torch.cat([part for kind in FILTERS for part in _of_filter(levels, kind)], 1))
    return torch.cat(found, 1)


@lru_cache
def statistics_size(scales: int) -> int:
    """How many statistics there are."""
    with torch.device("cpu"):
        return residual_statistics(torch.zeros(1, 3, 8 << (scales - 1), 8 << (scales - 1)), scales).shape[1]


def _of_filter(levels: Tensor, kind: str) -> list[Tensor]:
    """Statistics of one kind of residual, along rows and columns where it has a direction."""
    if kind == "square":
        colors = _second(_second(levels, 2), 3)
        return [*_combine([colors]), _lagged(colors)]
    difference = _first if kind == "first" else _second
    return _combine([difference(levels, 3), difference(levels, 2).transpose(2, 3)])


def _first(x: Tensor, dim: int) -> Tensor:
    """Differences of neighbors."""
    size = x.shape[dim] - 1
    return x.narrow(dim, 1, size) - x.narrow(dim, 0, size)


def _second(x: Tensor, dim: int) -> Tensor:
    """Half of the second differences."""
    size = x.shape[dim] - 2
    return (x.narrow(dim, 0, size) + x.narrow(dim, 2, size)).mul_(0.5).sub_(x.narrow(dim, 1, size))


def _combine(directions: list[Tensor]) -> list[Tensor]:
    """Statistics of residuals `[B, 3, H, W]` whose direction is the last axis; a lone one has none, and takes both."""
    lines, colors, strengths = [], [], []
    for rgb in directions:
        planes = _planes(rgb)
        steps = planes.new_tensor([LUMA_STEP, DIFFERENCE_STEP, DIFFERENCE_STEP]).view(-1, 1, 1)
        cells = _truncated(planes / steps)
        lines.append(torch.stack([_histogram(_triples(cells[:, i])) for i in range(3)], 1))
        if len(directions) == 1:
            turned = cells.transpose(2, 3)
            lines.append(torch.stack([_histogram(_triples(turned[:, i])) for i in range(3)], 1))
        coarse = [_truncated(rgb / step) for step in COLOR_STEPS]
        colors.append(torch.stack([_histogram(c[:, 0] * 25 + c[:, 1] * 5 + c[:, 2]) for c in coarse], 1))
        strengths += [_strengths(planes), _strengths(rgb), _correlations(rgb)]
    along, across = torch.stack(lines).mean(0), torch.stack(colors).mean(0)
    return [_fold(along, LINES_ALIKE), _fold(across, SIGNS_ALIKE), *strengths]


def _planes(rgb: Tensor) -> Tensor:
    """Luma, red - green and blue - green `[B, 3, H, W]`."""
    red, green, blue = rgb.unbind(1)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return torch.stack([luma, red - green, blue - green], 1)


def _truncated(x: Tensor) -> Tensor:
    """Whole numbers 0 to 4 as uint8: x rounded, truncated to +-2, and moved."""
    return x.round_().clamp_(-2, 2).add_(2).to(torch.uint8)


def _triples(cells: Tensor) -> Tensor:
    """Numbers 0 to 124 of three neighbors along the last axis."""
    return cells[..., :-2] * 25 + cells[..., 1:-1] * 5 + cells[..., 2:]


def _histogram(numbers: Tensor) -> Tensor:
    """Share of each number 0 to 124 in uint8 `[B, H, W]`: `[B, 125]`."""
    flat = numbers.flatten(1)
    if torch.compiler.is_compiling() or torch.onnx.is_in_onnx_export():
        # Standard nodes with shapes that are known: pairs of digits are counted by a product of matrices.
        wide = flat.to(torch.int64)
        high = (wide[:, None] // LEVELS == torch.arange(LEVELS**2, device=flat.device)[:, None]).float()
        low = (wide[:, None] % LEVELS == torch.arange(LEVELS, device=flat.device)[:, None]).float()
        return torch.matmul(high, low.transpose(1, 2)).flatten(1) / flat.shape[1]
    if flat.is_cuda:
        offset = torch.arange(len(flat), device=flat.device)[:, None] * CELLS
        counts = torch.bincount((flat + offset).flatten(), minlength=len(flat) * CELLS)
        return counts.view(-1, CELLS).float() / flat.shape[1]
    # Counting bytes takes a fifth of the time that counting wider numbers would.
    found = [torch.bincount(image, minlength=CELLS) for image in flat]
    return torch.stack(found) / flat.shape[1] if found else torch.zeros(0, CELLS, device=flat.device)


def _fold(shares: Tensor, members: tuple[int, ...]) -> Tensor:
    """Square roots of the shares `[B, N, 125]`, those of cells of one class added: `[B, N * classes]`."""
    classes = torch.arange(max(members) + 1, device=shares.device)
    alike = torch.tensor(members, device=shares.device)[:, None] == classes
    return torch.matmul(shares, alike.to(shares.dtype)).sqrt().flatten(1)


def _classes(*same: Callable[[int, int, int], tuple[int, int, int]]) -> tuple[int, ...]:
    """The class of each cell; cells that one of the maps takes to each other share it."""
    classes: dict[tuple[int, ...], int] = {}
    members = []
    for cell in product(range(LEVELS), repeat=3):
        orbit = {cell}
        for change in same:
            orbit |= {change(*other) for other in orbit}
        members.append(classes.setdefault(min(orbit), len(classes)))
    return tuple(members)


# What read with the other sign is the same, and along a line also what is the same read backward: 63 and 39 classes.
# Numbers, not tensors: those of a fake mode would outlive it.
SIGNS_ALIKE = _classes(lambda a, b, c: (4 - a, 4 - b, 4 - c))
LINES_ALIKE = _classes(lambda a, b, c: (c, b, a), lambda a, b, c: (4 - a, 4 - b, 4 - c))


def _strengths(planes: Tensor) -> Tensor:
    """Logarithms of mean and root mean square of each plane, and how heavy its tails are: `[B, 3 * planes]`."""
    flat = planes.flatten(2)
    mean = torch.linalg.vector_norm(flat, 1, 2) / flat.shape[2] + FLOOR
    root = torch.linalg.vector_norm(flat, 2, 2) / flat.shape[2] ** 0.5 + FLOOR
    return torch.cat([mean.log(), root.log(), root / mean], 1)


def _correlations(rgb: Tensor) -> Tensor:
    """Of red and green, green and blue, blue and red: `[B, 3]`."""
    flat = rgb.flatten(2)
    products = torch.matmul(flat, flat.transpose(1, 2)) / flat.shape[2]
    scale = products.diagonal(dim1=1, dim2=2).clamp_min(FLOOR**2).sqrt()
    return torch.stack([products[:, i, j] / (scale[:, i] * scale[:, j]) for i, j in ((0, 1), (1, 2), (2, 0))], 1)


def _lagged(rgb: Tensor) -> Tensor:
    """Autocorrelations of luma's and the color differences' residuals at small distances: `[B, 3 * lags]`."""
    planes = _planes(rgb)
    scale = planes.square().mean((2, 3)).clamp_min(FLOOR**2)
    height, width = planes.shape[2:]
    found = []
    for down, right in LAGS:
        here, there = planes[..., : height - down, : width - right], planes[..., down:, right:]
        found.append((here * there).mean((2, 3)) / scale)
    return torch.cat(found, 1)
