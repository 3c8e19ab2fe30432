"""What frames are for: those that are judged, and those that are only looked at first."""

from __future__ import annotations

from typing import Any

# "causal" sees a frame and those before it; "offline" first looks at references from the whole video, as published.
MODES = ("causal", "offline")


def roles_of(sample: Any) -> tuple[list[int], list[int]]:
    """Indices of a TrackDataSample's key frames and of its reference frames; without roles all are key frames."""
    references = list(sample.metainfo.get("ref_frames_inds", []))
    keys = sample.metainfo.get("key_frames_inds")
    return list(range(len(sample))) if keys is None else list(keys), references
