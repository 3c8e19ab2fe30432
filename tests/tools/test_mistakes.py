"""A mistake in a tool's arguments is one line and exit code 2; what tools compute, by hand. All in this process."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vision.checkpoint import read_checkpoint
from vision.metrics import Predictions
from vision.models import MatchStereo
from vision.models.forgery.calibration import Calibration

Capture = pytest.CaptureFixture[str]
TOOLS = Path(__file__).resolve().parents[2] / "tools"


def code_of(tool: str, *arguments: object) -> int:
    main = runpy.run_path(str(TOOLS / f"{tool}.py"))["main"]
    try:
        return int(main(list(map(str, arguments))))
    except SystemExit as stop:
        assert isinstance(stop.code, int)
        return stop.code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch-size", "0"], "argument --batch-size: expected a whole number from 1 on, got '0'"),
        (["--batch-size", "nan"], "argument --batch-size: expected a whole number from 1 on, got 'nan'"),
        (["--workers", "-1"], "argument --workers: expected a whole number from 0 on, got '-1'"),
        (["--max-images", "0"], "argument --max-images: expected a whole number from 1 on, got '0'"),
        (["--crop-size", "7"], "argument --crop-size: expected a whole number from 8 on, got '7'"),
        (["--device", "abacus"], "unknown device 'abacus'"),
        (["--device", "cuda:99"], "cuda:99"),
    ],
)
def test_evaluation_refuses_what_it_cannot_do(
    tmp_path: Path, options: list[str], message: str, capsys: Capture
) -> None:
    for kind in ("0_real", "1_fake"):
        (tmp_path / kind).mkdir()
        Image.fromarray(np.full((16, 16, 3), 9, np.uint8)).save(tmp_path / kind / "a.png")
    assert code_of("evaluate_forgery", tmp_path, *options) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("content", ["[1]\n", "text\n", '{"a": 1}\n', '{"step": "x"}\n'])
def test_a_log_that_is_none_is_named(tmp_path: Path, content: str, capsys: Capture) -> None:
    log = tmp_path / "1/vis_data/scalars.json"
    log.parent.mkdir(parents=True)
    log.write_text(content)
    assert code_of("plot_training", tmp_path, tmp_path / "a.png") == 2
    assert f"{log}, line 1: is no line of a log" in capsys.readouterr().err


def test_a_line_that_a_run_left_unfinished_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "1/vis_data/scalars.json"
    log.parent.mkdir(parents=True)
    log.write_text('{"loss": 2.0, "step": 1}\n{"loss": 1.0, "step": 2}\n{"loss": 0.')
    read_curves = runpy.run_path(str(TOOLS / "plot_training.py"))["read_curves"]
    assert read_curves(tmp_path, ["loss"]) == {"loss": ([1, 2], [2.0, 1.0])}


def test_shares_of_the_verdicts_by_hand() -> None:
    verdict_shares = runpy.run_path(str(TOOLS / "publish_forgery.py"))["verdict_shares"]
    logits, labels = np.array([-3.0, -3.0, 0.0, 3.0, -3.0, 0.0, 3.0, 3.0]), np.array([0, 0, 0, 0, 1, 1, 1, 1])
    no_use = np.full(4, np.nan)
    halves = (slice(0, 4), slice(4, 8))
    parts = [Predictions(labels[half], logits[half], no_use, ["a"] * 4, ["a.png"] * 4) for half in halves]
    shares = verdict_shares(parts, Calibration(low=0.3, high=0.7))
    assert shares.splitlines() == [
        "real: 50.0% real, 25.0% inconclusive, 25.0% ai-generated",
        "generated: 25.0% real, 25.0% inconclusive, 50.0% ai-generated",
    ]


def test_flow_is_published_as_flow(tmp_path: Path, capsys: Capture) -> None:
    torch.manual_seed(0)
    torch.save({"state_dict": MatchStereo.from_variant("nano", stereo=False).state_dict()}, tmp_path / "flow.pth")
    assert code_of("publish_stereo", tmp_path / "flow.pth", tmp_path / "flow.safetensors", "--flow") == 0
    assert read_checkpoint(tmp_path / "flow.safetensors")[1] == {"variant": "nano", "stereo": False}


@pytest.mark.parametrize("option", ["--scale", "--max-disparity"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0"])
def test_figures_of_stereo_are_above_0(tmp_path: Path, option: str, value: str, capsys: Capture) -> None:
    assert code_of("evaluate_stereo", tmp_path, f"{option}={value}") == 2
    assert f"argument {option}: expected a number" in capsys.readouterr().err
