"""The video detector for CPUs: one stage, one class or many, with a memory of pixels (MAMBA, arXiv 2401.09923)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backbones.csp import CSPNet
from heads.memory import MemoryBank, PixelMemory, StreamMemory
from heads.one_stage import AdditivePyramid, DenseOutput, DistributionHead
from vision.models.hub import HubModel
from vision.models.video.arguments import checked_arguments
from vision.normalize import normalize_imagenet
from vision.structures.video import Detections

# What sides of the network's input are multiples of.
MULTIPLE = 32
# The pyramid's level that remembers: stride 16, from which the sums carry what it knows to the others.
MEMORY_LEVEL, MEMORY_STRIDE = 1, 16
# Nothing below it is ever an answer: thousands of points would only be compared with each other.
_LEAST_SCORE = 0.01

# What says that the network gave no numbers; compared with a threshold they would seem to be nothing found.
_UNDEFINED = Detections(np.full((1, 4), np.nan, np.float32), np.full(1, np.nan, np.float32), np.zeros(1, np.int64))


class VideoNetwork(HubModel):
    """Backbone, pyramid and head; between them the middle level is enhanced by pixels of earlier frames.

    Args:
        classes: names of the classes, in the order of the labels.
        channels: of the pyramid.
        widths, depths: of `backbones.CSPNet`.
        memory: arguments of `PixelMemory` and, under "bank", of `MemoryBank`; None for a network without memory.
        settings: of inference: `max_size` (longest side that the network sees), `nms` (overlap at which the weaker of
            two boxes goes), `write_threshold` (score from which a box is worth remembering).
        variant: its name, if it is one of those that have one.
    """

    pipeline = "object-detection"

    def __init__(
        self,
        classes: Sequence[str] = ("person",),
        channels: int = 128,
        widths: Sequence[int] = (32, 64, 128, 256),
        depths: Sequence[int] = (1, 2, 2, 3),
        memory: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        variant: str | None = None,
    ) -> None:
        super().__init__()
        # Not as the network will be: what it is made of.
        self.arguments = {"channels": channels, "widths": list(widths), "depths": list(depths), "memory": memory}
        self.classes = tuple(classes)
        self.variant = variant
        self.backbone = CSPNet(widths=widths, depths=depths)
        self.neck = AdditivePyramid(self.backbone.out_channels, channels)
        self.head = DistributionHead(len(self.classes), channels)
        arguments = dict(memory or {})
        self.bank: dict[str, Any] = arguments.pop("bank", {})
        self.memory = None if memory is None else PixelMemory(channels, **arguments)
        if self.memory is not None:
            # A memory begins by changing nothing, so that it can be added to a trained network.
            nn.init.zeros_(self.memory.layer.fc.weight)
            nn.init.zeros_(self.memory.layer.fc.bias)
        self.settings = {"max_size": 640, "nms": 0.6, "write_threshold": 0.4, **(settings or {})}

    def hub_config(self) -> dict[str, Any]:
        """Its arguments."""
        said = {"classes": list(self.classes), "settings": self.settings, "variant": self.variant}
        return {**said, **self.arguments}

    @classmethod
    def from_hub_config(cls, config: dict[str, Any], state: Mapping[str, Tensor]) -> VideoNetwork:
        """The network of these arguments, each within its range."""
        return cls(**checked_arguments(config))

    def project(self, images: Tensor) -> list[Tensor]:
        """RGB images 0 .. 255, `[B, 3, H, W]`, sides multiples of 32 -> the levels before memory."""
        weight = self.backbone.stem.weight
        images = normalize_imagenet(images).to(weight.dtype)
        return self.neck.project(self.backbone(images.contiguous(memory_format=torch.channels_last)))

    def predict(self, levels: Sequence[Tensor], keys: Tensor | None = None) -> DenseOutput:
        """Levels of `project` -> scores and boxes, the middle level enhanced by keys `[M, C]` or `[B, M, C]`."""
        levels = list(levels)
        if self.memory is not None and keys is not None:
            levels[MEMORY_LEVEL] = self.memory(levels[MEMORY_LEVEL], keys)
        return self.head(self.neck.aggregate(levels))

    def forward(self, images: Tensor, keys: Tensor | None = None) -> DenseOutput:
        """`project`, then `predict`."""
        return self.predict(self.project(images), keys)

    def new_memory(self, seed: int = 0) -> StreamMemory | None:
        """What a stream of frames begins with: nothing remembered; None for a network without memory."""
        return None if self.memory is None else StreamMemory(MemoryBank(**self.bank, seed=seed), ())

    @torch.inference_mode()
    def detect(
        self,
        frame: np.ndarray,
        memory: StreamMemory | None = None,
        max_size: int | None = None,
        threshold: float = 0.0,
    ) -> Detections:
        """Objects of one frame; the memory is read first, then written.

        Args:
            frame: uint8 RGB `[H, W, 3]`.
            memory: of the stream; None to see the frame alone.
            max_size: longest side that the network sees, at most as long as the frame's or the model's own; None for
                the model's own, which smaller frames are enlarged to.
            threshold: least score.
        """
        own = self.settings["max_size"]
        longest = own if max_size is None else min(max_size, max(own, *frame.shape[:2]))
        image, scale = self._input(frame, longest)
        levels = self.project(image)
        bank = None if memory is None or self.memory is None else memory.pixel
        keys = bank.sample() if bank is not None and len(bank) else None
        output = self.predict(levels, keys)
        if not bool(output.logits.isfinite().all()):
            return _UNDEFINED  # nothing of it is remembered
        lowest = threshold if bank is None else min(threshold, self.settings["write_threshold"])
        found = self._chosen(output, max(lowest, _LEAST_SCORE), image.shape[-2:])
        if bank is not None and self.memory is not None:
            sure = torch.from_numpy(found.boxes[found.scores >= self.settings["write_threshold"]])
            bank.update(
                self.memory.pixels_of_boxes(levels[MEMORY_LEVEL][0], sure, MEMORY_STRIDE, bank.generator("cpu"))
            )
        return _in_frame(found.chosen(found.scores >= threshold), scale, frame.shape[:2])

    def _input(self, frame: np.ndarray, longest: int) -> tuple[Tensor, tuple[float, float]]:
        """The frame resized and extended to multiples of 32, `[1, 3, H, W]`; the factors of its width and height."""
        height, width = frame.shape[:2]
        scale = longest / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        resized = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        device = self.backbone.stem.weight.device
        image = torch.from_numpy(np.ascontiguousarray(resized)).to(device).permute(2, 0, 1)[None].float()
        image = F.pad(image, (0, -size[0] % MULTIPLE, 0, -size[1] % MULTIPLE), value=114.0)
        return image, (size[0] / width, size[1] / height)

    def _chosen(self, output: DenseOutput, threshold: float, size: Sequence[int], most: int = 300) -> Detections:
        """Boxes that are sure enough and not the same as a surer one, in pixels of the network's input."""
        best = output.logits[0].sigmoid().max(-1)
        sure = (best.values >= threshold).nonzero()[:, 0]
        found = Detections(*(part[sure].cpu().numpy() for part in (output.boxes()[0], best.values, best.indices)))
        boxes = found.boxes.clip(0, [size[1], size[0], size[1], size[0]])
        # OpenCV's, as torchvision alone takes as long to import as torch.
        corners = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).astype(np.float64)
        keep = cv2.dnn.NMSBoxesBatched(corners, found.scores, found.labels, 0.0, self.settings["nms"])  # type: ignore[arg-type]
        order = np.asarray(keep, np.int64).reshape(-1)[:most]
        return found._replace(boxes=boxes).chosen(order)


def _in_frame(found: Detections, scale: tuple[float, float], size: tuple[int, int]) -> Detections:
    boxes = found.boxes / np.array([*scale, *scale], np.float32)
    limits = np.array([size[1], size[0], size[1], size[0]], np.float32)
    return found._replace(boxes=boxes.clip(0, limits).astype(np.float32))
