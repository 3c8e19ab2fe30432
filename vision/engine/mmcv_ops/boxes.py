"""Suppression of boxes that overlap better ones; boxes are `[N, 4]` (x1, y1, x2, y2)."""

from __future__ import annotations

import torch
from torch import Tensor

from vision.engine.mmcv_ops.common import at_least_float32

OPS = ("nms", "nms_match", "softnms")

LINEAR, GAUSSIAN = 1, 2  # mmcv's numbers; 0 drops whatever overlaps


def nms(boxes: Tensor, scores: Tensor, *, iou_threshold: float, offset: int) -> Tensor:
    """Indices `[K]` of the boxes `[N, 4]` kept by non-maximum suppression, best score first.

    `offset` is added to the width and height of each box (mmcv: 1 for boxes that include their last pixel).
    """
    from torchvision.ops import nms as torchvision_nms

    # Moving the far corner by the offset gives the same widths, heights and intersections.
    boxes = at_least_float32(boxes) + boxes.new_tensor([0, 0, offset, offset])
    return torchvision_nms(boxes, scores.to(boxes.dtype), iou_threshold)


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    *,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Take the best box, lower the scores of those that overlap it, and again (arXiv 1704.04503).

    Fills the first K rows of `dets` `[N, 5]` with boxes and lowered scores, in the order in which they were taken, and
    returns their indices `[K]`. Boxes whose score falls below `min_score` are left out.
    """
    boxes, scores = at_least_float32(boxes), at_least_float32(scores).clone()
    left = torch.arange(len(boxes))
    taken = []
    while len(left):
        best = int(scores[left].argmax())
        index = left[best]
        taken.append(int(index))
        left = torch.cat([left[:best], left[best + 1 :]])
        overlap = _overlaps(boxes[index], boxes[left], offset)
        if method == GAUSSIAN:
            scores[left] *= torch.exp(-(overlap**2) / sigma)
        else:
            lowered = 1 - overlap if method == LINEAR else torch.zeros_like(overlap)
            scores[left] *= torch.where(overlap >= iou_threshold, lowered, torch.ones_like(overlap))
        left = left[scores[left] >= min_score]
    kept = torch.tensor(taken, dtype=torch.long)
    dets[: len(kept)] = torch.cat([boxes[kept], scores[kept, None]], 1)
    return kept


def nms_match(dets: Tensor, *, iou_threshold: float) -> list[list[int]]:
    """Groups of indices of `dets` `[N, 5]` (boxes and scores): a box that is kept, then those that it suppresses."""
    boxes, scores = dets[:, :4].float(), dets[:, 4]
    left = scores.argsort(descending=True, stable=True)
    groups = []
    while len(left):
        best, left = left[0], left[1:]
        matched = _overlaps(boxes[best], boxes[left], 0) >= iou_threshold
        groups.append([int(best), *left[matched].tolist()])
        left = left[~matched]
    return groups


def _overlaps(box: Tensor, others: Tensor, offset: int) -> Tensor:
    """Intersection over union of a box with others."""
    low, high = torch.maximum(box[:2], others[:, :2]), torch.minimum(box[2:], others[:, 2:])
    inner = (high - low + offset).clamp(min=0).prod(-1)
    areas = (others[:, 2:] - others[:, :2] + offset).prod(-1)
    return inner / ((box[2:] - box[:2] + offset).prod() + areas - inner)
