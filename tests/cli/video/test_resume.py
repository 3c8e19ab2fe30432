"""A run that goes on gives what one run would have given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.video.conftest import FindsWhite, frames_in, picture, write_clip
from vision.structures.video import Detections

Capture = pytest.CaptureFixture[str]
Video = Callable[..., int]


@pytest.mark.parametrize("every", [1, 3])
def test_two_runs_are_one(video: Video, clip: Path, every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("--every", every)
    assert video(clip, *options, "--mot", "whole.txt") == 0
    interrupt_at(7 // every, monkeypatch)
    assert video(clip, *options, "--mot", "a.txt", "-o", "a.mp4", "--state", "run.state") == 130
    assert 0 < len(frames_in(Path("a.mp4"))) < 12
    assert video(clip, *options, "--mot", "b.txt", "-o", "b.mp4", "--resume", "run.state") == 0
    assert Path("a.txt").read_text() + Path("b.txt").read_text() == Path("whole.txt").read_text()
    assert len(frames_in(Path("a.mp4"))) + len(frames_in(Path("b.mp4"))) == 12


def interrupt_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the detector looks for the time of this number."""
    import os
    import signal

    left = number
    detect = FindsWhite.detect

    def press(self: FindsWhite, *arguments: object, **options: object) -> Detections:
        nonlocal left
        left -= 1
        if left == -1:
            os.kill(os.getpid(), signal.SIGINT)
        return detect(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(FindsWhite, "detect", press)


def test_the_next_file_of_a_recording_goes_on_with_its_numbers(video: Video, tmp_path: Path) -> None:
    for name, numbers in (("whole", range(12)), ("a", range(6)), ("b", range(6, 12))):
        write_clip(tmp_path / f"{name}.mp4", map(picture, numbers))
    assert video("whole.mp4", "--mot", "whole.txt") == 0
    assert video("a.mp4", "--mot", "a.txt", "--state", "run.state") == 0
    # The state goes on under its own name.
    assert video("b.mp4", "--mot", "b.txt", "--resume", "run.state", "--state", "run.state", "--overwrite") == 0
    whole, parts = (
        [line.split(",") for name in names for line in Path(f"{name}.txt").read_text().splitlines()]
        for names in (["whole"], ["a", "b"])
    )
    # Not the pixels: the second file begins with a frame that was encoded by itself.
    assert [(row[0], row[1], row[6]) for row in parts] == [(row[0], row[1], row[6]) for row in whole]


def test_a_state_that_does_not_fit(video: Video, clip: Path, capsys: Capture) -> None:
    assert video(clip, "--state", "run.state") == 0
    assert video(clip, "--resume", "run.state", "--mode", "offline") == 2
    assert "--resume 'run.state' is of --mode causal; expected offline" in capsys.readouterr().err
    assert video(clip, "--resume", "run.state") == 2
    assert "has no frame behind the 12 that were done" in capsys.readouterr().err
    Path("broken.state").write_bytes(Path("run.state").read_bytes()[:300])
    for path in ("broken.state", "missing.state", str(clip)):
        assert video(clip, "--resume", path) == 2
        assert Path(path).name in capsys.readouterr().err


def test_other_options_than_before_are_told(video: Video, tmp_path: Path, clip: Path, capsys: Capture) -> None:
    write_clip(tmp_path / "next.mp4", map(picture, range(12, 15)))
    assert video(clip, "--state", "run.state") == 0
    assert video("next.mp4", "--resume", "run.state", "--threshold", 0.4) == 0
    assert "warning: --threshold was None and is 0.4" in capsys.readouterr().err
