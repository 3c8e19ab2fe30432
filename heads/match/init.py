"""First matches of two views, from the correlation of their coarsest features (MatchAttention, arXiv 2510.14260)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.match.norm import MatchNorm
from vision.layers.fields import pixel_grid
from vision.ops.common.precision import full_precision

_TAPS = 5  # of the blur and of the expectation


class InitialCorrelation(nn.Module):
    """Compares every pixel of one view with all it can match in the other; where it is most like, the field begins.

    Args:
        dim: channels of the features.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = MatchNorm(dim)
        self.q = nn.Linear(dim, dim, bias=False)
        self.k = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, stereo: bool) -> tuple[Tensor, Tensor]:
        """Features of both views `[2B, H, W, C]`, sides of at least 5 pixels.

        Returns:
            The field `[2B, H, W, 2]`, float32 at least, and the probabilities it comes from, `[2B, D, H, W]`: of
            disparity D = 0 .. W - 1 in stereo, of pixel D = 0 .. HW - 1 of the other view in flow.
        """
        first, second = self.norm(x).chunk(2)
        q, k = self.q(first), self.k(second)
        q, k = (t.to(torch.promote_types(t.dtype, torch.float32)) for t in (q, k))
        with full_precision(x.device.type):
            return match_rows(q, k) if stereo else match_anywhere(q, k)


def match_rows(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    """Field and probabilities of disparities, from features of left and right `[B, H, W, C]`."""
    w = q.shape[2]
    # Every pixel of a row against every pixel of the same row: the scaled product of attention.
    correlation = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)  # [B, H, W of the left, W of the right]
    x = torch.arange(w, device=q.device)
    x, d = x[:, None], x[None, :]
    volumes = []
    # From positions to disparities: the left view's pixel x matches x - d of the right, the right view's x + d.
    for volume, target, nearest in (
        (correlation, x - d, torch.maximum(x, d)),
        (correlation.transpose(-1, -2), x + d, torch.minimum(x, w - 1 - d)),
    ):
        inside = (target >= 0) & (target < w)
        # What lies outside keeps logit 0 in the softmax, and takes the probability of the last pixel that does not.
        logits = _pick(volume, x * w + target.clamp(0, w - 1)) * inside
        volumes.append(_pick(logits.softmax(-1), nearest * w + d))
    cv = torch.cat(volumes)  # [2B, H, W, D]
    # The mean over all disparities would lie between two similar places, so it is taken around the peak. The peak is
    # sought in a blurred copy, so that a lone high value does not win over a broad one, and kept two pixels from either
    # end, so that all taps are there. Its position has no gradient, the mean has one.
    blurred = F.avg_pool1d(cv.detach().flatten(0, 2), _TAPS, stride=1, padding=_TAPS // 2).view(cv.shape)
    peak = blurred.argmax(-1, keepdim=True).clamp(_TAPS // 2, w - 1 - _TAPS // 2)
    taps = peak + torch.arange(_TAPS, device=q.device) - _TAPS // 2
    disparity = _expectation(cv.gather(-1, taps), taps.unsqueeze(-1), w)
    left, right = disparity.chunk(2)
    disparity = torch.cat([-left, right])
    return torch.cat([disparity, torch.zeros_like(disparity)], dim=-1), cv.permute(0, 3, 1, 2)


def match_anywhere(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    """Field and probabilities of the other view's pixels, from features of both `[B, H, W, C]`.

    The published model blurs the matrix `[HW, HW]` as if it were an image; what comes after is ours, by analogy with
    rows: the peak is kept two pixels from the border, and the expectation is over the 5x5 pixels around it.
    """
    h, w, c = q.shape[1:]
    correlation = (q.flatten(1, 2) * c**-0.5) @ k.flatten(1, 2).transpose(-1, -2)  # [B, HW, HW]
    cv = torch.cat([correlation, correlation.transpose(-1, -2)]).softmax(-1)
    peak = F.avg_pool2d(cv.detach(), _TAPS, stride=1, padding=_TAPS // 2).argmax(-1, keepdim=True)
    tap = torch.arange(_TAPS, device=q.device) - _TAPS // 2
    y = peak // w
    # Not `peak % w`: torch cannot write that as ONNX where sides are open.
    x = (peak - y * w).clamp(_TAPS // 2, w - 1 - _TAPS // 2) + tap.repeat(_TAPS)
    y = y.clamp(_TAPS // 2, h - 1 - _TAPS // 2) + tap.repeat_interleave(_TAPS)
    displacement = torch.stack([x, y], dim=-1) - pixel_grid(h, w, x).view(-1, 1, 2)  # [2B, HW, taps, 2]
    field = _expectation(cv.gather(-1, y * w + x), displacement, h * w)
    return field.unflatten(1, (h, w)), cv.unflatten(1, (h, w)).permute(0, 3, 1, 2)


def _pick(x: Tensor, index: Tensor) -> Tensor:
    """`[B, H, W, W]` -> the same shape: its entries at `index` `[W, W]`, flat positions in the last two axes."""
    return x.flatten(-2).index_select(-1, index.flatten()).unflatten(-1, index.shape)


def _expectation(probability: Tensor, position: Tensor, count: int) -> Tensor:
    """Mean of positions `[..., taps, n]` -> `[..., n]`, without those below chance, 1 / count; 0 if none is left.

    `count` is of all positions there are.
    """
    weight = torch.where(probability < 1 / count, 0, probability).unsqueeze(-1)
    return (weight * position).sum(-2) / weight.sum(-2).clamp(min=1 / count)
