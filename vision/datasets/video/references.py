"""Which frames of a video training looks at beside its key frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms.base import BaseTransform

from vision.datasets.rng import item_generator
from vision.datasets.transforms import register_transform
from vision.errors import UsageError


@register_transform
class BilateralUniformSample(BaseTransform):
    """Take a key frame and references from both sides of it, evenly at random within a range, as MAMBA does.

    Half of the references (the odd one on a random side) come from before the key frame, half from behind it. What one
    side lacks, as at the ends of a video, the other gives; a frame is taken twice only where there are too few; a video
    of one frame has itself as its references. Reads what a `VideoDataset` gives in training, and gives what mmdet's
    transforms of tracking take: lists with an entry per frame, in the order of the video, and `key_frame_flags`.

    Args:
        num_ref_imgs: references per key frame.
        frame_range: how far from the key frame they may be, in frames: a number for both sides, or (from, to) as in
            (-1000, 1000).
        filter_key_img: never take the key frame itself, where there is another.
        collect_video_keys: facts of the video that become facts of its frames.
    """

    def __init__(
        self,
        num_ref_imgs: int = 2,
        frame_range: int | Sequence[int] = 1000,
        filter_key_img: bool = True,
        collect_video_keys: Sequence[str] = ("video_id", "video_length"),
    ) -> None:
        if num_ref_imgs < 0:
            raise UsageError(
                f"num_ref_imgs is {num_ref_imgs}; expected 0 or more", code="out-of-range", value=num_ref_imgs
            )
        low, high = (-frame_range, frame_range) if isinstance(frame_range, int) else frame_range
        if not low <= 0 <= high:
            raise UsageError(
                f"frame_range is {frame_range}; expected a number from 0, or one to 0 and one from 0",
                code="out-of-range",
                value=frame_range,
            )
        self.num_ref_imgs, self.frame_range, self.filter_key_img = num_ref_imgs, (low, high), filter_key_img
        self.collect_video_keys = tuple(collect_video_keys)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """The video as a data set gives it -> its key frame and references."""
        length = len(results["images"])
        rng = item_generator(int(results.get("sample_idx", 0)))
        key = results.get("key_frame_id")
        if key is None:
            key = rng.choice(results.get("key_frames", range(length)))
        places = [int(key), *self.sample(length, int(key), rng)]
        # The key frame comes before itself as a reference.
        order = sorted(range(len(places)), key=lambda i: (places[i], i))
        frames: dict[str, Any] = defaultdict(list)
        for i in order:
            for name, value in results["images"][places[i]].items():
                frames[name].append(value)
        for name in self.collect_video_keys:
            frames[name] = [results[name]] * len(places)
        frames["ori_video_length"] = [results["video_length"]] * len(places)
        frames["video_length"] = [len(places)] * len(places)
        frames["key_frame_flags"] = [i == 0 for i in order]
        return dict(frames)

    def sample(self, length: int, key: int, rng: np.random.Generator) -> list[int]:
        """Places of references to a key frame.

        Args:
            length: frames of the video.
            key: place of the key frame.
            rng: decides.
        """
        low, high = max(0, key + self.frame_range[0]), min(length - 1, key + self.frame_range[1])
        own = [] if self.filter_key_img else [key]
        sides = [np.array([*range(low, key), *own], int), np.array([*own, *range(key + 1, high + 1)], int)]
        left = self.num_ref_imgs // 2 + (self.num_ref_imgs % 2 and int(rng.integers(2)))
        counts = [left, self.num_ref_imgs - left]
        for side in (0, 1):
            # The other side gives what it can spare, or all of it where this one is empty.
            lacking = max(0, counts[side] - len(sides[side]))
            spare = max(0, len(sides[1 - side]) - counts[1 - side])
            moved = min(lacking, spare) if len(sides[side]) else lacking
            counts[side] -= moved
            counts[1 - side] += moved
        return [
            int(place) for side, count in zip(sides, counts, strict=True) for place in _drawn(side, count, key, rng)
        ]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_ref_imgs={self.num_ref_imgs}, frame_range={self.frame_range}, "
            f"filter_key_img={self.filter_key_img})"
        )


def _drawn(side: np.ndarray, count: int, key: int, rng: np.random.Generator) -> np.ndarray:
    """Draw without replacement for as long as there is something to draw."""
    if not len(side):
        return np.full(count, key)
    rounds = [rng.permutation(side) for _ in range(-(-count // len(side)))]
    return np.concatenate([*rounds, np.empty(0, int)])[:count]
