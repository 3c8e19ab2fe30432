"""Judge detections in videos, of files or of a model, beside OpenCV's HOG people detector on the same frames.

DATA_ROOT is a folder of sequences with gt/gt.txt or gt.txt (frames in img1, or a video file in the folder), or a JSON
file in CocoVID's form. Boxes in MOT's ground truth begin at pixel 1, as MOTChallenge has them, and are moved by one.
Prints a table in Markdown: AP50 and AP as COCO has them, then by VOC's area under the curve.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from vision.cli.arguments import between, count, number
from vision.cli.process import program
from vision.cli.targets import add_overwrite, require_free
from vision.errors import UsageError
from vision.files import write_csv
from vision.images import read_image
from vision.metrics.video.detections import (
    SUFFIXES,
    ByFrame,
    label_of,
    parse_detections,
    read_detections,
    score_detections,
)
from vision.metrics.video.sequences import TrueSequence, coco_vid_sequences, mot_sequences
from vision.metrics.video.table import format_video_table, table_rows, video_csv_lines
from vision.structures.video import Detections

HOG_WORKER = Path(__file__).resolve().parent / "hog_people.py"


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and evaluate; a mistake in them ends with one line and exit code 2."""
    parser = argument_parser()
    args = parser.parse_args(argv)
    try:
        sequences, classes = read_truth(args)
        if args.csv:
            files = [_file_of(path, one, sequences) for _, path in args.detections for one in sequences]
            inputs = [args.data_root, args.checkpoint or "", *map(str, files)]
            require_free(args.csv, "--csv", inputs, args.overwrite)
        scores = {
            name: score_detections(sequences, found, classes) for name, found in methods(args, sequences, classes)
        }
    except UsageError as error:
        parser.error(str(error))
    if not scores:
        parser.error("nothing to judge; expected --detections, --model or --hog-python")
    rows = {f"{name}, {part}": row for name, one in scores.items() for part, row in table_rows(one, classes).items()}
    print(format_video_table(rows))
    if args.csv:
        write_csv(args.csv, *video_csv_lines(rows))
    return 0


def read_truth(args: argparse.Namespace) -> tuple[list[TrueSequence], tuple[str, ...]]:
    """Sequences, and the names of their classes.

    Raises:
        UsageError: there are none, or one that was named is not there.
    """
    if Path(args.data_root).is_file():
        images = args.images or str(Path(args.data_root).parent)
        sequences, classes = coco_vid_sequences(args.data_root, images)
    else:
        sequences, classes = mot_sequences(args.data_root), ("person",)
    names = {sequence.name for sequence in sequences}
    missing = sorted(set(args.sequences or ()) - names)
    if missing:
        raise UsageError(f"no sequence is called {missing[0]}; there are {', '.join(sorted(names))}")
    return [one for one in sequences if args.sequences is None or one.name in args.sequences], classes


def methods(
    args: argparse.Namespace, sequences: Sequence[TrueSequence], classes: Sequence[str]
) -> Iterator[tuple[str, dict[str, ByFrame]]]:
    """Each method by its name, with what it found, by sequence."""
    for name, path in args.detections:
        found: dict[str, ByFrame] = {
            one.name: read_detections(_file_of(path, one, sequences), classes, args.origin) for one in sequences
        }
        yield name, found
    if args.model is not None:
        yield f"{args.model} ({args.mode})", _model(args, sequences, classes, with_memory=True)
        if args.without_memory:
            yield f"{args.model} without memory", _model(args, sequences, classes, with_memory=False)
    if args.hog_python is not None:
        raw: dict[str, ByFrame] = {one.name: hog_detections(args.hog_python, one) for one in _progress(sequences)}
        yield "HOG", raw
        yield "HOG, boxes shrunk", {name: {place: shrunk(one) for place, one in of.items()} for name, of in raw.items()}


def hog_detections(python: str, sequence: TrueSequence) -> dict[int, Detections]:
    """What OpenCV's people detector finds, run by an interpreter that has OpenCV 4.

    Raises:
        UsageError: it cannot be run, or ends with an error.
    """
    source = _source(sequence)
    names = None if isinstance(source, Path) else "".join(f"{path}\n" for path in source)
    command = [python, str(HOG_WORKER), str(source) if names is None else "-"]
    try:
        done = subprocess.run(command, input=names, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise UsageError(f"{python!r} cannot be run ({error.strerror}); expected a Python that has OpenCV 4") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UsageError(f"{sequence.name}: {HOG_WORKER.name} failed: {last}")
    found = parse_detections(HOG_WORKER.name, done.stdout, ("person",))
    # A video may go on behind the last frame that is judged.
    return {place: one for place, one in found.items() if place in sequence.truth}


def shrunk(found: Detections) -> Detections:
    """Boxes without the margin that HOG's window has round a person, as OpenCV's own example cuts it."""
    boxes = found.boxes.copy()
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    boxes[:, 0] += 0.1 * width
    boxes[:, 2] = boxes[:, 0] + 0.8 * width
    boxes[:, 1] += 0.07 * height
    boxes[:, 3] = boxes[:, 1] + 0.8 * height
    return Detections(boxes, found.scores, found.labels)


def argument_parser() -> argparse.ArgumentParser:
    """The tool's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", metavar="DATA_ROOT", help="folder of sequences, or a JSON file in CocoVID's form")
    parser.add_argument(
        "--images", metavar="FOLDER", help="of a JSON file: where names of images begin; else its folder"
    )
    parser.add_argument("--sequences", metavar="NAME", nargs="+", help="judge these alone")
    parser.add_argument(
        "--detections",
        metavar="NAME=PATH",
        nargs="+",
        type=_named_path,
        default=[],
        help="what `vision video --mot` or `--jsonl` wrote: of one sequence a file, of several a folder with a file "
        f"of each one's name, ending in {' or '.join(SUFFIXES)}",
    )
    parser.add_argument(
        "--origin",
        metavar="PIXEL",
        type=number,
        default=0.0,
        help="coordinate of the first pixel in MOT files of --detections: 0 as `vision video` writes it (default), 1 "
        "in those of MOTChallenge",
    )
    parser.add_argument("--model", metavar="NAME", help="run a model of `vision models` itself")
    parser.add_argument("--checkpoint", metavar="FILE", help="weights instead of the shipped ones")
    parser.add_argument("--mode", choices=["causal", "offline"], default="causal", help="of --model")
    parser.add_argument("--without-memory", action="store_true", help="also run it with an empty memory at each frame")
    parser.add_argument("--max-size", metavar="PIXELS", type=count, help="longest side that the model sees")
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--threshold", metavar="S", type=between(0, 1), default=0.01, help="least score kept of --model (default: 0.01)"
    )
    parser.add_argument(
        "--hog-python",
        metavar="PYTHON",
        help="also judge OpenCV's HOG people detector, run by this interpreter, which has OpenCV 4; with the boxes "
        "that it gives, and with these shrunk as OpenCV's own example does",
    )
    parser.add_argument("--csv", metavar="FILE", help="write all figures to this file")
    add_overwrite(parser)
    return parser


def _model(
    args: argparse.Namespace, sequences: Sequence[TrueSequence], classes: Sequence[str], with_memory: bool
) -> dict[str, ByFrame]:
    """What a model finds in each sequence, which begins with an empty memory."""
    from vision.apis import VideoInferencer

    mode = args.mode if with_memory else "causal"
    inferencer = VideoInferencer(
        args.model,
        checkpoint=args.checkpoint,
        device=args.device,
        threshold=args.threshold,
        max_size=args.max_size,
        mode=mode,
        track=False,
    )
    labels = np.array([-1 if (label := label_of(name, classes)) is None else label for name in inferencer.classes])
    found: dict[str, ByFrame] = {}
    for sequence in sequences:
        inferencer.reset()
        if mode == "offline":
            inferencer.remember(frames_of(sequence))
        of_sequence = {}
        for place, frame in enumerate(_progress(frames_of(sequence), len(sequence.truth))):
            if not with_memory:
                inferencer.reset()
            result = inferencer.process(frame)
            if result.error is not None:
                raise UsageError(f"{sequence.name}, frame {place + 1}: {result.error}")
            known = labels[result.labels] >= 0
            one = Detections(result.boxes[known], result.scores[known], labels[result.labels][known])
            of_sequence[place] = one
        found[sequence.name] = of_sequence
    return found


def frames_of(sequence: TrueSequence) -> Iterator[np.ndarray]:
    """The frames that are judged, uint8 RGB `[H, W, 3]`.

    Raises:
        UsageError: there are none, or fewer than are judged.
    """
    source, count_judged, place = _source(sequence), len(sequence.truth), 0
    if not isinstance(source, Path):
        yield from map(read_image, source)
        return
    capture = cv2.VideoCapture(str(source))
    for place in range(count_judged):
        is_read, frame = capture.read()
        if not is_read:
            raise UsageError(f"{source}: frame {place + 1} of {count_judged} cannot be read", code="unreadable-video")
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def _source(sequence: TrueSequence) -> Path | list[Path]:
    if sequence.source is None:
        raise UsageError(f"{sequence.name} has no frames; expected images in img1 or one video file in its folder")
    return sequence.source


def _file_of(path: str, sequence: TrueSequence, sequences: Sequence[TrueSequence]) -> Path:
    """The file with the detections of a sequence."""
    if not Path(path).is_dir():
        if len(sequences) > 1:
            raise UsageError(f"{path} is a file, for {len(sequences)} sequences; expected a folder with a file of each")
        return Path(path)
    for suffix in SUFFIXES:
        if (file := Path(path, sequence.name + suffix)).is_file():
            return file
    raise UsageError(f"{path} has no file {sequence.name}.txt or {sequence.name}.jsonl")


def _named_path(text: str) -> tuple[str, str]:
    name, _, path = text.rpartition("=")
    return name or Path(path).stem, path


def _progress(items: Iterable[Any], total: int | None = None) -> Iterable[Any]:
    console = Console(stderr=True)
    return track(items, "detecting", total=total, console=console, disable=not console.is_terminal)


if __name__ == "__main__":
    sys.exit(main())
