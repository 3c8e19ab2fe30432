"""The AI-image detector as mmengine trains it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from vision.models.training import Batch, built, stacked
from vision.normalize import normalize_imagenet


class ForgeryTrainer(BaseModel):
    """Backbone and head under mmengine's Runner; the state dict is that of `ForgeryNetwork`.

    Args:
        backbone: a module or its config.
        head: a module or its config.
        data_preprocessor: passed to mmengine's `BaseModel`.
        init_cfg: passed to mmengine's `BaseModel`.
    """

    def __init__(
        self,
        backbone: nn.Module | dict[str, Any],
        head: nn.Module | dict[str, Any],
        data_preprocessor: dict[str, Any] | nn.Module | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = built(backbone)
        self.head: Any = built(head)

    def forward(
        self,
        inputs: Batch,
        label: Tensor | Sequence[int] | None = None,
        source: Sequence[str] | None = None,
        path: Sequence[str] | None = None,
        mode: str = "tensor",
    ) -> Any:
        """uint8 RGB images, `[B, 3, H, W]` or a list of `[3, H, W]`; mmengine's modes.

        Returns:
            "loss": dict with `loss` and `accuracy`; "predict": a dict (logit, label, source, path) per image;
            "tensor": logits `[B]`.
        """
        images = stacked(inputs)
        features = self.backbone(normalize_imagenet(images))
        if mode == "loss":
            return self.head.loss(features, torch.as_tensor(label, device=images.device))
        logits = self.head(features).float()
        if mode == "tensor":
            return logits
        if mode == "predict":
            labels = [int(x) for x in label] if label is not None else [-1] * len(logits)
            names = source or [""] * len(logits)
            paths = path or [""] * len(logits)
            rows = zip(logits.tolist(), labels, names, paths, strict=True)
            return [dict(zip(("logit", "label", "source", "path"), row, strict=True)) for row in rows]
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")


# The name that configs and checkpoints of earlier versions know.
ForgeryDetector = ForgeryTrainer
