"""What a video showed over time: how many of each class, how many tracks, in memory that does not grow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from vision.cli.output import print_table
from vision.structures.video import NO_TRACK, VideoResult

_KEPT = 10_000  # numbers of tracks that are remembered: a track that rests so long has ended


@dataclass
class _OfClass:
    found: int = 0
    peak: int = 0
    peak_at: str = ""
    tracks: int = 0


class Summary:
    """Counts over the frames of a run.

    Attributes:
        seen: frames that were looked at.
        failed: frames for which there is no result.
    """

    def __init__(self) -> None:
        self.seen = self.failed = 0
        self._classes: dict[str, _OfClass] = {}
        self._known: set[int] = set()
        self._floor = NO_TRACK

    def add(self, result: VideoResult) -> None:
        """Count what one frame showed."""
        if result.error is not None:
            self.failed += 1
            return
        self.seen += 1
        at = f"frame {result.frame}" if result.time is None else f"{result.time:.1f} s"
        for label, number in Counter(result.labels.tolist()).items():
            count = self._of(result.name_of(label))
            count.found += number
            if number > count.peak:
                count.peak, count.peak_at = number, at
        for label, track in zip(result.labels.tolist(), result.track_ids.tolist(), strict=True):
            if track > self._floor and track not in self._known:
                self._known.add(track)
                self._of(result.name_of(label)).tracks += 1
        if len(self._known) > 2 * _KEPT:
            self._floor = sorted(self._known)[-_KEPT]
            self._known = {track for track in self._known if track > self._floor}

    def print_table(self, has_tracks: bool) -> None:
        """A row per class that was found, on standard output."""
        columns = ["class", "mean per frame", "most at once", "at", *(["tracks"] if has_tracks else [])]
        rows = [
            [name, f"{count.found / self.seen:.2f}", str(count.peak), count.peak_at]
            + ([str(count.tracks)] if has_tracks else [])
            for name, count in sorted(self._classes.items())
        ]
        if rows:
            print_table(columns, rows)

    def records(self) -> list[dict[str, str | float | int]]:
        """JSON-ready, one for each class that was found: `label`, `mean_per_frame`, `most_at_once`, `at`, `tracks`."""
        return [
            {
                "label": name,
                "mean_per_frame": round(count.found / self.seen, 4),
                "most_at_once": count.peak,
                "at": count.peak_at,
                "tracks": count.tracks,
            }
            for name, count in sorted(self._classes.items())
        ]

    def line(self, seconds: float, frames: int, has_tracks: bool) -> str:
        """The whole run in a line.

        Args:
            seconds: that it took.
            frames: of the input, also those that were not looked at.
            has_tracks: whether what is found was followed.
        """
        parts = [
            f"{name} {count.found / self.seen:.2f} per frame, {count.peak} at most (at {count.peak_at})"
            + (f", {count.tracks} track{'s' * (count.tracks != 1)}" if has_tracks else "")
            for name, count in sorted(self._classes.items())
        ] or ["nothing found"]
        looked = "" if self.seen + self.failed >= frames else f", {self.seen} looked at"
        problem = f"; {self.failed} could not be read" if self.failed else ""
        rate = self.seen / seconds if seconds else 0.0
        return f"{frames} frame{'s' * (frames != 1)}{looked}, {rate:.2f} per second: {'; '.join(parts)}{problem}"

    def _of(self, name: str) -> _OfClass:
        return self._classes.setdefault(name, _OfClass())
