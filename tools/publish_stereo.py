"""Turn a training checkpoint of a stereo or flow matcher into weights to ship: safetensors, loaded once to be sure."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vision.checkpoint import load_strict, read_checkpoint, write_safetensors
from vision.cli.process import program
from vision.cli.targets import add_overwrite, require_free
from vision.errors import UsageError
from vision.models import MatchStereo
from vision.models.stereo.checkpoint import variant_of


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and publish; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="of tools/train.py; an average of weights is taken")
    parser.add_argument("output", metavar="OUT", help="safetensors file to write")
    parser.add_argument("--flow", action="store_true", help="the network was trained for optical flow")
    add_overwrite(parser)
    args = parser.parse_args(argv)
    try:
        require_free(args.output, "OUT", [args.checkpoint], args.overwrite)
        variant = publish(args.checkpoint, args.output, stereo=not args.flow)
    except UsageError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"cannot write {args.output}: {error.strerror}")
    print(f"wrote {args.output}: {variant}, {Path(args.output).stat().st_size / 1e6:.2f} MB")
    return 0


def publish(checkpoint: str | Path, output: str | Path, stereo: bool = True) -> str:
    """Write the weights of a checkpoint with what they belong to, and return the name of the variant.

    Raises:
        UsageError: the checkpoint cannot be read, or is of no known variant.
    """
    state, _ = read_checkpoint(checkpoint)
    variant = variant_of(state)
    if variant is None:
        raise UsageError(
            f"{checkpoint} is of no variant of MatchStereo; see VARIANTS in vision/models/stereo/variants.py"
        )
    load_strict(MatchStereo.from_variant(variant, stereo), state, checkpoint)
    write_safetensors(output, state, {"variant": variant, "stereo": stereo})
    return variant


if __name__ == "__main__":
    sys.exit(main())
