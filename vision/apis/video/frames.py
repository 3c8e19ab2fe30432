"""Frames of a video: of a file, a folder of images, a camera, or a stream, one after another in constant memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class VideoFrame(NamedTuple):
    """One frame of a video.

    Attributes:
        number: from 0; frames that could not be decoded leave a gap.
        time: in seconds from the first frame on, None where nothing says it.
        image: uint8 RGB `[H, W, 3]`.
    """

    number: int
    time: float | None
    image: np.ndarray
