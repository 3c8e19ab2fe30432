"""Ctrl-C and SIGTERM in the middle leave a video that plays, complete lines, and a state."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.video.conftest import frames_in, picture, write_clip

ROOT = Path(__file__).resolve().parents[3]
CODE = """
import sys, time
import vision.apis.video.inferencer as inferencer
sys.path.insert(0, sys.argv.pop(1))
from conftest import FindsWhite
from vision.cli.main import main

class Slow(FindsWhite):
    def detect(self, *arguments, **options):
        time.sleep(0.02)
        return super().detect(*arguments, **options)

inferencer._named = lambda model, checkpoint: Slow()
sys.exit(main(["video", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_a_run_that_is_ended(tmp_path: Path, number: signal.Signals, code: int) -> None:
    write_clip(tmp_path / "clip.mp4", map(picture, range(500)))
    options = ["clip.mp4", "-o", "found.mp4", "--mot", "mot.txt", "--jsonl", "--state", "run.state"]
    with subprocess.Popen(
        [sys.executable, "-c", CODE, str(Path(__file__).parent), *options],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        lines = [process.stdout.readline() for _ in range(5)]
        process.send_signal(number)
        lines += process.stdout.readlines()
        err = process.stderr.read()
    assert process.returncode == code, err
    records = [json.loads(line) for line in lines]
    count = len(records)
    assert 5 <= count < 500 and all(line.endswith("\n") for line in lines)
    assert len((tmp_path / "mot.txt").read_text().splitlines()) == count
    assert len(frames_in(tmp_path / "found.mp4")) == count
    assert f"{count} frames, " in err and "found.mp4, mot.txt, run.state" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "found.mp4", "mot.txt", "run.state"]
