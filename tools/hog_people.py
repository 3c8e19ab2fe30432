"""Find people with OpenCV's HOG detector, a baseline; needs OpenCV 4 alone, since OpenCV 5 dropped it.

Prints MOT's columns: frame from 1, -1, x, y, width, height in pixels from 0, score (margin of the classifier). With a
folder or a list of images on standard input instead of a video, frames are counted in their order.
Dalal and Triggs, Histograms of Oriented Gradients for Human Detection, CVPR 2005.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import cv2


def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and print what is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", metavar="VIDEO", help="video file, or - for names of images on standard input")
    args = parser.parse_args(argv)
    if not hasattr(cv2, "HOGDescriptor"):
        parser.error(f"OpenCV {cv2.__version__} has no HOGDescriptor; run this with an interpreter that has OpenCV 4")
    opencv: Any = cv2  # whose stubs are of the version that is installed here
    hog = opencv.HOGDescriptor()
    hog.setSVMDetector(opencv.HOGDescriptor_getDefaultPeopleDetector())
    frames = images(line.rstrip("\n") for line in sys.stdin) if args.video == "-" else video_frames(args.video)
    for number, frame in enumerate(frames, 1):
        # A stride of 8 pixels and steps of 5 % are the finest in common use; all that is found is kept, by its score.
        boxes, scores = hog.detectMultiScale(frame, hitThreshold=0, winStride=(8, 8), padding=(8, 8), scale=1.05)
        for (x, y, width, height), score in zip(boxes, scores, strict=True):
            print(f"{number},-1,{x},{y},{width},{height},{float(score):.6f},-1,-1,-1")
        print(f"frame {number}", file=sys.stderr)
    return 0


def images(names: Iterable[str]) -> Iterator[Any]:
    """Images by their names."""
    for name in names:
        frame = cv2.imread(name)
        if frame is None:
            sys.exit(f"{name} is no image that OpenCV reads")
        yield frame


def video_frames(name: str) -> Iterator[Any]:
    """Frames of a video."""
    capture = cv2.VideoCapture(name)
    is_read, frame = capture.read()
    if not is_read:
        sys.exit(f"{name} is no video that OpenCV reads")
    while is_read:
        yield frame
        is_read, frame = capture.read()


if __name__ == "__main__":
    sys.exit(main())
