"""ImageNet VID's 30 classes, and the lists of its videos and training frames that the field shares."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import PurePosixPath

from vision.errors import UsageError
from vision.lists import read_list

# WordNet's name -> the class, in the order of the labels.
VID_CLASSES = {
    "n02691156": "airplane",
    "n02419796": "antelope",
    "n02131653": "bear",
    "n02834778": "bicycle",
    "n01503061": "bird",
    "n02924116": "bus",
    "n02958343": "car",
    "n02402425": "cattle",
    "n02084071": "dog",
    "n02121808": "domestic_cat",
    "n02503517": "elephant",
    "n02118333": "fox",
    "n02510455": "giant_panda",
    "n02342885": "hamster",
    "n02374451": "horse",
    "n02129165": "lion",
    "n01674464": "lizard",
    "n02484322": "monkey",
    "n03790512": "motorcycle",
    "n02324045": "rabbit",
    "n02509815": "red_panda",
    "n02411705": "sheep",
    "n01726692": "snake",
    "n02355227": "squirrel",
    "n02129604": "tiger",
    "n04468005": "train",
    "n01662784": "turtle",
    "n04530566": "watercraft",
    "n02062744": "whale",
    "n02391049": "zebra",
}


def read_train_list(path: str | os.PathLike[str]) -> dict[str, list[int]]:
    """Training frames by video, from `VID_train_15frames.txt`: lines of folder, a 1, number of the frame, length.

    The numbers are those in the files' names, which count from 0, as FGFA and MEGA read them; mmtracking's converter
    takes the frame before.

    Raises:
        UsageError: it cannot be read, or a line is another; the message names it.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for folder, values in _lines(path):
        found[folder].append(values[1])
    return dict(found)


def read_video_list(path: str | os.PathLike[str]) -> dict[str, int]:
    """Videos with their lengths, from `VID_val_videos.txt`: lines of folder, two numbers of the list's, length.

    Raises:
        UsageError: as of `read_train_list`.
    """
    return {folder: values[-1] for folder, values in _lines(path)}


def _lines(path: str | os.PathLike[str]) -> list[tuple[str, list[int]]]:
    found = []
    for place, line in enumerate(read_list(path, "a list of videos").decode(errors="replace").splitlines(), 1):
        folder, *texts = line.split() or [""]
        if folder and (len(texts) != 3 or not all(text.isdecimal() for text in texts)):
            raise UsageError(
                f"{os.fspath(path)}, line {place}: {line.strip()[:80]!r} names no video; expected its folder and three "
                "numbers, such as train/ILSVRC2015_VID_train_0000/ILSVRC2015_train_00000000 1 10 300",
                code="bad-annotations",
                value=os.fspath(path),
            )
        if PurePosixPath(folder).is_absolute() or ".." in PurePosixPath(folder).parts:
            raise UsageError(
                f"{os.fspath(path)}, line {place}: {folder[:80]!r} leads out of the folder of the videos; expected one "
                "such as train/ILSVRC2015_VID_train_0000/ILSVRC2015_train_00000000",
                code="bad-annotations",
                value=os.fspath(path),
            )
        if folder:
            found.append((folder, [int(text) for text in texts]))
    if not found:
        raise UsageError(f"{os.fspath(path)} lists no video", code="bad-annotations", value=os.fspath(path))
    return found
