"""Data sets of stereo pairs and of pairs of frames: reading, replacing what is broken, transforms."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from torch.utils.data import Dataset

from vision.datasets.rng import item_generator
from vision.datasets.stereo import augment, color, pack  # noqa: F401 - their transforms can be named
from vision.datasets.stereo.files import StereoFiles, read_sample
from vision.datasets.transforms import build_transform
from vision.images import MAX_PIXELS, ImageError

_MAX_FAILURES = 100  # in a row; then it is the disk that is broken, not a file

StereoTransform = Callable[[dict[str, Any], Any], dict[str, Any]]

# There used to be two tables of transforms; `vision.datasets.stereo` goes on exporting this name.
build_stereo_transform = build_transform


class StereoDataset(Dataset[dict[str, Any]]):
    """Pairs of images with what is known about them; the named data sets of this package say which.

    An item is a dict, through the transforms in order:

    - `left`, `right`: uint8 RGB `[H, W, 3]`; of flow data sets the first and the second frame.
    - `disparity`, `disparity_right`: float32 `[H, W]` of the left and the right view, positive, in pixels, NaN where
      unknown; None where the set has none. x_right = x_left - disparity.
    - `flow`: float32 `[H, W, 2]`, (x, y), NaN where unknown; only in flow data sets, which have no disparity.
    - `visible`: bool `[H, W]`, whether the left pixel is seen in the right view, meaningful where the truth is known;
      None where the set does not say.
    - `path` of the left image, and `scene`.

    Files are read when an item is asked for. A pair of which a file is missing, damaged or of another size is replaced
    by the next readable one, with one warning; `read` raises instead. Random choices of the transforms depend on
    torch's seed alone: the same seed repeats them, other workers and epochs make others.

    Args:
        pairs: what there is.
        transforms: callables `(sample, rng) -> sample`, or dicts with the name of a class of `vision.datasets` or of
            mmengine's TRANSFORMS registry as `type`.
        max_pixels: refuse larger images.
    """

    metainfo: ClassVar[dict[str, Any]] = {"task": "stereo"}

    def __init__(
        self,
        pairs: Sequence[StereoFiles],
        transforms: Sequence[StereoTransform | dict[str, Any]] | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        if not pairs:
            raise ValueError("a stereo data set needs at least one pair, got none")
        self.pairs = list(pairs)
        self.transforms = [build_transform(transform) for transform in transforms or []]
        self.max_pixels = max_pixels
        self._broken: set[int] = set()

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not -len(self.pairs) <= index < len(self.pairs):
            raise IndexError(f"item {index} of {len(self.pairs)} pairs")
        index %= len(self.pairs)
        rng = item_generator(index)
        sample = self._sample(index)
        for transform in self.transforms:
            sample = transform(sample, rng)
        return sample

    def read(self, index: int) -> dict[str, Any]:
        """One pair without transforms.

        Raises:
            ImageError: a file is missing, damaged, or of another size than the left image.
        """
        return read_sample(self.pairs[index], self.max_pixels)

    def _sample(self, index: int) -> dict[str, Any]:
        """Read a pair, or the next readable one."""
        failures = 0
        for candidate in self._candidates(index):
            try:
                return self.read(candidate)
            except ImageError as error:
                self._broken.add(candidate)
                _logger().warning("%s: the pair cannot be used, taking another one", error)
                failures += 1
                if failures == _MAX_FAILURES:
                    raise ImageError(
                        error.path, f"{failures} pairs in a row cannot be read, at last: {error.reason}"
                    ) from None
        raise ImageError(self.pairs[index].left, f"none of the {len(self.pairs)} pairs of this data set can be read")

    def _candidates(self, index: int) -> Iterator[int]:
        """Yield the index, then those after it and those before it, without those known to be broken."""
        for candidate in (*range(index, len(self.pairs)), *range(index)):
            if candidate not in self._broken:
                yield candidate


def _logger() -> logging.Logger:
    return logging.getLogger("vision.datasets")
