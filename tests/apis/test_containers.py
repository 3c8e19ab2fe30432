"""Video files: containers are opened, lists of other files never."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.apis import containers
from vision.apis.containers import is_container, open_video
from vision.errors import UsageError


def video(path: Path, code: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 10, (64, 48))
    for level in (0, 80, 160):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path


def frames(path: Path) -> int:
    capture, count = open_video(str(path)), 0
    while capture.read()[0]:
        count += 1
    return count


@pytest.mark.parametrize(
    ("name", "code"), [("a.mp4", "mp4v"), ("a.mov", "mp4v"), ("a.mkv", "mp4v"), ("a.avi", "MJPG"), ("a.flv", "FLV1")]
)
def test_containers_are_opened(tmp_path: Path, name: str, code: str) -> None:
    assert frames(video(tmp_path / name, code)) == 3


@pytest.mark.parametrize("name", ["%04d.mp4", "concat:a|b.mp4", "http:x.mp4", "-i.mp4"])
def test_a_name_is_only_a_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    video(Path("a.mp4")).rename(name)
    assert frames(Path(name)) == 3


PLAYLISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{path}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile {path}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "mpd": '<?xml version="1.0"?><MPD><Period><BaseURL>{path}</BaseURL></Period></MPD>',
    "nothing": "",
}


@pytest.mark.parametrize("kind", sorted(PLAYLISTS))
@pytest.mark.parametrize("ending", ["m3u8", "mp4"])
def test_playlists_are_refused_by_what_they_are(tmp_path: Path, kind: str, ending: str) -> None:
    inner = video(tmp_path / "inner.mp4")
    path = tmp_path / f"list.{ending}"
    path.write_text(PLAYLISTS[kind].format(path=inner))
    with pytest.raises(UsageError, match="Playlists are not followed") as caught:
        open_video(str(path))
    assert caught.value.code == "unreadable-video"


def test_ffmpeg_itself_takes_no_playlist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = video(tmp_path / "inner.mp4")
    (tmp_path / "list.m3u8").write_text(PLAYLISTS["m3u8"].format(path=inner))
    monkeypatch.setattr(containers, "is_container", lambda head: True)
    with pytest.raises(UsageError, match="cannot be opened"):
        open_video(str(tmp_path / "list.m3u8"))


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", tmp_path / "missing.mp4", tmp_path, Path("/dev/null"), Path("http://a/b.mp4")):
        with pytest.raises(UsageError, match="is no file"):
            open_video(str(path))


def test_options_of_the_user_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    seen: list[str] = []
    real = cv2.VideoCapture

    def capture(*arguments: object) -> cv2.VideoCapture:
        seen.append(os.environ[name])
        return real(*arguments)  # type: ignore[call-overload, no-any-return]

    path = str(video(tmp_path / "a.mp4"))
    monkeypatch.setattr(cv2, "VideoCapture", capture)
    for before in (None, "threads;1"):
        monkeypatch.delenv(name, raising=False)
        if before is not None:
            monkeypatch.setenv(name, before)
        open_video(path)
        assert os.environ.get(name) == before
    assert seen[0].startswith("protocol_whitelist;file|format_whitelist;mov,") and seen[1] == f"threads;1|{seen[0]}"


def test_transport_streams_are_known_by_their_packets() -> None:
    packet = b"\x47" + b"\0" * 187
    assert is_container(packet * 4) and is_container((b"\0\1\2\3" + packet) * 4)
    assert not is_container(packet + b"\0" * 600) and not is_container(b"\x47")


def test_a_file_whose_disk_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(containers, "open_regular", fail)
    with pytest.raises(UsageError, match=r"video 'a\.mp4' cannot be read .Input/output error.; expected a video file"):
        open_video("a.mp4")
