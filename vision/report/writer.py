"""Writes the report of a run: one HTML page that needs nothing beside it."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from vision.errors import UsageError
from vision.files import StrPath, naming, replacing
from vision.report.pages import Templates, markup
from vision.report.summary import COLUMNS, Summary, summary
from vision.report.thumbnails import thumbnail

if TYPE_CHECKING:
    import numpy as np

    from vision.structures.heatmap import HeatMap

REPORT_NAME = "report.html"
# Conclusions that the filter offers; later ones, if somebody writes a new one for each image, share one entry.
MAX_CONCLUSIONS = 40
OTHER = "other"
_CHUNK = 1 << 20


class ReportWriter:
    """A report that grows with each result and appears whole, as `report.html`, or not at all.

    Memory holds one image at a time: what was added waits in two nameless files in the folder, so that the disk holds
    the report twice while it is written. The first 200 images take up to 85 kB each, the next 800 up to 40 kB, all
    others 15 kB, and their texts up to 20,000 letters.

    It is a context: leaving it without `finish` leaves no report.

    Args:
        folder: made when it is missing.
        overwrite: whether a report that is there is replaced.

    Raises:
        UsageError: there is a report already, or the folder cannot be written to.
    """

    def __init__(self, folder: StrPath, overwrite: bool = False) -> None:
        self.path = Path(folder, REPORT_NAME)
        self.overwrite = overwrite
        self.count = 0
        self._conclusions: Counter[str] = Counter()
        self._tones: dict[str, str] = {}
        self._columns: set[str] = set()
        self._stack = ExitStack()
        self._require_free()
        try:
            os.makedirs(folder, exist_ok=True)
            self._rows, self._sections = self._spool(), self._spool()
        except OSError as error:
            raise UsageError(
                f"folder {os.fspath(folder)!r} cannot be written ({error.strerror}); choose a writable folder",
                code="unwritable-folder",
                value=os.fspath(folder),
            ) from None
        self._templates = Templates()

    def __enter__(self) -> ReportWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up what was added, unless `finish` has written it."""
        with suppress(OSError):  # what a full disk did not take is not wanted any more
            self._stack.close()

    def add(
        self,
        record: Mapping[str, Any],
        image_preview: np.ndarray | None = None,
        heatmap: HeatMap | None = None,
    ) -> None:
        """Add one image.

        Args:
            record: `ForgeryResult.to_dict()`. Absent fields are left out; numbers may be text, as in CSV files.
            image_preview: uint8 RGB `[h, w, 3]`, of any size; that of the heat map by default.
            heatmap: of the image.

        Raises:
            OSError: the disk is full, and so on.
        """
        shown = thumbnail(image_preview, heatmap, self.count)
        parts = summary(record, shown is not None and shown.overlay is not None)
        self.count += 1
        self._columns |= {name for name, cell in zip(COLUMNS, parts.cells, strict=True) if cell.text}
        context = {
            "number": self.count,
            "image": parts,
            "group": self._group(parts),
            "shown": shown,
            "columns": [*COLUMNS],
        }
        with naming(self.path):
            self._rows.write(self._templates.render("row.html", context))
            self._sections.write(self._templates.render("image.html", context))

    def finish(self, run_info: Mapping[str, object] | None = None) -> Path:
        """Write the report and end.

        Args:
            run_info: what to say of the run, name -> value, in this order, such as date, model and options.

        Returns:
            Where the report is.

        Raises:
            UsageError: a report came to be there meanwhile.
            OSError: it cannot be written.
        """
        self._require_free()
        context = {
            "run": dict(run_info or {}),
            "total": self.count,
            "groups": [(name, count, self._tones[name]) for name, count in self._conclusions.items()],
            "columns": COLUMNS,
            "absent": [name for name in COLUMNS if name not in self._columns],
            "rows": _chunks(self._rows),
            "sections": _chunks(self._sections),
        }
        with self._stack, replacing(self.path) as file:
            for text in self._templates.generate("page.html", context):
                file.write(text.encode())
        return self.path

    def _group(self, parts: Summary) -> int:
        """Number of the filter's entry that the image belongs to."""
        is_new = parts.conclusion not in self._conclusions
        name = OTHER if is_new and len(self._conclusions) >= MAX_CONCLUSIONS else parts.conclusion
        self._conclusions[name] += 1
        self._tones.setdefault(name, "open" if name == OTHER else parts.tone)
        return list(self._conclusions).index(name)

    def _spool(self) -> TextIO:
        file = tempfile.TemporaryFile("w+", dir=self.path.parent, encoding="utf-8", newline="")  # noqa: SIM115
        return self._stack.enter_context(file)

    def _require_free(self) -> None:
        if os.path.lexists(self.path) and not self.overwrite:
            raise UsageError(
                f"{os.fspath(self.path)!r} is there already; choose another folder, or allow to overwrite it",
                code="report-exists",
                value=os.fspath(self.path),
            )


def _chunks(spool: TextIO) -> Iterator[str]:
    """What was spooled, which is HTML already."""
    spool.seek(0)
    while text := spool.read(_CHUNK):
        yield markup(text)
