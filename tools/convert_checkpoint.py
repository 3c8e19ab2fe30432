"""Convert a checkpoint of any known flavor into our names and a .safetensors file.

    python tools/convert_checkpoint.py dinat_large_in22k_224.pth dinat_large.safetensors --kernel-size 11

Known are the official NAT, DiNAT and DiNAT_s files, those of Hugging Face, DFFreq, vfe.pytorch's MAMBA, and training
checkpoints of this suite. PyTorch files are read as tensors only, never as code.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from torch import Tensor

from backbones.checkpoint import convert_checkpoint
from backbones.neighborhood.rel_pos_bias import resize_rel_pos_bias
from vision.checkpoint import read_checkpoint, write_safetensors
from vision.cli.process import program
from vision.cli.targets import add_overwrite, require_free
from vision.errors import UsageError, printable
from vision.models.video.official import convert_mamba_state_dict, is_mamba_state_dict


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments, convert and say what was found; a mistake ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="IN", type=Path, help="checkpoint: .safetensors, or a PyTorch file")
    parser.add_argument("target", metavar="OUT", type=Path, help="file to write; its name ends in .safetensors")
    parser.add_argument("--kernel-size", metavar="K", type=int, help="resize position biases to this odd window")
    add_overwrite(parser)
    args = parser.parse_args(argv)
    try:
        _check_arguments(args.source, args.target, args.kernel_size)
        require_free(str(args.target), "OUT", [str(args.source)], args.overwrite)
        line = convert_file(args.source, args.target, args.kernel_size)
    except (ValueError, OSError) as error:
        parser.error(printable(" ".join(str(error).split())))
    print(line)
    return 0


def convert_file(source: Path, target: Path, kernel_size: int | None = None) -> str:
    """Write `source` in our names to `target`, which appears complete or not at all.

    Args:
        source: a checkpoint that `backbones.checkpoint.convert_state_dict` knows, or one of MAMBA.
        target: a `.safetensors` file, replaced if it is there.
        kernel_size: odd window that relative position biases are resized to; None leaves them.

    Returns:
        One line: what was recognized, tensors, million values, and where they are.

    Raises:
        UsageError: an argument is wrong.
        CheckpointError: the file is missing or unreadable.
        ValueError: its key names belong to no known model.
        OSError: `target` cannot be written.
    """
    _check_arguments(source, target, kernel_size)
    state, metadata = read_checkpoint(source)
    if is_mamba_state_dict(state):
        state, flavor = convert_mamba_state_dict(state), "MAMBA, detector for video"
    else:
        state, flavor = convert_checkpoint(state)
    if kernel_size is not None:
        state = resize_biases(state, kernel_size)
    # Tensors that share memory are written twice: the format has no views.
    state = {name: tensor.clone() for name, tensor in state.items()}
    write_safetensors(target, state, {**_kept(metadata), "flavor": flavor, "source": source.name})
    count = sum(tensor.numel() for tensor in state.values())
    return f"{flavor}: {len(state)} tensors, {count / 1e6:.2f} M values -> {target}"


def _kept(metadata: dict[str, Any]) -> dict[str, Any]:
    """What our own files say of their network: without its calibration, a detector would give other verdicts."""
    return {key: metadata[key] for key in ("model", "calibration") if key in metadata}


def resize_biases(state: dict[str, Tensor], kernel_size: int) -> dict[str, Tensor]:
    """Relative position biases `[heads, 2 k - 1, 2 k - 1]` of another kernel size; everything else as it was.

    Raises:
        UsageError: there are none.
    """
    names = [name for name, tensor in state.items() if name.rpartition(".")[2] == "rpb" and tensor.dim() == 3]
    if not names:
        raise UsageError(
            "the checkpoint has no position biases to resize (no key ends in .rpb); leave --kernel-size out"
        )
    return {**state, **{name: resize_rel_pos_bias(state[name], kernel_size) for name in names}}


def _check_arguments(source: Path, target: Path, kernel_size: int | None) -> None:
    if target.suffix != ".safetensors":
        raise UsageError(f"OUT must end in .safetensors, got {target}")
    if not target.parent.is_dir():
        raise UsageError(f"the folder of OUT does not exist: {target.parent}; make it first")
    if target.is_dir():
        raise UsageError(f"OUT is a folder: {target}; expected the name of a file to write")
    if source.resolve() == target.resolve():
        raise UsageError(f"IN and OUT are the same file: {source}; choose another name for OUT")
    if kernel_size is not None and (kernel_size < 3 or kernel_size % 2 == 0):
        raise UsageError(f"--kernel-size must be an odd number from 3 on, got {kernel_size}")


if __name__ == "__main__":
    sys.exit(main())
