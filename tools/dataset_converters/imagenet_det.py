"""Convert the images of ImageNet DET that show a class of ImageNet VID to CocoVID's JSON, each a video of one frame.

ROOT has Annotations/DET/train, and Lists or ImageSets with the list that the papers use, DET_train_30classes.txt;
without it, all images that show one of the 30 classes are taken. Names of images begin in Data/DET.
"""

from __future__ import annotations

import sys

from vision.cli.conversion import converter_parser, run_converter
from vision.cli.process import program
from vision.datasets.video.converters.imagenet import convert_det


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and convert; 1 where files were left out, 2 for a mistake in the arguments."""
    parser = converter_parser(__doc__, "folder of ILSVRC, with Annotations and Data in it")
    parser.add_argument("--list", metavar="FILE", help="list of images, one per line; else that of ROOT")
    parser.add_argument("--others", metavar="NAME", help="keep boxes of the other 170 classes, as one class")
    args = parser.parse_args(argv)
    return run_converter(parser, args, lambda conversion: convert_det(args.root, args.list, conversion, args.others))


if __name__ == "__main__":
    sys.exit(main())
