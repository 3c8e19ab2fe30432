"""Logits of windows by PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from vision.apis.base import autocast
from vision.device import usable_device
from vision.layers import pack_for_inference
from vision.models.forgery.calibration import ForgeryCalibration
from vision.normalize import normalize_imagenet


class TorchRuntime:
    """A network in eval mode, packed, on its device.

    Args:
        network: with `logits` and `calibration`; None builds the named one.
        model, checkpoint, foundation: of `vision.models.forgery_detector`.
        device: None takes CUDA when there is one.
        precision: "fp32", "bf16" or "fp16".

    Raises:
        UsageError: an unknown model or device.
        vision.models.CheckpointError: the weights cannot be used.
    """

    def __init__(
        self,
        network: nn.Module | None,
        model: str,
        checkpoint: str | Path | None,
        foundation: str | Path | None,
        device: str | torch.device | None,
        precision: str,
    ) -> None:
        self.device, self.precision = usable_device(device), precision
        if network is None:
            from vision.models.forgery.network import forgery_detector

            network = forgery_detector(model, checkpoint, foundation)
        self.network = pack_for_inference(network.eval().to(self.device))
        self.calibration: ForgeryCalibration = network.calibration  # type: ignore[assignment]  # nn.Module types it as Tensor
        backbone = getattr(network, "backbone", None)
        # Sides of the windows of small images and of large ones; None where they are cut as all others are.
        self.least_size: int | None = getattr(backbone, "least_size", None)
        self.large_size: int | None = getattr(backbone, "large_size", None)

    @torch.inference_mode()
    def logits(self, windows: np.ndarray) -> np.ndarray:
        """Windows uint8 `[B, H, W, 3]` -> float32 `[B]`."""
        # [B, H, W, 3] -> [B, 3, H, W] without moving anything: the memory stays channels-last.
        images = normalize_imagenet(torch.from_numpy(windows).to(self.device).permute(0, 3, 1, 2))
        with autocast(self.device, self.precision):
            return self.network.logits(images).float().cpu().numpy()  # type: ignore[operator]
