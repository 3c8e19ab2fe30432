"""Test a trained model: any config of the suite, on one or more processes."""

import os
import sys

from vision import engine
from vision.cli.targets import add_overwrite, require_free
from vision.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and test; a mistake in them ends with one line and exit code 2."""
    parser = engine.argument_parser(__doc__)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="checkpoint file that tools/train.py wrote")
    parser.add_argument(
        "--show-dir", metavar="DIR", help="new folder for test images with predictions drawn (mmdet, mmseg)"
    )
    parser.add_argument("--out", metavar="FILE.pkl", help="keep the predictions in a pickle file")
    parser.add_argument(
        "--tta", action="store_true", help="average over flipped images or the config's tta_pipeline (mmdet, mmseg)"
    )
    add_overwrite(parser)
    args = parser.parse_args(argv)
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    try:
        if args.out is not None:
            require_free(args.out, "--out", [args.config, args.checkpoint], args.overwrite)
        engine.test(
            args.config,
            args.checkpoint,
            work_dir=args.work_dir,
            amp=args.amp,
            show_dir=args.show_dir,
            out=args.out,
            tta=args.tta,
            cfg_options=args.cfg_options,
            launcher=args.launcher,
        )
    except UsageError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
