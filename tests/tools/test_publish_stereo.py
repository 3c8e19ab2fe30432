"""Stereo weights to ship from a training checkpoint."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import torch

from vision.checkpoint import read_checkpoint
from vision.models import MatchStereo, match_stereo


def test_weights_come_out_as_they_went_in(
    run_tool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = MatchStereo.from_variant("nano")
    torch.save({"state_dict": model.state_dict(), "meta": {"iter": 3}}, tmp_path / "iter_3.pth")
    done = run_tool("publish_stereo.py", "iter_3.pth", "mine.safetensors")
    assert "wrote mine.safetensors: nano, 14." in done.stdout
    state, metadata = read_checkpoint(tmp_path / "mine.safetensors")
    assert metadata == {"variant": "nano", "stereo": True}
    assert all(value.equal(state[key]) for key, value in model.state_dict().items())
    match_stereo("match_stereo_nano", tmp_path / "mine.safetensors")


def test_a_checkpoint_of_something_else_is_named(
    run_tool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    torch.save({"state_dict": {"fc.weight": torch.zeros(2, 2)}}, tmp_path / "other.pth")
    done = run_tool("publish_stereo.py", "other.pth", "mine.safetensors", check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr and "MatchStereo" in done.stderr
    assert not (tmp_path / "mine.safetensors").exists()


def test_weights_that_are_not_finite_are_not_published(
    run_tool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    state = MatchStereo.from_variant("nano").state_dict()
    key = next(key for key, value in state.items() if value.is_floating_point())
    state[key] = state[key] * float("nan")
    torch.save({"state_dict": state}, tmp_path / "nan.pth")
    done = run_tool("publish_stereo.py", "nan.pth", "mine.safetensors", check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr and f"{key} has values that are not" in done.stderr
    assert not (tmp_path / "mine.safetensors").exists()
