"""Convert ImageNet VID to CocoVID's JSON, which configs of video detectors read.

ROOT has Annotations/VID/{train,val}, and Lists or ImageSets with the lists that the papers use,
VID_train_15frames.txt and VID_val_videos.txt. Names of images begin in Data/VID.
"""

from __future__ import annotations

import sys

from vision.cli.conversion import converter_parser, run_converter
from vision.cli.process import program
from vision.datasets.video.converters.imagenet import VID_LISTS, convert_vid


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and convert; 1 where files were left out, 2 for a mistake in the arguments."""
    parser = converter_parser(__doc__, "folder of ILSVRC, with Annotations and Data in it")
    parser.add_argument("--split", choices=list(VID_LISTS), default="train", help="which videos (default: train)")
    parser.add_argument(
        "--list", metavar="FILE", help="list of videos, for train also of the frames to learn from; else that of ROOT"
    )
    args = parser.parse_args(argv)
    return run_converter(parser, args, lambda conversion: convert_vid(args.root, args.split, args.list, conversion))


if __name__ == "__main__":
    sys.exit(main())
