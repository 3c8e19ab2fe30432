"""`vision serve`: a page and an HTTP API over the models."""

from vision.cli.serve.command import add_command, run

__all__ = ["add_command", "run"]
