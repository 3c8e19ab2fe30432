"""What every model wants done to an image first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


def normalize_imagenet(images: Tensor) -> Tensor:
    """RGB images 0..255, `[B, 3, H, W]` of any dtype -> float32, ImageNet mean and standard deviation taken out."""
    import torch  # the numbers above are also for programs that do without it

    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(-1, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=images.device).view(-1, 1, 1)
    return (images.float() - mean) / std
