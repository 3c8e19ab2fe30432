"""What a step found, written to its file as it is found: a step that is cut leaves what it had."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Record:
    """Checks, tables and notes of one step.

    Args:
        path: file that is written.
        seconds: how long the step may take; it should end by itself before.
        quick: tiny sizes, to see whether all works.
        device: that is checked.
    """

    def __init__(self, path: Path, seconds: float, device: str, quick: bool) -> None:
        self.path, self.device, self.quick = path, device, quick
        self._end = time.monotonic() + seconds
        self._found: dict[str, Any] = {"checks": [], "tables": [], "notes": [], "skipped": None, "finished": False}
        self._save()

    @property
    def left(self) -> float:
        """Seconds until the step is cut."""
        return self._end - time.monotonic()

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.startswith("cuda")

    def check(self, name: str, ok: bool, detail: str = "") -> None:
        """Something that must hold."""
        print(f"  {'ok  ' if ok else 'FAIL'} {name}{f': {detail}' if detail else ''}", flush=True)
        self._found["checks"].append({"name": name, "ok": bool(ok), "detail": detail})
        self._save()

    def compare(self, name: str, error: float, most: float) -> None:
        """An error that must not exceed a bound; NaN does."""
        self.check(name, error <= most, f"error {error:.1e}, at most {most:.0e}")

    @contextmanager
    def checking(self, name: str) -> Iterator[None]:
        """An exception inside is a failed check, and the step goes on."""
        try:
            yield
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            self.check(name, False, f"{type(error).__name__}: {lines[0][:300]}")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table; one of the same title before it is replaced."""
        tables = [table for table in self._found["tables"] if table["title"] != title]
        new = {"title": title, "columns": list(columns), "rows": [list(row) for row in rows]}
        self._found["tables"] = [*tables, new]
        self._save()

    def note(self, text: str) -> None:
        """A line for the report."""
        print(f"  {text}", flush=True)
        self._found["notes"].append(text)
        self._save()

    def data(self, name: str, value: Any) -> None:
        """Figures for the JSON file alone."""
        self._found[name] = value
        self._save()

    def skip(self, why: str) -> None:
        """The step does nothing here."""
        print(f"  skipped: {why}", flush=True)
        self._found["skipped"] = why
        self._save()

    def finish(self) -> None:
        """The step came to its end."""
        self._found["finished"] = True
        self._save()

    def _save(self) -> None:
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self._found, indent=1))
        os.replace(part, self.path)
