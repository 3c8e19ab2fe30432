"""Convert JSON files of labelme to CocoVID's JSON: frames of your own videos, labeled by hand.

Each shape becomes the box around it. Give the same object the same group_id in every frame of a video, and use
--videos where the images of a folder are the frames of one video. A flag "difficult" of a shape makes its box
ignored when detections are judged.
"""

from __future__ import annotations

import sys

from vision.cli.conversion import add_folder_options, converter_parser, run_converter
from vision.cli.process import program
from vision.datasets.video.converters.folders import convert_labelme


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and convert; 1 where files were left out, 2 for a mistake in the arguments."""
    parser = converter_parser(__doc__, "folder of the JSON files")
    add_folder_options(parser)
    args = parser.parse_args(argv)
    options = {"are_videos": args.videos, "classes": args.classes}
    return run_converter(
        parser, args, lambda conversion: convert_labelme(args.root, args.images, conversion, **options)
    )


if __name__ == "__main__":
    sys.exit(main())
