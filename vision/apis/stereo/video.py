"""Stereo video: each frame starts from the field of the frame before, which keeps depths from flickering."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from vision.apis.stereo.inferencer import StereoInferencer
from vision.errors import Notice
from vision.structures.stereo import StereoResult

# Mean change of gray levels (0..255) of a small copy from one frame to the next. Images of different scenes differ by
# 40 and more; a traffic camera stays below 20. What fills the image and moves fast reaches 40 at times: then, the
# last field would be of little help anyway.
CUT_LEVEL = 30.0
_SMALL = (64, 36)
# Standard deviation of the small copy's gray levels: below it a frame, such as a black one, shows nothing.
FLAT_LEVEL = 4.0


class StereoVideo:
    """Matches the frames of a stereo video in their order.

    Args:
        inferencer: what matches them; `vision stereo --video` has `scale=1`, which is several times faster.
        warm: start from the last field; else each frame stands for itself.

    Attributes:
        cuts: how many scene cuts there were so far; after one, a frame starts anew.
        is_cut: whether the last frame that was matched began a scene, as the first one does.
    """

    def __init__(self, inferencer: StereoInferencer, warm: bool = True) -> None:
        self.inferencer, self.warm = inferencer, warm
        self.cuts = 0
        self.is_cut = True

    def __call__(self, frames: Iterable[tuple[np.ndarray, np.ndarray]]) -> Iterator[StereoResult]:
        """As `stream`: results of all frames at once would exceed memory."""
        return self.stream(frames)

    def stream(self, frames: Iterable[tuple[np.ndarray, np.ndarray]]) -> Iterator[StereoResult]:
        """Match uint8 RGB frames `[H, W, 3]`; the first with something to see is checked for views that are swapped or
        unrectified. A warning of one kind (`Notice.code`) is given once.

        Returns:
            An iterator of results whose names are the numbers of the frames, from 0 on. A frame that cannot be matched
            has its `error` set, and the next one starts anew.
        """
        last: np.ndarray | None = None
        small: np.ndarray | None = None
        told: set[str] = set()
        checks = self.inferencer.checks
        for number, (left, right) in enumerate(frames):
            names = (f"frame {number} left", f"frame {number} right")
            pair = self.inferencer.prepare(left, right, names, checks=checks)
            if pair.image is not None:
                before, small = small, _small_copy(pair.image)
                checks = checks and float(small.std()) < FLAT_LEVEL
                self.is_cut = before is None or is_scene_cut(before, small)
                self.cuts += self.is_cut and number > 0
            fits = last is not None and pair.image is not None and last.shape[1:3] == pair.image.shape[:2]
            start = last if self.warm and fits and not self.is_cut else None
            result, last = self.inferencer.finish(pair, start)
            result.warnings = [warning for warning in result.warnings if _kind(warning) not in told]
            told |= {_kind(warning) for warning in result.warnings}
            yield result


def is_scene_cut(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two small gray copies of frames, as `_small_copy` makes them, differ more than motion explains."""
    return float(np.abs(before - after).mean()) > CUT_LEVEL


def _kind(warning: str) -> str:
    return warning.code if isinstance(warning, Notice) else warning


def _small_copy(image: np.ndarray) -> np.ndarray:
    """float32 `[36, 64]` gray."""
    return cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), _SMALL, interpolation=cv2.INTER_AREA).astype(np.float32)
