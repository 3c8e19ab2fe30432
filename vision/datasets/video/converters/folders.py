"""Folders with a file of annotations per image: PASCAL VOC's XML and labelme's JSON."""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

from vision.datasets.video.converters.coco_vid import Box, CocoVidWriter, Frame
from vision.datasets.video.converters.conversion import Conversion, files_below, image_size, read_bounded, unusable
from vision.datasets.video.converters.xml_annotation import read_xml_annotation
from vision.errors import UsageError
from vision.images import IMAGE_SUFFIXES
from vision.lists import as_utf8

_MAX_JSON = 256 << 20  # labelme keeps the image itself in it


class Labeled(NamedTuple):
    """An image with its boxes; the name of its file as the annotations have it, and the size if they say it."""

    file_name: str
    size: tuple[int, int] | None
    boxes: Sequence[Box]


def convert_voc(
    root: str | os.PathLike[str], images: str | os.PathLike[str] | None, conversion: Conversion, **options: Any
) -> CocoVidWriter:
    """XML files below `Annotations` of a folder, or below the folder itself where it has none; see `convert_folders`.

    Boxes end in their last pixels, which are counted from 1, as in PASCAL VOC; they are written as coordinates.
    `difficult` ones are ignored when detections are judged; `trackid`, where there is one, is the object.
    """
    folder = Path(root, "Annotations") if Path(root, "Annotations").is_dir() else Path(root)
    if images is None:
        images = next((path for path in (Path(root, "JPEGImages"), Path(root, "images")) if path.is_dir()), folder)
    return convert_folders(folder, ".xml", _read_voc, Path(images), conversion, **options)


def convert_labelme(
    root: str | os.PathLike[str], images: str | os.PathLike[str] | None, conversion: Conversion, **options: Any
) -> CocoVidWriter:
    """JSON files of labelme below a folder; the box of a shape is that around its points. See `convert_folders`.

    `group_id`, where there is one, is the object: give it to the same person in every frame of a video.
    """
    return convert_folders(Path(root), ".json", _read_labelme, Path(images or root), conversion, **options)


def convert_folders(
    folder: Path,
    suffix: str,
    read: Callable[[Path], Labeled],
    images: Path,
    conversion: Conversion,
    are_videos: bool = False,
    classes: Sequence[str] | None = None,
) -> CocoVidWriter:
    """Files of annotations below a folder.

    Args:
        folder: of the annotations.
        suffix: of their files.
        read: reads one.
        images: folder of the images, which are in folders below it as the annotations are, or all in it.
        conversion: how it goes on.
        are_videos: images of one folder are frames of a video, in the order of the numbers in their names; otherwise
            each is a video of one frame.
        classes: names to take, in this order; all by default.

    Raises:
        UsageError: no such file is there.
    """
    videos: dict[str, list[Frame]] = {}
    counts: Counter[str] = Counter()
    for file in conversion.track(files_below(folder, suffix)):
        inside = file.relative_to(folder).with_suffix("").as_posix()
        name = (os.path.dirname(inside) or folder.resolve().name) if are_videos else inside
        number = counts[name]  # files come in the order of their numbers; a broken one leaves a gap
        counts[name] += 1
        found = conversion.try_to(_labeled_image, file, folder, read, images)
        if found is not None:
            labeled, file_name, size = found
            boxes = [box for box in labeled.boxes if conversion.keep(box, size, str(file))]
            videos.setdefault(name, []).append(Frame(number, file_name, size, boxes))
    writer = CocoVidWriter(classes)
    for name, frames in videos.items():
        writer.add_video(name, frames)
    return writer


def _labeled_image(
    file: Path, folder: Path, read: Callable[[Path], Labeled], images: Path
) -> tuple[Labeled, str, tuple[int, int]]:
    """What a file says, the name of its image below `images`, and its size: the image's own where it is there."""
    labeled = read(file)
    image = _find_image(file, folder, labeled.file_name, images)
    size = labeled.size if image is None else image_size(image)
    if size is None:
        raise unusable(
            file, f"does not say the size of its image, and {labeled.file_name or 'none'} is not in {images}"
        )
    if labeled.size is not None and labeled.size != size:
        raise unusable(file, f"is about an image of {labeled.size} (height, width); {image} has {size}")
    name = image.relative_to(images) if image is not None else file.relative_to(folder).with_name(labeled.file_name)
    return labeled, name.as_posix(), size


def _find_image(file: Path, folder: Path, named: str, images: Path) -> Path | None:
    inside = file.relative_to(folder).parent
    names = [named] if named else []
    names += [file.stem + suffix for suffix in sorted(IMAGE_SUFFIXES)]
    places = (images / below / name for name in names for below in (inside, Path()))
    return next((path for path in places if path.is_file()), None)


def _read_voc(file: Path) -> Labeled:
    found = read_xml_annotation(file, is_inclusive=True)
    return Labeled(_base_name(found.file_name), found.size, found.boxes)


def _read_labelme(file: Path) -> Labeled:
    try:
        content = json.loads(as_utf8(read_bounded(file, _MAX_JSON), str(file)))
    except UsageError:
        raise
    except (ValueError, RecursionError) as error:
        raise unusable(file, f"is no JSON ({error})") from None
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise unusable(file, "has no list 'shapes'; expected what labelme writes")
    height, width = content.get("imageHeight"), content.get("imageWidth")
    size = None
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        size = (height, width)
    boxes = [_shape(file, number, shape) for number, shape in enumerate(content["shapes"], 1)]
    return Labeled(_base_name(str(content.get("imagePath") or "")), size, boxes)


def _shape(file: Path, number: int, shape: Any) -> Box:
    label = shape.get("label") if isinstance(shape, dict) else None
    points = shape.get("points") if isinstance(shape, dict) else None
    if not isinstance(label, str) or not label or not isinstance(points, list) or not all(map(_is_point, points)):
        raise unusable(file, f"shape {number} has no label, or no points [x, y]")
    x, y = [point[0] for point in points], [point[1] for point in points]
    if shape.get("shape_type") == "circle" and len(points) == 2:  # its center, and a point on it
        radius = math.dist(*points)
        x, y = [x[0] - radius, x[0] + radius], [y[0] - radius, y[0] + radius]
    if len(x) < 2:
        raise unusable(file, f"shape {number} ({label[:40]!r}) is a point; expected a rectangle or an outline")
    group: Hashable | None = shape.get("group_id") if isinstance(shape.get("group_id"), int | str) else None
    is_difficult = bool((shape.get("flags") or {}).get("difficult")) if isinstance(shape.get("flags"), dict) else False
    return Box(label, (min(x), min(y), max(x) - min(x), max(y) - min(y)), group, is_ignored=is_difficult)


def _is_point(point: Any) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) for value in point
        )
    )


def _base_name(name: str) -> str:
    """The last part of a path, which may have been written under Windows; a folder of another machine says nothing."""
    return re.sub(r"^\.+$", "", PureWindowsPath(name).name)
