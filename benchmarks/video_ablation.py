"""Does memory help? Trains and tests the small detectors of configs/video/ablation on generated clips, on a CPU.

    python benchmarks/video_ablation.py [--work-dir work_dirs/video_ablation] [--seeds 0,1,2] [--jobs 1]

For each seed a detector of single frames is trained first (start.py). From its weights each variant goes on for the
same number of steps: `single` as it was, `pixel`, `instance` and `full` with memory. All are tested on the same clips,
frame after frame in causal mode. Prints a table in Markdown. What has a result is not run again; what was cut off
begins anew. Every run has one thread; --jobs of them go on at once.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import torch

import vision

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / "configs/video/ablation"
START, SINGLE, FULL = "start", "single", "full"
# The question is answered by the first two.
VARIANTS = (SINGLE, FULL, "pixel", "instance")
WEIGHTS = "last_checkpoint"


class Scores(NamedTuple):
    """AP50 of one run, 0 to 1: on all frames, and on those that are degraded on purpose."""

    all: float
    degraded: float


Results = Mapping[tuple[str, int], Scores]
Run = Callable[[Sequence[str], Path], None]


def main(argv: Sequence[str] | None = None) -> None:
    """Run what has no result yet and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/video_ablation"))
    parser.add_argument("--seeds", default="0,1,2", help="comma-separated; the spread needs two or more")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, of one thread each")
    args = parser.parse_args(argv)
    seeds = [int(seed) for seed in args.seeds.split(",")]
    results = run_all(args.work_dir, seeds, args.jobs)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "mmengine", "mmdet"))
    print(f"device cpu, {platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), 1 thread, fp32")
    print(f"vision {vision.__version__}, {versions}; Python {platform.python_version()}")
    print(f"mode causal; seeds {', '.join(map(str, seeds))}\n")
    print(table(results, seeds))
    print(f"\n{verdict(results, seeds)}")


def run_all(work_dir: Path, seeds: Sequence[int], jobs: int = 1, run: Run | None = None) -> Results:
    """Results of all variants and seeds.

    Args:
        work_dir: one folder per run, `VARIANT-SEED`, with its weights, log and `scores.csv`.
        seeds: of weights and of the order of frames.
        jobs: runs at once.
        run: executes the arguments of a Python script and writes what it prints to the end of a log.
    """
    run = run or run_script
    with ThreadPoolExecutor(jobs) as pool:
        # Submitted first, so that none waits for one that has no worker.
        starts = {seed: pool.submit(weights_of, work_dir, START, seed, None, run) for seed in seeds}
        tasks = {
            (variant, seed): pool.submit(scores_of, work_dir, variant, seed, starts[seed], run)
            for variants in (VARIANTS[:2], VARIANTS[2:])
            for seed in seeds
            for variant in variants
        }
        return {key: task.result() for key, task in tasks.items()}


def scores_of(work_dir: Path, variant: str, seed: int, start: Future[Path], run: Run) -> Scores:
    """The scores of one run, which is trained and tested where it has none."""
    folder = work_dir / f"{variant}-{seed}"
    file = folder / "scores.csv"
    if not file.is_file():
        weights = weights_of(work_dir, variant, seed, start.result(), run)
        options = [f"test_evaluator.save_csv={file}", "model.mode=causal"]
        command = [ROOT / "tools/test.py", CONFIGS / f"{variant}.py", weights, "--work-dir", folder]
        run([*map(str, command), "--cfg-options", *options], folder / "log.txt")
    return read_scores(file)


def weights_of(work_dir: Path, variant: str, seed: int, start: Path | None, run: Run) -> Path:
    """The weights at the end of one training, which is run where there are none."""
    folder = work_dir / f"{variant}-{seed}"
    note = folder / WEIGHTS
    if not note.is_file():
        options = [f"randomness.seed={seed}", *([] if start is None else [f"load_from={start}"])]
        command = [ROOT / "tools/train.py", CONFIGS / f"{variant}.py", "--work-dir", folder]
        run([*map(str, command), "--cfg-options", *options], folder / "log.txt")
    return Path(note.read_text())


def run_script(arguments: Sequence[str], log: Path) -> None:
    """Run a Python script on one thread of the CPU.

    Raises:
        SystemExit: it failed; says where its log is.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": path}
    with log.open("a") as out:
        code = subprocess.run([sys.executable, *arguments], env=environment, stdout=out, stderr=out).returncode
    if code:
        raise SystemExit(f"{Path(arguments[0]).name} ended with code {code}, see {log}")


def read_scores(file: Path) -> Scores:
    """AP50 from the table of a test."""
    with file.open(newline="") as lines:
        found = {row["part"]: float(row["ap50"]) for row in csv.DictReader(lines) if row["part"] in Scores._fields}
    return Scores(**found)


def table(results: Results, seeds: Sequence[int]) -> str:
    """Markdown: AP50 in percent, mean and standard deviation over the seeds, and the gain over single frames."""
    lines = ["| variant | all frames | degraded frames | gain on degraded frames, by seed |", "|---|---:|---:|---|"]
    for variant in VARIANTS:
        runs = [results[variant, seed] for seed in seeds]
        by_seed = [] if variant == SINGLE else gains_of(results, seeds, variant)
        gains = ", ".join(f"{100 * gain:+.1f}" for gain in by_seed)
        means = (_spread([getattr(run, name) for run in runs]) for name in Scores._fields)
        lines.append(f"| {variant} | {' | '.join(means)} | {gains} |")
    return "\n".join(lines)


def verdict(results: Results, seeds: Sequence[int]) -> str:
    """Whether full memory beats single frames where frames are degraded by more than the spread of either."""
    gain = statistics.mean(gains_of(results, seeds, FULL))
    spread = max(_deviation([results[variant, seed].degraded for seed in seeds]) for variant in (SINGLE, FULL))
    kind = "more" if gain > spread else "no more"
    return (
        f"On degraded frames full memory gains {100 * gain:+.1f} over single frames: {kind} than the spread of "
        f"{100 * spread:.1f}."
    )


def gains_of(results: Results, seeds: Sequence[int], variant: str) -> list[float]:
    """By how much a variant beats single frames of the same seed, on degraded frames."""
    return [results[variant, seed].degraded - results[SINGLE, seed].degraded for seed in seeds]


def _spread(values: Sequence[float]) -> str:
    return f"{100 * statistics.mean(values):.1f} ± {100 * _deviation(values):.1f}"


def _deviation(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else float("nan")


if __name__ == "__main__":
    main()
