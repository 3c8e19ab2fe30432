"""The file of --mot: a line per detection in MOTChallenge's columns, complete whenever the run ends."""

from __future__ import annotations

from contextlib import suppress
from io import FileIO
from types import TracebackType

from vision.files import naming
from vision.structures.mot import mot_lines
from vision.structures.video import VideoResult

__all__ = ["MotFile", "mot_lines"]


class MotFile:
    """A file that is made with the first frame, so that a run which fails before leaves what was there.

    All lines of a frame are in the file when `write` returns, or none: of a disk that is full, what was begun is
    taken back.

    Args:
        path: of the file.
        overwrite: whether one that is there is replaced.
    """

    def __init__(self, path: str, overwrite: bool) -> None:
        self.path, self.overwrite = path, overwrite
        self._file: FileIO | None = None
        self._end = 0

    def __enter__(self) -> MotFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, result: VideoResult) -> None:
        """Add the detections of a frame.

        Raises:
            OSError: it cannot be written.
        """
        with naming(self.path):
            if self._file is None:
                self._file = FileIO(self.path, "w" if self.overwrite else "x")
            self._append(self._file, "".join(f"{line}\n" for line in mot_lines(result)).encode())

    def _append(self, file: FileIO, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except BaseException:
            with suppress(OSError):
                file.truncate(self._end)
            raise
        self._end += len(data)
