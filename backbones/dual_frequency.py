"""DFFreq: a dual-frequency block before a truncated ResNet-50 (arXiv 2501.15253)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vision.layers.frequency import DualFrequencyBlock
from vision.layers.residual import NUM_FILTERS, high_pass_residuals
from vision.normalize import IMAGENET_STD

LEAST_SIDE = 192  # of images that are halved


class DualFrequencyNet(nn.Module):
    """Dual-frequency block on the image, then the first two stages of a bottleneck ResNet.

    Args:
        in_chans: channels of the image.
        width: channels of the stem; stages have `4 * width` and `8 * width`.
        depths: bottlenecks of each stage.
        wavelet: orthogonal PyWavelets wavelet of the wavelet branch.
        dwt_weight: share of the wavelet branch in the fusion.
        residual: work on high-pass residuals instead of the image, so that content cannot be learned: the block sees
            the square residual of each channel, the trunk all residuals beside the block's output. Not in the paper.
        pool: pooling of the stem, "max" as published or "avg", which keeps what all pixels say.
        halve: look at images at half their size, but for those with a side below 192, which would leave too little.
            What survives JPEG and resizing is there. Not in the paper.
        native_prob: with `halve`, share of training batches of which a corner is seen at full size instead, so that
            small images are known as well.
    """

    def __init__(
        self,
        in_chans: int = 3,
        width: int = 64,
        depths: tuple[int, ...] = (3, 4),
        wavelet: str = "haar",
        dwt_weight: float = 0.6,
        residual: bool = False,
        pool: str = "max",
        halve: bool = False,
        native_prob: float = 0.35,
    ) -> None:
        super().__init__()
        if pool not in ("max", "avg"):
            raise ValueError(f"pool must be 'max' or 'avg', got {pool!r}")
        self.residual = residual
        self.pool = pool
        self.halve = halve
        self.native_prob = native_prob
        self.frequency = DualFrequencyBlock(in_chans, wavelet, dwt_weight)
        stem_chans = in_chans * (1 + NUM_FILTERS) if residual else in_chans
        self.conv1 = nn.Conv2d(stem_chans, width, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        self.stages: list[str] = []
        for i, depth in enumerate(depths):
            self.add_module(f"layer{i + 1}", _stage(channels, width * 2**i, depth, stride=1 if i == 0 else 2))
            self.stages.append(f"layer{i + 1}")
            channels = 4 * width * 2**i
        self.num_features = channels
        self.init_weights()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """ImageNet-normalized images `[B, 3, H, W]`, sides multiples of 4 -> feature maps at stride 4, 8, ..."""
        # Half precision would round away the very traces that are looked for.
        with torch.autocast(x.device.type, enabled=False):
            x = self._halved(x) if self.halve else x
            x = self._with_residuals(x) if self.residual else self.frequency(x)
        return self.forward_trunk(x)

    def forward_trunk(self, x: Tensor) -> tuple[Tensor, ...]:
        """The truncated ResNet alone."""
        x = x.contiguous(memory_format=torch.channels_last)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, padding=1) if self.pool == "max" else F.avg_pool2d(x, 2)
        features = []
        for name in self.stages:
            x = getattr(self, name)(x)
            features.append(x)
        return tuple(features)

    def _halved(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        if min(height, width) < LEAST_SIDE:
            return x
        x = x[..., : height // 8 * 8, : width // 8 * 8]  # halves are multiples of 4, too
        if self.training and float(torch.rand(())) < self.native_prob:
            return x[..., : height // 8 * 4, : width // 8 * 4]
        return F.avg_pool2d(x, 2)

    def _with_residuals(self, x: Tensor) -> Tensor:
        levels = x * torch.tensor(IMAGENET_STD, dtype=x.dtype, device=x.device).view(-1, 1, 1)
        residuals = high_pass_residuals(levels)
        return torch.cat([residuals, self.frequency(residuals[:, -x.shape[1] :])], dim=1)

    def init_weights(self) -> None:
        """Kaiming normal, fan out, for the trunk's convolutions; the attention keeps PyTorch's defaults."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and not name.startswith("frequency"):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class Bottleneck(nn.Module):
    """ResNet bottleneck 1x1, 3x3 (strided), 1x1, with a projected shortcut where shapes differ."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        out_channels = width * self.expansion
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            projection = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        return F.relu(self.bn3(self.conv3(x)) + shortcut, inplace=True)


def _stage(in_channels: int, width: int, depth: int, stride: int) -> nn.Sequential:
    first = Bottleneck(in_channels, width, stride)
    rest = [Bottleneck(width * Bottleneck.expansion, width) for _ in range(depth - 1)]
    return nn.Sequential(first, *rest)
