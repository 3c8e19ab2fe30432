"""Convert folders of XML files as PASCAL VOC, labelImg and CVAT write them to CocoVID's JSON.

XML files are those below ROOT/Annotations, or below ROOT where there is no such folder; images are looked for in
ROOT/JPEGImages or ROOT/images, or beside the XML files. Boxes end in their last pixels, counted from 1, as VOC has
them; "difficult" ones are ignored when detections are judged, <trackid> is the object.
"""

from __future__ import annotations

import sys

from vision.cli.conversion import add_folder_options, converter_parser, run_converter
from vision.cli.process import program
from vision.datasets.video.converters.folders import convert_voc


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and convert; 1 where files were left out, 2 for a mistake in the arguments."""
    parser = converter_parser(__doc__, "folder of the annotations")
    add_folder_options(parser)
    args = parser.parse_args(argv)
    options = {"are_videos": args.videos, "classes": args.classes}
    return run_converter(parser, args, lambda conversion: convert_voc(args.root, args.images, conversion, **options))


if __name__ == "__main__":
    sys.exit(main())
