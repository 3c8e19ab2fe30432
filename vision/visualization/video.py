"""Draws what was found in a frame, with supervision's annotators; and frames of a video beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image

from vision.errors import UsageError
from vision.structures.video import NO_TRACK, VideoResult
from vision.visualization.canvas import BACKGROUND

_GAP = 8


def draw_frame(image: np.ndarray, result: VideoResult, held: bool = False) -> np.ndarray:
    """A copy of a frame with boxes, names, scores and track numbers; colors go by track, else by class.

    Args:
        image: uint8 RGB `[H, W, 3]`.
        result: what was found in it.
        held: whether the result is that of an earlier frame: of its boxes the corners alone are drawn, and no scores.

    Raises:
        UsageError: the package supervision is not installed.
    """
    sv = _supervision()
    drawn = np.ascontiguousarray(image[..., ::-1])  # annotators draw on BGR
    if not len(result):
        return np.ascontiguousarray(drawn[..., ::-1])
    found = sv.Detections(
        xyxy=result.boxes.astype(np.float32), confidence=result.scores, class_id=result.labels.astype(int)
    )
    colors = np.where(result.track_ids == NO_TRACK, result.labels, result.track_ids).astype(int)
    side = min(image.shape[:2])
    thickness = max(1, round(side / 240))
    scale = float(np.clip(side / 900, 0.3, 2.0))
    if held:
        corners = sv.BoxCornerAnnotator(thickness=thickness, corner_length=max(4, side // 40))
        drawn = corners.annotate(drawn, found, custom_color_lookup=colors)
        return np.ascontiguousarray(drawn[..., ::-1])
    drawn = sv.BoxAnnotator(thickness=thickness).annotate(drawn, found, custom_color_lookup=colors)
    labels = sv.LabelAnnotator(
        text_scale=scale, text_thickness=max(1, round(scale * 1.5)), text_padding=max(2, round(6 * scale)),
        text_color=sv.Color.BLACK,
        smart_position=True,  # within the frame, and not one over another
    )  # fmt: skip
    drawn = labels.annotate(drawn, found, labels=_texts(result), custom_color_lookup=colors)
    return np.ascontiguousarray(drawn[..., ::-1])


def contact_sheet(frames: Sequence[np.ndarray], columns: int = 4, width: int = 320) -> Image.Image:
    """Frames in a grid, row by row.

    Args:
        frames: uint8 RGB `[H, W, 3]`, also of several sizes; at least one.
        columns: of the grid; fewer frames make fewer.
        width: of a frame in the grid, in pixels.

    Raises:
        UsageError: there are no frames.
    """
    if not frames:
        raise UsageError("a contact sheet of no frames; expected at least one", code="no-frames", value=0)
    columns = max(1, min(columns, len(frames)))
    small = []
    for frame in frames:
        height = max(1, round(frame.shape[0] * width / frame.shape[1]))
        small.append(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA))
    tall = max(frame.shape[0] for frame in small)
    rows = -(-len(small) // columns)
    sheet = Image.new("RGB", (columns * (width + _GAP) + _GAP, rows * (tall + _GAP) + _GAP), BACKGROUND)
    for place, frame in enumerate(small):
        row, column = divmod(place, columns)
        sheet.paste(Image.fromarray(frame), (_GAP + column * (width + _GAP), _GAP + row * (tall + _GAP)))
    return sheet


def _texts(result: VideoResult) -> list[str]:
    texts = []
    for label, score, track in zip(result.labels, result.scores, result.track_ids, strict=True):
        number = "" if track == NO_TRACK else f" {track}"
        texts.append(f"{result.name_of(int(label))}{number} {score:.0%}")
    return texts


def _supervision() -> Any:
    try:
        import supervision
    except ImportError:
        message = "drawing on videos needs the package supervision; pip install 'neighborhood-vision[video]'"
        raise UsageError(message, code="missing-package", value="supervision") from None
    return supervision
