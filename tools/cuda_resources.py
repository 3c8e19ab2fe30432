"""Compile the CUDA kernels for each architecture, and say what each needs: registers, stack, spills, shared memory.

Says how many blocks of typical calls a multiprocessor runs side by side, too. Needs nvcc and g++, no GPU. Ends with
exit code 1 where a kernel spills more registers than it may.
"""

from __future__ import annotations

import argparse
import os
import re
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tools.cuda_plan import DTYPES, Call, Launch, ask, build, neighborhood_call, short_name
from vision.analysis.occupancy import MULTIPROCESSORS, active_blocks
from vision.cli.process import program
from vision.files import write_text

ROOT = Path(__file__).resolve().parents[1]
# Calls whose blocks are counted, by what the page says of them.
MATCH = {"batch": 1, "height": 96, "width": 312, "heads": 4, "dim": 32, "radius": 2}
TYPICAL: dict[str, Call] = {
    f"{word}{' backward' * backward}, window 6²": ("match", {**MATCH, "bytes": size, "backward": backward})
    for word, size in (("float", 4), ("double", 8))
    for backward in (0, 1)
}
TYPICAL |= {
    f"{dtype}{' backward' * backward}, dim {dim}, 56² map, window 7²": neighborhood_call(
        (56, 56),
        (7, 7),
        heads=2,
        dim=dim,
        batch=64,
        dtype=dtype,
        bias=True,
        backward=backward,
        architecture="80",
        multiprocessors=108,
    )
    for dtype in (*DTYPES, "tf32")
    for dim in (32, 64, 128, 256)
    for backward in (False, True)
}
MOST_SPILLED = {"backward": 64}  # bytes, by what a kernel's name contains; 0 for others


class Resources(NamedTuple):
    """What one kernel needs on one architecture, in bytes but for registers."""

    kernel: str
    architecture: str
    registers: int
    stack: int
    spilled: int
    shared: int

    @property
    def may_spill(self) -> int:
        """How much of it may be spilled."""
        return next((most for word, most in MOST_SPILLED.items() if word in self.kernel), 0)


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments, compile and print a table; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", metavar="FILE", nargs="*", type=Path, help="(all .cu files in csrc/cuda)")
    parser.add_argument("--architectures", metavar="NUMBER", nargs="+", help="such as 80 90 (all that setup.py builds)")
    parser.add_argument("--output", metavar="PAGE", type=Path, help="Markdown file to write, beside printing")
    args = parser.parse_args(argv)
    setup = runpy.run_path(str(ROOT / "setup.py"), run_name="setup")
    nvcc = setup["find_nvcc"](os.environ)
    if nvcc is None:
        parser.error("no nvcc was found; put it on PATH, or set CUDA_HOME to the toolkit's folder")
    architectures = args.architectures or re.findall(r"\d+", setup["CUDA_ARCHITECTURES"].replace(".", ""))
    sources = args.sources or sorted((ROOT / "csrc/cuda").rglob("*.cu"))
    pairs = [(source, architecture) for source in sources for architecture in architectures]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compile_one, nvcc, *pair, setup["NVCC_FLAGS"]) for pair in pairs]
    found: list[Resources] = []
    for (source, architecture), job in zip(pairs, jobs, strict=True):
        try:
            found += job.result()
        except subprocess.CalledProcessError as error:
            print(f"{source} does not compile for sm_{architecture}:\n{error.stderr}", file=sys.stderr)
            return 1
    release, _, _ = setup["ask_nvcc"](nvcc)
    page = make_page(found, architectures, release, ask_plans(architectures))
    print(page)
    if args.output:
        write_text(args.output, page)
    too_much = [one for one in found if one.spilled > one.may_spill]
    for one in too_much:
        print(f"{one.kernel} spills {one.spilled} bytes on sm_{one.architecture}, not at most {one.may_spill}",
              file=sys.stderr)  # fmt: skip
    return int(bool(too_much))


def compile_one(nvcc: Path, source: Path, architecture: str, flags: Sequence[str]) -> list[Resources]:
    """What the kernels of a file need on one architecture."""
    command = [str(nvcc), "-cubin", f"-arch=sm_{architecture}", *flags, "-Xptxas", "-v", str(source), "-o", os.devnull]
    done = subprocess.run(command, text=True, capture_output=True, check=True)
    return read_report(done.stderr)


def read_report(report: str) -> list[Resources]:
    """From what `ptxas -v` prints."""
    found = []
    for part in re.split(r"Compiling entry function ", report)[1:]:
        head = re.match(r"'(\S+)' for 'sm_(\w+)'", part)
        # Functions that a kernel calls have properties of their own; a kernel's own come first.
        memory = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", part)
        used = re.search(r"Used (\d+) registers([^\n]*)", part)
        if head is None or memory is None or used is None:
            raise ValueError(f"ptxas reports in a form that is not known: {part[:300]!r}")
        shared = re.search(r"(\d+) bytes smem", used[2])
        spilled = max(int(memory[2]), int(memory[3]))
        found.append(
            Resources(
                _demangle(head[1]), head[2], int(used[1]), int(memory[1]), spilled, int(shared[1]) if shared else 0
            )
        )
    return found


def ask_plans(architectures: Sequence[str]) -> dict[tuple[str, str], list[Launch]]:
    """What typical calls start, by the call's words and the architecture."""
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder))
        asked = [(words, architecture) for words in TYPICAL for architecture in architectures]
        calls = [(TYPICAL[words][0], {**TYPICAL[words][1], **_device(architecture)}) for words, architecture in asked]
        return dict(zip(asked, ask(program, calls), strict=True))


def make_page(
    found: Sequence[Resources],
    architectures: Sequence[str],
    release: str,
    plans: Mapping[tuple[str, str], Sequence[Launch]],
) -> str:
    """The tables as a Markdown page: what each kernel needs, and how many of its blocks run side by side."""
    heads = ["kernel", *(f"sm_{architecture}" for architecture in architectures), "stack", "spilled", "shared"]
    lines = [
        "# What the CUDA kernels need",
        "",
        f"Written by `make cuda-check` with nvcc {release}; do not edit. Columns of architectures are registers of a",
        "thread, the others bytes, the most on any of them. Shared memory is what a kernel declares; how much more a",
        "launch takes depends on the sizes of the call.",
        "",
        f"| {' | '.join(heads)} |",
        f"|---|{'---:|' * (len(heads) - 1)}",
    ]
    for kernel in sorted({one.kernel for one in found}):
        rows = {one.architecture: one for one in found if one.kernel == kernel}
        registers = [str(rows[a].registers) if a in rows else "" for a in architectures]
        worst = [str(max(getattr(one, name) for one in rows.values())) for name in ("stack", "spilled", "shared")]
        lines.append(f"| `{kernel}` | {' | '.join([*registers, *worst])} |")
    return "\n".join([*lines, "", *_occupancy_lines(found, architectures, plans)]) + "\n"


def _occupancy_lines(
    found: Sequence[Resources],
    architectures: Sequence[str],
    plans: Mapping[tuple[str, str], Sequence[Launch]],
) -> list[str]:
    registers = {(one.kernel, one.architecture): one for one in found}
    rows: dict[tuple[str, str], dict[str, Launch]] = {}
    for (words, architecture), launches in plans.items():
        for launch in launches:
            refused = architecture == "75" and "_mma<" in launch.kernel  # no launcher starts it there
            if (launch.kernel, architecture) in registers and not refused:
                rows.setdefault((launch.kernel, words), {})[architecture] = launch
    lines = [
        "## Blocks side by side",
        "",
        "How many blocks of a call one multiprocessor runs at a time, and in brackets how many warps, by registers,",
        "threads and shared memory. The last two columns are of one block: threads, and bytes of shared memory, the",
        "most on any architecture.",
        "",
        f"| {' | '.join(['kernel', 'call', *(f'sm_{a}' for a in architectures), 'threads', 'shared'])} |",
        f"|---|---|{'---:|' * (len(architectures) + 2)}",
    ]
    for (kernel, words), row in sorted(rows.items()):
        cells = [_occupancy_cell(registers.get((kernel, a)), row.get(a)) for a in architectures]
        threads = " or ".join(str(n) for n in sorted({launch.threads for launch in row.values()}))
        cells += [threads, str(max(launch.shared for launch in row.values()))]
        lines.append(f"| `{kernel}` | {words} | {' | '.join(cells)} |")
    return lines


def _occupancy_cell(one: Resources | None, launch: Launch | None) -> str:
    if one is None or launch is None:
        return ""
    blocks = active_blocks(one.architecture, launch.threads, one.registers, one.shared + launch.shared)
    return f"{blocks} ({blocks * -(-launch.threads // 32)})"


def _device(architecture: str) -> dict[str, int]:
    number = architecture.rstrip("af")
    return {"architecture": int(number), "block_shared": MULTIPROCESSORS[number].block_shared, "multiprocessors": 108}


def _demangle(symbol: str) -> str:
    """`match_forward<float, 4>` from a symbol; the symbol itself where there is no c++filt."""
    try:
        name = subprocess.check_output(["c++filt", symbol], text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return symbol
    return short_name(name)


if __name__ == "__main__":
    sys.exit(main())
