"""`vision forgery`: judge images, real or AI-generated."""

from vision.cli.forgery.command import add_command, run

__all__ = ["add_command", "run"]
