"""`vision stereo`: disparity, depth and point clouds from pairs of images, or from stereo video."""

from vision.cli.stereo.command import DEFAULT_TILE, KINDS, add_command, run

__all__ = ["DEFAULT_TILE", "KINDS", "add_command", "run"]
