"""`vision batch`: many inputs, on one machine or a cluster, into a folder of Parquet files."""

from __future__ import annotations

import argparse
from typing import Any

from vision.cli.arguments import count, number
from vision.cli.forgery.command import add_decision, add_work
from vision.cli.stereo.command import add_geometry, add_matching
from vision.cli.video.command import add_finding, add_video

_DESCRIPTION = """\
Work on many inputs: on all CPUs or GPUs of this machine, or on a cluster of Ray, into a folder that is one table.

DIR is a Parquet table with one row per input, its key in the column path, and the fields that --json of the task's own
command has. It can be read at any time, also while the run goes on. The same command again does what is missing,
exactly once, however the first run ended. Needs the extra: pip install 'neighborhood-vision[ray]'."""

_INPUTS = """\
INPUT is a file, a folder (searched recursively), a pattern, an address (s3://, gs://, az://, https://, hdfs://,
file:// ...) of a file or a folder, - for a list on standard input, or a list: a file whose name ends in .txt, .lst or
.list, with a path or an address in each line."""

_EXAMPLES = """\
examples:
  vision batch forgery photos/ --out judged
  vision batch forgery s3://bucket/photos/ --out judged --ray auto
  vision batch stereo pairs.csv --out matched
  vision batch video clips/ --out watched --every 5
  python -c 'import pyarrow.parquet as p; print(p.read_table("judged").to_pandas())'"""

_EXIT_CODES = """\
exit codes:
  0   every input has a row without an error
  1   a row has an error, or images may be missing
  2   bad usage: arguments, inputs, credentials, cluster, a folder that cannot be written, a full disk; the same
      command goes on where it was
  130 interrupted, 143 told to end: as well"""


def add_command(commands: Any) -> None:
    """Add the subcommand to argparse's `commands`."""
    parser = commands.add_parser(
        "batch",
        help="many inputs, on one machine or a cluster, into Parquet",
        description=_DESCRIPTION,
        epilog=f"{_EXIT_CODES}\n\n{_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tasks = parser.add_subparsers(dest="task", metavar="TASK", required=True)
    forgery = _add_task(tasks, "forgery", "judge images: real or AI-generated", _INPUTS)
    add_decision(forgery.add_argument_group("decision"))
    forgery.add_argument("--show-prompt", action="store_true", help="also tell the text of generators' prompts")
    add_work(forgery.add_argument_group("work"))
    forgery.set_defaults(heatmap=None, report=None)
    stereo = _add_task(
        tasks,
        "stereo",
        "depth from pairs of images",
        "INPUT is LEFT RIGHT: two images or two folders; one folder with both views; or a CSV file with columns left "
        "and\nright; as `vision stereo` has them, on this machine or at an address.",
    )
    add_geometry(stereo.add_argument_group("depth"), has_files=False)
    add_matching(stereo.add_argument_group("matching"))
    stereo.add_argument(
        "--side-by-side", action="store_true", help="INPUT has both views, the left one in its left half"
    )
    stereo.set_defaults(video=False)
    video = _add_task(
        tasks,
        "video",
        "find and follow things in video",
        f"{_INPUTS}\nA folder of images without videos is one clip, of its frames.",
    )
    add_finding(video.add_argument_group("finding"))
    add_video(video.add_argument_group("video"), has_state=False)
    video.add_argument("--no-frames", action="store_true", help="leave out the column results, what each frame shows")


def run(command: argparse.Namespace) -> int:
    """Work on what the command names: `vision.cli.batch.run`."""
    from vision.batch.packages import check_packages

    check_packages()
    from vision.cli.batch.run import run_command

    return run_command(command)


def _add_task(tasks: Any, name: str, summary: str, inputs: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = tasks.add_parser(
        name,
        help=summary,
        description=f"{_DESCRIPTION}\n\n{inputs}",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, name=f"batch {name}")
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="what to work on")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the table, new or of an earlier run")
    group = parser.add_argument_group("cluster")
    group.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="join a cluster: auto, or HOST:PORT of its head, on one of its machines (start one on this machine alone)",
    )
    group.add_argument(
        "--actors", type=count, metavar="N", help="workers, each with a model (as many as there is room)"
    )
    group.add_argument("--cpus", type=_share, metavar="N", help="CPUs per worker (1)")
    group.add_argument("--gpus", type=_share, metavar="N", help="GPUs per worker (1 where the cluster has some)")
    group.add_argument("--chunk", type=count, metavar="N", help="inputs that a worker takes at a time")
    group.add_argument("--retry-errors", action="store_true", help="do inputs again whose row has an error")
    return parser


def _share(text: str) -> float:
    value = number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected a number from 0 on, got {text!r}")
    return value
