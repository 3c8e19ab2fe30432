"""Turn a training checkpoint of the video network into weights to ship: safetensors, half precision, loaded once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from vision.checkpoint import write_safetensors
from vision.cli.process import program
from vision.cli.targets import add_overwrite, require_free
from vision.errors import UsageError
from vision.models.video.arguments import checked_classes
from vision.models.video.checkpoint import VARIANTS, network_of, read_network


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and publish; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="of tools/train.py; an average of weights is taken")
    parser.add_argument("output", metavar="OUT", help="safetensors file to write")
    parser.add_argument("--variant", default="people-nano", choices=sorted(VARIANTS), help="(%(default)s)")
    parser.add_argument(
        "--classes",
        metavar="NAME",
        nargs="+",
        help="in the order of their labels (default: those of its training data)",
    )
    parser.add_argument("--max-size", type=int, metavar="N", help="longest side that the network sees by default")
    parser.add_argument("--nms", type=float, metavar="X", help="overlap at which the weaker of two boxes goes")
    parser.add_argument("--write-threshold", type=float, metavar="P", help="score from which boxes are remembered")
    add_overwrite(parser)
    args = parser.parse_args(argv)
    settings = {"max_size": args.max_size, "nms": args.nms, "write_threshold": args.write_threshold}
    try:
        require_free(args.output, "OUT", [args.checkpoint], args.overwrite)
        named = {name: value for name, value in settings.items() if value is not None}
        publish(args.checkpoint, args.output, args.variant, named, args.classes)
    except UsageError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"cannot write {args.output}: {error.strerror}")
    print(f"wrote {args.output}: {args.variant}, {Path(args.output).stat().st_size / 1e6:.2f} MB")
    return 0


def publish(
    checkpoint: str | Path,
    output: str | Path,
    variant: str,
    settings: dict[str, Any],
    classes: Sequence[str] | None = None,
) -> None:
    """Write the weights of a checkpoint, with or without a memory, and the settings that they were chosen for.

    Args:
        checkpoint: of tools/train.py.
        output: file to write.
        variant: of the network.
        settings: of inference.
        classes: names in the order of the labels; None takes those that the checkpoint names, else the variant's.

    Raises:
        UsageError: the checkpoint cannot be read, is of another network, or has another number of classes; or a
            setting is out of its range.
    """
    state, metadata = read_network(checkpoint)
    if classes is not None:
        metadata["classes"] = checked_classes(classes, "--classes")
    network = network_of(variant, state, metadata | {"settings": settings}, checkpoint)
    half = {key: value.to(torch.float16) for key, value in state.items()}
    write_safetensors(output, half, {"variant": variant, "classes": list(network.classes), "settings": settings})


if __name__ == "__main__":
    sys.exit(main())
