"""ImageNet VID and the images of ImageNet DET that are trained with it: Russakovsky et al., IJCV 2015."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vision.datasets.video.converters.coco_vid import Box, CocoVidWriter, Frame
from vision.datasets.video.converters.conversion import Conversion, files_below, unusable
from vision.datasets.video.converters.xml_annotation import read_xml_annotation
from vision.datasets.video.imagenet_lists import VID_CLASSES, read_train_list, read_video_list
from vision.errors import UsageError
from vision.lists import read_list

VID_LISTS = {"train": "VID_train_15frames.txt", "val": "VID_val_videos.txt"}
DET_LIST = "DET_train_30classes.txt"
_LIST_FOLDERS = ("Lists", "ImageSets", "ImageSets/VID", "ImageSets/DET", ".")


def convert_vid(root: str | os.PathLike[str], split: str, listed: str | None, conversion: Conversion) -> CocoVidWriter:
    """Videos of a split, their files below `Annotations/VID` and `Data/VID`; a list says what is learned from.

    Args:
        root: folder of `Annotations`, and of `Lists` or `ImageSets` with the lists that the papers use.
        split: "train" or "val".
        listed: the list; by default that of the split where it is there, else all videos.
        conversion: how it goes on.

    Raises:
        UsageError: no video is there, or the list is none.
    """
    folder = Path(root, "Annotations", "VID")
    path = listed or _find_list(Path(root), VID_LISTS[split])
    if path is None:
        videos: dict[str, Any] = dict.fromkeys(_folders(folder, split))
    else:
        videos = dict(read_train_list(path) if split == "train" else dict.fromkeys(read_video_list(path)))
    writer = CocoVidWriter(tuple(VID_CLASSES.values()))
    for name in conversion.track(list(videos)):
        files = conversion.try_to(files_below, folder / name, ".xml")
        frames = [_frame(file, folder, place, conversion) for place, file in enumerate(files or ())]
        kept = [frame for frame in frames if frame]
        if kept:
            _tell_missing(name, {frame.number for frame in kept}, videos[name], conversion)
            writer.add_video(name, kept, videos[name])
    return writer


def convert_det(
    root: str | os.PathLike[str], listed: str | None, conversion: Conversion, others: str | None = None
) -> CocoVidWriter:
    """Images of the training set, each a video of one frame; without a list those that show one of the classes.

    Args:
        root: folder of `Annotations/DET` and `Lists` or `ImageSets`.
        listed: the list; by default DET_train_30classes.txt where it is there.
        conversion: how it goes on.
        others: name of one more class, which the other 170 become; they are left out by default.

    Raises:
        UsageError: no image is there, or the list is none.
    """
    folder = Path(root, "Annotations", "DET")
    path = listed or _find_list(Path(root), DET_LIST)
    if path is None:
        files = files_below(folder / "train", ".xml")
    else:
        files = [folder / f"{name}.xml" for name in _listed_images(path)]
    writer = CocoVidWriter((*VID_CLASSES.values(), *([others] if others else [])))
    for file in conversion.track(files):
        frame = _frame(file, folder, 0, conversion, others)
        if frame is not None and (path is not None or any(box.name != others for box in frame.boxes)):
            writer.add_video(_name(file, folder), [frame])
    return writer


def _frame(file: Path, folder: Path, place: int, conversion: Conversion, others: str | None = None) -> Frame | None:
    found = conversion.try_to(_read_sized, file)
    if found is None:
        return None
    size, boxes = found
    kept = []
    for box in boxes:
        name = VID_CLASSES.get(box.name, others)
        if name is not None and conversion.keep(box, size, str(file)):
            kept.append(replace(box, name=name))
    number = int(file.stem) if file.stem.isdecimal() else place
    return Frame(number, f"{_name(file, folder)}.JPEG", size, kept)


def _tell_missing(name: str, there: set[int], marked: Sequence[int] | None, conversion: Conversion) -> None:
    """Count frames that the list names, or that others are numbered around, and that have no annotations."""
    gone = sorted(set(range(min(there), max(there))) - there)
    conversion.problems.add("frames are missing between others", f"frame {(gone or [0])[0]} of {name}", len(gone))
    gone = sorted(set(marked or ()) - there)
    example = f"frame {(gone or [0])[0]} of {name}"
    conversion.problems.add("frames are marked for training and are not there", example, len(gone))


def _read_sized(file: Path) -> tuple[tuple[int, int], Sequence[Box]]:
    found = read_xml_annotation(file, is_inclusive=False)
    if found.size is None:
        raise unusable(file, "does not say the size of the image")
    return found.size, found.boxes


def _name(file: Path, folder: Path) -> str:
    return file.relative_to(folder).with_suffix("").as_posix()


def _find_list(root: Path, name: str) -> str | None:
    for folder in _LIST_FOLDERS:
        if (root / folder / name).is_file():
            return str(root / folder / name)
    return None


def _folders(folder: Path, split: str) -> list[str]:
    return list(dict.fromkeys(_name(file.parent, folder) for file in files_below(folder / split, ".xml")))


def _listed_images(path: str) -> list[str]:
    """The first word of each line; names of files of strangers lead nowhere else."""
    lines = read_list(path, "a list of images").decode(errors="replace").splitlines()
    names = [line.split()[0].removesuffix(".JPEG") for line in lines if line.strip()]
    outside = [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]
    if outside or not names:
        what = f"{outside[0]!r} leads out of Annotations/DET" if outside else "it lists no image"
        raise UsageError(f"{path}: {what}; expected lines such as train/n02691156/n02691156_10018", code="bad-list")
    return names
