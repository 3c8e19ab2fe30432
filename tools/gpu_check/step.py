"""Runs one step: `python -m tools.gpu_check.step MODULE --record FILE ...`, a process of its own."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from tools.gpu_check.record import Record


def main() -> int:
    """Run `run(record)` of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module")
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    record = Record(args.record, args.seconds, args.device, args.quick)
    importlib.import_module(f"tools.gpu_check.{args.module}").run(record)
    record.finish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
