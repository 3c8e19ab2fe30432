"""Sequences of MOTChallenge, and others in its folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vision.datasets.video.base import VideoDataset
from vision.datasets.video.mot_folders import (
    NO_MISTAKES,
    PEDESTRIANS,
    MOTRules,
    find_sequences,
    read_mot_sequence,
    without_copies,
)
from vision.datasets.video.records import Problems, Record
from vision.errors import UsageError


class MOTFolders(VideoDataset):
    """A folder per sequence: `img1/000001.jpg`, `gt/gt.txt` (or `gt.txt`) and `seqinfo.ini`.

    Args:
        data_root: folder of the sequences, or of one.
        sequences: names of those to take; all by default.
        part: of the frames of each, such as (0, 0.5) to learn from the first half and (0.5, 1) to test on the second.
        class_numbers: names of the classes with their numbers in column 8, such as `{"person": (1, 7)}`.
        ignored_numbers, min_visibility, origin: of `MOTRules`.
        arguments: of `VideoDataset`.

    Raises:
        UsageError: no sequence is there, or one that was named is not; see also `read_mot_sequence`.
    """

    def __init__(
        self,
        data_root: str,
        *,
        sequences: Sequence[str] | None = None,
        part: tuple[float, float] = (0.0, 1.0),
        class_numbers: Mapping[str, Sequence[int]] | None = None,
        ignored_numbers: Sequence[int] = NO_MISTAKES,
        min_visibility: float = 0.0,
        origin: float = 1.0,
        **arguments: Any,
    ) -> None:
        if not 0 <= part[0] < part[1] <= 1:
            raise UsageError(f"part is {part}; expected two shares from 0 to 1", code="out-of-range", value=part)
        self.rules = MOTRules(dict(class_numbers or PEDESTRIANS), tuple(ignored_numbers), min_visibility, origin)
        self.sequences, self.part = sequences, part
        super().__init__(data_root=data_root, **arguments)

    def load_videos(self, classes: tuple[str, ...] | None, problems: Problems) -> tuple[list[Record], tuple[str, ...]]:
        """The sequences, and the names of `class_numbers`."""
        names = tuple(self.rules.class_numbers)
        if classes is not None and classes != names:
            raise UsageError(
                f"the classes {', '.join(classes)} have no numbers; class_numbers has, in order, {', '.join(names)}",
                code="conflicting-arguments",
                value=classes,
            )
        folders = find_sequences(self.data_root)
        if self.sequences is None:
            folders = without_copies(folders, problems)
        else:
            there = {folder.name: folder for folder in folders}
            missing = [name for name in self.sequences if name not in there]
            if missing:
                raise UsageError(
                    f"{self.data_root}: no sequence is called {', '.join(missing)}; it has {', '.join(there)}",
                    code="bad-data-root",
                    value=tuple(missing),
                )
            folders = [there[name] for name in self.sequences]
        videos = [
            read_mot_sequence(folder, number, self.rules, self.part, problems) for number, folder in enumerate(folders)
        ]
        return videos, names
