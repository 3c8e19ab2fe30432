"""Builds vision._C_cuda for the card at hand alone, and no other library: `python -m tools.gpu_check.build`."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

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
    arguments["cmdclass"] = {"build_ext": with_all_cores(arguments["cmdclass"]["build_ext"])}
    from setuptools import setup

    setup(**arguments, script_args=["build_ext", "--inplace"])
    return 0


def with_all_cores(command: type) -> type:
    """The build command, but all sources are compiled at once; each takes a minute, and the card is lent for a few."""

    class Parallel(command):
        def build_extensions(self) -> None:
            compiler = self.compiler

            def compile_all(
                sources: list[str],
                output_dir: str | None = None,
                macros: list[Any] | None = None,
                include_dirs: list[str] | None = None,
                debug: bool = False,
                extra_preargs: list[str] | None = None,
                extra_postargs: list[str] | None = None,
                depends: list[str] | None = None,
            ) -> list[str]:
                prepared = compiler._setup_compile(output_dir, macros, include_dirs, sources, depends, extra_postargs)
                _, objects, postargs, pp_opts, build = prepared
                sources_of: Mapping[str, tuple[str, str]] = build
                flags = compiler._get_cc_args(pp_opts, debug, extra_preargs)

                def compile_one(target: str) -> None:
                    source, suffix = sources_of[target]
                    compiler._compile(target, source, suffix, flags, postargs, pp_opts)

                with ThreadPoolExecutor(os.cpu_count()) as pool:
                    list(pool.map(compile_one, [target for target in objects if target in sources_of]))
                return objects

            compiler.compile = compile_all
            super().build_extensions()

    return Parallel


if __name__ == "__main__":
    sys.exit(main())
