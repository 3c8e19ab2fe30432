"""Fits the layers that learn from an image's statistics: those never change, so that they are taken once."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from backbones.statistics import StatisticsNet
from heads import ForgeryHead


def fit_statistics(
    net: StatisticsNet,
    head: ForgeryHead,
    statistics: Tensor,
    labels: Tensor,
    chances: Tensor,
    steps: int = 2000,
    batch_size: int = 192,
    rate: float = 2e-3,
    decay: float = 0.3,
) -> None:
    """Standardize by these statistics, and train the layers and the head; both are in eval mode afterward.

    Args:
        net, head: what to train, in place.
        statistics: `[N, F]`, of `net.statistics`.
        labels: `[N]`, 0 for real and 1 for generated.
        chances: `[N]`, how likely each is drawn, up to a factor.
        steps, batch_size, rate, decay: of AdamW, with one cycle of the rate; torch's seed decides what is drawn.
    """
    variance, mean = torch.var_mean(statistics, 0, correction=0)
    net.standard.mean.copy_(mean)
    net.standard.variance.copy_(variance)
    standard = net.standard.eval()(statistics)
    parameters = [*net.layers.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    drawn = torch.multinomial(chances.double(), steps * batch_size, replacement=True).view(steps, batch_size)
    net.layers.train()
    head.train()
    for step, batch in enumerate(drawn):
        for group in optimizer.param_groups:
            group["lr"] = rate * one_cycle(step / steps)
        loss = head.loss([net.layers(standard[batch])[:, :, None, None]], labels[batch])["loss"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    net.eval()
    head.eval()


def one_cycle(progress: float, warm_up: float = 0.1) -> float:
    """Share of the highest rate: up over the first part, then down to nothing, both along a cosine."""
    if progress < warm_up:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / warm_up)) / 2
    return (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up))) / 2


def balanced_chances(sources: list[str], labels: Tensor, alpha: float = 0.5) -> Tensor:
    """How likely each image is drawn: both classes alike, a source by the root of its images or another power.

    Args:
        sources: one name per image.
        labels: `[N]`.
        alpha: exponent of a source's number of images, 0 for all sources alike and 1 for all images alike.
    """
    keys = list(zip(sources, labels.tolist(), strict=True))
    counts: dict[tuple[str, int], int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    chances = torch.tensor([counts[key] ** (alpha - 1) for key in keys], dtype=torch.float64)
    for label in labels.unique():
        chances[labels == label] /= chances[labels == label].sum()
    return chances
