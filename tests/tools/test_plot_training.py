"""tools/plot_training.py: curves of a training run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

TOOL = Path(__file__).resolve().parents[2] / "tools/plot_training.py"


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    log = tmp_path / "run/20260101_000000/vis_data/scalars.json"
    log.parent.mkdir(parents=True)
    training = [{"loss": 3.0 - i, "epoch": 1 + i // 2, "iter": 50 + i, "step": 50 + i} for i in range(4)]
    validation = [{"accuracy/top1": 10.0 * i, "step": i} for i in (1, 2)]
    log.write_text("".join(json.dumps(line) + "\n" for line in [*training, *validation]))
    return tmp_path / "run"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_curves_of_a_run_are_drawn(work_dir: Path, tmp_path: Path) -> None:
    done = run(work_dir, tmp_path / "curve.png", "--level", "chance=10")
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "curve.png").size == (1100, 374)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "curve.png"}


def test_training_and_validation_share_the_epochs(work_dir: Path) -> None:
    code = "import runpy, sys, pathlib; tool = runpy.run_path(sys.argv[1]); "
    code += "print(tool['read_curves'](pathlib.Path(sys.argv[2]), ['loss', 'accuracy/top1']))"
    done = subprocess.run([sys.executable, "-c", code, TOOL, work_dir], capture_output=True, text=True, check=True)
    expected = {"loss": ([0.5, 1.0, 1.5, 2.0], [3.0, 2.0, 1.0, 0.0]), "accuracy/top1": ([1, 2], [10.0, 20.0])}
    assert done.stdout.strip() == str(expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--keys", "nothing"], "no values of nothing"), (["--level", "chance"], "expects NAME=NUMBER")],
)
def test_mistakes_end_with_a_line_and_code_2(
    work_dir: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = run(work_dir, tmp_path / "curve.png", *arguments)
    assert (done.returncode, message in done.stderr) == (2, True)
