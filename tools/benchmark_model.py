"""Speed and memory of timm models by name, ours among them, side by side in one run.

    python tools/benchmark_model.py dinat_mini swin_tiny_patch4_window7_224 --batch-size 1 8

Times are medians over rounds in which every model takes its turn; "ratio" is the time over that of the first model.
Memory is what model and passes add to a fresh process (on GPUs: what torch has allocated at most). Weights are random.
"""

from __future__ import annotations

import argparse
import platform
import sys

import timm
import torch

import vision
from backbones.neighborhood.variants import VARIANTS
from vision.analysis.speed import Result, Setting, compare, keep_freed_memory
from vision.cli.output import print_table
from vision.cli.process import program
from vision.device import usable_device
from vision.errors import UsageError
from vision.models.timm_names import check_timm_name, timm_image_size
from vision.ops.common import kernels


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments, measure and print; a mistake in them ends with one line and exit code 2."""
    parser = argument_parser()
    args = parser.parse_args(argv)
    for option in ("batch_size", "threads", "repeat", "shape"):
        given = getattr(args, option)
        if given is not None and min(given if isinstance(given, list) else [given]) < 1:
            parser.error(f"--{option.replace('_', '-')} must be positive, got {given}")
    try:
        run(args)
    except UsageError as error:
        parser.error(str(error))
    return 0


def run(args: argparse.Namespace) -> None:
    """Print what is measured and where, then a table.

    Raises:
        UsageError: an unknown model or device, one that does not run at this size, or kernels that are missing.
    """
    for name in args.models:
        check_timm_name(name)
    usable_device(args.device)
    check_kernels(args.models, args.device)
    shape = tuple(args.shape) if args.shape else timm_image_size(args.models[0])
    kept = keep_freed_memory()
    print("\n".join(describe(args, shape, kept)), end="\n\n", flush=True)
    rows = []
    for batch_size in args.batch_size:
        setting = Setting(
            shape,
            batch_size,
            args.device,
            args.dtype,
            train=args.train,
            compile=args.compile,
            threads=args.threads,
        )
        results = compare(args.models, setting, args.repeat)
        rows += [result_row(result, results[0]) for result in results]
    print_table(["model", "batch", "ms per image", "images/s", "ratio", "memory MiB"], rows)


def describe(args: argparse.Namespace, shape: tuple[int, int], kept: bool) -> list[str]:
    """Lines on the machine, the versions and the setting."""
    where = f"device {args.device}, {platform.machine()} ({torch.backends.cpu.get_cpu_capability()})"
    if torch.device(args.device).type == "cuda":
        where = f"device {args.device}, {torch.cuda.get_device_name(args.device)}"
    how = "forward and backward" if args.train else "forward"
    loaded = kernels.missing() or "loaded"
    return [
        f"{where}, {args.threads} threads",
        f"vision {vision.__version__}, torch {torch.__version__}, timm {timm.__version__}, "
        f"Python {platform.python_version()}",
        f"our kernels: {loaded}; malloc keeps freed memory: {'yes' if kept else 'no'}",
        f"{how}, {args.dtype}, {shape[0]}x{shape[1]} pixels, {'compiled' if args.compile else 'eager'}, "
        f"medians of {args.repeat} rounds",
    ]


def check_kernels(names: list[str], device: str) -> None:
    """Refuse to measure our models on their slow reference.

    Raises:
        UsageError: the kernels for the CPU are missing.
    """
    ours = [name for name in names if name in VARIANTS]
    reason = kernels.missing()
    if ours and reason is not None and torch.device(device).type == "cpu":
        raise UsageError(f"nothing to measure for {', '.join(ours)}: {reason}")


def result_row(result: Result, first: Result) -> list[str]:
    """A line of the table."""
    ratio = f"{result.ms / first.ms:.2f}"
    memory = f"{result.mib:.0f}" if result.mib is not None else "killed"
    speed = [f"{result.ms_per_image:.2f}", f"{result.images_per_second:.1f}"]
    return [result.name, str(result.batch_size), *speed, ratio, memory]


def argument_parser() -> argparse.ArgumentParser:
    """The tool's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "models", metavar="MODEL", nargs="+", help="timm's names; the first is what others are compared to"
    )
    parser.add_argument("--batch-size", metavar="N", type=int, nargs="+", default=[1])
    parser.add_argument("--shape", metavar=("H", "W"), type=int, nargs=2, help="pixels (those of the first model)")
    parser.add_argument("--threads", metavar="N", type=int, default=2)
    parser.add_argument("--repeat", metavar="N", type=int, default=10, help="rounds (%(default)s)")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--train", action="store_true", help="forward and backward passes")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--device", default="cpu")
    return parser


if __name__ == "__main__":
    sys.exit(main())
