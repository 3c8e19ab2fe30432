"""Find and follow people in a video, and look at its frames beside each other: the third part of `make demo`.

Without a video of your own it draws a clip of people who walk; their boxes are known, and so is what was missed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np

from vision.apis.video import VideoFrames, VideoInferencer, VideoResult, VideoSink
from vision.cli.process import program
from vision.datasets.video.synthetic import Clip
from vision.datasets.video.synthetic.maker import clip_maker
from vision.files import free_places
from vision.metrics.video.boxes import box_iou
from vision.visualization import contact_sheet, draw_frame, save_image

SIZE = (384, 640)
FRAMES = 48
FPS = 12.0
SEED = (18, 1)  # of many clips one with people near by; those of others are harder to find
SHEET = 12  # frames of the contact sheet
SAME = 0.5  # overlap from which a box is that of a person
FILES = ("clip.mp4", "found.mp4", "sheet.png")


@program
def main() -> int:
    """Parse the arguments and run; exit code 0, or 2 with a line that says what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", metavar="IN", help="a video file or a folder of frames (default: drawn)")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder of the files (%(default)s)")
    parser.add_argument("--checkpoint", help="weights instead of the shipped ones")
    arguments = parser.parse_args()
    run(arguments.video, arguments.output, arguments.checkpoint)
    return 0


def run(video: str | None, output: Path, checkpoint: str | None = None) -> None:
    """Write the annotated video and a contact sheet to `output`, and say what was found.

    Raises:
        ValueError: the video or the checkpoint cannot be used.
        OSError: `output` cannot be written.
    """
    output.mkdir(parents=True, exist_ok=True)
    place = free_places(output, FILES)
    clip = None
    if video is None:
        video, clip = str(place["clip.mp4"]), draw_clip(place["clip.mp4"])
    frames = VideoFrames(video)
    inferencer = VideoInferencer(checkpoint=checkpoint, fps=frames.fps)
    results: list[VideoResult] = []
    shown: list[np.ndarray] = []
    step = max(1, -(-(frames.count or 1) // SHEET))
    with VideoSink(place["found.mp4"], frames.fps) as sink:
        for frame in frames:
            results.append(inferencer.process(frame))
            drawn = draw_frame(frame.image, results[-1])
            sink.write(drawn, frame.time)
            if frame.number % step == 0 and len(shown) < SHEET:
                shown.append(drawn)
    save_image(contact_sheet(shown), place["sheet.png"])
    tell(video, results, clip)
    print(f"  video: {place['found.mp4']}, contact sheet: {place['sheet.png']}")


def draw_clip(path: Path) -> Clip:
    """Write a clip of people who walk, some frames of it blurred, and return it with its boxes."""
    clip = clip_maker(SIZE, "people", degraded=0.1, objects=(3, 6), restless=0.2).make(SEED, FRAMES)
    with VideoSink(path, FPS) as sink:
        for number in range(FRAMES):
            sink.write(clip.frame(number))
    return clip


def tell(video: str, results: list[VideoResult], clip: Clip | None) -> None:
    """What was found, and of a drawn clip what was not."""
    seconds = sum(result.seconds or 0.0 for result in results)
    tracks = {int(track) for result in results for track in result.track_ids if track >= 0}
    people = np.mean([len(result) for result in results])
    print(
        f"{video}: {len(results)} frames, {len(results) / seconds:.1f} per second, {people:.1f} people per frame,",
        end=" ",
    )
    print(f"{len(tracks)} tracks")
    for warning in itertools.chain.from_iterable(result.warnings for result in results):
        print(f"  note: {warning}")
    if clip is not None:
        hits, people_there = 0, 0
        for result in results:
            truth = clip.objects(result.frame)
            clear = truth.boxes[truth.visibility >= SAME]
            people_there += len(clear)
            if len(clear) and len(result):
                hits += int((box_iou(clear, result.boxes).max(axis=1) >= SAME).sum())
        print(f"  {hits} of {people_there} people who can be seen were found; real ones: see the model's card")


if __name__ == "__main__":
    sys.exit(main())
