"""`vision completion`: the Tab key in bash, zsh and fish completes commands, options, names and files.

argcomplete does it from the parser itself: the shell's part runs `vision` with the line so far, and `answer` replies.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import Any

from vision.models.table import FLOW, FORGERY, MODELS, STEREO, VIDEO
from vision.published import PUBLISHED

SHELLS = ("bash", "zsh", "fish")
# Which models a command takes; one that is not here takes any.
TASKS = {"forgery": (FORGERY,), "stereo": (STEREO, FLOW), "video": (VIDEO,)}

_EPILOG = """\
add it to what your shell reads when it starts:
  bash  echo 'eval "$(vision completion bash)"' >> ~/.bashrc
  zsh   echo 'eval "$(vision completion zsh)"' >> ~/.zshrc    (after compinit)
  fish  vision completion fish > ~/.config/fish/completions/vision.fish"""


def add_command(commands: Any) -> None:
    """Add the subcommand to argparse's `commands`."""
    text = "print what lets a shell complete this command"
    parser = commands.add_parser(
        "completion",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell that reads it")
    parser.set_defaults(run=run)


def run(command: argparse.Namespace) -> int:
    """Print the shell's part; always exit code 0."""
    import argcomplete

    print(argcomplete.shellcode(["vision"], shell=command.shell))
    return 0


def answer(parser: argparse.ArgumentParser) -> None:
    """Reply to a shell that asks what may follow, and end the process; return where none does."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        completer: Any = _complete_value  # any function will do, whatever argcomplete's annotations say
        argcomplete.autocomplete(parser, default_completer=completer)


def _complete_value(prefix: str, **asked: Any) -> Iterable[str]:
    """What may stand where no choices are listed: most arguments are files."""
    from argcomplete.completers import FilesCompleter

    destination = asked["action"].dest
    if destination == "model":
        tasks = TASKS.get(getattr(asked["parsed_args"], "name", None) or "")
        return [row.name for row in MODELS if tasks is None or row.task in tasks]
    if destination == "device":
        return ["cpu", "cuda"]
    if destination == "download":
        return list(PUBLISHED)
    files = FilesCompleter()(prefix, **asked)
    # Names are more than anybody reads beside files: a letter must tell that one is meant.
    return [*files, *PUBLISHED] if destination == "checkpoint" and prefix else files
