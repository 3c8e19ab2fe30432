"""Videos of a file in CocoVID's form: COCO's JSON with the list `videos`, frame numbers and tracks."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from vision.datasets.video.boxes import corners_of
from vision.datasets.video.records import Problems, Record, frame_record, instance_record, video_record
from vision.datasets.video.tracks import count_shared, track_numbers
from vision.errors import UsageError
from vision.files import natural_key
from vision.images import ImageError, open_regular
from vision.lists import as_utf8

_LISTS = ("images", "annotations", "categories")
_EXPECTED = {
    **dict.fromkeys(("id", "image_id", "category_id"), "a whole number"),
    **dict.fromkeys(("height", "width"), "a number of pixels"),
    **dict.fromkeys(("file_name", "name"), "a text"),
}


def read_coco_vid(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str] = "",
    classes: Sequence[str] | None = None,
    problems: Problems | None = None,
) -> tuple[list[Record], tuple[str, ...]]:
    """The videos of a file, their frames in the order of `frame_id`, and the names of the labels.

    An image without `video_id` is a video of one frame. Where no image of a video has a `frame_id`, the numbers in
    their file names order them. Key frames of training are those that `is_vid_train_frame` or the video's
    `vid_train_frames` marks; all frames of a video that marks none at all. Boxes with `iscrowd` or `ignore` count
    neither as found nor as missed.

    Args:
        path: of the JSON file.
        folder: that the files' names begin in.
        classes: names of categories, in the order of their labels; by default all, in the order of their numbers.
        problems: takes up what is odd.

    Raises:
        UsageError: the file cannot be read or is none such, a class is no category of it, or a box or a number is no
            such thing; the message names it.
    """
    name, problems = os.fspath(path), Problems() if problems is None else problems
    content = _read(name)
    labels, names = _labels(content["categories"], classes, name)
    images = _images(content["images"], name, problems)
    boxes = _boxes_of(content["annotations"], labels, images, name, problems)
    known = {video["id"]: video for video in _entries(content.get("videos", []), "videos", ("id",), name)}
    videos = []
    for video_id, members in _by_video(images.values(), known, name):
        entry = known.get(video_id, {})
        own_name = video_id if "video_id" in members[0] else members[0]["file_name"]
        title = str(entry.get("name") or members[0].get("video_name") or own_name)
        videos.append(_video(video_id, title, entry, members, boxes, os.fspath(folder), name, problems))
    filled = {video["video_id"] for video in videos}
    empty = [(number, entry) for number, entry in known.items() if number not in filled]
    return [*videos, *(video_record(number, str(entry.get("name", number)), []) for number, entry in empty)], names


def _read(name: str) -> dict[str, Any]:
    try:
        with open_regular(name) as file:
            content = json.loads(as_utf8(file.read(), name))
    except ImageError as error:
        raise _unusable(name, error.reason) from None
    except (ValueError, RecursionError) as error:
        raise _unusable(name, f"is no JSON ({error})") from None
    missing = [key for key in _LISTS if not isinstance(content, dict) or not isinstance(content.get(key), list)]
    if missing:
        raise _unusable(name, f"has no list {' and no list '.join(map(repr, missing))}")
    return content


def _labels(categories: list[Any], classes: Sequence[str] | None, name: str) -> tuple[dict[int, int], tuple[str, ...]]:
    """Label of each category, -1 of those that were not asked for."""
    ids: dict[str, int] = {}
    for category in _entries(categories, "categories", ("id", "name"), name):
        if category["name"] in ids:
            raise _unusable(name, f"has the category {category['name']!r} twice")
        ids[category["name"]] = category["id"]
    if not ids:
        raise _unusable(name, "has no categories; expected one {'id', 'name'} per class")
    names = tuple(sorted(ids, key=ids.__getitem__)) if classes is None else tuple(classes)
    missing = [one for one in names if one not in ids]
    if missing:
        there = ", ".join(map(repr, sorted(ids)))
        raise UsageError(
            f"{name}: no category is called {', '.join(map(repr, missing))}; it has {there}",
            code="bad-annotations",
            value=tuple(missing),
        )
    labels = dict.fromkeys(ids.values(), -1)
    labels.update({ids[one]: label for label, one in enumerate(names)})
    return labels, names


def _images(images: list[Any], name: str, problems: Problems) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for image in _entries(images, "images", ("id", "file_name", "height", "width"), name):
        before = found.setdefault(image["id"], image)
        if before is not image and before != image:
            raise _unusable(
                name, f"has two images of number {image['id']}: {before['file_name']!r} and {image['file_name']!r}"
            )
        if before is not image:
            problems.add("images are listed twice", repr(image["file_name"]))
    return found


def _boxes_of(
    annotations: list[Any], labels: dict[int, int], images: dict[Any, Any], name: str, problems: Problems
) -> dict[Any, list[dict[str, Any]]]:
    """Annotations of the classes asked for, by image."""
    boxes: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    unknown: set[Any] = set()
    for annotation in _entries(annotations, "annotations", ("image_id", "category_id", "bbox"), name):
        label = labels.get(annotation["category_id"])
        if label is None:
            unknown.add(annotation["category_id"])
        elif annotation["image_id"] not in images:
            problems.add("boxes belong to images that are not listed", f"one of image {annotation['image_id']}")
        elif label >= 0:
            boxes[annotation["image_id"]].append({**annotation, "label": label})
    if unknown:
        numbers = ", ".join(sorted(map(str, unknown)))
        raise _unusable(name, f"has boxes of the categories {numbers}, which its categories do not list")
    return boxes


def _by_video(
    images: Iterable[dict[str, Any]], known: dict[int, Any], name: str
) -> list[tuple[int, list[dict[str, Any]]]]:
    """Images of each video; those without one get videos of their own, behind the others."""
    videos: dict[int, list[dict[str, Any]]] = defaultdict(list)
    single = []
    for image in images:
        video = image.get("video_id")
        if video is None:
            single.append(image)
        elif _is_whole(video):
            videos[video].append(image)
        else:
            raise _unusable(name, f"has video_id {video!r} in image {image['file_name']!r}")
    following = max([*videos, *known], default=-1) + 1
    return [*sorted(videos.items()), *((following + i, [image]) for i, image in enumerate(single))]


def _video(
    video_id: int,
    title: str,
    entry: dict[str, Any],
    images: list[dict[str, Any]],
    boxes: dict[Any, list[dict[str, Any]]],
    folder: str,
    name: str,
    problems: Problems,
) -> Record:
    numbers = _frame_numbers(images, title, name, problems)
    marked = entry.get("vid_train_frames")
    if marked is not None and not (isinstance(marked, list) and all(map(_is_whole, marked))):
        raise _unusable(name, f"has vid_train_frames {marked!r} in video {title!r}, where a list of numbers belongs")
    is_marked = marked is not None or any("is_vid_train_frame" in image for image in images)
    wanted = set(marked or ())
    for number in sorted(wanted - set(numbers)):
        problems.add("frames are marked for training and are not there", f"frame {number} of video {title}")
    instances = _instances([boxes[image["id"]] for image in images], images, title, problems)
    frames = [
        frame_record(
            number,
            os.path.join(folder, image["file_name"]),
            (image["height"], image["width"]),
            found,
            image["id"],
            not is_marked or bool(image.get("is_vid_train_frame")) or number in wanted,
            bool(image.get("degraded", False)),
        )
        for image, number, found in zip(images, numbers, instances, strict=True)
    ]
    return video_record(video_id, title, frames, problems)


def _frame_numbers(images: list[dict[str, Any]], title: str, name: str, problems: Problems) -> list[int]:
    given = [image.get("frame_id") for image in images]
    if all(number is None for number in given):
        if len(images) > 1:
            problems.add("videos have no frame_id and are ordered by the numbers in their files' names", title)
        order = sorted(range(len(images)), key=lambda i: natural_key(images[i]["file_name"]))
        place = {image: rank for rank, image in enumerate(order)}
        return [place[i] for i in range(len(images))]
    wrong = [image["file_name"] for image, number in zip(images, given, strict=True) if not _is_whole(number)]
    if wrong:
        raise _unusable(name, f"has a frame without a whole number as frame_id: {wrong[0]!r} of video {title!r}")
    return [int(number) for number in given if number is not None]


def _instances(
    boxes: list[list[dict[str, Any]]], images: list[dict[str, Any]], title: str, problems: Problems
) -> list[list[Record]]:
    """Boxes of each frame of a video, with numbers for their tracks."""
    tracks = iter(track_numbers([box.get("instance_id") for frame in boxes for box in frame]))
    found: list[list[Record]] = []
    for frame, image in zip(boxes, images, strict=True):
        found.append([])
        seen: set[Any] = set()
        for box in frame:
            what = f"{image['file_name']}, annotation {box.get('id')}"
            corners = corners_of(box["bbox"], (image["height"], image["width"]), what, problems)
            is_ignored = bool(box.get("iscrowd") or box.get("ignore"))
            track = next(tracks)
            same = (box["category_id"], corners, box.get("instance_id"))
            if corners is None:
                continue
            if same in seen:
                problems.add("boxes are listed twice", what)
                continue
            seen.add(same)
            found[-1].append(instance_record(corners, box["label"], track, is_ignored))
    places = [(place, one["instance_id"]) for place, frame in enumerate(found) for one in frame]
    count_shared(places, title, problems)
    return found


def _entries(items: Any, kind: str, keys: tuple[str, ...], name: str) -> Iterable[dict[str, Any]]:
    """The entries of a list, which all have these keys, numbers among them as numbers."""
    if not isinstance(items, list):
        raise _unusable(name, f"has {kind} that are no list")
    for place, item in enumerate(items):
        missing = [key for key in keys if not isinstance(item, dict) or item.get(key) is None]
        if missing:
            raise _unusable(name, f"has an entry without {' and '.join(map(repr, missing))}: {kind}[{place}]")
        wrong = [key for key in _EXPECTED if key in keys and not _is_right(key, item[key])]
        if wrong:
            raise _unusable(
                name, f"has {wrong[0]} {item[wrong[0]]!r} in {kind}[{place}], where {_EXPECTED[wrong[0]]} belongs"
            )
        yield item


def _is_right(key: str, value: Any) -> bool:
    if key in ("file_name", "name"):
        return isinstance(value, str)
    return _is_whole(value) and (key not in ("height", "width") or value > 0)


def _is_whole(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def _unusable(name: str, reason: str) -> UsageError:
    return UsageError(f"{name} {reason}; expected CocoVID's form", code="bad-annotations", value=name)
