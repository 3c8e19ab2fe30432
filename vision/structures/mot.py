"""Tracks in MOTChallenge's columns, a line per detection."""

from __future__ import annotations

from vision.structures.video import VideoResult


def mot_lines(result: VideoResult) -> list[str]:
    """frame (from 1), track or -1, left, top, width, height, score, -1, -1, -1 of each detection."""
    lines = []
    for (left, top, right, bottom), score, track in zip(
        result.boxes.tolist(), result.scores.tolist(), result.track_ids.tolist(), strict=True
    ):
        box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
        lines.append(f"{result.frame + 1},{track},{box},{score:.5f},-1,-1,-1")
    return lines
