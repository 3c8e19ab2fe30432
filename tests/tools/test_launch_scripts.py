"""The shell scripts that start several processes: what they ask of torchrun and Slurm, and how they refuse."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAIN, SLURM = ROOT / "tools/dist_train.sh", ROOT / "tools/slurm_train.sh"
PLACE = ("NNODES", "NODE_RANK", "MASTER_ADDR", "PORT", "RDZV_ID", "GPUS", "GPUS_PER_NODE", "CPUS_PER_TASK", "SRUN_ARGS")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs a script with `echo` for Python, and with stand-ins for srun and scontrol.

    Both write what they were asked to `asked.txt`; srun then runs the lines in `body`.
    """
    (tmp_path / "my.py").write_text("")
    for name in (*PLACE, "SECONDS_TO_SAVE", "REQUEUE", "SLURM_JOB_ID", "SLURM_JOB_NODELIST"):
        monkeypatch.delenv(name, raising=False)

    def run_script(script: Path, *arguments: str, body: str = "", **environment: str) -> Run:
        stubs = {"srun": f"{body}\n", "scontrol": 'if [ "$1" = show ]; then printf "first\\nsecond\\n"; fi\n'}
        for name, lines in stubs.items():
            path = tmp_path / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f'#!/usr/bin/env bash\necho "{name} $* ${{MASTER_ADDR:-}}" >> asked.txt\n{lines}')
            path.chmod(stat.S_IRWXU)
        names = {**os.environ, "PYTHON": "echo", "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", **environment}
        return subprocess.run(
            ["bash", str(script), *arguments], cwd=tmp_path, env=names, capture_output=True, text=True
        )

    return run_script


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, "--standalone"),
        ({"PORT": "4000"}, "--nnodes 1 --node-rank 0 --master-addr 127.0.0.1 --master-port 4000"),
        (
            {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "10.0.0.7"},
            "--nnodes 2 --node-rank 1 --master-addr 10.0.0.7 --master-port 29500",
        ),
        (
            {"NNODES": "3", "MASTER_ADDR": "10.0.0.7", "PORT": "4000", "RDZV_ID": "x"},
            "--nnodes 3 --rdzv-backend c10d --rdzv-endpoint 10.0.0.7:4000 --rdzv-id x",
        ),
    ],
)
def test_torchrun_is_told_where_the_processes_meet(environment: dict[str, str], place: str, run: Run) -> None:
    done = run(TRAIN, "my.py", "4", "--amp", "--work-dir", "two words", **environment)
    tail = f"--nproc-per-node 4 {ROOT}/tools/train.py my.py --launcher pytorch --amp --work-dir two words"
    assert done.stdout == f"-m torch.distributed.run {place} {tail}\n", done.stderr


@pytest.mark.parametrize(
    ("script", "arguments", "environment", "message"),
    [
        (TRAIN, ["gone.py", "2"], {}, "config not found: gone.py"),
        (TRAIN, ["my.py", "two"], {}, "NPROC is 'two'; expected a whole number from 1"),
        (TRAIN, ["my.py", "0"], {}, "NPROC is '0'; expected a whole number from 1"),
        (TRAIN, ["my.py", "2"], {"NNODES": "2"}, "NNODES is 2, but MASTER_ADDR is not set"),
        (TRAIN, ["my.py", "2"], {"PORT": "http"}, "PORT is 'http'; expected a whole number from 1"),
        (
            TRAIN,
            ["my.py", "2"],
            {"NNODES": "2", "NODE_RANK": "2", "MASTER_ADDR": "a"},
            "NODE_RANK is 2; expected 0 to 1",
        ),
        (SLURM, ["p", "j", "gone.py", "run"], {}, "config not found: gone.py"),
        (SLURM, ["p", "j", "my.py", "run"], {"GPUS": "x"}, "GPUS is 'x'; expected a whole number from 1"),
        (SLURM, ["p", "j", "my.py", "run"], {"GPUS": "12"}, "GPUS is 12; expected a multiple of GPUS_PER_NODE, 8"),
        (SLURM, ["p", "j", "my.py", "run"], {"REQUEUE": "1"}, "REQUEUE is 1, but this is no job"),
    ],
)
def test_mistakes_end_with_a_line_and_code_2(
    script: Path, arguments: list[str], environment: dict[str, str], message: str, run: Run, tmp_path: Path
) -> None:
    done = run(script, *arguments, **environment)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{script.name}: error: {message}"), done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "asked.txt").exists()


def test_srun_asks_for_the_tasks_and_for_a_signal_before_the_end(run: Run, tmp_path: Path) -> None:
    run(SLURM, "p", "j", "my.py", "run", "--strategy", "fsdp2", GPUS="16", SECONDS_TO_SAVE="60", SRUN_ARGS="--mem 9 -v")
    asked = (tmp_path / "asked.txt").read_text().strip()
    assert asked == (
        "srun --partition=p --job-name=j --ntasks=16 --cpus-per-task=5 --gres=gpu:8 --ntasks-per-node=8 "
        f"--signal=USR1@60 --kill-on-bad-exit=1 --mem 9 -v echo -u {ROOT}/tools/train.py my.py --work-dir run "
        "--launcher slurm --strategy fsdp2"
    )


def test_fewer_gpus_than_a_machine_has_are_asked_of_one(run: Run, tmp_path: Path) -> None:
    run(SLURM, "p", "j", "my.py", "run", GPUS="2")
    assert "--ntasks=2 --cpus-per-task=5 --gres=gpu:2 --ntasks-per-node=2 " in (tmp_path / "asked.txt").read_text()


def test_in_an_allocation_the_first_machine_is_where_the_tasks_meet(run: Run, tmp_path: Path) -> None:
    run(SLURM, "p", "j", "my.py", "run", SLURM_JOB_ID="7", SLURM_JOB_NODELIST="node[1-2]")
    names, start = (tmp_path / "asked.txt").read_text().splitlines()
    assert names.strip() == "scontrol show hostnames node[1-2]"
    assert start.endswith(" first") and "--signal" not in start


@pytest.mark.parametrize(
    ("body", "code", "is_queued"),
    [
        ("touch run/interrupted.pth; exit 75", 75, True),
        ("touch run/interrupted.pth; exit 137", 137, True),  # Slurm was quicker than the last task
        ("exit 1", 1, False),
        ("touch run/interrupted.pth -d yesterday; exit 1", 1, False),
        ("touch run/interrupted.pth; exit 0", 0, False),
    ],
)
def test_a_job_that_has_saved_goes_into_the_queue_again(
    body: str, code: int, is_queued: bool, run: Run, tmp_path: Path
) -> None:
    done = run(SLURM, "p", "j", "my.py", "run", body=body, SLURM_JOB_ID="7", REQUEUE="1")
    assert done.returncode == code
    assert ("scontrol requeue 7" in (tmp_path / "asked.txt").read_text()) == is_queued
    assert {path.name for path in (tmp_path / "run").iterdir()} <= {"interrupted.pth"}
