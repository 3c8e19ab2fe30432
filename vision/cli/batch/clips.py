"""Which clips the arguments of `vision batch video` mean: video files, and folders of frames."""

from __future__ import annotations

import os
from collections.abc import Iterator

from vision.cli.paths import PathFinder
from vision.images import IMAGE_SUFFIXES

VIDEO_SUFFIXES = (
    *(".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".flv", ".wmv"),
    *(".asf", ".ogv", ".mxf", ".3gp"),
)


class ClipFinder(PathFinder):
    """Expands arguments to clips: video files, and each folder that has images and no video, as its frames."""

    def __init__(self) -> None:
        super().__init__(VIDEO_SUFFIXES)

    def inside(self, path: str) -> Iterator[str]:
        """The clips of a folder; anything else is itself."""
        if not os.path.isdir(path):
            yield path
            return
        for parent, folders, names in os.walk(path, onerror=self._note):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            shown = sorted(name for name in names if not name.startswith("."))
            videos = [name for name in shown if name.lower().endswith(VIDEO_SUFFIXES)]
            if videos:
                yield from (os.path.join(parent, name) for name in videos)
            elif any(name.lower().endswith(tuple(IMAGE_SUFFIXES)) for name in shown):
                yield parent

    def _note(self, error: OSError) -> None:
        self.problems.append((str(error.filename), f"cannot be listed ({error.strerror}); check its permissions"))
