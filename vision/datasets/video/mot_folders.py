"""Sequences in MOTChallenge's folders: frames in `img1`, boxes in `gt/gt.txt`, and `seqinfo.ini`."""

from __future__ import annotations

import configparser
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from vision.datasets.video.boxes import corners_of
from vision.datasets.video.mot_file import MOTBox, read_mot_boxes
from vision.datasets.video.records import Problems, Record, frame_record, instance_record, video_record
from vision.datasets.video.tracks import count_shared, track_numbers
from vision.errors import UsageError
from vision.files import natural_key
from vision.images import IMAGE_SUFFIXES

PEDESTRIANS = {"pedestrian": (1,)}
# People on vehicles, people who never move, distractors, reflections and crowds: whoever finds them makes no mistake.
NO_MISTAKES = (2, 7, 8, 12, 13)

_COPIES = re.compile(r"(.+)-(DPM|FRCNN|SDP)$")


@dataclass(frozen=True)
class MOTRules:
    """Which boxes of a file count.

    Attributes:
        class_numbers: names of the classes, in the order of their labels, each with its numbers in column 8.
        ignored_numbers: where pedestrians (1) are asked for, classes whose boxes count neither as found nor as missed,
            like those with a 0 in column 7; others are left out.
        min_visibility: boxes of which less is seen count neither way.
        origin: coordinate of the frame's first pixel; MOTChallenge counts from 1.
    """

    class_numbers: Mapping[str, Sequence[int]] = field(default_factory=lambda: dict(PEDESTRIANS))
    ignored_numbers: Sequence[int] = NO_MISTAKES
    min_visibility: float = 0.0
    origin: float = 1.0

    def label_of(self, number: int) -> int | None:
        """Label of a class by its number in column 8."""
        for label, numbers in enumerate(self.class_numbers.values()):
            if number in numbers:
                return label
        return None


def find_sequences(root: str | os.PathLike[str]) -> list[Path]:
    """Folders of sequences: the root itself, or those in it, in the order of the numbers in their names.

    Raises:
        UsageError: there is none.
    """
    folder = Path(root)
    if _is_sequence(folder):
        return [folder]
    inside = sorted(folder.iterdir(), key=lambda path: natural_key(path.name)) if folder.is_dir() else []
    found = [path for path in inside if _is_sequence(path)]
    if not found:
        raise UsageError(
            f"{root}: no sequence found; expected folders with seqinfo.ini or img1, such as MOT17/train",
            code="bad-data-root",
            value=os.fspath(root),
        )
    return found


def without_copies(folders: Sequence[Path], problems: Problems) -> list[Path]:
    """One of each three: MOT17 has every sequence once per detector, whose detections nobody reads here."""
    found: dict[str, Path] = {}
    for path in folders:
        copy = _COPIES.match(path.name)
        if found.setdefault(copy[1] if copy else path.name, path) is not path:
            problems.add("sequences are there again for another detector and are left out", path.name)
    return list(found.values())


def read_mot_sequence(
    folder: Path,
    video_id: int = 0,
    rules: MOTRules | None = None,
    part: tuple[float, float] = (0.0, 1.0),
    problems: Problems | None = None,
) -> Record:
    """A sequence as a video; `det`, the detections that come with it, are not looked at.

    Boxes are in `gt/gt.txt`, or in `gt.txt` beside the frames' folder; a sequence without has frames without boxes.

    Args:
        folder: of the sequence.
        video_id: its number.
        rules: which boxes count.
        part: of its frames, such as (0, 0.5) for the first half.
        problems: takes up what is odd.

    Raises:
        UsageError: it has no frames, or a file cannot be read.
    """
    rules, problems = rules or MOTRules(), Problems() if problems is None else problems
    info = _sequence_info(folder)
    files = _frame_files(folder, info.get("imDir", "img1"))
    boxes = _true_boxes(folder, problems)
    numbered = _numbered(files, boxes)
    missing = _whole(info.get("seqLength")) - len(files)
    problems.add("frames that seqinfo.ini counts are not there", f"{missing} of {folder.name}", max(0, missing))
    size = _frame_size(files[0])
    by_frame: dict[int, list[tuple[MOTBox, int]]] = defaultdict(list)
    for box, track in zip(boxes, track_numbers([box.track for box in boxes]), strict=True):
        by_frame[box.frame].append((box, track))
        if box.frame not in numbered:
            problems.add("boxes belong to frames that are not there", f"frame {box.frame} of {folder.name}")
    frames = [
        frame_record(number, path, size, _instances(by_frame[number], size, rules, folder.name, problems))
        for number, path in numbered.items()
    ]
    places = [(frame["frame_number"], one["instance_id"]) for frame in frames for one in frame["instances"]]
    count_shared(places, folder.name, problems)
    first, end = (round(share * len(frames)) for share in part)
    return video_record(video_id, folder.name, frames[first:end], problems)


def _instances(
    boxes: list[tuple[MOTBox, int]], size: tuple[int, int], rules: MOTRules, name: str, problems: Problems
) -> list[Record]:
    found = []
    for box, track in boxes:
        label = rules.label_of(box.number)
        is_other = label is None
        if is_other and box.number in rules.ignored_numbers:
            label = rules.label_of(1)
        if label is None:
            continue
        x, y, width, height = box.box
        moved = (x - rules.origin, y - rules.origin, width, height)
        corners = corners_of(moved, size, f"{name}, line {box.line} of gt.txt", problems)
        if corners is not None:
            is_ignored = is_other or not box.is_considered or box.visibility < rules.min_visibility
            found.append(instance_record(corners, label, track, is_ignored))
    return found


def _is_sequence(folder: Path) -> bool:
    return (folder / "seqinfo.ini").is_file() or (folder / "img1").is_dir()


def _sequence_info(folder: Path) -> dict[str, Any]:
    path = folder / "seqinfo.ini"
    if not path.is_file():
        return {}
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # its names have capitals
    try:
        parser.read(path, encoding="utf-8-sig")
        return dict(parser["Sequence"])
    except (configparser.Error, KeyError, UnicodeDecodeError, OSError) as error:
        raise UsageError(
            f"{path} cannot be read ({error}); expected a section [Sequence]", code="bad-annotations", value=str(path)
        ) from None


def _frame_files(folder: Path, name: str) -> list[Path]:
    if Path(name).is_absolute() or ".." in Path(name).parts:  # files of strangers lead nowhere else
        raise UsageError(
            f"{folder}: imDir of seqinfo.ini, {name!r}, leads out of the sequence; expected a folder in it, "
            "such as img1",
            code="bad-annotations",
            value=name,
        )
    frames = folder / name
    found = [path for path in frames.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES] if frames.is_dir() else []
    if not found:
        raise UsageError(
            f"{folder}: no frames in {name}; expected images such as {name}/000001.jpg (of a video file, unpack them)",
            code="bad-data-root",
            value=str(frames),
        )
    return sorted(found, key=lambda path: natural_key(path.name))


def _true_boxes(folder: Path, problems: Problems) -> list[MOTBox]:
    for path in (folder / "gt" / "gt.txt", folder / "gt.txt"):
        if path.is_file():
            return read_mot_boxes(path)
    problems.add("sequences have no gt/gt.txt and so no boxes", folder.name)
    return []


def _numbered(files: list[Path], boxes: list[MOTBox]) -> dict[int, Path]:
    """Frames by the numbers in their names; by their order from 1 where names have none, or count from 0 alone."""
    digits = [re.search(r"\d+$", path.stem) for path in files]
    numbers = [int(one[0]) for one in digits if one]
    if len(set(numbers)) < len(files) or (min(numbers) == 0 and all(box.frame > 0 for box in boxes)):
        numbers = list(range(1, len(files) + 1))
    return dict(zip(numbers, files, strict=True))


def _frame_size(path: Path) -> tuple[int, int]:
    """Height and width. seqinfo.ini says them too, of frames that may have been resized since."""
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(f"{path} is no image ({error})", code="bad-annotations", value=str(path)) from None


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0
