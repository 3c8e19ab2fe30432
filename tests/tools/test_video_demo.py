"""The third part of `make demo`: a clip in, an annotated video and a contact sheet out."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from PIL import Image

from tools import video_demo


def test_it_draws_a_clip_and_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(video_demo, "FRAMES", 5)
    monkeypatch.setattr(video_demo, "SIZE", (96, 128))
    for mark in ("", "-2"):
        video_demo.run(None, tmp_path)
        for name in ("clip", "found"):
            with av.open(str(tmp_path / f"{name}{mark}.mp4")) as container:
                assert len(list(container.decode(video=0))) == 5
        assert Image.open(tmp_path / f"sheet{mark}.png").size == (4 * 328 + 8, 2 * 248 + 8)
        assert f"{tmp_path}/clip{mark}.mp4: 5 frames, " in capsys.readouterr().out
    # A video of the user's.
    video_demo.run(str(tmp_path / "clip.mp4"), tmp_path / "own")
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["found.mp4", "sheet.png"]
    assert "can be seen" not in capsys.readouterr().out
