"""Displacement fields of both views as arrays: changing their size, and how well the two agree.

A field is float32 `[2, H, W, C]`, in pixels: of the left view (pixel p goes to p + field), then of the right view.
C is 1 (x) for stereo and 2 (x, y) for flow. The left field is the negative disparity, as what is near lies further to
the left in the right view. One form for both tasks: disparities are made of it only in the result.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vision.layers.fields import pixel_grid, round_trip

# Of the way to the other view and back, in pixels, or as a share of the displacement where that is more.
TOLERANCE = 2.0
RELATIVE_TOLERANCE = 0.01
# How many rows are looked at in one go: the coordinates of a large image, all at once, take more than its fields.
_ROWS = 256


def to_network(field: np.ndarray, device: torch.device) -> Tensor:
    """`[2, H, W, C]` -> `[2, H, W, 2]`, y = 0 for stereo."""
    tensor = torch.from_numpy(np.ascontiguousarray(field))
    return F.pad(tensor, (0, 2 - tensor.shape[-1])).to(device)


def from_network(field: Tensor, is_flow: bool) -> np.ndarray:
    """`[2, H, W, 2]` of any dtype and device -> `[2, H, W, C]`."""
    return np.ascontiguousarray(field.float().cpu().numpy()[..., : 2 if is_flow else 1])


def resized(field: np.ndarray, height: int, width: int) -> np.ndarray:
    """The field of scaled images: interpolated, and its values scaled alike, as they count pixels."""
    if field.shape[1:3] == (height, width):
        return field
    factors = (width / field.shape[2], height / field.shape[1])
    out = np.empty((2, height, width, field.shape[3]), np.float32)
    for view in range(2):
        for channel in range(field.shape[3]):
            values = np.ascontiguousarray(field[view, :, :, channel])
            out[view, :, :, channel] = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
            out[view, :, :, channel] *= factors[channel]
    return out


def agreement(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How well the way to the other view and back returns to its start.

    miss = |f(p) + g(p + f(p))|_1 with the other view's field g (bilinear, zero outside of it): the rule by which the
    model itself decides what is occluded. tolerance = max(2 pixels, 1 % of |f|_1), as errors grow with disparities.

    Returns:
        Confidence 1 / (1 + (miss / tolerance)^2), float32 `[2, H, W]`, and occlusion, miss >= tolerance, bool
        `[2, H, W]`.
    """
    confidence = np.empty(field.shape[:3], np.float32)
    occlusion = np.empty(field.shape[:3], bool)
    height, width = field.shape[1:3]
    last = torch.tensor([max(width - 1, 1), max(height - 1, 1)])
    for view in range(2):
        own, other = torch.from_numpy(field[view]), torch.from_numpy(field[1 - view])
        for top in range(0, height, _ROWS):
            part = own[top : top + _ROWS]
            goal = pixel_grid(len(part), width, part) + F.pad(part, (0, 2 - part.shape[-1])) + torch.tensor([0, top])
            miss = round_trip(part[None], other[None], goal[None], last)[0]
            tolerance = (RELATIVE_TOLERANCE * part.abs().sum(-1)).clamp_min(TOLERANCE)
            confidence[view, top : top + _ROWS] = 1 / (1 + (miss / tolerance) ** 2)
            occlusion[view, top : top + _ROWS] = miss >= tolerance
    return confidence, occlusion
