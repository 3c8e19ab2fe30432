"""Finds and tracks things in the frames of a video, one after another, with what earlier frames showed in memory."""

from __future__ import annotations

import time as clock
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from vision.apis.base import (
    ImageInput,
    Inferencer,
    autocast,
    check_least,
    check_precision,
    is_image,
    load_image,
    name_of,
    not_a_number,
)
from vision.apis.video.order import FrameOrder
from vision.apis.video.source import MAX_FPS, VideoFrame
from vision.apis.video.state import StreamOwner, checked_state, is_finite, moved, weights_digest
from vision.apis.video.tracking import LOW_SCORE, Tracker
from vision.device import usable_device
from vision.errors import UsageError, notice_of
from vision.images import MAX_PIXELS, ImageError
from vision.layers import pack_for_inference
from vision.models.table import VIDEO, find_model, require_model, require_weights
from vision.models.video.protocol import FrameDetector
from vision.models.video.roles import MODES
from vision.structures.video import NO_TRACK, Detections, VideoResult

DEFAULT_MODEL = "mamba_people_nano"
DEFAULT_THRESHOLD = 0.3
MIN_SIDE = 32  # what `max_size` may reduce frames to


Frame: TypeAlias = "ImageInput | VideoFrame"


class VideoInferencer(Inferencer["Frame", VideoResult]):
    """Finds things in the frames of one video, in their order, and follows them by the number of their track.

    ```python
    video = VideoInferencer()
    for frame in frames:                 # paths, or uint8 RGB arrays
        result = video.process(frame)    # boxes [N, 4] in pixels, scores, labels, track_ids
    video.reset()                        # before another video
    ```

    What is found in a frame depends on the frames before it, through the network's memory and through the tracks: the
    same frames with the same `seed` give the same results on the same machine. `process`, `stream` and a call go on
    where the last one stopped, until `reset`. A frame that cannot be used gives a result with `error` set, and the
    video goes on. `state` and `load_state` carry a video on in another process.

    Args:
        model: name of a model of the task "video".
        checkpoint: weights instead of the shipped ones.
        network: a detector with the interface of `vision.models.video.FrameDetector` instead of a named one. Modules
            of torch are put in eval mode, moved to the device, and packed (`vision.layers.pack_for_inference`).
        device: "cpu", "cuda", "cuda:1" ...; None takes CUDA when there is one.
        precision: "fp32", "bf16" or "fp16"; the last two by autocast.
        threshold: least score of what is reported; None is the model's own, 0.3 where it has none.
        classes: names of the classes to report; None reports all.
        max_size: longest side in pixels that the network sees; None as it was trained.
        track: number what is found; needs the packages of the extra `video`.
        mode: "causal" remembers past frames alone. "offline" begins with frames of the whole video in memory, see
            `remember`.
        seed: of the memory's choice of what to keep and to read.
        fps: frames per second that the tracks' patience is meant for: one second without the thing ends a track.
        max_pixels: refuse larger frames.

    Raises:
        UsageError: an argument outside its range, an unknown model, class or device, a model without weights, a
            package of the extra `video` that is not installed.
        vision.models.CheckpointError: the weights cannot be used.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        checkpoint: str | Path | None = None,
        network: FrameDetector | None = None,
        device: str | torch.device | None = None,
        precision: str = "fp32",
        threshold: float | None = None,
        classes: Sequence[str] | None = None,
        max_size: int | None = None,
        track: bool = True,
        mode: str = "causal",
        seed: int = 0,
        fps: float = 25.0,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        _check(precision, threshold, max_size, mode, fps, max_pixels)
        self.device = usable_device(device)
        self.model = model if network is None else type(network).__name__
        self.network = _ready(_named(model, checkpoint) if network is None else network, self.device)
        row = None if network is not None else find_model(model, VIDEO)
        own = DEFAULT_THRESHOLD if row is None else row.settings.get("threshold", DEFAULT_THRESHOLD)
        self.threshold: float = own if threshold is None else float(threshold)
        self.precision, self.max_size, self.mode, self.seed = precision, max_size, mode, seed
        self.max_pixels = max_pixels
        self.classes: tuple[str, ...] = tuple(self.network.classes)
        self._wanted = _places(classes, self.classes)
        self._tracker = Tracker(self.threshold, fps) if track else None
        self._digest: str | None = None
        self.reset()

    def reset(self) -> None:
        """Forget all frames: memory, tracks, numbers."""
        self._memory = self.network.new_memory(self.seed)
        if self.mode == "offline" and self._memory is None:
            message = f"mode is 'offline', but {self.model} remembers nothing; expected 'causal', or another network"
            raise UsageError(message, code="conflicting-arguments", value=self.mode)
        self._has_references = False
        self._order = FrameOrder()
        if self._tracker is not None:
            self._tracker.reset()

    def stream(self, frames: Frame | Iterable[Frame], /) -> Iterator[VideoResult]:
        """Results of frames, each as soon as it is there: paths, uint8 RGB arrays `[H, W, 3]`, or `VideoFrame`s.

        Raises:
            TypeError: what is no frame.
            UsageError: as `process`.
        """
        single = is_image(frames) or isinstance(frames, VideoFrame)
        items: Iterable[Any] = [frames] if single else frames  # type: ignore[assignment]
        for place, frame in enumerate(items):
            _check_frame(f"image {place}", frame)
            yield self.process(frame)

    def process(self, frame: Frame, time: float | None = None) -> VideoResult:
        """The result of the next frame.

        Args:
            frame: a path, a uint8 RGB array `[H, W, 3]` (also `[H, W]`, gray), or a `VideoFrame`, which brings its own
                number and time.
            time: of the frame in seconds, for the result, and to tell what is out of order.

        Raises:
            UsageError: the mode is "offline", and nothing was remembered.
            TypeError: it is no frame at all.
        """
        if self.mode == "offline" and not self._has_references:
            message = "mode is 'offline', but no frames are remembered; call remember with frames of the whole video"
            raise UsageError(message, code="no-references")
        number, path = self._order.next, None
        if isinstance(frame, VideoFrame):
            number, time, path = frame.number, frame.time if time is None else time, frame.path
            frame = frame.image
        _check_frame(f"frame {number}", frame)
        name = path or name_of(frame, f"frame {number}")
        result = VideoResult(name, number, time, classes=self.classes)
        found = Detections.none()
        try:
            image = self._read(frame, result.path)
        except ImageError as error:
            result.error = notice_of(error, error.reason)
            result.warnings += self._order.check(number, time, None)
        else:
            result.size = (image.shape[0], image.shape[1])
            result.warnings += self._order.check(number, time, result.size)
            found = self._detect(image, result)
        # Also for a frame without detections: time passes for the tracks.
        self._fill(result, found)
        return result

    def remember(self, frames: Iterable[Frame]) -> int:
        """Take frames into the memory before the video begins: of its whole length, `VideoFrames.references` has such.

        Returns:
            How many could be used.

        Raises:
            UsageError: the mode is not "offline", frames were processed already, or none can be used.
        """
        if self.mode != "offline" or self._order.next:
            why = f"mode is {self.mode!r}" if self.mode != "offline" else f"{self._order.next} frames were processed"
            message = (
                f"{why}; expected mode 'offline' and no frame yet, since what is remembered comes before all frames"
            )
            raise UsageError(message, code="conflicting-arguments", value=self.mode)
        used = 0
        for frame in frames:
            image = frame.image if isinstance(frame, VideoFrame) else frame
            try:
                used += self._run(self._read(image, "frame")) is not None
            except ImageError:
                continue
        if not used:
            raise UsageError("none of the frames to remember can be used", code="no-frames", value=0)
        self._has_references = True
        return used

    def state(self) -> dict[str, Any]:
        """All that the next frames depend on: memory, tracks, numbers, and whose they are.

        Tensors, numbers, texts, lists and dictionaries alone: `torch.save` writes it, and
        `torch.load(..., weights_only=True)` reads it. The model itself is not in it.
        """
        return {
            **self._owner().to_dict(),
            "memory": None if self._memory is None else self._memory.state_dict(),
            "has_references": self._has_references,
            "tracks": None if self._tracker is None else self._tracker.state(),
            "order": self._order.state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on as the inferencer did whose `state` it is; on an error all stays as it was.

        With the same arguments, the next frames give what they would have given there. Threshold, `classes` and
        `max_size` may differ; what they choose then holds from here on. If one of the two does not track, tracks begin
        anew.

        Raises:
            UsageError: of code "bad-state": it is damaged, or of another model, other classes or another mode.
        """
        parts = checked_state(state, self._owner())
        memory = self.network.new_memory(self.seed)
        with parts.loading("memory"):
            if (memory is None) != (state["memory"] is None):
                raise ValueError("of a network with a memory, or without one")
            if memory is not None:
                memory.load_state_dict(moved(state["memory"], self.device))
        with parts.loading("order"):
            order = FrameOrder.from_state(state["order"])
        with parts.loading("tracks"):
            if self._tracker is not None:
                self._tracker.load_state(state["tracks"])
        self._memory, self._order, self._has_references = memory, order, bool(state["has_references"])

    def _owner(self) -> StreamOwner:
        if self._digest is None:
            self._digest = weights_digest(self.network)
        return StreamOwner(self.model, self._digest, self.classes, self.mode)

    def _read(self, frame: ImageInput, name: str) -> np.ndarray:
        image = load_image(frame, name, self.max_pixels)
        pixels = image.shape[0] * image.shape[1]
        if pixels > self.max_pixels:
            reason = f"has {pixels:,} pixels; the limit is {self.max_pixels:,} (max_pixels)"
            raise ImageError(name, reason, code="too-many-pixels", value=pixels)
        return image

    def _detect(self, image: np.ndarray, result: VideoResult) -> Detections:
        began = clock.perf_counter()
        found = self._run(image)
        result.seconds = clock.perf_counter() - began
        if found is None:
            result.error = not_a_number(self.precision)
            return Detections.none()
        return found

    def _run(self, image: np.ndarray) -> Detections | None:
        """What the network finds, within the frame; None if it gave what is not a number."""
        # Below the threshold, too: a thing that is half hidden goes on with its track, but gets no new one.
        least = self.threshold if self._tracker is None else min(self.threshold, LOW_SCORE)
        with torch.no_grad(), autocast(self.device, self.precision):
            found = self.network.detect(image, self._memory, max_size=self.max_size, threshold=least)
        if not (np.isfinite(found.boxes).all() and np.isfinite(found.scores).all()):
            if self._memory is not None and not is_finite(self._memory.state_dict()):
                # It would spoil all frames to come.
                self._memory = self.network.new_memory(self.seed)
            return None
        return _within(found, image.shape[0], image.shape[1], least)

    def _fill(self, result: VideoResult, found: Detections) -> None:
        if self._wanted is not None:
            found = found.chosen(np.isin(found.labels, self._wanted))
        ids = np.full(len(found.boxes), NO_TRACK, np.int64)
        if self._tracker is not None:
            ids = self._tracker.update(found, result.size)
        keep = found.scores >= self.threshold
        result.boxes, result.scores, result.labels = found.chosen(keep)
        result.track_ids = ids[keep]


def _within(found: Detections, height: int, width: int, least: float) -> Detections:
    """Boxes cut to the frame, without empty ones, the highest score first."""
    boxes = np.asarray(found.boxes, np.float32).reshape(-1, 4).clip(0, [width, height, width, height])
    found = Detections(boxes, np.asarray(found.scores, np.float32), np.asarray(found.labels, np.int64))
    found = found.chosen((boxes[:, 2:] > boxes[:, :2]).all(1) & (found.scores >= least))
    return found.chosen(np.argsort(-found.scores, kind="stable"))


def _check_frame(name: str, frame: object) -> None:
    if not (is_image(frame) or isinstance(frame, VideoFrame)):
        message = f"{name} is a {type(frame).__name__}; expected a path, a uint8 RGB array or a VideoFrame"
        raise TypeError(message)


def _named(model: str, checkpoint: str | Path | None) -> FrameDetector:
    require_weights(model, checkpoint, VIDEO)
    return require_model(model, VIDEO).build(checkpoint)  # type: ignore[return-value]


def _ready(network: FrameDetector, device: torch.device) -> FrameDetector:
    if not isinstance(network, nn.Module):
        return network
    return pack_for_inference(network.eval().to(device))


def _places(names: Sequence[str] | None, known: tuple[str, ...]) -> list[int] | None:
    if names is None:
        return None
    if isinstance(names, str) or not names:
        raise UsageError(f"classes is {names!r}; expected a list of names", code="unknown-class", value=names)
    for name in names:
        if name not in known:
            message = f"the model knows no class {name!r}; expected some of {', '.join(known)}"
            raise UsageError(message, code="unknown-class", value=name)
    return [known.index(name) for name in names]


def _check(
    precision: str, threshold: float | None, max_size: int | None, mode: str, fps: float, max_pixels: int
) -> None:
    check_precision(precision)
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"threshold is {threshold}; expected 0 to 1", code="out-of-range", value=threshold)
    if max_size is not None:
        check_least(MIN_SIDE, "pixels", max_size=max_size)
    check_least(1, "pixels", max_pixels=max_pixels)
    if mode not in MODES:
        raise UsageError(f"mode is {mode!r}; expected one of {', '.join(MODES)}", code="out-of-range", value=mode)
    if not 0 < fps <= MAX_FPS:
        raise UsageError(f"fps is {fps}; expected more than 0, up to {MAX_FPS}", code="out-of-range", value=fps)
