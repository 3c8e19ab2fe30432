"""What detects things in frames, as inferencers know it: a network of ours, or one of mmdet behind the same names."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from vision.structures.video import Detections


class StreamState(Protocol):
    """What one stream of frames remembers; `heads.memory.StreamMemory` is one."""

    def reset(self) -> None:
        """Forget all."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and dictionaries of them alone: `torch.load(..., weights_only=True)` reads what is saved."""

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on from a state; one that does not fit is a ValueError, a KeyError or a RuntimeError."""


@runtime_checkable
class FrameDetector(Protocol):
    """Detects things in single frames, and may remember what it saw.

    Attributes:
        classes: names, in the order of the labels.
    """

    classes: tuple[str, ...]

    def new_memory(self, seed: int = 0) -> Any:
        """A `StreamState` of a stream that begins; None for a network that remembers nothing."""

    def detect(self, frame: np.ndarray, memory: Any, max_size: int | None = None, threshold: float = 0.0) -> Detections:
        """Detect in a frame with what the memory holds, then add to it what the frame shows.

        Args:
            frame: uint8 RGB `[H, W, 3]`.
            memory: of the frame's stream, from `new_memory`.
            max_size: longest side in pixels that the network sees; larger frames are reduced. None: as it was trained.
            threshold: least score.

        Returns:
            In pixels of the frame given, the highest score first; values that are not a number where the network gave
            such.
        """
