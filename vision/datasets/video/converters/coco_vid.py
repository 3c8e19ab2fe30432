"""Writes CocoVID's JSON: COCO's, with a list of videos, the number of every frame and the object of every box."""

from __future__ import annotations

import json
import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from vision.errors import UsageError
from vision.files import readable, write_text


@dataclass(frozen=True)
class Box:
    """A box of a frame.

    Attributes:
        name: of its class.
        box: x, y, width, height in pixels from the frame's corner.
        track: what its object is called within its video; None if nothing is known, then it is an object of its own.
        is_ignored: neither to be found nor wrong if it is found.
        occluded, generated: as ImageNet VID has them: partly hidden; not drawn by a person, but interpolated.
    """

    name: str
    box: tuple[float, float, float, float]
    track: Hashable | None = None
    is_ignored: bool = False
    occluded: bool = False
    generated: bool = False


@dataclass(frozen=True)
class Frame:
    """A frame of a video.

    Attributes:
        number: of the frame, from 0; frames are ordered by it.
        file_name: of its image, from the folder of all images, with slashes.
        size: height and width.
        boxes: what is on it.
        is_degraded: whether it is blurred, out of focus or the like on purpose; None says nothing about it.
    """

    number: int
    file_name: str
    size: tuple[int, int]
    boxes: Sequence[Box] = ()
    is_degraded: bool | None = None


class CocoVidWriter:
    """Collects videos, one after the other; numbers of videos, images, boxes and objects count from 1.

    Args:
        classes: names in the order of their labels, boxes of others are left out; by default all that boxes have, by
            the alphabet.
    """

    def __init__(self, classes: Sequence[str] | None = None) -> None:
        self.classes = None if classes is None else tuple(classes)
        self._videos: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []
        self._boxes: list[tuple[str, dict[str, Any]]] = []
        self._objects = 0

    def add_video(self, name: str, frames: Sequence[Frame], train_frames: Sequence[int] | None = None) -> None:
        """Add a video.

        Args:
            name: of the video.
            frames: in any order; they are written by their numbers.
            train_frames: numbers of those that are learned from; all by default.
        """
        there = {frame.number for frame in frames}
        chosen = there if train_frames is None else there.intersection(train_frames)
        video: dict[str, Any] = {"id": len(self._videos) + 1, "name": readable(name)}
        if train_frames is not None:
            video["vid_train_frames"] = sorted(chosen)
        self._videos.append(video)
        objects: dict[Hashable, int] = {}
        for frame in sorted(frames, key=lambda frame: frame.number):
            height, width = frame.size
            image: dict[str, Any] = {
                "id": len(self._images) + 1,
                "video_id": video["id"],
                "frame_id": frame.number,
                "file_name": readable(frame.file_name),
                "height": height,
                "width": width,
                "is_vid_train_frame": frame.number in chosen,
            }
            if frame.is_degraded is not None:
                image["degraded"] = frame.is_degraded
            self._images.append(image)
            for box in frame.boxes:
                self._add_box(box, image, objects)

    def content(self) -> dict[str, Any]:
        """What the file holds.

        Raises:
            UsageError: no video was added, or no box has one of the classes.
        """
        classes = tuple(sorted({name for name, _ in self._boxes})) if self.classes is None else self.classes
        numbers = {name: number for number, name in enumerate(classes, 1)}
        annotations = [{**box, "category_id": numbers[name]} for name, box in self._boxes if name in numbers]
        if not self._videos or not annotations:
            there = ", ".join(sorted({name for name, _ in self._boxes})) or "none"
            wanted = f" of {', '.join(classes)}" if self.classes is not None else ""
            raise UsageError(
                f"{len(self._images)} images without a box{wanted}; expected some (classes that are there: {there})",
                code="bad-annotations",
            )
        return {
            "categories": [{"id": number, "name": name} for name, number in numbers.items()],
            "videos": self._videos,
            "images": self._images,
            "annotations": [{**box, "id": number} for number, box in enumerate(annotations, 1)],
        }

    def write(self, path: str | os.PathLike[str]) -> dict[str, int]:
        """Write the file, whole or not at all.

        Returns:
            How many "videos", "images", "annotations" and "categories" it has.

        Raises:
            UsageError: see `content`.
            OSError: it cannot be written.
        """
        content = self.content()
        write_text(path, json.dumps(content) + "\n")
        return {name: len(entries) for name, entries in content.items()}

    def _add_box(self, box: Box, image: dict[str, Any], objects: dict[Hashable, int]) -> None:
        # What has no track, and the same name in two classes, are objects of their own.
        key = (box.name, box.track) if box.track is not None else (box.name, None, len(self._boxes))
        if key not in objects:
            self._objects += 1
            objects[key] = self._objects
        x, y, width, height = box.box
        about = {
            "video_id": image["video_id"],
            "image_id": image["id"],
            "instance_id": objects[key],
            "bbox": [x, y, width, height],
            "area": width * height,
            "iscrowd": int(box.is_ignored),
            "occluded": box.occluded,
            "generated": box.generated,
        }
        self._boxes.append((readable(box.name), about))
