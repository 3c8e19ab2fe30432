"""Sequences with true boxes to judge detectors on: folders of MOTChallenge, or a file in CocoVID's form."""

from __future__ import annotations

import configparser
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vision.datasets.video.coco_vid_file import read_coco_vid
from vision.datasets.video.mot_file import MOTBox, read_mot_boxes
from vision.datasets.video.mot_folders import MOTRules
from vision.errors import UsageError
from vision.files import natural_key
from vision.images import IMAGE_SUFFIXES
from vision.metrics.video.frames import FrameTruth

_VIDEO_SUFFIXES = {".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v"}
_NOTHING = FrameTruth(np.zeros((0, 4)), np.zeros(0))


@dataclass(frozen=True)
class TrueSequence:
    """A video whose boxes are known.

    Attributes:
        name: of the sequence.
        source: a video file, or the files of the frames in their order; None if there are none.
        truth: by the place of the frame in the source, from 0; of all frames that are judged.
        degraded: places of frames that are judged apart, too.
    """

    name: str
    source: Path | list[Path] | None
    truth: Mapping[int, FrameTruth]
    degraded: frozenset[int] = frozenset()


def mot_sequences(root: str | os.PathLike[str], rules: MOTRules | None = None) -> list[TrueSequence]:
    """Sequences in folders with `gt/gt.txt` or `gt.txt`; the folder may be one itself.

    Frames are images in `img1`, or a video file in the folder. Judged are those that are there; of a video as many as
    `seqinfo.ini` counts. Boxes in MOT's files begin at pixel 1, as MOTChallenge says, and are moved by one.

    Raises:
        UsageError: no sequence is there, or a file of boxes cannot be read.
    """
    folder, rules = Path(root), rules or MOTRules()
    folders = [folder] if _boxes_file(folder) else sorted(_subfolders(folder), key=lambda path: natural_key(path.name))
    found = [_mot_sequence(path, rules) for path in folders if _boxes_file(path)]
    if not found:
        raise UsageError(
            f"{root}: no sequence in it; expected gt/gt.txt or gt.txt", code="bad-data-root", value=str(root)
        )
    return found


def coco_vid_sequences(
    path: str | os.PathLike[str], images: str | os.PathLike[str]
) -> tuple[list[TrueSequence], tuple[str, ...]]:
    """Videos of a file in CocoVID's form, and the names of its classes.

    Args:
        path: of the JSON file.
        images: folder in which the names of images begin.

    Raises:
        UsageError: it cannot be read.
    """
    videos, classes = read_coco_vid(path, images)
    found = []
    for video in videos:
        truth = {}
        for frame in video["images"]:
            boxes = frame["instances"]
            truth[frame["frame_id"]] = FrameTruth(
                np.array([one["bbox"] for one in boxes]),
                np.array([one["bbox_label"] for one in boxes], np.int64),
                np.array([one["instance_id"] for one in boxes], np.int64),
                np.array([one["ignore_flag"] for one in boxes], bool),
            )
        files = [Path(frame["img_path"]) for frame in video["images"]]
        degraded = frozenset(frame["frame_id"] for frame in video["images"] if frame["degraded"])
        found.append(TrueSequence(video["video_name"], files, truth, degraded))
    return found, classes


def _mot_sequence(folder: Path, rules: MOTRules) -> TrueSequence:
    path = _boxes_file(folder)
    assert path is not None
    boxes = read_mot_boxes(path)
    length, frame_folder = _info(folder)
    files = _images(folder / frame_folder)
    videos = sorted(file for file in folder.iterdir() if file.suffix.lower() in _VIDEO_SUFFIXES)
    source: Path | list[Path] | None = files or (videos[0] if len(videos) == 1 else None)
    count = len(files) or length or max((box.frame for box in boxes), default=0)
    by_frame: dict[int, list[MOTBox]] = defaultdict(list)
    for box in boxes:
        by_frame[box.frame - 1].append(box)
    truth = {place: _truth(by_frame[place], rules) for place in range(count)}
    return TrueSequence(folder.resolve().name, source, truth)


def _truth(boxes: list[MOTBox], rules: MOTRules) -> FrameTruth:
    rows, labels, tracks, ignored = [], [], [], []
    for box in boxes:
        label = rules.label_of(box.number)
        if label is None and box.number not in rules.ignored_numbers:
            continue
        x, y, width, height = box.box
        left, top = x - rules.origin, y - rules.origin
        rows.append((left, top, left + width, top + height))
        labels.append(label or 0)
        tracks.append(box.track)
        ignored.append(label is None or not box.is_considered or box.visibility < rules.min_visibility)
    return FrameTruth(np.array(rows), np.array(labels), np.array(tracks), np.array(ignored)) if rows else _NOTHING


def _boxes_file(folder: Path) -> Path | None:
    return next((path for path in (folder / "gt" / "gt.txt", folder / "gt.txt") if path.is_file()), None)


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _images(folder: Path) -> list[Path]:
    files = folder.iterdir() if folder.is_dir() else iter(())
    return sorted(
        (path for path in files if path.suffix.lower() in IMAGE_SUFFIXES), key=lambda path: natural_key(path.name)
    )


def _info(folder: Path) -> tuple[int, str]:
    """How many frames `seqinfo.ini` counts, 0 if it does not, and the folder of the frames."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(folder / "seqinfo.ini", encoding="utf-8-sig")
        return parser.getint("Sequence", "seqLength", fallback=0), parser.get("Sequence", "imDir", fallback="img1")
    except (configparser.Error, ValueError, OSError) as error:
        raise UsageError(
            f"{folder / 'seqinfo.ini'} cannot be read ({error}); expected a section [Sequence]", code="bad-annotations"
        ) from None
