"""`vision batch`: many inputs, on one machine or a cluster, into a folder of Parquet files."""

from vision.cli.batch.command import add_command

__all__ = ["add_command"]
