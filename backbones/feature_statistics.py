"""What two layers learn from how the features of a classifier of objects are distributed over an image."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from backbones.efficientnet_lite import STAGES, EfficientNetLite
from backbones.statistics import StatisticsNet
from vision.checkpoint import CheckpointError, load_strict, read_checkpoint
from vision.normalize import IMAGENET_MEAN, IMAGENET_STD

# Windows this large are of photographs of many megapixels; their halves look as the images of the training do.
LARGE = 384
FIRST_STAGE = 1  # the first stage, of edges at half size, made held-out generators harder to tell
PREFIX = "backbone.features.trunk."


class FeatureStatisticsNet(StatisticsNet):
    """Mean and deviation of the maps of a frozen EfficientNet-Lite0, standardized, then two layers.

    Args:
        hidden, dropout: of `StatisticsNet`.
    """

    def __init__(self, hidden: int = 128, dropout: float = 0.4) -> None:
        super().__init__(2 * sum(stage[-1] for stage in STAGES[FIRST_STAGE:]), hidden, dropout)
        self.trunk = EfficientNetLite().requires_grad_(False)

    def load_trunk(self, path: str | Path) -> None:
        """Take the frozen weights of a file: of a detector that has this branch, or of the converting tool.

        Args:
            path: the file; a bare name that is none here is that of weights which ship with the package.

        Raises:
            CheckpointError: the file cannot be used, or has none.
        """
        if next(self.trunk.parameters()).is_meta:
            return  # shapes are all that is asked for
        if not Path(path).exists() and Path(path).name == str(path):
            path = Path(str(files("vision") / "weights" / str(path)))
        state = read_checkpoint(path)[0]
        found = {key.removeprefix(PREFIX): value for key, value in state.items() if key.startswith(PREFIX)}
        if not found:
            raise CheckpointError(f"{path} has no values whose name begins with {PREFIX}")
        load_strict(self.trunk, found, path)

    @torch.no_grad()
    def statistics(self, x: Tensor) -> Tensor:
        """Images `[B, 3, H, W]` -> `[B, inputs]`; of large ones those of half their size."""
        if min(x.shape[2:]) >= LARGE:
            x = F.avg_pool2d(x, 2)
        mean = torch.tensor(IMAGENET_MEAN, device=x.device).view(-1, 1, 1)
        std = torch.tensor(IMAGENET_STD, device=x.device).view(-1, 1, 1)
        found = []
        for map_ in self.trunk(x * (std / 128) + (mean - 127) / 128)[FIRST_STAGE:]:
            variance, middle = torch.var_mean(map_.float(), (2, 3), correction=0)
            found += [middle, variance.clamp_min(0).sqrt()]
        return torch.cat(found, 1)
