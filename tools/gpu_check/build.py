"""Builds vision._C_cuda for the card at hand alone, and no other library: `python -m tools.gpu_check.build`."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Build in place; the architecture is the card's, or TORCH_CUDA_ARCH_LIST."""
    import torch

    if not os.environ.get("TORCH_CUDA_ARCH_LIST"):
        if not torch.cuda.is_available():
            print("there is no GPU to build for; TORCH_CUDA_ARCH_LIST=9.0 names one")
            return 1
        os.environ["TORCH_CUDA_ARCH_LIST"] = "{}.{}".format(*torch.cuda.get_device_capability())
    os.environ["FORCE_CUDA"] = "1"
    os.chdir(ROOT)
    arguments = runpy.run_path("setup.py", run_name="setup")["extension_arguments"]()
    arguments["ext_modules"] = [one for one in arguments["ext_modules"] if one.name == "vision._C_cuda"]
    from setuptools import setup

    setup(**arguments, script_args=["build_ext", "--inplace"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
