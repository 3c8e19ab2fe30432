"""A computer-vision suite: models that join a backbone and a head, their data, metrics and command line."""

__version__ = "0.2.0"
