"""Residual sums in PyTorch, on any device; exported programs hold these nodes."""

from __future__ import annotations

import torch
from torch import Tensor

LEVELS = 5  # of a truncated residual: -2 to 2 steps
CELLS = LEVELS**3  # of three of them
HISTOGRAMS = 8
LUMA = (0.299, 0.587, 0.114)
# Steps of the truncation in gray levels: luma, the two color differences, and red, green and blue twice.
LUMA_STEP, DIFFERENCE_STEP, COLOR_STEPS = 1.0, 0.7, (1.0, 2.5)
LAGS = ((0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (3, 0), (1, 1))


@torch.no_grad()
def residual_sums(levels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shares `[B, 5, 8, 125]`, means `[B, 5, 15]` and lags `[B, 3, 7]`, as `ResidualSums` says."""
    both = _second(_second(levels, 2), 3)
    # Each with the axis of its differences as the last one.
    lines = [
        _first(levels, 3),
        _first(levels, 2).transpose(2, 3),
        _second(levels, 3),
        _second(levels, 2).transpose(2, 3),
        both,
    ]
    shares = torch.stack([_shares(rgb, has_both=rgb is both) for rgb in lines], 1)
    return shares, torch.stack([_means(rgb) for rgb in lines], 1), _lags(both)


def _first(x: Tensor, dim: int) -> Tensor:
    """Differences of neighbors."""
    size = x.shape[dim] - 1
    return x.narrow(dim, 1, size) - x.narrow(dim, 0, size)


def _second(x: Tensor, dim: int) -> Tensor:
    """Half of the second differences."""
    size = x.shape[dim] - 2
    return (x.narrow(dim, 0, size) + x.narrow(dim, 2, size)).mul_(0.5).sub_(x.narrow(dim, 1, size))


def _planes(rgb: Tensor) -> Tensor:
    """Luma, red - green and blue - green `[B, 3, H, W]`."""
    red, green, blue = rgb.unbind(1)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return torch.stack([luma, red - green, blue - green], 1)


def _shares(rgb: Tensor, has_both: bool) -> Tensor:
    """`[B, 8, 125]`."""
    planes = _planes(rgb)
    steps = planes.new_tensor([LUMA_STEP, DIFFERENCE_STEP, DIFFERENCE_STEP]).view(-1, 1, 1)
    cells = _truncated(planes / steps)
    found = [_histogram(_triples(cells[:, i])) for i in range(3)]
    coarse = [_truncated(rgb / step) for step in COLOR_STEPS]
    found += [_histogram(c[:, 0] * LEVELS**2 + c[:, 1] * LEVELS + c[:, 2]) for c in coarse]
    if has_both:
        found += [_histogram(_triples(cells[:, i].transpose(1, 2))) for i in range(3)]
    else:
        found += [torch.zeros_like(found[0])] * 3
    return torch.stack(found, 1)


def _truncated(x: Tensor) -> Tensor:
    """Whole numbers 0 to 4 as uint8: x rounded, truncated to +-2, and moved."""
    return x.round_().clamp_(-2, 2).add_(2).to(torch.uint8)


def _triples(cells: Tensor) -> Tensor:
    """Numbers 0 to 124 of three neighbors along the last axis."""
    return cells[..., :-2] * LEVELS**2 + cells[..., 1:-1] * LEVELS + cells[..., 2:]


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


def _means(rgb: Tensor) -> Tensor:
    """`[B, 15]`."""
    six = torch.cat([_planes(rgb), rgb], 1).flatten(2)
    count = six.shape[2]
    magnitudes = torch.linalg.vector_norm(six, 1, 2) / count
    squares = torch.linalg.vector_norm(six, 2, 2).square() / count
    colors = six[:, 3:]
    products = torch.matmul(colors, colors.transpose(1, 2)) / count
    pairs = torch.stack([products[:, i, (i + 1) % 3] for i in range(3)], 1)
    return torch.cat([magnitudes, squares, pairs], 1)


def _lags(rgb: Tensor) -> Tensor:
    """`[B, 3, 7]`."""
    planes = _planes(rgb)
    height, width = planes.shape[2:]
    found = []
    for down, right in LAGS:
        here, there = planes[..., : height - down, : width - right], planes[..., down:, right:]
        found.append((here * there).mean((2, 3)))
    return torch.stack(found, 2)
