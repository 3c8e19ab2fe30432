"""The one-stage video detector as mmengine trains it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor, nn

from heads.one_stage import dense_loss
from vision.errors import UsageError
from vision.models.training import Batch, built, stacked
from vision.models.video.checkpoint import start_from
from vision.models.video.network import MEMORY_LEVEL, VideoNetwork
from vision.models.video.roles import MODES, roles_of
from vision.models.video.streams import VideoStreams
from vision.structures.video import Detections


class VideoTrainer(BaseModel):
    """`VideoNetwork` under mmengine's Runner; the state dict is that of the network under `network.`.

    Args:
        network: arguments of `VideoNetwork`, or one.
        start: what the weights are at first: the name of a shipped model or a file, see `start_from`.
        train_memory_only: whether all but the memory stays as it is.
        mode: of testing, "causal" or "offline", as of `VideoDetector`.
        keys_per_frame: pixels drawn from each reference frame's map.
        data_preprocessor: passed to mmengine's `BaseModel`.
        init_cfg: passed to mmengine's `BaseModel`.
    """

    def __init__(
        self,
        network: nn.Module | dict[str, Any],
        train_memory_only: bool = False,
        start: str | Path | None = None,
        mode: str = "causal",
        keys_per_frame: int = 300,
        data_preprocessor: dict[str, Any] | nn.Module | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        made = built(network)
        assert isinstance(made, VideoNetwork)
        self.network: VideoNetwork = made
        if start is not None:
            start_from(made, start)
        if mode not in MODES:
            raise ValueError(f"mode must be 'causal' or 'offline', got {mode!r}")
        self.mode, self.keys_per_frame, self.train_memory_only = mode, keys_per_frame, train_memory_only
        self.streams = VideoStreams(self.network.new_memory)
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
        data_samples: Sequence[Any] = (),
        mode: str = "tensor",
    ) -> Any:
        """Clips of uint8 RGB frames `[B, T, 3, H, W]`, the key frame first; or frames to detect on.

        Args:
            inputs: the frames; of "predict" each a `[T, 3, H, W]` of its own size in blue, green, red, as mmdet loads.
            boxes: of each key frame, xyxy `[N, 4]`.
            labels: their classes `[N]`.
            ignored: regions of each key frame where nothing is known, `[K, 4]`.
            data_samples: of "predict": mmdet's TrackDataSamples, with `video_id` and `frame_id` of every frame.
            mode: "loss", "tensor" or "predict".

        Returns:
            "loss": the terms of `dense_loss`; "tensor": the head's output of the key frames;
            "predict": the samples of the key frames, each with `pred_instances` and `mode`.
        """
        if mode == "predict":
            return [self._watched(frames, sample) for frames, sample in zip(inputs, data_samples, strict=True)]
        clips = stacked(inputs)
        output = self._output(clips)
        if mode == "tensor":
            return output
        if mode == "loss":
            with torch.autocast(clips.device.type, enabled=False):
                return dense_loss(output, list(boxes), list(labels), list(ignored))
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")

    def train(self, mode: bool = True) -> VideoTrainer:
        """As torch's; what was seen with weights that are about to change is forgotten."""
        if mode and hasattr(self, "streams"):
            self.streams.clear()
        super().train(mode)
        return self

    def _watched(self, frames: Tensor, sample: Any) -> Any:
        """Detect on the key frames in the order in which they come, each with the memory of its video."""
        keys, references = roles_of(sample)
        for i in keys:
            known = sample[i].metainfo
            memory = self.streams.memory_of(known.get("video_id", 0), int(known["frame_id"]))
            if memory is not None and self.mode == "offline" and known["frame_id"] == 0:
                for reference in references:
                    self._detect(frames[reference], memory)
            found = self._detect(frames[i], memory)
            sample[i].pred_instances = InstanceData(
                bboxes=torch.from_numpy(found.boxes),
                scores=torch.from_numpy(found.scores),
                labels=torch.from_numpy(found.labels),
            )
            sample[i].set_metainfo({"mode": self.mode})
        return sample

    def _detect(self, frame: Tensor, memory: Any) -> Detections:
        return self.network.detect(frame.flip(0).permute(1, 2, 0).cpu().numpy(), memory)

    def _output(self, clips: Tensor) -> Any:
        count, frames = clips.shape[:2]
        levels = self.network.project(clips.flatten(0, 1).float())
        apart = [level.unflatten(0, (count, frames)) for level in levels]
        keys = None
        if self.network.memory is not None and frames == 1:
            if self.train_memory_only and self.training:
                raise UsageError(
                    "train_memory_only is set, and the clips have no reference frames to remember; "
                    "let the training data have num_refs from 1 on",
                    code="conflicting-arguments",
                    value=frames,
                )
            # Nothing to see; distributed training still finds every parameter in the graph.
            keys = levels[MEMORY_LEVEL].new_empty(0, levels[MEMORY_LEVEL].shape[1])
        elif self.network.memory is not None:
            # Random pixels of the whole references: keys of true boxes would tell the answer (see the paper's author).
            pixels = apart[MEMORY_LEVEL][:, 1:].flatten(3).transpose(2, 3).flatten(1, 2)
            wanted = min(self.keys_per_frame * (frames - 1), pixels.shape[1])
            keys = pixels[:, torch.randperm(pixels.shape[1], device=pixels.device)[:wanted]]
        return self.network.predict([level[:, 0] for level in apart], keys)
