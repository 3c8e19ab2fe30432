"""Any timm model as an image classifier that mmengine trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor
from torch.nn import functional as F

from backbones.checkpoint import load_backbone
from vision.models.timm_names import build_timm_model
from vision.models.training import Batch, stacked


class TimmClassifier(BaseModel):
    """A timm model with its loss under mmengine's Runner; NAT, DiNAT and DiNAT_s are timm models, too.

    Args:
        model_name: name for `timm.create_model`.
        num_classes: classes to tell apart.
        model_args: further arguments of `timm.create_model`, such as `dict(drop_path_rate=0.1)`.
        checkpoint: weights to start from, a local file of any flavor that `backbones.checkpoint` knows; its head is
            left out when it has another number of classes.
        mixup: arguments of `timm.data.Mixup`, such as `dict(mixup_alpha=0.8, cutmix_alpha=1.0)`; None for no mixing.
        label_smoothing: share of the target that is spread over all classes.
        data_preprocessor: passed to mmengine's `BaseModel`.
        init_cfg: passed to mmengine's `BaseModel`.

    Raises:
        UsageError: timm knows no model of that name.
    """

    def __init__(
        self,
        model_name: str,
        num_classes: int = 1000,
        model_args: dict[str, Any] | None = None,
        checkpoint: str | None = None,
        mixup: dict[str, Any] | None = None,
        label_smoothing: float = 0.1,
        data_preprocessor: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = build_timm_model(model_name, num_classes=num_classes, **(model_args or {}))
        self.checkpoint = checkpoint
        self.label_smoothing = label_smoothing
        self.mixup = None
        if mixup is not None:
            from timm.data import Mixup

            self.mixup = Mixup(num_classes=num_classes, label_smoothing=label_smoothing, **mixup)

    def init_weights(self) -> None:
        """Load `checkpoint`; mmengine calls this before training."""
        super().init_weights()
        if self.checkpoint is None:
            return
        load_backbone(self.backbone, self.checkpoint)

    def forward(self, inputs: Batch, label: Tensor | Sequence[int] | None = None, mode: str = "tensor") -> Any:
        """Normalized images, `[B, 3, H, W]` or a list of `[3, H, W]`, with labels `[B]`; mmengine's modes.

        Returns:
            "loss": dict with `loss`, and `accuracy` where labels are not mixed; "predict": a dict (scores `[classes]`,
            label) per image; "tensor": logits `[B, classes]`.
        """
        images = stacked(inputs)
        labels = None if label is None else torch.as_tensor(label, device=images.device)
        if mode == "loss":
            if labels is None:
                raise ValueError("mode 'loss' needs labels")
            return self._loss(images, labels)
        logits = self.backbone(images).float()
        if mode == "tensor":
            return logits
        if mode == "predict":
            known = [-1] * len(images) if labels is None else labels.tolist()
            return [{"scores": s, "label": int(i)} for s, i in zip(logits.softmax(-1), known, strict=True)]
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")

    def _loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        if self.mixup is None or len(images) == 1:
            logits = self.backbone(images).float()
            accuracy = (logits.detach().argmax(-1) == labels).float().mean()
            return {"loss": F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing), "accuracy": accuracy}
        if len(images) % 2:
            images, labels = images[:-1], labels[:-1]  # pairs are mixed
        mixed, targets = self.mixup(images, labels)
        return {"loss": F.cross_entropy(self.backbone(mixed).float(), targets)}
