"""Match attention networks as mmengine trains them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from vision.models.stereo.loss import FieldTarget, MatchLoss, in_float32, make_target
from vision.models.stereo.network import OUTPUTS, match_views
from vision.models.stereo.sizes import MIN_SIZE, MULTIPLE
from vision.models.training import Batch, built, stacked


class StereoTrainer(BaseModel):
    """Encoder and decoder under mmengine's Runner; the state dict is that of `MatchStereo`.

    Args:
        encoder: a module or its config.
        decoder: a module or its config.
        stereo: whether matches lie in the same row.
        loss: arguments of `MatchLoss`.
        data_preprocessor: passed to mmengine's `BaseModel`.
        init_cfg: passed to mmengine's `BaseModel`.
    """

    def __init__(
        self,
        encoder: nn.Module | dict[str, Any],
        decoder: nn.Module | dict[str, Any],
        stereo: bool = True,
        loss: dict[str, Any] | None = None,
        data_preprocessor: dict[str, Any] | nn.Module | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = built(encoder)
        self.decoder = built(decoder)
        self.stereo = stereo
        self.criterion = MatchLoss(**(loss or {}))

    def forward(
        self,
        inputs: Batch,
        disparity: Batch | None = None,
        field: Batch | None = None,
        visible: Batch | None = None,
        path: Sequence[str] | None = None,
        scene: Sequence[str] | None = None,
        mode: str = "tensor",
    ) -> Any:
        """Pairs of uint8 RGB images, `[B, 2, 3, H, W]` or a list of `[2, 3, H, W]`, the left view first.

        Args:
            inputs: the images.
            disparity: truth of both views, positive pixels, NaN where unknown, `[B, 2, H, W]`.
            field: in its place the displacement (x, y) of every pixel, `[B, 2, H, W, 2]`.
            visible: 1 where the other view sees the same, 0 where it does not, NaN where unknown, `[B, 2, H, W]`.
            path: of each pair.
            scene: of each pair.
            mode: "loss", "tensor" or "predict".

        Returns:
            "loss": the terms of `MatchLoss`; "tensor": the dict of `MatchStereo`; "predict": one dict per pair, of the
            left view's arrays: disparity and truth (stereo) or flow and truth, visible, path, scene.
        """
        pairs = stacked(inputs)
        if mode == "tensor":
            found = self._match(pairs)
            return {key: found[key] for key in OUTPUTS}
        if mode == "loss":
            _check_size(*pairs.shape[-2:])
            target = make_target(disparity, field, visible)
            found = self._match(pairs)
            with torch.autocast(pairs.device.type, enabled=False):
                return self.criterion(in_float32(found), target, self.stereo)
        if mode == "predict":
            field_up = self._match(pairs)["field_up"][: len(pairs)].float().cpu().numpy()
            truth = make_target(disparity, field, visible)
            names = zip(path or [""] * len(pairs), scene or [""] * len(pairs), strict=True)
            return [_prediction(field_up[i], truth, i, self.stereo, *name) for i, name in enumerate(names)]
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")

    def _match(self, pairs: Tensor) -> dict[str, Any]:
        return match_views(self.encoder, self.decoder, pairs[:, 0].float(), pairs[:, 1].float(), self.stereo)


# The name that configs and checkpoints of earlier versions know.
StereoMatcher = StereoTrainer


def _check_size(height: int, width: int) -> None:
    """The truth of every layer is cut out of the whole, so that nothing may be added to the images."""
    if height % MULTIPLE or width % MULTIPLE or min(height, width) < MIN_SIZE:
        raise ValueError(
            f"training takes crops whose sides are multiples of {MULTIPLE} and at least {MIN_SIZE} pixels, "
            f"got {height} x {width}; set the size of RandomStereoCrop"
        )


def _prediction(
    found: np.ndarray, truth: FieldTarget, index: int, stereo: bool, path: str, scene: str
) -> dict[str, Any]:
    field, seen = truth.field[index].cpu().numpy(), truth.visible[index].cpu().numpy()
    visible = None if np.isnan(seen).all() else seen == 1
    named = {"visible": visible, "path": path, "scene": scene}
    if stereo:
        return {"disparity": -found[..., 0], "truth": -field[..., 0], **named}
    return {"flow": found, "truth": field, **named}
