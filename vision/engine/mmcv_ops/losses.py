"""The focal loss of independent classes (arXiv 1708.02002), which mmdet calls for tensors on a GPU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vision.engine.mmcv_ops.common import at_least_float32, gradients

OPS = ("sigmoid_focal_loss_backward", "sigmoid_focal_loss_forward")


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, *, gamma: float, alpha: float
) -> None:
    """Fill `output` `[N, C]` from logits `[N, C]` and classes `[N]`, where C means none; `weight` `[C]` or empty."""
    output.copy_(_loss(at_least_float32(input), target, weight, gamma, alpha))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, *, gamma: float, alpha: float
) -> None:
    """Fill `grad_input` `[N, C]` with the derivative of every loss."""
    ones = torch.ones_like(input)
    grad_input.copy_(gradients(lambda x: _loss(x, target, weight, gamma, alpha), (input,), ones)[0])


def _loss(logits: Tensor, target: Tensor, weight: Tensor, gamma: float, alpha: float) -> Tensor:
    classes = torch.arange(logits.shape[1], device=logits.device)
    positive = target[:, None] == classes
    p = logits.sigmoid()
    hit = alpha * (1 - p) ** gamma * F.logsigmoid(logits)
    miss = (1 - alpha) * p**gamma * F.logsigmoid(-logits)
    loss = -torch.where(positive, hit, miss)
    if not weight.numel():
        return loss
    known = (target >= 0) & (target < logits.shape[1])
    of_target = weight.to(loss.dtype)[target.clamp(0, logits.shape[1] - 1)]
    return loss * torch.where(known, of_target, torch.ones_like(of_target))[:, None]
