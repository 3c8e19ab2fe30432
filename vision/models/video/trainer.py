"""The one-stage video detector as mmengine trains it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from heads.one_stage import dense_loss
from vision.models.training import Batch, built, stacked
from vision.models.video.network import MEMORY_LEVEL, VideoNetwork


class VideoTrainer(BaseModel):
    """`VideoNetwork` under mmengine's Runner; the state dict is that of the network under `network.`.

    Args:
        network: arguments of `VideoNetwork`, or one.
        train_memory_only: whether all but the memory stays as it is.
        keys_per_frame: pixels drawn from each reference frame's map.
        data_preprocessor: passed to mmengine's `BaseModel`.
        init_cfg: passed to mmengine's `BaseModel`.
    """

    def __init__(
        self,
        network: nn.Module | dict[str, Any],
        train_memory_only: bool = False,
        keys_per_frame: int = 300,
        data_preprocessor: dict[str, Any] | nn.Module | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.network = built(network)
        assert isinstance(self.network, VideoNetwork)
        self.keys_per_frame = keys_per_frame
        if train_memory_only:
            if self.network.memory is None:
                raise ValueError("train_memory_only is set, but the network has no memory")
            self.network.requires_grad_(False)
            self.network.memory.requires_grad_(True)

    def forward(
        self,
        inputs: Batch,
        boxes: Sequence[Tensor] = (),
        labels: Sequence[Tensor] = (),
        ignored: Sequence[Tensor] = (),
        mode: str = "tensor",
    ) -> Any:
        """Clips of uint8 RGB frames `[B, T, 3, H, W]`, the key frame first.

        Args:
            inputs: the frames.
            boxes: of each key frame, xyxy `[N, 4]`.
            labels: their classes `[N]`.
            ignored: regions of each key frame where nothing is known, `[K, 4]`.
            mode: "loss" or "tensor".

        Returns:
            "loss": the terms of `dense_loss`; "tensor": the head's output of the key frames.
        """
        clips = stacked(inputs)
        output = self._output(clips)
        if mode == "tensor":
            return output
        if mode == "loss":
            with torch.autocast(clips.device.type, enabled=False):
                return dense_loss(output, list(boxes), list(labels), list(ignored))
        raise ValueError(f"mode must be 'loss' or 'tensor', got {mode!r}")

    def _output(self, clips: Tensor) -> Any:
        count, frames = clips.shape[:2]
        assert isinstance(self.network, VideoNetwork)
        levels = self.network.project(clips.flatten(0, 1).float())
        apart = [level.unflatten(0, (count, frames)) for level in levels]
        keys = None
        if frames > 1 and self.network.memory is not None:
            # Random pixels of the whole references: keys of true boxes would tell the answer (see the paper's author).
            pixels = apart[MEMORY_LEVEL][:, 1:].flatten(3).transpose(2, 3).flatten(1, 2)
            wanted = min(self.keys_per_frame * (frames - 1), pixels.shape[1])
            keys = pixels[:, torch.randperm(pixels.shape[1], device=pixels.device)[:wanted]]
        return self.network.predict([level[:, 0] for level in apart], keys)
