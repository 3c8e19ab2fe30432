"""Training loss of match attention networks. It is ours: the one of the published weights was not published.

Every layer gives a field, and each is supervised:

- Cross attention looks into the other view. It can find a match only where the other view sees the same point, so
  that its fields count where the point is visible. Asked for the rest, it would learn to guess from what it cannot see.
- Self attention carries what is known to pixels whose match is hidden, so that its fields count everywhere.
- Both views are matched by one network, so that their fields must agree: there and back again leads home.
- The initial correlation has no field worth a distance yet, but a distribution over disparities: cross-entropy
  tells it which bin is right, however far off it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vision.layers.fields import pixel_grid, round_trip, swap_views
from vision.models.training import Batch, stacked


class FieldTarget(NamedTuple):
    """What is known of both views, left then right.

    Args:
        field: displacement (x, y) in pixels to the other view, `[2B, H, W, 2]`; NaN where unknown.
        visible: 1 where the other view sees the same point, 0 where it does not, NaN where unknown, `[2B, H, W]`.
    """

    field: Tensor
    visible: Tensor

    @property
    def known(self) -> Tensor:
        """Where there is ground truth, `[2B, H, W]`."""
        return self.field.isfinite().all(-1)

    def at(self, height: int, width: int) -> FieldTarget:
        """The target at the resolution of a map, its field in that map's pixels: the middle of every block.

        The mean of a block would lie between near and far at the edges of things, where nothing is.
        """
        step_y, step_x = self.field.shape[1] // height, self.field.shape[2] // width
        middle = (slice(None), slice(step_y // 2, None, step_y), slice(step_x // 2, None, step_x))
        return FieldTarget(self.field[middle] / self.field.new_tensor([step_x, step_y]), self.visible[middle])


class MatchLoss:
    """The sum of all terms, of a decoder's output and a target.

    Args:
        decay: weight of a layer's fields relative to the next one's; the last has weight 1.
        initial_weight: of the cross-entropy of the initial correlation (stereo).
        self_weight: of the fields after self attention, relative to those after cross attention.
        consistency_weight: of the disagreement of the two views, see `consistency_error`.
    """

    def __init__(
        self,
        decay: float = 0.9,
        initial_weight: float = 2.0,
        self_weight: float = 0.5,
        consistency_weight: float = 0.05,
    ) -> None:
        if not 0 < decay <= 1:
            raise ValueError(f"decay must be in (0, 1], got {decay}")
        self.decay = decay
        self.initial_weight = initial_weight
        self.self_weight = self_weight
        self.consistency_weight = consistency_weight

    def __call__(self, output: dict[str, Any], target: FieldTarget, stereo: bool) -> dict[str, Tensor]:
        """Losses by name, to be added, and the mean end-point error of the result in pixels, `epe`.

        Args:
            output: of `MatchStereo.match`.
            target: of the whole images.
            stereo: whether `output` is of a network for stereo.
        """
        cross = [field_error(field, target, visible_only=True) for field in output["field_all"]]
        own = [field_error(field, target, visible_only=False) for field in output["field_self"]]
        full: Tensor = output["field_up"]
        losses = {
            "loss_final": field_error(full, target, visible_only=False),
            "loss_cross": self._weighted(cross),
            "loss_self": self.self_weight * self._weighted(own),
            "loss_consistency": self.consistency_weight * consistency_error(output["field_all"][-1], target),
        }
        if stereo and self.initial_weight:
            losses["loss_initial"] = self.initial_weight * initial_error(output["init_cv"], target)
        losses["epe"] = masked_mean((full.detach() - torch.nan_to_num(target.field)).norm(dim=-1), target.known)
        return losses

    def _weighted(self, errors: Sequence[Tensor]) -> Tensor:
        """Mean of what layers give, the last with the largest weight.

        Early layers are supervised, too, since later ones only refine what they find; but they work on coarse maps and
        need not be right to the pixel, so that their weight decays backward, as RAFT's (arXiv 2003.12039) does.
        """
        weights = torch.tensor([self.decay**i for i in reversed(range(len(errors)))], device=errors[0].device)
        return (torch.stack(tuple(errors)) * weights).sum() / weights.sum()


def make_target(disparity: Batch | None, field: Batch | None, visible: Batch | None) -> FieldTarget:
    """The truth of all views, those of all left images first, of a batch as data sets give it.

    Args:
        disparity: of both views, positive pixels, NaN where unknown, `[B, 2, H, W]`.
        field: in its place the displacement (x, y) of every pixel, `[B, 2, H, W, 2]`.
        visible: 1 where the other view sees the same, 0 where it does not, NaN where unknown, `[B, 2, H, W]`.

    Raises:
        ValueError: there is neither disparity nor field.
    """
    if field is None:
        if disparity is None:
            raise ValueError(
                "training takes `disparity` or `field` of every pair; does the data set have ground truth?"
            )
        shift = stacked(disparity)
        shift = shift * shift.new_tensor([-1.0, 1.0]).view(2, 1, 1)
        truth = torch.stack([shift, shift * 0], dim=-1)
    else:
        truth = stacked(field)
    seen = truth.new_full(truth.shape[:-1], torch.nan) if visible is None else stacked(visible)
    return FieldTarget(truth.transpose(0, 1).flatten(0, 1), seen.transpose(0, 1).flatten(0, 1))


def in_float32(found: dict[str, Any]) -> dict[str, Any]:
    """An output with every tensor in float32, as losses of pixels beyond 256 need."""
    return {
        name: [each.float() for each in value] if isinstance(value, list) else value.float()
        for name, value in found.items()
    }


def field_error(field: Tensor, target: FieldTarget, visible_only: bool) -> Tensor:
    """Mean cost of a field `[2B, h, w, 2]` of any resolution.

    The cost of an L1 distance e in pixels of the whole image is 2 (sqrt(1 + e) - 1): e where it is small, 2 sqrt(e)
    where it is large. A plain distance would let the few pixels that are a hundred off, on coarse maps and on what
    nobody can match, outweigh all that are nearly right; and unlike a clipped one it never stops pulling.

    Args:
        field: of any resolution, in pixels of its own map.
        target: of the whole images.
        visible_only: leave out what the other view does not see; where that is not known, pixels count.
    """
    small = target.at(*field.shape[1:3])
    scale = target.field.shape[2] / field.shape[2]
    distance = (field - torch.nan_to_num(small.field)).abs().sum(-1) * scale
    counts = small.known & (small.visible != 0) if visible_only else small.known
    return masked_mean(2 * ((1 + distance).sqrt() - 1), counts)


def initial_error(volume: Tensor, target: FieldTarget) -> Tensor:
    """Cross-entropy of the initial disparity distribution `[2B, D, h, w]`, between the two bins next to the truth.

    Bins are whole pixels of the coarsest map, 32 of the image: a truth between two of them is shared by nearness.
    """
    small = target.at(*volume.shape[-2:])
    disparity = torch.nan_to_num(small.field[..., 0].abs())
    counts = small.known & (small.visible != 0) & (disparity < volume.shape[1] - 1)
    below = disparity.floor().clamp(0, volume.shape[1] - 2)
    share = (disparity - below).clamp(0, 1)
    bins = torch.stack([below, below + 1], dim=1).long()
    probability = volume.gather(1, bins)
    # Of the mixture, not the mean of two logarithms: mass on either side of the truth is right.
    probability = (1 - share) * probability[:, 0] + share * probability[:, 1]
    return masked_mean(-(probability + 1e-6).log(), counts)


def consistency_error(field: Tensor, target: FieldTarget) -> Tensor:
    """Mean L1 distance in pixels of the map between visible pixels and where the way there and back leads them.

    Where a point is hidden the way back starts from what hides it, so that only pixels known to be visible count.
    """
    h, w = field.shape[1:3]
    small = target.at(h, w)
    # The way there is the truth, not what was found: there the mask is right, and both fields are pulled to the same
    # point. If a field were sampled where it leads itself, the two could agree on a common mistake.
    goal = pixel_grid(h, w, small.field) + torch.nan_to_num(small.field)
    last = goal.new_tensor([max(w - 1, 1), max(h - 1, 1)])
    error = round_trip(field, swap_views(field), goal, last)
    inside = ((goal >= 0) & (goal <= last)).all(-1)
    return masked_mean(error, small.known & (small.visible == 1) & inside)


def masked_mean(values: Tensor, counts: Tensor) -> Tensor:
    """Mean over the elements that count, 0 where none does."""
    return torch.where(counts, values, 0).sum() / counts.sum().clamp(min=1)
