"""Task-aligned assignment (TOOD, arXiv 2108.07755) with quality scores, GIoU and distribution losses."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import box_iou, generalized_box_iou_loss

from heads.one_stage.head import DenseOutput

# Shares of the terms.
BOX_WEIGHT, SIDE_WEIGHT = 2.0, 0.25
# Points that a box may take, and the powers of score and overlap by which they are chosen.
TOP_POINTS, SCORE_POWER, IOU_POWER = 13, 1.0, 6.0
_TINY = 1e-9


class Assignment(NamedTuple):
    """What every point of one image is to answer.

    Attributes:
        quality: wanted score of each class, `[P, classes]`.
        box: index of the point's box, -1 for none, `[P]`.
        counts: whether the point's score is judged at all, `[P]`.
    """

    quality: Tensor
    box: Tensor
    counts: Tensor


def dense_loss(
    output: DenseOutput, boxes: list[Tensor], labels: list[Tensor], ignored: list[Tensor]
) -> dict[str, Tensor]:
    """Losses of a batch.

    Args:
        output: of the head.
        boxes: of each image, xyxy in pixels, `[N, 4]`.
        labels: their classes, `[N]`.
        ignored: regions where nothing is known, `[K, 4]`: points inside that no box takes are not judged.

    Returns:
        loss_score, loss_box and loss_side.
    """
    found = output.boxes()
    taken = [
        assign(output.logits[i].detach(), found[i].detach(), output.points, boxes[i], labels[i], ignored[i])
        for i in range(len(boxes))
    ]
    quality = torch.stack([one.quality for one in taken])
    counts = torch.stack([one.counts for one in taken])
    total = quality.sum().clamp(min=1.0)
    scores = F.binary_cross_entropy_with_logits(output.logits, quality, reduction="none").sum(-1)
    # Quality focal: the farther a score is from what is wanted, the more it weighs.
    focus = (output.logits.sigmoid().detach() - quality).abs().amax(-1).square()
    losses = {"loss_score": (scores * focus * counts).sum() / total}
    index = torch.stack([one.box for one in taken])
    where = index >= 0
    weight = quality.sum(-1)[where]
    wanted = torch.cat([boxes[i][index[i][index[i] >= 0]] for i in range(len(boxes))])
    overlap = generalized_box_iou_loss(found[where], wanted, reduction="none")
    losses["loss_box"] = BOX_WEIGHT * (overlap * weight).sum() / total
    place = where.nonzero()[:, 1]
    sides = _side_loss(output.sides[where], wanted, output.points[place], output.strides[place])
    losses["loss_side"] = SIDE_WEIGHT * (sides * weight).sum() / total
    return losses


@torch.no_grad()
def assign(logits: Tensor, found: Tensor, points: Tensor, boxes: Tensor, labels: Tensor, ignored: Tensor) -> Assignment:
    """Choose for every box the points inside it that do best already, by score and overlap together.

    Args:
        logits: `[P, classes]`.
        found: boxes of the points, `[P, 4]`.
        points: `[P, 2]`.
        boxes: of the image, `[N, 4]`.
        labels: `[N]`.
        ignored: `[K, 4]`.
    """
    quality = torch.zeros_like(logits)
    counts = ~_inside(points, ignored).any(1)
    if not len(boxes):
        return Assignment(quality, torch.full_like(counts, -1, dtype=torch.long), counts)
    overlap = box_iou(found, boxes)
    fit = logits.sigmoid()[:, labels] ** SCORE_POWER * overlap**IOU_POWER
    fit = fit * _inside(points, boxes)
    top = fit.topk(min(TOP_POINTS, len(points)), 0)
    chosen = torch.zeros_like(fit).scatter_(0, top.indices, 1.0).bool() & (fit > _TINY)
    # A box whose points all fail still takes its center's, so that it is learned at all.
    alone = ~chosen.any(0)
    if alone.any():
        chosen |= _nearest(points, boxes) & alone
    best, box = torch.where(chosen, overlap, -1.0).max(1)
    box = torch.where(best >= 0, box, -1)
    own = F.one_hot(box.clamp(min=0), len(boxes)).bool() & (box >= 0)[:, None]
    fit, overlap = torch.where(own, fit, 0.0), torch.where(own, overlap, 0.0)
    # A box's best point is to score as well as it overlaps, the others in proportion.
    share = fit / fit.amax(0).clamp(min=_TINY) * overlap.amax(0)
    wanted = share.sum(1)
    quality[box >= 0, labels[box[box >= 0]]] = wanted[box >= 0]
    return Assignment(quality, box, counts | (box >= 0))


def _inside(points: Tensor, boxes: Tensor) -> Tensor:
    """`[P, 2]`, `[N, 4]` -> `[P, N]`."""
    x, y = points[:, None].unbind(-1)
    return (x > boxes[:, 0]) & (y > boxes[:, 1]) & (x < boxes[:, 2]) & (y < boxes[:, 3])


def _nearest(points: Tensor, boxes: Tensor) -> Tensor:
    """The point nearest to each box's center, `[P, N]`."""
    distance = torch.cdist(points, (boxes[:, :2] + boxes[:, 2:]) / 2)
    return torch.zeros_like(distance).scatter_(0, distance.argmin(0, keepdim=True), 1.0).bool()


def _side_loss(sides: Tensor, wanted: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """Cross-entropy with the two bins beside each side's length, `[N, 4, bins]` -> `[N]`."""
    bins = sides.shape[-1]
    length = torch.cat((points - wanted[:, :2], wanted[:, 2:] - points), -1) / strides[:, None]
    length = length.clamp(0, bins - 1 - 1e-3)
    low = length.long()
    high_share = length - low
    log = F.log_softmax(sides, -1)
    low_log, high_log = (log.gather(-1, at[..., None]).squeeze(-1) for at in (low, low + 1))
    return -(low_log * (1 - high_share) + high_log * high_share).mean(-1)
