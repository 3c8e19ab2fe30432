"""Tracks: which detection is the same thing as one in earlier frames. ByteTrack, from the package `trackers`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from vision.errors import UsageError
from vision.structures.video import NO_TRACK, Detections

# What scores less says nothing, not even of a thing that a track expects (ByteTrack, ECCV 2022, arXiv 2110.06864).
LOW_SCORE = 0.1
# Frames in a row in which a thing must be found before it gets a number: one false alarm gets none.
FRAMES_TO_BEGIN = 2
# Tracks last this long without their thing. The package counts in frames of 30 per second.
PATIENCE = 30
# Classes lie apart from each other by this many pixels, so that no box overlaps one of another class.
_APART = 2.0**14
_CLASSES_IN_A_ROW = 32


class Tracker:
    """Numbers detections, frame by frame; classes have tracks of their own.

    Args:
        threshold: scores from it on begin tracks; lower ones, from `LOW_SCORE` on, go on with tracks alone.
        fps: frames per second, so that patience is a second.

    Raises:
        UsageError: the packages are not installed.
    """

    def __init__(self, threshold: float, fps: float) -> None:
        try:
            from supervision import Detections as Boxes
            from trackers import ByteTrackTracker
        except ImportError as error:
            message = (
                f"tracking needs the packages supervision and trackers ({error}); "
                "pip install 'neighborhood-vision[video]', or give track=False"
            )
            raise UsageError(message, code="missing-package", value="video") from None
        self._boxes = Boxes
        self._tracker = ByteTrackTracker(
            lost_track_buffer=PATIENCE,
            frame_rate=fps,
            track_activation_threshold=threshold,
            high_conf_det_threshold=threshold,
            minimum_consecutive_frames=FRAMES_TO_BEGIN,
        )
        self._size: tuple[int, int] | None = None

    def reset(self) -> None:
        """Forget all tracks; the next number is 0."""
        self._tracker.reset()
        self._size = None

    def update(self, found: Detections, size: tuple[int, int] | None) -> np.ndarray:
        """Numbers of the tracks of what was found in the next frame, int64 `[N]`; -1 for what has none.

        Args:
            found: in pixels of the frame.
            size: (height, width) of the frame, None for one that could not be read.
        """
        self._size = self._size or size
        ids = np.full(len(found.boxes), NO_TRACK, np.int64)
        boxes = self._boxes(
            xyxy=self._placed(found, size),
            confidence=found.scores.astype(np.float32),
            class_id=found.labels.astype(int),
            data={"place": np.arange(len(ids))},  # the package gives them back in another order
        )
        numbered = self._tracker.update(boxes)
        if len(numbered):
            ids[np.asarray(numbered.data["place"])] = np.asarray(numbered.tracker_id)
        return ids

    def state(self) -> dict[str, Any]:
        """Plain values: of the package's tracks whatever is a number or an array, by where it lies in them."""
        return {
            "size": None if self._size is None else list(self._size),
            "next": int(self._tracker._next_track_id),
            "tracks": [{path: _plain(value) for path, value in _leaves(track)} for track in self._tracker.tracks],
        }

    def load_state(self, state: dict[str, Any] | None) -> None:
        """Go on from a state; from None, begin anew. On an error, all stays as it was.

        Raises:
            ValueError, KeyError, TypeError: it is no such state, or that of another version of the package.
        """
        if state is None:
            self.reset()
            return
        size = None
        if state["size"] is not None:
            height, width = map(int, state["size"])
            if min(height, width) < 1:
                raise ValueError(f"frames of {width} x {height} pixels")
            size = (height, width)
        next_number = int(state["next"])
        tracks = [self._track(values) for values in state["tracks"]]
        self._tracker.reset()
        self._tracker.tracks, self._tracker._next_track_id = tracks, next_number
        self._size = size

    def _placed(self, found: Detections, size: tuple[int, int] | None) -> np.ndarray:
        """Boxes in pixels of the first frame, each class in a place of its own."""
        boxes = found.boxes.astype(np.float64)
        if size is not None and self._size is not None:
            # Where frames change their size, the scene goes on, and with it the tracks.
            boxes = boxes * np.tile([self._size[1] / size[1], self._size[0] / size[0]], 2)
        row, column = np.divmod(found.labels, _CLASSES_IN_A_ROW)
        return boxes + _APART * np.stack([column, row, column, row], axis=1)

    def _track(self, values: dict[str, Any]) -> Any:
        """A track of the package with these values: one that it makes itself, filled, so that no class is named."""
        maker = type(self._tracker)(track_activation_threshold=0.0, high_conf_det_threshold=0.0)
        somewhere = self._boxes(xyxy=np.array([[0.0, 0.0, 8.0, 8.0]]), confidence=np.ones(1), class_id=np.zeros(1, int))
        maker.update(somewhere)
        (track,) = maker.tracks
        at_birth = dict(_leaves(track))
        maker.update(somewhere)  # what a track computes when it is first needed is there now
        places = dict(_leaves(track))
        if not isinstance(values, dict) or set(values) != set(places):
            raise ValueError("tracks of another version of the package trackers")
        for path, value in values.items():
            *parents, name = path.split(".")
            owner = track
            for parent in parents:
                owner = getattr(owner, parent)
            is_open = value is None and at_birth[path] is None
            setattr(owner, name, None if is_open else _filled(places[path], value, path))
        return track


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Numbers, arrays and None in an object and in the objects of the package that it holds, with where they lie."""
    for name, value in vars(node).items():
        if value is None or isinstance(value, bool | int | float | np.ndarray | np.generic):
            yield f"{path}{name}", value
        elif hasattr(value, "__dict__") and not isinstance(value, type):
            yield from _leaves(value, f"{path}{name}.")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    return value.item() if isinstance(value, np.generic) else value


def _filled(own: Any, value: Any, path: str) -> Any:
    """A saved value as what the package itself has in that place."""
    if isinstance(own, np.ndarray):
        if not isinstance(value, torch.Tensor):
            raise ValueError(f"{path} is a {type(value).__name__}; expected a tensor")
        array = value.numpy().copy()
        if array.shape != own.shape or array.dtype != own.dtype or not np.isfinite(array).all():
            raise ValueError(f"{path} is {array.dtype} of shape {array.shape}; expected {own.dtype}, {own.shape}")
        return array
    if isinstance(value, bool | int | float) and np.isfinite(value):
        return type(own)(value)
    raise ValueError(f"{path} is {value!r}; expected a number")
