"""Test a trained model: any config of the suite, on one or more processes."""

import os
import sys

from vision import engine
from vision.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and test; a mistake in them ends with one line and exit code 2."""
    parser = engine.argument_parser(__doc__)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="checkpoint file that tools/train.py wrote")
    args = parser.parse_args(argv)
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    try:
        engine.test(
            args.config,
            args.checkpoint,
            work_dir=args.work_dir,
            amp=args.amp,
            cfg_options=args.cfg_options,
            launcher=args.launcher,
        )
    except UsageError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
