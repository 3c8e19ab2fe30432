"""`vision batch` as it is run: on a cluster of its own, of which nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest

pytest.importorskip("ray")
import pyarrow.parquet as pq
from PIL import Image


def test_a_folder_becomes_a_table_and_nothing_else_is_left(tmp_path: Path, checkpoint: Path) -> None:
    images, home = tmp_path / "images", tmp_path / "home"
    temporary = Path(tempfile.mkdtemp(prefix="vb"))  # sockets below it allow 107 bytes
    rng = np.random.default_rng(0)
    for folder in (images, home):
        folder.mkdir()
    for number in range(5):
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(images / f"{number}.png")
    whole = (images / "2.png").read_bytes()
    (images / "2.png").write_bytes(whole[: len(whole) // 2])
    # An address in the environment is no reason to join what it names; Ray would write a token into the home folder.
    environment = {**os.environ, "HOME": str(home), "RAY_ADDRESS": "127.0.0.1:1", "TMPDIR": str(temporary)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-m", "vision", "batch", "forgery", str(images), "--out", str(tmp_path / "out")]
    command += ["--checkpoint", str(checkpoint), "--actors", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    [line] = [line for line in done.stderr.splitlines() if "so far" not in line]
    assert line.startswith("vision batch forgery: 5 images in ")
    assert line.endswith(f" per second; 1 of all could not be done; {tmp_path / 'out'}")
    assert done.stdout == ""
    rows = pq.read_table(tmp_path / "out").to_pylist()
    assert sorted((Path(row["path"]).name, row["error_code"]) for row in rows) == [
        (f"{number}.png", "damaged-image" if number == 2 else None) for number in range(5)
    ]
    assert sorted(os.listdir(tmp_path / "out" / "_state")) == ["lock", "ray.log", "run.json"]
    assert not os.listdir(home)
    assert not os.listdir(temporary)
    temporary.rmdir()
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if str(temporary) in " ".join(command)]
