"""Sequences of MOTChallenge, and others in its folders."""

from __future__ import annotations

import os
from pathlib import Path

from vision.datasets.video.converters.coco_vid import Box, CocoVidWriter, Frame
from vision.datasets.video.converters.conversion import Conversion
from vision.datasets.video.mot_folders import MOTRules, find_sequences, read_mot_sequence
from vision.datasets.video.records import Record


def convert_mot(root: str | os.PathLike[str], conversion: Conversion, rules: MOTRules | None = None) -> CocoVidWriter:
    """Sequences in a folder, or one; names of images begin in `root`. Numbers of frames count from 0 there.

    Args:
        root: folder of the sequences.
        conversion: how it goes on.
        rules: which boxes count, and that boxes of MOT begin at pixel 1, those of CocoVID at 0.

    Raises:
        UsageError: no sequence is there.
    """
    rules = rules or MOTRules()
    writer = CocoVidWriter(tuple(rules.class_numbers))
    sequences = find_sequences(root)
    for number, folder in enumerate(conversion.track(sequences)):
        video = conversion.try_to(read_mot_sequence, folder, number, rules, (0.0, 1.0), conversion.problems)
        if video is not None:
            frames = [_frame(record, Path(root), tuple(rules.class_numbers)) for record in video["images"]]
            writer.add_video(folder.resolve().name, frames)
    return writer


def _frame(record: Record, root: Path, classes: tuple[str, ...]) -> Frame:
    boxes = []
    for one in record["instances"]:
        x1, y1, x2, y2 = one["bbox"]
        name = classes[one["bbox_label"]]
        boxes.append(Box(name, (x1, y1, x2 - x1, y2 - y1), one["instance_id"], is_ignored=bool(one["ignore_flag"])))
    file_name = Path(record["img_path"]).relative_to(root).as_posix()
    return Frame(record["frame_id"], file_name, (record["height"], record["width"]), boxes)
