"""Bounds that library and command line share. Nothing is imported, so that `vision --help` answers at once."""

MAX_PIXELS = 100_000_000  # of an image file, told by its header: what claims more would exhaust memory
