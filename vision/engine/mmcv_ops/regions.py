"""Pooling of regions; `rois` are `[K, 5]` (image, x1, y1, x2, y2), features `[B, C, H, W]`, pooled `[K, C, h, w]`."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from vision.engine.mmcv_ops.common import at_least_float32

OPS = ("roi_align_backward", "roi_align_forward", "roi_pool_backward", "roi_pool_forward")

MAXIMUM = 0  # mmcv's number of the pooling; 1 is the average
NOWHERE = -2  # a coordinate from which no pixel is in reach


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill `output` from interpolated samples; of the maximum also `argmax_y`, `argmax_x`: where it was sampled."""
    from torchvision.ops import roi_align

    image = at_least_float32(input)
    rois, size = rois.to(image.dtype), (aligned_height, aligned_width)
    if pool_mode != MAXIMUM:
        output.copy_(roi_align(image, rois, size, spatial_scale, sampling_ratio, aligned))
        return
    output.zero_()
    for argmax in (argmax_y, argmax_x):
        argmax.fill_(NOWHERE)  # of a region without samples, which has no gradient either
    for some, grid in _grids(rois, size, spatial_scale, sampling_ratio, aligned):
        # One sample in the middle of every cell of a finer grid.
        fine = (size[0] * grid[0], size[1] * grid[1])
        samples = roi_align(image, rois[some], fine, spatial_scale, 1, aligned)
        bins = samples.unflatten(3, (size[1], grid[1])).unflatten(2, (size[0], grid[0])).movedim(3, 4).flatten(4)
        value, index = bins.max(-1)
        output[some] = value.to(output.dtype)
        start, step = _sampling(rois[some], fine, spatial_scale, aligned)
        shape = (1, 1, -1, 1), (1, 1, 1, -1)
        for axis, target in enumerate((argmax_y, argmax_x)):
            cell = index // grid[1] if axis == 0 else index % grid[1]
            cell = cell + torch.arange(size[axis], device=index.device).view(shape[axis]) * grid[axis]
            at = start[:, axis, None, None, None] + (cell + 0.5) * step[:, axis, None, None, None]
            target[some] = at.to(target.dtype)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill `grad_input` from `grad_output`."""
    import torchvision  # noqa: F401 - registers the op

    grad = at_least_float32(grad_output)
    if pool_mode == MAXIMUM:
        grad_input.copy_(_scattered(grad, rois, argmax_y, argmax_x, grad_input))
        return
    backward = torch.ops.torchvision._roi_align_backward
    size = (aligned_height, aligned_width, *grad_input.shape)
    grad_input.copy_(backward(grad, rois.to(grad.dtype), spatial_scale, *size, sampling_ratio, aligned))


def roi_pool_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    *,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Fill `output` with the largest pixel of every bin, 0 where a bin has none, and `argmax` with its place, or -1.

    torchvision's op of this name rounds the corners of a region first; mmcv's does not.
    """
    height, width = input.shape[-2:]
    places = torch.arange(height * width, device=input.device).view(height, width)
    for k, roi in enumerate(rois):
        scaled = (roi[1:] + roi.new_tensor([0, 0, 1, 1])) * spatial_scale
        x1, y1, x2, y2 = scaled.tolist()
        if x2 <= x1 or y2 <= y1:
            output[k], argmax[k] = 0, -1
            continue
        rows = _bin_pixels(y1, y2, pooled_height, height, input.device)
        columns = _bin_pixels(x1, x2, pooled_width, width, input.device)
        inside = rows[1][:, None, :, None] & columns[1][None, :, None, :]
        at = places[rows[0][:, None, :, None], columns[0][None, :, None, :]].flatten(2)
        pixels = input[int(roi[0])].flatten(1)[:, at].masked_fill(~inside.flatten(2), -torch.inf)
        value, index = pixels.max(-1)
        empty = ~inside.flatten(2).any(-1)
        found = at.expand(len(index), -1, -1, -1).gather(-1, index[..., None])[..., 0]
        output[k] = value.masked_fill(empty, 0)
        argmax[k] = found.masked_fill(empty, -1).to(argmax.dtype)


def roi_pool_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_input: Tensor,
    *,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Fill `grad_input`: every gradient goes to the pixel that was the largest."""
    channels, height, width = grad_input.shape[1:]
    image = rois[:, 0].long()[:, None, None, None] * channels + _channels(channels, argmax.device)
    index = image * (height * width) + argmax.clamp(min=0)
    given = torch.where(argmax >= 0, grad_output, torch.zeros_like(grad_output))
    flat = torch.zeros_like(grad_input).flatten()
    grad_input.copy_(flat.index_add_(0, index.flatten(), given.flatten().to(flat.dtype)).view_as(grad_input))


def _bin_pixels(start: float, stop: float, bins: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """For each bin of an axis the indices `[bins, longest]` of its pixels, and which of them are its own."""
    edges = start + torch.arange(bins + 1, dtype=torch.float64, device=device) * ((stop - start) / bins)
    first = edges[:-1].floor().clamp(0, size).long()
    last = edges[1:].ceil().clamp(0, size).long()
    at = first[:, None] + torch.arange(max(1, int((last - first).max())), device=device)
    return at.clamp(max=size - 1), at < last[:, None]


def _grids(
    rois: Tensor, size: tuple[int, int], scale: float, ratio: int, aligned: bool
) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """Regions by the rows and columns of samples in each of their bins."""
    extent = _extent(rois, scale, aligned)
    grid = torch.full_like(extent, ratio) if ratio > 0 else torch.ceil(extent / extent.new_tensor(size))
    for rows, columns in torch.unique(grid.long(), dim=0).tolist():
        some = ((grid[:, 0] == rows) & (grid[:, 1] == columns)).nonzero()[:, 0]
        if rows > 0 and columns > 0:  # nothing is sampled of a region without extent, whose output is 0
            yield some, (rows, columns)


def _extent(rois: Tensor, scale: float, aligned: bool) -> Tensor:
    """Height and width of regions on the features, `[K, 2]`."""
    extent = (rois[:, 3:] - rois[:, 1:3]).flip(-1) * scale
    return extent if aligned else extent.clamp(min=1)


def _sampling(rois: Tensor, fine: tuple[int, int], scale: float, aligned: bool) -> tuple[Tensor, Tensor]:
    """Where the cells of the finer grid begin and how large they are: y and x, `[K, 2]` each."""
    start = rois[:, 1:3].flip(-1) * scale - (0.5 if aligned else 0.0)
    return start, _extent(rois, scale, aligned) / rois.new_tensor(fine)


def _scattered(grad: Tensor, rois: Tensor, y: Tensor, x: Tensor, like: Tensor) -> Tensor:
    """Gradients `[K, C, h, w]` of samples at (y, x), handed to the four pixels that each was interpolated from."""
    channels, height, width = like.shape[1:]
    y, x = y.to(grad.dtype), x.to(grad.dtype)
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    grad = torch.where(inside, grad, torch.zeros_like(grad))
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = y.floor().long(), x.floor().long()
    image = rois[:, 0].long()[:, None, None, None] * channels + _channels(channels, grad.device)
    flat = grad.new_zeros(like.numel())
    for row, of_row in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, of_column in ((left, 1 - (x - left)), (left + 1, x - left)):
            index = (image * height + row.clamp(max=height - 1)) * width + column.clamp(max=width - 1)
            flat.index_add_(0, index.flatten(), (grad * of_row * of_column).flatten())
    return flat.view(like.shape)


def _channels(count: int, device: torch.device) -> Tensor:
    return torch.arange(count, device=device)[None, :, None, None]
