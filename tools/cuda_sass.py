"""Say what instructions the main loops of CUDA kernels on tensor cores consist of, by their machine code.

    python tools/cuda_sass.py csrc/cuda/neighborhood/mma/bfloat16.cu --architecture 90

Of code that is there, not of code that runs: ways that exclude each other both count, inner loops count once. Needs
nvcc and nvdisasm, no GPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.cuda_plan import ROOT, short_name
from vision.cli.process import program

# The first that an opcode begins with; all others are "other": addresses, masks, control.
CLASSES = {
    "mma": ("HMMA",),
    "ldmatrix": ("LDSM",),
    "exp2": ("MUFU",),
    "float": ("FADD", "FMUL", "FFMA", "FMNMX", "F2F"),
    "shuffle": ("SHFL", "VOTE", "WARPSYNC"),
    "shared": ("LDS", "STS"),
    "global": ("LDGSTS", "LDG", "STG", "LDGDEPBAR", "DEPBAR"),
    "barrier": ("BAR",),
    "local": ("LDL", "STL"),
}


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments, compile and print a table; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="FILE", type=Path)
    parser.add_argument("--architecture", metavar="NUMBER", default="90", help="such as 80 (%(default)s)")
    args = parser.parse_args(argv)
    setup = runpy.run_path(str(ROOT / "setup.py"), run_name="setup")
    nvcc, disassembler = setup["find_nvcc"](os.environ), find_nvdisasm()
    if nvcc is None or disassembler is None:
        parser.error("nvcc and nvdisasm are needed; put them on PATH")
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "kernels.cubin"
        command = [str(nvcc), "-cubin", f"-arch=sm_{args.architecture}", *setup["NVCC_FLAGS"], str(args.source)]
        done = subprocess.run([*command, "-o", str(binary)], text=True, capture_output=True)
        if done.returncode != 0:
            print(f"{args.source} does not compile for sm_{args.architecture}:\n{done.stderr}", file=sys.stderr)
            return 1
        listing = subprocess.run([str(disassembler), "-c", str(binary)], text=True, capture_output=True, check=True)
    symbols = sorted(set(re.findall(r"\.section\s+\.text\.([^,\s]+)", listing.stdout)))
    names = subprocess.run(["c++filt"], input="\n".join(symbols), text=True, capture_output=True, check=True)
    print(make_table(loop_mix(listing.stdout, dict(zip(symbols, names.stdout.split("\n"), strict=False)))))
    return 0


def find_nvdisasm() -> Path | None:
    """On PATH, or the one that comes with triton."""
    if found := shutil.which("nvdisasm"):
        return Path(found)
    triton = importlib.util.find_spec("triton")
    folders = list(triton.submodule_search_locations or []) if triton else []
    return next((path for folder in folders for path in Path(folder).glob("backends/nvidia/bin/nvdisasm")), None)


def make_table(mixes: Mapping[str, Mapping[str, int]]) -> str:
    """In Markdown; the last column is instructions per matrix product."""
    heads = ["kernel", *CLASSES, "other", "all", "all per mma"]
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    for kernel, mix in sorted(mixes.items()):
        numbers = [str(mix.get(name, 0)) for name in heads[1:-1]]
        lines.append(f"| `{kernel}` | {' | '.join(numbers)} | {mix['all'] / mix['mma']:.1f} |")
    return "\n".join(lines)


def loop_mix(listing: str, demangle: Mapping[str, str]) -> dict[str, Counter[str]]:
    """By kernel: instructions of its loop over column tiles, by class; "all" is their number.

    That is the smallest loop that has matrix products and exp2, and waits at a barrier for what they need.

    Args:
        listing: of `nvdisasm -c`.
        demangle: kernels' names as C++ writes them, by symbol.
    """
    found = {}
    for part in re.split(r"^\s*\.section\s+\.text\.", listing, flags=re.MULTILINE)[1:]:
        symbol = re.split(r"[,\s]", part, maxsplit=1)[0]
        loop = _main_loop(part)
        if loop:
            mix = Counter(_class_of(opcode) for opcode in loop)
            mix["all"] = len(loop)
            found[short_name(demangle.get(symbol, symbol))] = mix
    return found


def _main_loop(part: str) -> Sequence[str]:
    opcodes: list[str] = []
    labels: dict[str, int] = {}
    loops: dict[int, int] = {}  # by their first instructions: the end, behind the last branch back
    for line in part.splitlines():
        if label := re.match(r"\s*(\.L_x_\d+):", line):
            labels[label[1]] = len(opcodes)
        elif instruction := re.match(r"\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)(.*)", line):
            opcodes.append(instruction[1])
            target = re.search(r"\.L_x_\d+", instruction[2])
            if instruction[1].startswith("BRA") and target and target[0] in labels:
                loops[labels[target[0]]] = len(opcodes)

    bodies = [opcodes[begin:end] for begin, end in loops.items()]
    wanted = [
        body for body in bodies if all(any(op.startswith(word) for op in body) for word in ("HMMA", "BAR", "MUFU.EX2"))
    ]
    return min(wanted, key=len, default=[])


def _class_of(opcode: str) -> str:
    for name, prefixes in CLASSES.items():
        if opcode.split(".")[0] in prefixes:
            return name
    return "other"


if __name__ == "__main__":
    sys.exit(main())
