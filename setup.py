"""Build entry point: the compiled operators; everything declarative is in setup.cfg."""

from __future__ import annotations

import platform
from pathlib import Path

from setuptools import setup

X86 = platform.machine().lower() in ("x86_64", "amd64")
FLAGS = ["-O3", "-std=c++20", "-ffp-contract=fast", "-fno-math-errno", "-fvisibility=hidden", "-Wno-psabi"]
# Each of these files, in csrc/cpu/isa, is compiled for one instruction set; the machine's is chosen when the operators
# first run.
AVX2 = ["-mavx2", "-mfma", "-mf16c"]
AVX512 = ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mprefer-vector-width=256"]
ISA_FLAGS = {"avx2.cpp": AVX2, "avx512.cpp": AVX2 + AVX512}


def isa_flags(source: Path) -> list[str]:
    """Flags of the instruction set that a file is for; none for most."""
    return ISA_FLAGS.get(source.name, []) if source.parent.name == "isa" else []


def extension_arguments() -> dict:
    """The extension and its build command; nothing where torch is not installed, for the reference in PyTorch runs."""
    try:
        from torch.utils.cpp_extension import CppExtension
    except ImportError:
        return {}
    from setuptools.command.build_ext import build_ext

    class BuildExtension(build_ext):
        """Adds the flags of a file's instruction set to its compilation."""

        def build_extensions(self) -> None:
            compile_one = self.compiler._compile

            def compile_with_isa(obj, src, ext, cc_args, extra_postargs, pp_opts):
                compile_one(obj, src, ext, cc_args, [*extra_postargs, *isa_flags(Path(src))], pp_opts)

            self.compiler._compile = compile_with_isa
            super().build_extensions()

    sources = sorted(Path("csrc").glob("*.cpp")) + sorted(Path("csrc/cpu").rglob("*.cpp"))
    macros = [("TORCH_TARGET_VERSION", "0x020a000000000000")]  # torch 2.10: the oldest whose stable ABI has what we use
    if X86:
        macros.append(("NBV_X86", None))
    else:
        sources = [path for path in sources if not isa_flags(path)]
    extension = CppExtension(
        "vision._C",
        [str(path) for path in sources],
        define_macros=macros,
        extra_compile_args=FLAGS,
        depends=[str(path) for path in sorted(Path("csrc").rglob("*.h"))],
        py_limited_api=True,
    )
    return {"ext_modules": [extension], "cmdclass": {"build_ext": BuildExtension}}


setup(**extension_arguments())
