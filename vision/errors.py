"""The error that tools and the command line show as one line, without a traceback."""


class UsageError(ValueError):
    """The caller named something that is missing or does not fit; the message says what and what to do."""
