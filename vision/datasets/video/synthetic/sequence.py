"""Clips on disk: a sequence in MOTChallenge's folders, which a file in CocoVID's form describes as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2

from vision.datasets.video.converters.coco_vid import Box, CocoVidWriter, Frame
from vision.datasets.video.synthetic.clip import LEAST_VISIBLE, Clip
from vision.files import StrPath, new_folder, write_bytes, write_text

ANNOTATIONS = "annotations.json"


def write_sequence(
    clip: Clip,
    folder: StrPath,
    fps: float = 25.0,
    least_visible: float = LEAST_VISIBLE,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> None:
    """Write a clip as a folder, which appears whole or not at all.

    It has frames `img1/000001.png`, `gt/gt.txt` and `seqinfo.ini`, as MOTChallenge has them (see `mot_lines`), and
    `annotations.json` in CocoVID's form, in which names of frames begin in the folder, and which says what is degraded.

    Args:
        clip: what to write.
        folder: new, or empty.
        fps: frames per second, for `seqinfo.ini`.
        least_visible: an object of which a smaller share is seen is neither to be found nor wrong if it is found.
        progress: passes the numbers of the frames on, and shows how far it is.

    Raises:
        UsageError: no frame shows an object.
        OSError: the folder is there and not empty, or cannot be written.
    """
    name = Path(folder).resolve().name
    writer = CocoVidWriter(clip.classes)
    writer.add_video(name, [_frame(clip, number, least_visible) for number in range(len(clip))])
    with new_folder(folder) as unfinished:
        writer.write(unfinished / ANNOTATIONS)
        for part in ("img1", "gt"):
            (unfinished / part).mkdir()
        write_text(unfinished / "gt" / "gt.txt", "".join(mot_lines(clip, least_visible)))
        write_text(unfinished / "seqinfo.ini", _sequence_info(name, clip, fps))
        for number in progress(range(len(clip))):
            is_done, png = cv2.imencode(".png", clip.frame(number)[..., ::-1])
            assert is_done
            write_bytes(unfinished / _file_name(number), png.data)


def mot_lines(clip: Clip, least_visible: float = LEAST_VISIBLE) -> list[str]:
    """Lines of `gt.txt`: frame, track, x, y, width, height, 1 if it is to be found, class, share that is seen.

    Frames, tracks, classes and pixels count from 1; class 1 is that of pedestrians, and here the first, whatever it is.
    """
    lines = []
    for number in range(len(clip)):
        objects = clip.objects(number)
        for box, track, label, seen in zip(*_columns(clip, number), objects.visibility.tolist(), strict=True):
            left, top, right, bottom = map(round, box)  # edges of pixels are whole numbers
            place = (number + 1, track + 1, left + 1, top + 1, right - left, bottom - top)
            lines.append(",".join(map(str, (*place, int(seen >= least_visible), label + 1, f"{seen:.3f}"))) + "\n")
    return lines


def _frame(clip: Clip, number: int, least_visible: float) -> Frame:
    visibility = clip.objects(number).visibility.tolist()
    boxes = [
        Box(clip.classes[label], (left, top, right - left, bottom - top), track, seen < least_visible, seen < 1)
        for (left, top, right, bottom), track, label, seen in zip(*_columns(clip, number), visibility, strict=True)
    ]
    return Frame(number, _file_name(number), clip.stage.size, boxes, bool(clip.fault(number)))


def _columns(clip: Clip, number: int) -> tuple[list[list[float]], list[int], list[int]]:
    objects = clip.objects(number)
    return objects.boxes.tolist(), objects.track_ids.tolist(), objects.labels.tolist()


def _file_name(number: int) -> str:
    return f"img1/{number + 1:06d}.png"


def _sequence_info(name: str, clip: Clip, fps: float) -> str:
    height, width = clip.stage.size
    return (
        f"[Sequence]\nname={name}\nimDir=img1\nframeRate={fps:g}\nseqLength={len(clip)}\nimWidth={width}\n"
        f"imHeight={height}\nimExt=.png\n"
    )
