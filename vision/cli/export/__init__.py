"""`vision export`: models as files for other runtimes."""

from vision.cli.export.command import add_command, run

__all__ = ["add_command", "run"]
