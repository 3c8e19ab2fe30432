"""Train a model: any config of the suite, on one or more processes."""

import os
import sys

from vision import engine
from vision.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and train; a mistake in them ends with one line and exit code 2."""
    parser = engine.argument_parser(__doc__)
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CHECKPOINT",
        help="go on from a checkpoint; without a path, from the newest one in the work directory",
    )
    args = parser.parse_args(argv)
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    try:
        engine.train(
            args.config,
            work_dir=args.work_dir,
            resume=args.resume,
            amp=args.amp,
            cfg_options=args.cfg_options,
            launcher=args.launcher,
        )
    except UsageError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
