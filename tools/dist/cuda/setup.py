"""Build of neighborhood-vision-cuda: the suite's own commands, for the CUDA library alone.

`tools.dist` lays it out beside the suite's setup.py, as suite_setup.py, and csrc; it does not build where it lies.
"""

from __future__ import annotations

import os
import runpy
from typing import Any

from setuptools import setup


def cuda_arguments() -> dict[str, Any]:
    """Arguments of `setup`: the extension, in the package that carries it.

    Raises:
        SystemExit: it cannot be built here; the message says why.
    """
    import torch

    package = runpy.run_path("neighborhood_vision_cuda/__init__.py")
    if torch.version.cuda is not None and torch.version.cuda.partition(".")[0] != package["cuda"]:
        raise SystemExit(f"neighborhood-vision-cuda is for CUDA {package['cuda']}, this torch for {torch.version.cuda}")
    os.environ["FORCE_CUDA"] = "1"
    suite = runpy.run_path("suite_setup.py", run_name="suite_setup")
    cuda, said = suite["plan_cuda"](torch, os.environ)
    if cuda is None:
        raise SystemExit(f"neighborhood-vision-cuda: {said}")
    arguments: dict[str, Any] = suite["extension_arguments"]()
    (ours,) = (extension for extension in arguments["ext_modules"] if extension.name == "vision._C_cuda")
    ours.name = "neighborhood_vision_cuda._C_cuda"
    return {**arguments, "ext_modules": [ours]}


if __name__ == "__main__":
    setup(**cuda_arguments())
