"""No tool writes over its inputs, nor, unless --overwrite says so, over a file that is there."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TOOLS = Path(__file__).resolve().parents[2] / "tools"
Capture = pytest.CaptureFixture[str]

# Tool, its arguments with OUT for the file to write, and an input of it.
CASES = [
    ("convert_checkpoint", ["in.safetensors", "OUT"], "in.safetensors"),
    ("publish_stereo", ["in.safetensors", "OUT"], "in.safetensors"),
    ("publish_video", ["in.safetensors", "OUT"], "in.safetensors"),
    ("convert_nanodet", ["in.safetensors", "OUT"], "in.safetensors"),
    ("publish_forgery", ["config.py", "in.safetensors", "OUT", "--holdout", "config.py", "other.pth"], "other.pth"),
    ("plot_training", ["run", "OUT"], "run/1/vis_data/scalars.json"),
    ("evaluate_forgery", ["images", "--csv", "OUT"], "images/0_real/a.png"),
    ("evaluate_stereo", ["pairs.csv", "--layout", "csv", "--no-ours", "--csv", "OUT"], "pairs.csv"),
    ("evaluate_stereo", ["pairs.csv", "--layout", "csv", "--no-ours", "--csv", "OUT"], "images/0_real/a.png"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with something of each kind that the tools read."""
    monkeypatch.chdir(tmp_path)
    for name in ("images/0_real", "images/1_fake", "run/1/vis_data"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("0_real", "1_fake"):
        pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"images/{name}/a.png")
    image = "images/0_real/a.png"
    Path("pairs.csv").write_text(f"left,right,disparity\n{image},images/1_fake/a.png,{image}\n")
    for name in ("in.safetensors", "other.pth", "config.py", "run/1/vis_data/scalars.json"):
        Path(name).write_text("some text")
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("tool", "arguments", "source"), CASES)
def test_an_input_or_an_older_file_is_never_written_to(
    folder: Path, tool: str, arguments: list[str], source: str, capsys: Capture
) -> None:
    main = runpy.run_path(str(TOOLS / f"{tool}.py"))["main"]
    old = "old.safetensors"
    Path(old).write_text("of an earlier run")
    before = contents(folder)
    for target, options, message in (
        (old, [], "--overwrite"),
        (source, [], "the same file" if tool == "convert_checkpoint" else "is an input of this run"),
        (source, ["--overwrite"], "the same file" if tool == "convert_checkpoint" else "is an input of this run"),
    ):
        with pytest.raises(SystemExit) as stop:
            main([*(target if word == "OUT" else word for word in arguments), *options])
        last = capsys.readouterr().err.splitlines()[-1]
        assert stop.value.code == 2 and message in last, last
    assert contents(folder) == before
