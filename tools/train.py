"""Train a model: any config of the suite, on one or more processes."""

import os
import sys

from vision import engine
from vision.errors import UsageError

# Told to end, with all that was done saved: for a script of the cluster that starts the training again. EX_TEMPFAIL.
STOPPED = 75


def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and train; a mistake in them ends with one line and exit code 2, a signal with 75."""
    parser = engine.argument_parser(__doc__)
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CHECKPOINT",
        help="go on from a checkpoint; without a path, from the newest one in the work directory",
    )
    parser.add_argument(
        "--auto-scale-lr",
        action="store_true",
        help="scale the learning rate by the images per step over the config's auto_scale_lr.base_batch_size",
    )
    parser.add_argument(
        "--strategy",
        choices=engine.STRATEGIES,
        help="how several processes share the model: ddp, a whole one each (default), or fsdp2, a part each",
    )
    args = parser.parse_args(argv)
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    try:
        engine.train(
            args.config,
            work_dir=args.work_dir,
            resume=args.resume,
            amp=args.amp,
            auto_scale_lr=args.auto_scale_lr,
            cfg_options=args.cfg_options,
            launcher=args.launcher,
            strategy=args.strategy,
        )
    except engine.TrainingStopped as reason:
        if int(os.environ.get("RANK", "0")) == 0:
            print(reason, file=sys.stderr)
        return STOPPED
    except UsageError as error:
        parser.error(str(error))
    return 0


def run() -> int:
    """`main`, with a traceback in the report of torchrun, if that has started it, that says of which process it is."""
    if "TORCHELASTIC_ERROR_FILE" not in os.environ:
        return main()
    from torch.distributed.elastic.multiprocessing.errors import record

    return int(record(main)() or 0)


if __name__ == "__main__":
    sys.exit(run())
