"""`vision video`: finds and tracks things in a video, a folder of frames, a camera or a stream."""

from vision.cli.video.command import add_command, run

__all__ = ["add_command", "run"]
