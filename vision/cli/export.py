"""`vision export`: models as ONNX files, for other runtimes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision.cli.arguments import add_checkpoint, add_old_name, at_least
from vision.cli.process import say
from vision.cli.targets import add_overwrite, require_free
from vision.errors import UsageError
from vision.models.table import FLOW, STEREO, default_model, require_weights

if TYPE_CHECKING:
    from torch import nn

DONE, DIFFERS = 0, 1
# Pixels by which onnxruntime may differ from PyTorch.
TOLERANCE = 0.05

_DESCRIPTION = """\
Write a stereo model as one ONNX file of standard operators.

Inputs are left and right, float32 [1, 3, H, W], RGB 0..255; outputs are disparity and disparity_right, float32
[1, H, W], positive, in pixels (of a flow model flow and flow_back [1, H, W, 2]). The size is fixed: resize images to
it, and multiply disparities by the ratio of the widths. vision stereo enlarges small images for the shipped model;
with --scale 1 it gives what the file does. Making the file takes a minute or two."""

_EPILOG = """\
exit codes:
  0   the file was written (and agrees, with --check)
  1   with --check: onnxruntime differs from PyTorch by more than 0.05 pixels; the file is there
  2   bad usage: arguments, weights, a missing package, a file that cannot be written"""


def add_command(commands: Any) -> None:
    """Add the subcommand to argparse's `commands`."""
    export = commands.add_parser("export", help="write a model as ONNX", description="Write a model as ONNX.")
    tasks = export.add_subparsers(dest="task", metavar="TASK", required=True)
    parser = tasks.add_parser(
        "stereo",
        help="a stereo or flow model",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("output", metavar="OUT.onnx", help="file to write")
    parser.add_argument("--model", default=default_model(STEREO), metavar="NAME", help="(%(default)s)")
    add_checkpoint(parser)
    add_old_name(parser, "--weights", "--checkpoint")
    parser.add_argument(
        "--size", nargs=2, type=at_least(8), default=[384, 640], metavar=("H", "W"), help="of the images (384 640)"
    )
    add_overwrite(parser)
    parser.add_argument("--check", action="store_true", help="run the file with onnxruntime and compare with PyTorch")


def run(command: argparse.Namespace) -> int:
    """Export, and compare if that is asked for.

    Returns:
        Exit code: 0 done, 1 onnxruntime differs.

    Raises:
        UsageError: exit code 2.
    """
    from vision.models import match_stereo
    from vision.onnx.stereo import export_stereo

    output = Path(command.output)
    if not output.parent.is_dir() or output.is_dir():
        raise UsageError(f"{command.output!r} cannot be written; expected the name of a file in a folder that exists")
    inputs = [name for name in [command.checkpoint] if name is not None]
    require_free(command.output, "OUT.onnx", inputs, command.overwrite)
    require_weights(command.model, command.checkpoint, STEREO, FLOW)
    height, width = command.size
    try:
        model = match_stereo(command.model, command.checkpoint)
        if command.check:
            _require_runtime()
        export_stereo(model, output, height, width)
    except UsageError:  # CheckpointError is one
        raise
    except (ValueError, ImportError) as error:
        raise UsageError(str(error)) from error
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, images of {height} x {width} (height x width)")
    if not command.check:
        return DONE
    difference = compare(model, output, height, width)
    print(f"onnxruntime differs from PyTorch by at most {difference:.4f} pixels")
    if difference > TOLERANCE:
        say(f"vision export: that is more than {TOLERANCE} pixels; do not use this file")
        return DIFFERS
    return DONE


def compare(model: nn.Module, path: Path, height: int, width: int) -> float:
    """Largest difference between onnxruntime and PyTorch, in pixels, on a pair of smooth noise 8 pixels apart."""
    import cv2
    import numpy as np
    import onnxruntime
    import torch

    from vision.onnx.stereo import INPUTS, StereoGraph

    noise = np.random.default_rng(0).integers(0, 256, (height // 4 + 2, width // 4 + 4, 3)).astype(np.float32)
    wide = cv2.resize(noise, (width + 8, height), interpolation=cv2.INTER_LINEAR)
    views = [np.ascontiguousarray(view.transpose(2, 0, 1)[None]) for view in (wide[:, :width], wide[:, 8:])]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, dict(zip(INPUTS, views, strict=True)))
    with torch.inference_mode():
        expected = StereoGraph(model)(*(torch.from_numpy(view) for view in views))
    pairs = zip(found, expected, strict=True)
    return max(float(np.abs(ours - theirs.numpy()).max()) for ours, theirs in pairs)


def _require_runtime() -> None:
    import importlib.util

    if importlib.util.find_spec("onnxruntime") is None:
        raise UsageError("--check needs onnxruntime: pip install 'neighborhood-vision[onnx]'")
