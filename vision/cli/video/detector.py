"""What the arguments of `vision video` say of frames and of what finds things in them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vision.apis.video.frames import VideoFrames
from vision.apis.video.inferencer import DEFAULT_MODEL, VideoInferencer
from vision.cli.advice import usage_errors
from vision.cli.video.source import Source
from vision.device import usable_device
from vision.errors import UsageError

if TYPE_CHECKING:
    from vision.models.video.protocol import FrameDetector


def frames_of(command: argparse.Namespace, source: Source) -> VideoFrames:
    """The frames of the input, opened."""
    with usage_errors():
        return VideoFrames(source.place, fps=command.fps, max_pixels=command.max_pixels)


def inferencer_of(command: argparse.Namespace, frames: VideoFrames) -> VideoInferencer:
    """The inferencer that the arguments describe."""
    try:
        with usage_errors():
            return VideoInferencer(
                DEFAULT_MODEL if command.model is None else command.model,
                checkpoint=None if command.config is not None else command.checkpoint,
                network=None if command.config is None else _of_config(command),
                device=command.device,
                precision=command.precision,
                threshold=command.threshold,
                classes=command.classes,
                max_size=command.max_size,
                track=not command.no_track,
                mode=command.mode,
                fps=frames.fps / command.every,  # of the frames that it sees
                max_pixels=command.max_pixels,
            )
    except UsageError as error:
        if error.code == "missing-package" and error.value == "video":  # of tracks; other packages have no option
            text = f"{error}; the option is --no-track"
            raise UsageError(text, code=error.code, value=error.value) from None
        raise


def _of_config(command: argparse.Namespace) -> FrameDetector:
    """A detector of mmdet, which this alone imports."""
    if not Path(command.config).is_file():
        raise UsageError(f"--config {command.config!r} is no file; expected the config of a detector of mmdet")
    try:
        from vision.engine.video import load_video_detector
    except ImportError as error:
        raise UsageError(
            f"--config needs the OpenMMLab packages ({error}); pip install 'neighborhood-vision[openmmlab,video]'",
            code="missing-package",
        ) from None
    return load_video_detector(command.config, command.checkpoint, usable_device(command.device))
