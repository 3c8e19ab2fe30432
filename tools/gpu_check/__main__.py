"""Everything that a GPU can tell of this checkout, within a budget of time: `tools/gpu_check.sh` calls this.

Needs nothing but Python's own library: what torch, a driver or a kernel does to a step, the other steps come through.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import IO, NamedTuple

from tools.gpu_check.report import StepResult, write_report

ROOT = Path(__file__).resolve().parents[2]
# A step ends by itself this much before it is killed.
_GRACE = 0.9


class Step(NamedTuple):
    """A step of the run; a module of this package with a function `run(record)`.

    Attributes:
        share: of the time, in proportion to the others: what one leaves goes to those after it.
        around: the program that runs it, with its arguments; the step is skipped where it is not installed.
        gpu_only: it has nothing to do on the CPU.
        variables: of its environment.
    """

    name: str
    module: str
    share: float
    purpose: str
    around: tuple[str, ...] = ()
    gpu_only: bool = False
    variables: tuple[tuple[str, str], ...] = ()


# What a checker ends with when it found something.
_FOUND = 9
_SANITIZER = ("compute-sanitizer", "--error-exitcode", str(_FOUND), "--tool")
# Errors of API calls are torch's way to ask what a driver can do.
_MEMCHECK = (*_SANITIZER, "memcheck", "--report-api-errors", "no")
_RACECHECK = (*_SANITIZER, "racecheck")
# Each tensor has memory of its own then: torch's cache would hide an access behind one's end in another's.
_NO_CACHE = (("PYTORCH_NO_CUDA_MEMORY_CACHING", "1"),)
_METRICS = (
    "gpu__time_duration.sum",
    "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active",
    "dram__throughput.avg.pct_of_peak_sustained_elapsed",
)
_PROFILER = (
    "ncu",
    *("--clock-control", "none", "--launch-count", "12", "--metrics", ",".join(_METRICS)),
    *("--kernel-name-base", "demangled", "--kernel-name", "regex:nbv"),
)
STEPS = (
    Step("environment", "environment", 25, "card, driver, torch, compilers, our libraries"),
    Step("neighborhood", "neighborhood", 65, "neighborhood attention against the reference in fp64"),
    Step("match", "match", 20, "match attention against the reference in fp64"),
    Step("behavior", "behavior", 30, "CUDA graphs, streams, the same bits twice, errors, autocast, compilation"),
    Step("models", "models", 35, "DiNAT and MatchStereo against stored numbers and the CPU"),
    Step("memcheck", "sanitized", 40, "no access outside of tensors", _MEMCHECK, True, _NO_CACHE),
    Step("racecheck", "sanitized", 30, "no race in shared memory", _RACECHECK, True, _NO_CACHE),
    Step("attention speed", "attention_speed", 120, "neighborhood attention beside its peers"),
    Step("stereo speed", "stereo_speed", 40, "match attention and MatchStereo beside the reference"),
    Step("network speed", "network_speed", 30, "DiNAT-Tiny beside Swin-T"),
    Step("training", "training", 45, "a short training of each family under autocast"),
    Step("profile", "profiled", 20, "how busy the tensor cores are", _PROFILER, True),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the steps; 1 where one failed or crashed, 2 where there is no such device."""
    args = _parse(argv)
    end = time.monotonic() + args.budget
    args.output.mkdir(parents=True, exist_ok=True)
    environment = child_environment()
    if args.device.startswith("cuda"):
        reason = why_unusable(args.device, environment)
        if reason is not None:
            print(f"device {args.device} cannot be used: {reason}", file=sys.stderr)
            return 2
        build_kernels(environment, end)
    steps = [step for step in STEPS if args.only is None or step.name in args.only]
    title = f"GPU check, {datetime.date.today().isoformat()}, device {args.device}"
    results: list[StepResult] = []
    with TemporaryDirectory() as folder, (args.output / "log.txt").open("w") as log:
        try:
            for number, step in enumerate(steps):
                rest = sum(other.share for other in steps[number:])
                seconds = max(0.0, end - time.monotonic()) * step.share / rest
                results.append(run_step(step, args, environment, seconds, Path(folder), log))
                write_report(args.output, title, results)
        finally:
            print_summary(results, args.output)
    return int(any(result.status in ("failed", "crashed") for result in results))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/gpu_check.sh", description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 ..., or cpu, to see whether the checks run")
    parser.add_argument("--quick", action="store_true", help="tiny sizes")
    parser.add_argument("--budget", type=float, default=460, help="seconds for everything, a build included")
    parser.add_argument("--output", type=Path, default=ROOT / "gpu-check", help="folder for the report")
    parser.add_argument("--only", nargs="+", choices=[step.name for step in STEPS], metavar="STEP", help="these alone")
    return parser.parse_args(argv)


def child_environment() -> dict[str, str]:
    """Of the steps; ours stand in for two small packages where they are not installed."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    absent = [name for name in ("lazy_loader", "wrapt") if importlib.util.find_spec(name) is None]
    if absent:
        print(f"not installed: {', '.join(absent)}; tools/gpu_check/stand_ins is taken")
        paths.append(str(ROOT / "tools/gpu_check/stand_ins"))
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def why_unusable(device: str, environment: dict[str, str]) -> str | None:
    """Why torch cannot use a device, or None."""
    command = [sys.executable, "-c", "import sys, torch; torch.zeros(1, device=sys.argv[1]).cpu()", device]
    asked = subprocess.run(command, env=environment, capture_output=True, text=True)
    return None if asked.returncode == 0 else (asked.stderr.strip().splitlines() or ["no reason given"])[-1]


def build_kernels(environment: dict[str, str], end: float) -> None:
    """Build the libraries that are absent, CUDA's for the card at hand alone."""
    if next((ROOT / "vision").glob("_C_cuda*.so"), None) is not None:
        print("vision._C_cuda is built")
        return
    print("vision._C_cuda is not built yet", flush=True)
    begin = time.monotonic()
    try:
        code = subprocess.run(
            [sys.executable, "-m", "tools.gpu_check.build"], cwd=ROOT, env=environment, timeout=0.6 * (end - begin)
        ).returncode
        said = "built" if code == 0 else "the build failed"
    except subprocess.TimeoutExpired:
        said = "the build took too long and was ended"
    print(f"  {said} ({time.monotonic() - begin:.0f} s)", flush=True)


def run_step(
    step: Step, args: argparse.Namespace, environment: dict[str, str], seconds: float, folder: Path, log: IO[str]
) -> StepResult:
    """Run one step in a process of its own, print what it prints, and end it when its time is over."""
    title = f"\n== {step.name}: {step.purpose} (up to {seconds:.0f} s)"
    print(title, flush=True)
    print(title, file=log, flush=True)
    path = folder / f"{step.name}.json"
    reason = why_skipped(step, args.device, seconds)
    if reason is not None:
        print(f"  skipped: {reason}", flush=True)
        return StepResult(step.name, "skipped", 0.0, {"skipped": reason})
    command = [*step.around, sys.executable, "-m", "tools.gpu_check.step", step.module]
    command += ["--device", args.device, "--seconds", f"{_GRACE * seconds:.1f}", "--record", str(path)]
    command += ["--quick"] * args.quick
    begin = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**environment, **dict(step.variables)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    copier = Thread(target=copy_output, args=(process.stdout, said, log), daemon=True)
    copier.start()
    cut = False
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        cut = True
        print("  cut: its time is over", flush=True)
    finally:
        end_group(process)
        copier.join(5)
    found = json.loads(path.read_text()) if path.is_file() else {}
    if step.around:
        found.setdefault("notes", []).extend(said_around(said))
    status = judge(found, process.returncode, cut)
    print(f"   {step.name}: {status}, {time.monotonic() - begin:.0f} s", flush=True)
    return StepResult(step.name, status, time.monotonic() - begin, found)


def why_skipped(step: Step, device: str, seconds: float) -> str | None:
    """Why a step is not run at all, or None."""
    if step.gpu_only and not device.startswith("cuda"):
        return "for GPUs alone"
    if step.around and shutil.which(step.around[0]) is None:
        return f"{step.around[0]} is not installed"
    return "no time left" if seconds < 3 else None


def judge(found: dict, code: int | None, cut: bool) -> str:
    """In a word."""
    if code == _FOUND or any(not check["ok"] for check in found.get("checks", [])):
        return "failed"
    if cut:
        return "cut"
    if code != 0 or not found.get("finished"):
        return "crashed"
    return "skipped" if found.get("skipped") else "passed"


def said_around(lines: Sequence[str]) -> list[str]:
    """What a sanitizer or profiler said, without what the step itself printed."""
    told = ("ERROR SUMMARY", "RACECHECK SUMMARY", "ERR_NVGPUCTRPERM", "nbv", *_METRICS)
    return [" ".join(line.split()) for line in lines if any(word in line for word in told)][:80]


def copy_output(lines: IO[str], said: list[str], log: IO[str]) -> None:
    """To the terminal, to a list and to a file."""
    for line in lines:
        print(line, end="", flush=True)
        said.append(line)
        log.write(line)
        log.flush()


def end_group(process: subprocess.Popen) -> None:
    """End a step with all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            continue
        time.sleep(0.1)


def print_summary(results: Sequence[StepResult], folder: Path) -> None:
    """A line per step, and every failure."""
    print("\n== summary")
    for result in results:
        checks = result.found.get("checks", [])
        held = f"{sum(check['ok'] for check in checks)} of {len(checks)} checks held" if checks else ""
        print(
            f"  {result.name:<16}{result.status:<9}{result.seconds:5.0f} s  {held or result.found.get('skipped') or ''}"
        )
        for failure in result.failures:
            print(f"    FAIL {failure}")
    print(f"written: {folder}/report.md, {folder}/results.json, {folder}/log.txt")


if __name__ == "__main__":
    sys.exit(main())
