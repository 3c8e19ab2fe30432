"""Detectors of mmdet configs on single frames of a stream, with the memory that they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from vision.checkpoint import load_strict, read_checkpoint
from vision.device import usable_device
from vision.engine.compat import MissingOpError
from vision.engine.config import load_config
from vision.engine.image_pipeline import image_steps, kind_of, names_and_colors, test_dataset
from vision.engine.openmmlab import build_model, registries_of, scope_of
from vision.engine.suite_runner import one_line
from vision.errors import UsageError
from vision.images import checked_array
from vision.layers import pack_for_inference
from vision.models.video.network import VideoNetwork
from vision.models.video.protocol import FrameDetector
from vision.structures.video import Detections

_META_KEYS = ("img_id", "ori_shape", "img_shape", "scale_factor", "flip", "flip_direction")
# Sides that detectors which are padded to one fixed size need multiples of.
_MULTIPLE = 32


def load_video_detector(
    config: str | Path, checkpoint: str | Path | None = None, device: str | torch.device = "cpu"
) -> FrameDetector:
    """A detector of any config of mmdet, or of a `VideoTrainer`, for the frames of a stream.

    A `VideoDetector` brings its memory; other detectors see every frame alone. Frames are prepared as the config's
    test data set says. Classes are those that the checkpoint was trained on, where it says so, else the data set's;
    those without a name go by their number.

    Args:
        config: path of the config.
        checkpoint: weights, read as tensors only and loaded strictly; None leaves them random.
        device: "cpu", "cuda", "cuda:1" ...

    Raises:
        UsageError: the config, the device or what the config describes cannot be used, or mmdet is not installed.
        CheckpointError: the weights are missing, unreadable or of another model.
    """
    device = usable_device(device)
    cfg = load_config(config)
    _check_scope(cfg)
    with one_line(cfg.filename):
        model = build_model(cfg)
    metadata: dict[str, Any] = {}
    if checkpoint is not None:
        state, metadata = read_checkpoint(checkpoint)
        load_strict(model, _state_for(model, state), checkpoint)
    network = getattr(model, "network", None)
    if isinstance(network, VideoNetwork):
        return network.eval().to(device)
    return ConfigDetector(cfg, model.to(device), device, _class_names(metadata.get("classes")))


class ConfigDetector:
    """`FrameDetector` of a model of mmdet, in the preparation of its config.

    Args:
        cfg: the config, of mmdet.
        model: the config's, on the device, in eval mode.
        device: where frames go.
        classes: names in the order of the labels; those of the config's test data set where there are none.

    Raises:
        UsageError: the model detects no boxes in single frames, or its test data set is missing or not registered.
    """

    def __init__(self, cfg: Any, model: nn.Module, device: torch.device, classes: tuple[str, ...] = ()) -> None:
        self.model: Any = model
        self._device, self._scope = device, scope_of(cfg)
        self._has_watch = hasattr(model, "watch") and hasattr(model, "new_memory")
        detector = self.model.detector if self._has_watch else self.model
        heads = _box_heads(detector)
        if not heads:
            raise UsageError(
                f"the config's model, a {type(detector).__name__}, detects no boxes in single frames; expected a "
                "detector of mmdet, or a VideoDetector around one",
                code="bad-config",
                value=type(detector).__name__,
            )
        # Alone: packed convolutions give channels-last maps, and heads of frameworks may `view` theirs.
        pack_for_inference(getattr(detector, "backbone", nn.Identity()))
        dataset = test_dataset(cfg)
        with registries_of(self._scope):
            names = list(classes) or names_and_colors(dataset)[0]
        count = max([len(names), *(int(getattr(head, "num_classes", 0)) for head in heads)])
        self.classes: tuple[str, ...] = (*names, *(f"class {label}" for label in range(len(names), count)))
        self._steps = _packed(image_steps(dataset.pipeline))
        self._pipelines: dict[int | None, Any] = {}

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Of the model, by which states of streams are told apart."""
        return dict(self.model.state_dict())

    def new_memory(self, seed: int = 0) -> Any:
        """The memory of a stream that begins; None where the model has none."""
        if not self._has_watch or not self.model.has_memory:
            return None
        return self.model.new_memory(seed)

    @torch.no_grad()
    def detect(self, frame: np.ndarray, memory: Any, max_size: int | None = None, threshold: float = 0.0) -> Detections:
        """Detect in a frame with what the memory holds, then add to it what the frame shows.

        Args:
            frame: uint8 RGB `[H, W, 3]`.
            memory: of the frame's stream, from `new_memory`.
            max_size: longest side in pixels that the network sees; None: as the config's test pipeline has it.
            threshold: least score, above what the config keeps.

        Raises:
            ImageError: the array is no image.
            UsageError: the model needs an op that mmcv lacks here.
        """
        with registries_of(self._scope):
            data = self._prepared(checked_array(frame, "frame"), max_size)
            try:
                found = self._found(data["inputs"], data["data_samples"], memory)
            except MissingOpError as error:
                raise UsageError(str(error), code="missing-package") from error
        parts = (found.bboxes.float(), found.scores.float(), found.labels.long())
        boxes, scores, labels = (part.cpu().numpy() for part in parts)
        order = np.argsort(-scores, kind="stable")
        return Detections(boxes, scores, labels).chosen(order[scores[order] >= threshold])

    def _found(self, image: torch.Tensor, sample: Any, memory: Any) -> Any:
        # Pipelines that do not resize leave it out.
        sample.set_metainfo({"scale_factor": sample.metainfo.get("scale_factor", (1.0, 1.0))})
        if not self._has_watch:
            batch = {"inputs": [image], "data_samples": [sample]}
            return self.model.test_step(batch)[0].pred_instances
        from mmdet.structures import TrackDataSample

        track = TrackDataSample()
        track.video_data_samples = [sample]
        data = self.model.data_preprocessor({"inputs": [image[None]], "data_samples": [track]}, False)
        return self.model.watch(data["inputs"][0], data["data_samples"][0][0], memory).pred_instances

    def _prepared(self, frame: np.ndarray, max_size: int | None) -> Any:
        """The frame through the config's pipeline, and through one of smaller images if it comes out too large."""
        # Pipelines take what OpenCV reads.
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        data = self._pipeline(None)({"img": image, "img_id": 0})
        if max_size is None or max(data["inputs"].shape[-2:]) <= max_size:
            return data
        return self._pipeline(max_size)({"img": image, "img_id": 0})

    def _pipeline(self, max_size: int | None) -> Any:
        if max_size not in self._pipelines:
            from mmengine.dataset import Compose

            steps = self._steps if max_size is None else _reduced(self._steps, max_size)
            self._pipelines[max_size] = Compose(steps)
        return self._pipelines[max_size]


def _check_scope(cfg: Any) -> None:
    kind = kind_of(cfg.model) if cfg.get("model") and "type" in cfg.model else ""
    if kind and "tracker" in cfg.model:  # building one may need packages that nothing here does
        raise UsageError(
            f"{cfg.filename} is of a tracker, {kind}; expected the config of its detector: tracking comes after it",
            code="bad-config",
            value=kind,
        )
    if scope_of(cfg) == "mmdet" or kind == "VideoTrainer":
        return
    raise UsageError(
        f"{cfg.filename} is no detector: default_scope is {scope_of(cfg)!r}; expected mmdet, or a model of type "
        "VideoTrainer",
        code="bad-config",
        value=scope_of(cfg),
    )


def _state_for(model: nn.Module, state: dict[str, Any]) -> dict[str, Any]:
    """Shipped files have the keys of the network that a `VideoTrainer` holds."""
    is_bare = isinstance(getattr(model, "network", None), VideoNetwork) and not any(
        key.startswith("network.") for key in state
    )
    return {f"network.{key}": value for key, value in state.items()} if is_bare else state


def _class_names(known: Any) -> tuple[str, ...]:
    """Names that a checkpoint says it has; none where it says none, or something else."""
    names = (known,) if isinstance(known, str) else known
    is_usable = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    return tuple(names) if is_usable else ()


def _box_heads(detector: Any) -> list[Any]:
    """Heads that give boxes their classes, of one stage or of two."""
    from mmdet.models.detectors.base import BaseDetector

    if not isinstance(detector, BaseDetector):
        return []
    owners = [(getattr(detector, "roi_head", None), "bbox_head"), (detector, "bbox_head"), (detector, "panoptic_head")]
    found = [head for owner, name in owners if (head := getattr(owner, name, None)) is not None]
    # Cascades have several.
    return [one for head in found for one in (head if isinstance(head, nn.ModuleList) else [head])]


def _packed(steps: list[Any]) -> list[Any]:
    """The steps with a packing at their end that is for one image."""
    kept = [step for step in steps if not kind_of(step).startswith("Pack")]
    return [*kept, {"type": "PackDetInputs", "meta_keys": _META_KEYS}]


def _reduced(steps: list[Any], max_size: int) -> list[Any]:
    """The steps for images of at most `max_size` pixels a side, but for what a padding adds."""
    resizing = [place for place, step in enumerate(steps) if "Resize" in kind_of(step)]
    keep_ratio = bool(steps[resizing[0]].get("keep_ratio", False)) if resizing else True
    smaller = {"type": "Resize", "scale": (max_size, max_size), "keep_ratio": keep_ratio}
    after = resizing[0] if resizing else 1  # after loading
    found = [*steps[:after], smaller]
    for place, step in enumerate(steps[after:], after):
        if place in resizing:
            continue
        if kind_of(step) == "Pad" and step.get("size") is not None:
            step = {**{name: value for name, value in step.items() if name != "size"}, "size_divisor": _MULTIPLE}
        found.append(step)
    return found
