"""The options of `vision serve`."""

from __future__ import annotations

import argparse
import os
from typing import Any

from vision.cli.arguments import count, positive
from vision.errors import UsageError
from vision.serve.settings import TASKS, Settings

_DESCRIPTION = """\
Serve a web page and an HTTP API over the models, until Ctrl-C or SIGTERM; then what was accepted is answered.

Both are on one port, for this machine alone unless --host says otherwise. Files that are sent are removed when they
are answered, and whatever is kept is after an hour and at the end. Nothing is sent anywhere else."""

_EPILOG = """\
The page needs gradio, the API does not: pip install 'neighborhood-vision[serve]'. /openapi.json describes the API.
A line of JSON per request is written on stderr.

exit codes:
  2    bad usage: arguments, a file of a token, a port that is taken
  130  ended by Ctrl-C, 143 by SIGTERM

examples:
  vision serve
  vision serve --only forgery --only stereo --port 8000
  vision serve --host 0.0.0.0 --token-file token.txt
  curl -F file=@photo.jpg http://127.0.0.1:7860/v1/forgery"""

_MAX_TOKEN = 4096  # bytes
_MIN_TOKEN = 16


def add_command(commands: Any) -> None:
    """Add the subcommand to argparse's `commands`."""
    default = Settings()
    parser = commands.add_parser(
        "serve",
        help="a web page and an HTTP API",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("--host", default=default.host, metavar="NAME", help="address to bind to (%(default)s)")
    parser.add_argument("--port", type=_port, default=default.port, metavar="N", help="(%(default)s)")
    parser.add_argument(
        "--only",
        action="append",
        choices=TASKS,
        metavar="TASK",
        help=f"offer this alone: {', '.join(TASKS)}; repeatable",
    )
    parser.add_argument("--token-file", metavar="FILE", help="ask for the token in it: Authorization: Bearer TOKEN")
    parser.add_argument(
        "--max-upload", type=count, default=default.max_upload, metavar="BYTES", help="of one request (%(default)s)"
    )
    parser.add_argument(
        "--max-pixels", type=count, default=default.max_pixels, metavar="N", help="refuse larger images (%(default)s)"
    )
    parser.add_argument(
        "--timeout",
        type=positive,
        default=default.timeout,
        metavar="S",
        help="give up a request after so many seconds, a video after ten times as many (%(default)g)",
    )


def run(command: argparse.Namespace) -> int:
    """Serve until the process is told to end."""
    settings = settings_of(command)
    try:
        from vision.cli.serve.server import serve
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the server needs {error.name}; pip install 'neighborhood-vision[serve]'",
            code="missing-package",
            value=error.name,
        ) from None
    return serve(settings)


def settings_of(command: argparse.Namespace) -> Settings:
    """What the arguments say.

    Raises:
        UsageError: the file of the token cannot be used.
    """
    return Settings(
        host=command.host,
        port=command.port,
        only=tuple(task for task in TASKS if not command.only or task in command.only),
        token=None if command.token_file is None else _token(command.token_file),
        max_upload=command.max_upload,
        max_pixels=command.max_pixels,
        timeout=command.timeout,
    )


def _token(path: str) -> str:
    from vision.images import ImageError, open_regular

    try:
        with open_regular(path) as file:
            text = file.read(_MAX_TOKEN + 1)
    except ImageError as error:
        raise UsageError(f"--token-file {os.fspath(path)!r}: {error.reason}", code="unreadable-file") from None
    token = text.strip()
    if not _MIN_TOKEN <= len(token) <= _MAX_TOKEN or not token.isascii() or len(token.split()) != 1:
        raise UsageError(
            f"--token-file {path!r} holds no token; expected one line of at least {_MIN_TOKEN} characters of ASCII "
            "without spaces"
        )
    return token.decode()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"expected a port, from 0 to 65535, got {text!r}")
    return int(text)
