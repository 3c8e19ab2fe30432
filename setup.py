"""Build entry point: the compiled operators; everything declarative is in setup.cfg.

vision._C is for the CPU. vision._C_cuda is built where FORCE_CUDA=1 asks for it, or there is a GPU, and torch is built
for CUDA and there is an nvcc of the same major version. TORCH_CUDA_ARCH_LIST (such as "8.0;9.0+PTX") names the
architectures, NVCC_THREADS says how many nvcc compiles at a time, MAX_JOBS how many files are (all cores by default).
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from setuptools import setup

X86 = platform.machine().lower() in ("x86_64", "amd64")
FLAGS = ["-O3", "-std=c++20", "-ffp-contract=fast", "-fno-math-errno", "-fvisibility=hidden", "-Wno-psabi"]
# Each of these files, in csrc/cpu/isa, is compiled for one instruction set; the machine's is chosen when the operators
# first run.
AVX2 = ["-mavx2", "-mfma", "-mf16c"]
AVX512 = ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mprefer-vector-width=256"]
ISA_FLAGS = {"avx2.cpp": AVX2, "avx512.cpp": AVX2 + AVX512}
# nvcc compiles what includes torch, too: it knows where its headers are.
NVCC_FLAGS = ["-O3", "-std=c++20", "-Xcompiler", "-fPIC,-fvisibility=hidden,-Wno-psabi"]
# Each runs on the later cards of its major version; PTX is for those to come.
CUDA_ARCHITECTURES = "7.5;8.0;8.6;9.0;10.0;12.0+PTX"
# The oldest versions that what is compiled runs with: torch 2.10, whose stable ABI has what we use, and Python 3.10.
VERSIONS = [("TORCH_TARGET_VERSION", "0x020a000000000000"), ("Py_LIMITED_API", "0x030a0000")]


class CudaBuild(NamedTuple):
    """What builds vision._C_cuda."""

    nvcc: Path
    architectures: list[str]  # such as "80" or "120+PTX"
    gencode: list[str]  # flags that name the architectures, and that pack their code
    runtime: list[str]  # flags that link CUDA's runtime library


def isa_flags(source: Path) -> list[str]:
    """Flags of the instruction set that a file is for; none for most."""
    return ISA_FLAGS.get(source.name, []) if source.parent.name == "isa" else []


def extension_arguments() -> dict:
    """The extensions and their build command; nothing where torch is not installed: the reference in PyTorch runs."""
    try:
        import torch
        from torch.utils.cpp_extension import CppExtension
    except ImportError:
        return {}
    from setuptools.command.build_ext import build_ext

    cuda, said = plan_cuda(torch, os.environ)

    class BuildExtension(build_ext):
        """Adds the flags of a file's instruction set to its compilation; gives what is for CUDA to nvcc; compiles
        several files at a time."""

        def build_extensions(self) -> None:
            print(f"vision._C_cuda: {said}", flush=True)
            compile_one, compile_in_turn = self.compiler._compile, self.compiler.compile
            self.compiler.src_extensions = [*self.compiler.src_extensions, ".cu"]

            def compile_source(obj, src, ext, cc_args, extra_postargs, pp_opts):
                if cuda is not None and Path("csrc/cuda") in Path(src).parents:
                    flags = [*pp_opts, *NVCC_FLAGS, *cuda.gencode, "--threads", os.environ.get("NVCC_THREADS", "1")]
                    self.compiler.spawn([str(cuda.nvcc), "-c", src, "-o", obj, *flags])
                else:
                    compile_one(obj, src, ext, cc_args, [*extra_postargs, *isa_flags(Path(src))], pp_opts)

            def compile_all(*arguments, **options):
                with ThreadPoolExecutor(int(os.environ.get("MAX_JOBS") or os.cpu_count() or 1)) as pool:
                    jobs = []
                    self.compiler._compile = lambda *one: jobs.append(pool.submit(compile_source, *one))
                    objects = compile_in_turn(*arguments, **options)
                    try:
                        for job in jobs:
                            job.result()
                    finally:  # after an error, no more are begun
                        pool.shutdown(cancel_futures=True)
                return objects

            self.compiler.compile = compile_all
            super().build_extensions()

    sources = sorted(Path("csrc").glob("*.cpp")) + sorted(Path("csrc/cpu").rglob("*.cpp"))
    macros: list[tuple[str, str | None]] = [*VERSIONS]
    if X86:
        macros.append(("NBV_X86", None))
    else:
        sources = [path for path in sources if not isa_flags(path)]
    extension = CppExtension(
        "vision._C",
        [str(path) for path in sources],
        define_macros=macros,
        extra_compile_args=FLAGS,
        depends=headers("csrc/cpu", "csrc/geometry"),
        py_limited_api=True,
    )
    extensions = [extension] if cuda is None else [extension, cuda_extension(cuda)]
    return {"ext_modules": extensions, "cmdclass": {"build_ext": BuildExtension}}


def headers(*folders: str) -> list[str]:
    """A change in one of these compiles an extension again."""
    return [str(path) for folder in folders for path in sorted(Path(folder).rglob("*.h"))]


def cuda_extension(cuda: CudaBuild) -> Any:
    """The extension vision._C_cuda, of all sources in csrc/cuda."""
    from torch.utils.cpp_extension import CppExtension

    folder = Path("csrc/cuda")
    return CppExtension(
        "vision._C_cuda",
        [str(path) for path in sorted([*folder.rglob("*.cpp"), *folder.rglob("*.cu")])],
        define_macros=[
            *VERSIONS,
            ("USE_CUDA", None),  # without it torch hides its functions for CUDA
            # Neither quotes, which nvcc takes away, nor commas, by which it takes lists apart.
            ("NBV_CUDA_ARCHITECTURES", ":".join(cuda.architectures)),
        ],
        libraries=["torch_cuda"],
        extra_link_args=cuda.runtime,
        depends=headers("csrc/cuda", "csrc/geometry"),
        py_limited_api=True,
        optional=os.environ.get("FORCE_CUDA", "") == "",  # where nobody asked for it, an error of nvcc is a warning
    )


def plan_cuda(torch: Any, environ: Mapping[str, str]) -> tuple[CudaBuild | None, str]:
    """How vision._C_cuda is built, or None; and in one line what is done or why it is not."""
    forced = environ.get("FORCE_CUDA", "")
    if forced == "0":
        return None, "not built: FORCE_CUDA=0"
    if torch.version.cuda is None:
        return None, "not built: this torch is built without CUDA"
    if forced == "" and not torch.cuda.is_available():
        return None, "not built: there is no GPU; FORCE_CUDA=1 builds it nevertheless"
    nvcc = find_nvcc(environ)
    if nvcc is None:
        return None, "not built: no nvcc was found; put it on PATH, or set CUDA_HOME to the toolkit's folder"
    try:
        release, root, codes = ask_nvcc(nvcc)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        return None, f"not built: {nvcc} does not work ({error})"
    major = release.partition(".")[0]
    if major != torch.version.cuda.partition(".")[0]:
        said = f"{nvcc} is of CUDA {release}, this torch of {torch.version.cuda}; the major versions must be the same"
        return None, f"not built: {said}"
    runtime = find_runtime(root, major)
    if runtime is None:
        return None, f"not built: no libcudart.so.{major} and no libcudart_static.a was found in {root}"
    asked = environ.get("TORCH_CUDA_ARCH_LIST", "").strip()
    try:
        names, gencode = architecture_flags(asked or CUDA_ARCHITECTURES, codes, skip_unknown=not asked)
    except ValueError as error:
        return None, f"not built: {error}"
    # A quarter of the size by default. The drivers that CUDA 13 needs at all, 580 and later, unpack it.
    packed = ["--compress-mode=size"] if int(major) >= 13 else []
    return CudaBuild(nvcc, names, gencode + packed, runtime), f"built by {nvcc}, CUDA {release}, for {' '.join(names)}"


def find_nvcc(environ: Mapping[str, str]) -> Path | None:
    """CUDA's compiler: in CUDA_HOME or CUDA_PATH, on PATH, or where the toolkit is installed by default."""
    for name in ("CUDA_HOME", "CUDA_PATH"):
        if environ.get(name):
            nvcc = Path(environ[name], "bin/nvcc")
            return nvcc if nvcc.is_file() else None
    found = shutil.which("nvcc", path=environ.get("PATH", ""))
    default = Path("/usr/local/cuda/bin/nvcc")
    return Path(found) if found else default if default.is_file() else None


def ask_nvcc(nvcc: Path) -> tuple[str, Path, set[str]]:
    """Its version ("13.0"), the folder of its toolkit, and the architectures that it knows ("75", "90a", ...)."""

    def run(*arguments: str) -> str:
        done = subprocess.run([str(nvcc), *arguments], text=True, capture_output=True, check=True, timeout=60)
        return done.stdout + done.stderr

    release = re.search(r"release (\d+\.\d+)", run("--version"))
    # nvcc itself says where it is: the file that was found may be a link or a script.
    top = re.search(r"^#\$ TOP=(.*)$", run("-dryrun", "-E", "-x", "cu", os.devnull), re.MULTILINE)
    if release is None or top is None:
        raise ValueError("it did not say its version and folder")
    return release[1], Path(top[1].strip()).resolve(), set(re.findall(r"sm_(\d+)", run("--list-gpu-code")))


def find_runtime(root: Path, major: str) -> list[str] | None:
    """Flags that link the runtime library that torch has loaded; the static one where only that is there."""
    folders = [root / "lib64", root / "lib", *sorted(root.glob("targets/*/lib"))]
    for folder in folders:
        if (folder / f"libcudart.so.{major}").exists():
            return [f"-L{folder}", f"-l:libcudart.so.{major}"]
    for folder in folders:
        if (folder / "libcudart_static.a").exists():
            return [str(folder / "libcudart_static.a"), "-ldl", "-lrt", "-lpthread", "-Wl,--exclude-libs,ALL"]
    return None


def architecture_flags(asked: str, codes: set[str], *, skip_unknown: bool) -> tuple[list[str], list[str]]:
    """Names and nvcc's flags of architectures as in "8.0;9.0a;12.0+PTX"; ValueError for one that nvcc does not know."""
    names, flags = [], []
    for word in re.findall(r"[^;,\s]+", asked):
        match = re.fullmatch(r"(\d+)\.(\d)([af]?)(\+PTX)?", word)
        if match is None:
            raise ValueError(f"TORCH_CUDA_ARCH_LIST must be numbers such as '8.0;9.0+PTX', got {word!r}")
        number = match[1] + match[2]
        if number not in codes or int(number) < 75:
            if skip_unknown:
                continue
            known = ", ".join(sorted((c for c in codes if int(c) >= 75), key=int))
            raise ValueError(f"TORCH_CUDA_ARCH_LIST names {word}, but nvcc and the kernels know {known}")
        code = number + match[3]
        ptx = f",compute_{code}" if match[4] else ""
        names.append(code + (match[4] or ""))
        flags.append(f"-gencode=arch=compute_{code},code=[sm_{code}{ptx}]")
    if not flags:
        raise ValueError(f"nvcc knows none of {asked}")
    return names, flags


if __name__ == "__main__":
    setup(**extension_arguments())
