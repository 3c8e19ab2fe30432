"""tools/gpu_check.sh: end to end on the CPU, its budget, its report, and what it says of failures."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tools.gpu_check import __main__ as gpu_check
from tools.gpu_check.__main__ import Step, judge, main, run_step
from tools.gpu_check.record import Record
from tools.gpu_check.report import StepResult, write_report
from vision.ops.common import kernels

ROOT = Path(__file__).parents[2]
RUN = ["environment", "neighborhood", "models", "memcheck", "attention speed", "training", "profile"]
# Machines with GPUs have none of these. What is not in site-packages, such as our stand-ins, is found.
WITHOUT = """
import importlib.machinery

ABSENT = ("lazy_loader", "wrapt", "pywt", "mmengine", "mmcv", "mmdet", "mmseg", "natten", "hypothesis")
find = importlib.machinery.PathFinder.find_spec

def find_spec(name, path=None, target=None):
    spec = find(name, path, target)
    absent = name.partition(".")[0] in ABSENT and spec is not None and "site-packages" in str(spec.origin)
    return None if absent else spec

importlib.machinery.PathFinder.find_spec = find_spec
"""


@pytest.fixture
def arguments(tmp_path: Path) -> argparse.Namespace:
    return argparse.Namespace(device="cpu", quick=True, output=tmp_path)


def make_module(folder: Path, name: str, body: str) -> dict[str, str]:
    """A step of one's own; the environment in which `tools.gpu_check.step` finds it."""
    package = folder / "tools/gpu_check"
    package.mkdir(parents=True, exist_ok=True)
    (package / f"{name}.py").write_text(body)
    # Both folders are parts of the namespace package only if neither has an __init__.py.
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}


@pytest.mark.skipif(kernels.missing() is not None, reason="the kernels are not built")
def test_script_without_packages_that_gpu_machines_lack(tmp_path: Path) -> None:
    """Steps that together import all that any does; test_gpu_check_steps.py runs the others without a process each."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    output = tmp_path / "out"
    command = ["bash", str(ROOT / "tools/gpu_check.sh"), "--device", "cpu", "--quick", "--output", str(output)]
    # Slow machines must not cut what is not about time.
    command += ["--budget", "3000", "--only", *RUN]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr}"
    assert "not installed: lazy_loader, wrapt" in done.stdout
    steps = {step["name"]: step for step in json.loads((output / "results.json").read_text())["steps"]}
    on_gpus = {"memcheck", "profile"}
    assert list(steps) == RUN
    assert {name for name, step in steps.items() if step["status"] == "skipped"} == on_gpus
    assert {step["status"] for name, step in steps.items() if name not in on_gpus} == {"passed"}
    assert len(steps["neighborhood"]["found"]["checks"]) > 20
    assert "PyWavelets is not installed" in " ".join(steps["training"]["found"]["notes"])
    report = (output / "report.md").read_text()
    assert "| neighborhood | passed | 28 of 28 |" in report and "Milliseconds by case" in report
    assert "ours, ms" in report and "| memcheck | skipped |" in report


def test_a_step_that_overruns_is_cut_and_keeps_what_it_had(tmp_path: Path, arguments: argparse.Namespace) -> None:
    body = "import time\ndef run(record):\n    record.check('early', True)\n    time.sleep(60)\n"
    environment = make_module(tmp_path, "sleeps", body)
    begin = time.monotonic()
    result = run_step(Step("sleeps", "sleeps", 1, ""), arguments, environment, 4.0, tmp_path, StringIO())
    assert time.monotonic() - begin < 15
    assert result.status == "cut" and [check["name"] for check in result.found["checks"]] == ["early"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("def run(record): record.check('one', True)", "passed"),
        ("def run(record): record.check('one', False, 'because')", "failed"),
        ("def run(record): record.compare('one', float('nan'), 1.0)", "failed"),
        ("def run(record):\n    with record.checking('one'): raise ValueError('because')", "failed"),
        ("def run(record): record.skip('nothing here')", "skipped"),
        ("def run(record):\n    import os\n    os.abort()", "crashed"),
        ("def run(record): raise ValueError('because')", "crashed"),
    ],
)
def test_outcomes(body: str, status: str, tmp_path: Path, arguments: argparse.Namespace) -> None:
    environment = make_module(tmp_path, "step_of_a_test", body)
    result = run_step(Step("a step", "step_of_a_test", 1, ""), arguments, environment, 60, tmp_path, StringIO())
    assert result.status == status
    write_report(tmp_path, "title", [result])
    report = (tmp_path / "report.md").read_text()
    assert f"| a step | {status} |" in report and ("- failed: one" in report) == (status == "failed")


def test_a_failure_does_not_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_module(tmp_path, "fails", "def run(record): record.check('one', False)")
    make_module(tmp_path, "works", "def run(record): record.check('two', True)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(gpu_check, "STEPS", (Step("fails", "fails", 1, ""), Step("works", "works", 1, "")))
    assert main(["--device", "cpu", "--output", str(tmp_path / "out")]) == 1
    steps = json.loads((tmp_path / "out/results.json").read_text())["steps"]
    assert [step["status"] for step in steps] == ["failed", "passed"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.md", "results.json", "log.txt"}
    assert "FAIL one" in (tmp_path / "out/log.txt").read_text()


def test_time_is_shared_by_what_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    def run(step: Step, args: argparse.Namespace, environment: dict[str, str], seconds: float, *_: Any) -> StepResult:
        given.append(seconds)
        return StepResult(step.name, "passed", 0.0, {})

    monkeypatch.setattr(gpu_check, "run_step", run)
    monkeypatch.setattr(gpu_check, "STEPS", (Step("a", "a", 1, ""), Step("b", "b", 1, ""), Step("c", "c", 2, "")))
    assert main(["--device", "cpu", "--budget", "100", "--output", str(tmp_path)]) == 0
    # Steps that take no time leave theirs to the others.
    assert given == pytest.approx([25, 33.3, 100], rel=0.02)


def test_budget_is_under_eight_minutes() -> None:
    assert gpu_check._parse([]).budget < 480 - 10  # and some for Python and the report


def test_without_a_gpu_one_line_says_so(run_tool: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run_tool("gpu_check.sh", "--device", "cuda:63", check=False)
    assert done.returncode == 2 and "device cuda:63 cannot be used" in done.stderr and "Traceback" not in done.stderr


def test_sanitizers_tell_by_their_code_and_words(tmp_path: Path, arguments: argparse.Namespace) -> None:
    checker = tmp_path / "checker"
    checker.write_text('#!/bin/sh\n"$@"\necho "========= ERROR SUMMARY: 3 errors"\nexit 9\n')
    checker.chmod(0o755)
    environment = make_module(tmp_path, "fine", "def run(record): record.check('one', True)")
    result = run_step(
        Step("memcheck", "fine", 1, "", (str(checker),)), arguments, environment, 60, tmp_path, StringIO()
    )
    assert result.status == "failed" and result.found["notes"] == ["========= ERROR SUMMARY: 3 errors"]


def test_checkers_that_are_absent_are_said(tmp_path: Path, arguments: argparse.Namespace) -> None:
    result = run_step(Step("memcheck", "x", 1, "", ("no-such-program",)), arguments, {}, 60, tmp_path, StringIO())
    assert result == StepResult("memcheck", "skipped", 0.0, {"skipped": "no-such-program is not installed"})


def test_record_is_on_disk_at_once(tmp_path: Path) -> None:
    record = Record(tmp_path / "a.json", 10, "cpu", True)
    record.table("one", ["a"], [["1"]])
    record.table("one", ["a"], [["1"], ["2"]])
    record.note("said")
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["tables"] == [{"title": "one", "columns": ["a"], "rows": [["1"], ["2"]]}]
    assert found["notes"] == ["said"] and not found["finished"] and judge(found, 0, False) == "crashed"
    record.finish()
    assert judge(json.loads((tmp_path / "a.json").read_text()), 0, False) == "passed"
