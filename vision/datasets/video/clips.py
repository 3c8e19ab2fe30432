"""Training clips for one-stage networks, as plain tensors: needs no training framework."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from vision.datasets.augment import Compose
from vision.datasets.color import RandomColor as RandomColor
from vision.datasets.rng import item_generator
from vision.datasets.video.coco_vid_file import read_coco_vid
from vision.errors import UsageError
from vision.images import read_image

# A box of which the crop keeps less is neither learned nor held against the network.
LEAST_VISIBLE = 0.35
# Boxes of fewer pixels along a side are ignored, too.
LEAST_SIDE = 6.0
# Share of the crop's height and width that the frame fills at least.
LEAST_COVER = 0.8
_GRAY = (114, 114, 114)


@dataclass
class Frame:
    """A picture of a source: its file, boxes xyxy `[N, 4]`, classes `[N]`, and regions where nothing is known."""

    path: str
    boxes: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray


class Crops(NamedTuple):
    """The frames of an item cut out, and what is in the first: boxes, classes, and regions where nothing is known."""

    frames: list[np.ndarray]
    boxes: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray


@dataclass
class Source:
    """Videos, each its frames in order; a still picture is a video of one frame."""

    videos: list[list[Frame]] = field(default_factory=list)
    weight: float = 1.0


class VideoClips(Dataset[dict[str, torch.Tensor]]):
    """Crops of a key frame and of frames near it, of one size, with the boxes of the key frame.

    Args:
        sources: each `{"ann_file": CocoVID JSON, "data_root": folder, "weight": share among the sources}`; or
            `{"clips": a callable (rng, count) -> list of (image, boxes, labels)}` that makes frames.
        size: height and width of the crops.
        num_refs: frames beside the key frame, at random within `ref_range`.
        ref_range: frames before and after.
        scales: range of the factor by which frames are resized; drawn evenly in its logarithm.
        person_heights: if given, frames are resized such that a box chosen at random gets a height within this range,
            in pixels, as far as `scales` allows.
        mosaic: share of items that are put together from four, in training of still networks (`num_refs` is 0).
        transforms: of `vision.datasets`, applied to each frame alone; they keep the geometry.
        length: items per epoch.
        classes: names of categories in the order of their labels; the boxes of others are not learned. None takes
            those of the files, which are to have the same ones.

    Raises:
        UsageError: annotations cannot be used, the files have different classes, or none of the frames is there.

    An item is `{"inputs": uint8 [1 + num_refs, 3, H, W], the key frame first, "boxes": [N, 4], "labels": [N],
    "ignored": [K, 4]}`.
    """

    def __init__(
        self,
        sources: Sequence[dict[str, Any]],
        size: tuple[int, int] = (416, 416),
        num_refs: int = 0,
        ref_range: int = 30,
        scales: tuple[float, float] = (0.3, 2.0),
        person_heights: tuple[float, float] | None = (24.0, 380.0),
        mosaic: float = 0.0,
        transforms: Sequence[Any] = (),
        length: int = 1000,
        classes: Sequence[str] | None = None,
    ) -> None:
        if not sources:
            raise ValueError("sources is empty; expected at least one")
        if mosaic and num_refs:
            raise ValueError(f"mosaic is {mosaic} and num_refs {num_refs}; frames of four videos are no clip")
        self.size, self.num_refs, self.ref_range = size, num_refs, ref_range
        self.scales, self.person_heights, self.mosaic = scales, person_heights, mosaic
        self.transform, self.length = Compose(transforms), length
        self.makers = [source["clips"] for source in sources if "clips" in source]
        self.sources, self.classes = _read_sources([source for source in sources if "clips" not in source], classes)
        ordered = [s for s in sources if "clips" not in s] + [s for s in sources if "clips" in s]
        weights = np.array([float(source.get("weight", 1.0)) for source in ordered])
        self.shares = weights / weights.sum()

    @property
    def metainfo(self) -> dict[str, Any]:
        """Names of the classes, where they are known: checkpoints keep them, and models are compared with them."""
        return {} if self.classes is None else {"classes": self.classes}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        rng = item_generator(index)
        make = self._mosaic if rng.random() < self.mosaic else self._clip
        crops = make(rng, self.size)
        frames = np.stack([self.transform(image, rng) for image in crops.frames])
        return {
            "inputs": torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))),
            "boxes": torch.from_numpy(crops.boxes.astype(np.float32)),
            "labels": torch.from_numpy(crops.labels.astype(np.int64)),
            "ignored": torch.from_numpy(crops.ignored.astype(np.float32)),
        }

    def _clip(self, rng: np.random.Generator, size: tuple[int, int]) -> Crops:
        frames = self._frames(rng)
        image, boxes, labels, ignored = frames[0]
        matrix = self._matrix(rng, image, boxes, size)
        crops = [_warp(image, matrix, size)]
        for other, *_ in frames[1:]:
            crops.append(_warp(other, _jittered(matrix, rng, is_still=other is image), size))
        return Crops(crops, *_moved(boxes, labels, ignored, matrix, size))

    def _frames(self, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        chosen = int(rng.choice(len(self.shares), p=self.shares))
        if chosen >= len(self.sources):
            made = self.makers[chosen - len(self.sources)](rng, 1 + self.num_refs)
            return [(image, boxes, labels, np.zeros((0, 4))) for image, boxes, labels in made]
        videos = self.sources[chosen].videos
        # By frames, so that a long video counts as much as it has to show.
        sizes = np.array([len(video) for video in videos])
        video = videos[int(rng.choice(len(videos), p=sizes / sizes.sum()))]
        key = int(rng.integers(len(video)))
        low, high = max(0, key - self.ref_range), min(len(video), key + self.ref_range + 1)
        places = [key, *(int(place) for place in rng.integers(low, high, self.num_refs))]
        images = {place: read_image(video[place].path) for place in set(places)}
        frames = [video[place] for place in places]
        return [
            (images[place], frame.boxes, frame.labels, frame.ignored)
            for place, frame in zip(places, frames, strict=True)
        ]

    def _matrix(
        self, rng: np.random.Generator, image: np.ndarray, boxes: np.ndarray, size: tuple[int, int]
    ) -> np.ndarray:
        """Scale, flip and shift `[2, 3]` from the frame to the crop."""
        # Small frames are not reduced much: most of the crop would be empty.
        least = LEAST_COVER * max(size[0] / image.shape[0], size[1] / image.shape[1])
        low, high = max(self.scales[0], min(least, self.scales[1])), self.scales[1]
        if self.person_heights is not None and len(boxes):
            one = boxes[int(rng.integers(len(boxes)))]
            wanted = np.exp(rng.uniform(*np.log(self.person_heights)))
            scale = float(np.clip(wanted / max(one[3] - one[1], 1.0), low, high))
            center = (one[:2] + one[2:]) / 2
        else:
            scale = float(np.exp(rng.uniform(np.log(low), np.log(high))))
            center = rng.uniform(0, 1, 2) * image.shape[1::-1]
        width, height = image.shape[1] * scale, image.shape[0] * scale
        # The crop holds the center somewhere, and shows little beyond the frame.
        shift = []
        for place, have, need in ((center[0], width, size[1]), (center[1], height, size[0])):
            start = place * scale - rng.uniform(0.1, 0.9) * need
            start = np.clip(start, min(0.0, have - need), max(0.0, have - need))
            shift.append(float(start))
        matrix = np.array([[scale, 0, -shift[0]], [0, scale, -shift[1]]])
        if rng.random() < 0.5:
            matrix = np.array([[-1, 0, float(size[1])], [0, 1, 0]]) @ np.vstack([matrix, [0, 0, 1]])
        return matrix

    def _mosaic(self, rng: np.random.Generator, size: tuple[int, int]) -> Crops:
        """Crops of several sources in two to four rows and columns: what small frames show becomes small, too."""
        canvas = np.empty((*size, 3), np.uint8)
        parts: list[Crops] = []
        rows, columns = (_cuts(rng, int(rng.integers(2, 5)), side) for side in size)
        for top, bottom in itertools.pairwise(rows):
            for left, right in itertools.pairwise(columns):
                part = self._clip(rng, (bottom - top, right - left))
                canvas[top:bottom, left:right] = part.frames[0]
                corner = np.array([left, top, left, top])
                parts.append(part._replace(boxes=part.boxes + corner, ignored=part.ignored + corner))
        joined = (np.concatenate([getattr(part, name) for part in parts]) for name in Crops._fields[1:])
        return Crops([canvas], *joined)


def read_source(
    ann_file: str, data_root: str = "", classes: Sequence[str] | None = None
) -> tuple[Source, tuple[str, ...]]:
    """Videos of a CocoVID file (see docs/video-data.md), and the names of their labels.

    Boxes that do not count, such as crowds, are regions where nothing is known.

    Raises:
        UsageError: the annotations cannot be used, have no frame, lack a class, or their frames are elsewhere.
    """
    videos, names = read_coco_vid(ann_file, data_root, classes)
    found = [[_frame(image) for image in video["images"]] for video in videos if video["images"]]
    if not found:
        raise UsageError(f"{ann_file}: no video has a frame", code="bad-annotations", value=ann_file)
    first = found[0][0].path
    if not any(Path(video[0].path).is_file() for video in found):
        raise UsageError(
            f"{ann_file}: none of its frames is there, such as {first}; expected data_root to be the folder that the "
            "names of the annotations begin in",
            code="bad-data-root",
            value=first,
        )
    return Source(found), names


def _frame(image: dict[str, Any]) -> Frame:
    sure = [one for one in image["instances"] if not one["ignore_flag"]]
    unsure = [one for one in image["instances"] if one["ignore_flag"]]
    labels = np.array([one["bbox_label"] for one in sure], np.int64)
    return Frame(image["img_path"], _corners(sure), labels, _corners(unsure))


def _corners(instances: list[dict[str, Any]]) -> np.ndarray:
    return np.array([one["bbox"] for one in instances], np.float64).reshape(-1, 4)


def _jittered(matrix: np.ndarray, rng: np.random.Generator, is_still: bool) -> np.ndarray:
    """The crop of another frame: nearly the same; of the same frame a little elsewhere, as a moving camera has it."""
    strength = 1.0 if is_still else 0.2
    scale = 1 + strength * rng.uniform(-0.1, 0.1)
    shift = strength * rng.uniform(-24, 24, 2)
    return np.hstack([matrix[:, :2] * scale, matrix[:, 2:] * scale + shift[:, None]])


def _warp(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The crop; the matrix moves edges, of which pixel 0 has those at 0 and 1."""
    scale = abs(matrix[0, 0])
    if scale < 0.7:  # warping alone would alias
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        factors = np.array([width / image.shape[1], height / image.shape[0]])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        matrix = np.hstack([matrix[:, :2] / factors, matrix[:, 2:]])
    # From edges to centers, which OpenCV counts from 0.
    matrix = np.hstack([matrix[:, :2], matrix[:, 2:] + 0.5 * matrix[:, :2].sum(1, keepdims=True) - 0.5])
    border: dict[str, Any] = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": _GRAY}
    return cv2.warpAffine(image, matrix, size[::-1], flags=cv2.INTER_LINEAR, **border)


def _moved(
    boxes: np.ndarray, labels: np.ndarray, ignored: np.ndarray, matrix: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes in the crop: cut at its border; those of which little is left become regions where nothing is known."""
    whole = _transformed(boxes, matrix)
    cut = whole.clip(0, [size[1], size[0]] * 2)
    sides = cut[:, 2:] - cut[:, :2]
    share = sides.prod(1) / np.maximum((whole[:, 2:] - whole[:, :2]).prod(1), 1e-6)
    good = (share >= LEAST_VISIBLE) & (sides.min(1, initial=np.inf) >= LEAST_SIDE)
    rest = (share > 0) & ~good
    regions = _transformed(ignored, matrix).clip(0, [size[1], size[0]] * 2)
    return cut[good], labels[good], np.concatenate([regions, cut[rest]])


def _transformed(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    corners = np.stack([boxes[:, :2], boxes[:, 2:]], 1) @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([corners.min(1), corners.max(1)], 1)


def _cuts(rng: np.random.Generator, parts: int, side: int) -> list[int]:
    """Borders of that many parts, about as long as each other."""
    inner = [round(side * (i + rng.uniform(-0.25, 0.25)) / parts) for i in range(1, parts)]
    return [0, *inner, side]


def _read_sources(
    sources: list[dict[str, Any]], classes: Sequence[str] | None
) -> tuple[list[Source], tuple[str, ...] | None]:
    names = None if classes is None else tuple(classes)
    found = []
    for source in sources:
        read, own = read_source(source["ann_file"], source.get("data_root", ""), classes)
        if names is not None and own != names:
            raise UsageError(
                f"{source['ann_file']} has the classes {', '.join(own)}, and those before it {', '.join(names)}; give "
                "the data set `classes`, the names to learn",
                code="bad-annotations",
                value=own,
            )
        names = own
        found.append(read)
    return found, names
