"""Run the benchmarks and write one page of what they measured: tables, plots, and all that they printed.

    python benchmarks/page.py [--quick] [--only NAME ...] [--output docs/benchmarks.md]

Each script measures us and its peers in one run, in turn; they run one after another, in a process of their own. One
that fails is said to have failed, the others go on, and the exit code is 1. Plots lie beside the page, in figures/.
"""

from __future__ import annotations

import argparse
import html
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path

from benchmarks.plots import draw
from benchmarks.results import BOUND, OURS, Figure, digits, read_figures
from vision.files import write_text

ROOT = Path(__file__).resolve().parent.parent
# In the order of the page: what is asked, arguments, and others for a quick look.
SCRIPTS: dict[str, tuple[str, list[str], list[str]]] = {
    "neighborhood": ("Neighborhood attention", [], ["--quick", "--repeat", "5"]),
    "window_axes": ("Windows along another axis", [], ["--repeat", "3"]),
    "backbone_speed": ("NAT and DiNAT as classifiers", [], ["--quick", "--repeat", "3"]),
    "forgery": ("The detector of AI-generated images", [], ["--repeat", "3", "--batch-size", "2"]),
    "startup": ("One image from the start of the process", [], ["--repeat", "2"]),
    "stereo": ("Stereo matching", [], ["--quick", "--repeat", "2"]),
    "video": ("Video", ["--frames", "1000"], ["--quick"]),
    "export_speed": (
        "Exported models",
        ["--threads", "2", "--ways", "kernels", "unpacked", "reference", "onnx", "dynamic", "pt2"],
        ["--models", "dinat_mini", "--ways", "kernels", "onnx", "pt2", "--repeat", "2"],
    ),
    "batch_throughput": ("Images in bulk", ["--files", "5000"], ["--files", "100"]),
}
# Not beside a peer: they train, need data, compute a model of a card, try a server (`make soak`) or kill processes.
OTHERS = ("linear_baseline", "video_ablation", "quantization", "cuda_model", "serve_load", "serve_fuzz", "batch_kills")
PARTS = (
    "page",
    "plots",
    "bounds",
    "results",
    "serve_damage",
    "serve_process",
    "batch_files",
    "batch_nothing",
)  # of others
INTRODUCTION = """\
`make bench` writes this page. Each script of `benchmarks/` measures us and its peers side by side in one run; less is
better everywhere, and the axis of a plot is logarithmic where its figures lie far apart. A ratio is the peer's time
over ours. The bound of a row is its useful FLOP over the rate of a large matrix product on the same machine in the same
minute, and its share of our time; a peer whose products are faster than torch's may pass it, and what starts processes
or moves memory has none. [Performance](performance.md) says what the figures mean."""
PACKAGES = ("torch", "timm", "natten", "opencv-python", "onnxruntime", "numpy")
_HOUR = 3600


@dataclass
class Run:
    """What came of a script."""

    name: str
    printed: str
    seconds: float
    code: int
    figures: list[Figure] = field(default_factory=list)


def main() -> int:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few minutes: fewer shapes and rounds")
    parser.add_argument(
        "--only", nargs="+", choices=SCRIPTS, default=list(SCRIPTS), metavar="NAME", help="some of them"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs/benchmarks.md", help="page (docs/benchmarks.md)")
    args = parser.parse_args()
    runs = []
    for name in args.only:
        print(f"{name} ...", end=" ", flush=True)
        runs.append(run(name, SCRIPTS[name][2 if args.quick else 1]))
        print(f"{runs[-1].seconds:.0f} s{'' if runs[-1].code == 0 else f', failed with {runs[-1].code}'}", flush=True)
    plots = args.output.parent / "figures" / args.output.stem
    plots.mkdir(parents=True, exist_ok=True)
    write_text(args.output, page(runs, plots, args.quick))
    print(args.output)
    return int(any(one.code for one in runs))


def run(name: str, arguments: Sequence[str]) -> Run:
    """Run one script."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, str(ROOT / f"benchmarks/{name}.py"), *arguments, "--json", str(file)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_HOUR, cwd=ROOT)
            printed, code = done.stdout + (done.stderr[-2000:] if done.returncode else ""), done.returncode
        except subprocess.TimeoutExpired:
            printed, code = "no end within an hour", 124
        figures = read_figures(file.read_text(encoding="utf-8")) if file.is_file() else []
    return Run(name, printed, time.monotonic() - began, code, figures)


def page(runs: Iterable[Run], plots: Path, quick: bool) -> str:
    """The page, in Markdown; its plots are written to the folder."""
    parts = [
        "# Benchmarks",
        INTRODUCTION,
        machine(quick),
    ]
    for one in runs:
        title = SCRIPTS[one.name][0]
        parts.append(f"## {title}")
        parts.append(f"`benchmarks/{one.name}.py`, {one.seconds:.0f} s.")
        if one.code:
            parts.append(f"**It failed with exit code {one.code}**; what it printed is below.")
        for number, (group, figures) in enumerate(groups(one.figures).items()):
            file = plots / f"{one.name}-{number + 1}.svg"
            write_text(file, draw(group, figures))
            link = file.relative_to(plots.parent.parent).as_posix()
            parts += [f"### {group[:1].upper()}{group[1:]}", table(figures), f"![{group}]({link})"]
        printed = html.escape(one.printed.strip())
        parts.append(f"<details><summary>What it printed</summary>\n<pre>{printed}</pre>\n</details>")
    return "\n\n".join(parts) + "\n"


def machine(quick: bool) -> str:
    """Where and when, and with what."""
    known = {name: _version(name) for name in PACKAGES}
    rows = {
        "date": f"{date.today():%Y-%m-%d}{' (quick: few rounds)' if quick else ''}",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {text}" for name, text in known.items() if text),
        "not installed": ", ".join(name for name, text in known.items() if not text) or "nothing",
    }
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {text} |" for name, text in rows.items())


def groups(figures: Iterable[Figure]) -> dict[str, list[Figure]]:
    """Figures by group, in the order of the first of each."""
    found: dict[str, list[Figure]] = {}
    for figure in figures:
        found.setdefault(figure.group, []).append(figure)
    return found


def table(figures: Sequence[Figure]) -> str:
    """One group as a table: a row per case, each peer with its ratio, the bound with its share."""
    columns = list(dict.fromkeys((figure.kind, figure.name) for figure in figures))
    columns.sort(key=lambda column: (column[0] == BOUND, column[0] != OURS))
    lines = ["| " + " | ".join(["", *(f"{name}, {figures[0].unit}" for _, name in columns)]) + " |"]
    lines.append("|---|" + "---:|" * len(columns))
    for case, row in groupby(figures, key=lambda figure: figure.case):
        values = {(figure.kind, figure.name): figure.value for figure in row}
        lines.append(f"| {case} | " + " | ".join(cell(values, *column) for column in columns) + " |")
    return "\n".join(lines)


def cell(values: Mapping[tuple[str, str], float], kind: str, name: str) -> str:
    """A figure, and how it compares with ours."""
    value = values.get((kind, name))
    if value is None:
        return ""
    ours = values[OURS, "ours"]
    if kind == OURS:
        return f"**{digits(value)}**"
    return digits(value) + (f" ({100 * value / ours:.0f} %)" if kind == BOUND else f" ({value / ours:.2f}x)")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    raise SystemExit(main())
