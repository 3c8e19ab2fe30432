"""What the command line tests share: a very small detector, and images good and bad."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vision.checkpoint import write_safetensors
from vision.cli.main import main
from vision.models.forgery.network import build_network

MODEL: dict[str, Any] = {
    "backbone": {"type": "backbones:DualFrequencyNet", "width": 4, "depths": (1, 1)},
    "head": {"type": "heads:ForgeryHead", "in_channels": 32},
}
CALIBRATION = {"low": 0.3, "high": 0.7, "fpr_thresholds": {"0.01": 0.9, "0.1": 0.6}}


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a very small detector, with its calibration."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    write_safetensors(path, build_network(MODEL).state_dict(), {"model": MODEL, "calibration": CALIBRATION})
    return path


@pytest.fixture
def forgery(checkpoint: Path) -> Callable[..., int]:
    """A function that runs `vision forgery ARGUMENTS` with the very small detector and returns the exit code."""

    def run(*arguments: object) -> int:
        return main(["forgery", "--checkpoint", str(checkpoint), *map(str, arguments)])

    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three images, one of them in a subfolder, and a file of another kind."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, size in (("a.png", (70, 90)), ("b.jpg", (300, 280)), ("sub/a.webp", (64, 64))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.fixture
def bad_files(tmp_path: Path) -> dict[str, Path]:
    """One file of every kind that cannot be judged: kind -> path."""
    folder = tmp_path / "bad"
    folder.mkdir()
    paths = {
        kind: folder / f"{kind}.png"
        for kind in ("missing", "empty", "truncated", "not-an-image", "bomb", "tiny", "broken-link")
    }
    paths["empty"].touch()
    Image.effect_noise((64, 64), 50).save(paths["truncated"])
    paths["truncated"].write_bytes(paths["truncated"].read_bytes()[:1500])
    paths["not-an-image"].write_text("some text\n")
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    paths["bomb"].write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    Image.new("RGB", (7, 30)).save(paths["tiny"])
    paths["broken-link"].symlink_to("nowhere")
    return paths


@pytest.fixture
def documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that runs the program below a heading of docs/export.md, in the folder of the test."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "export.md").read_text(encoding="utf-8")

    def run(heading: str) -> None:
        program = text.split(f"### {heading}\n")[1].split("```python\n")[1].split("```")[0]
        assert "vision" not in program
        monkeypatch.chdir(tmp_path)
        exec(compile(program, heading, "exec"), {"__name__": "__docs__"})

    return run
