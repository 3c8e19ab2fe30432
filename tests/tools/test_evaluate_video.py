"""tools/evaluate_video.py on small sequences; HOG's worker is played by a script."""

from __future__ import annotations

import csv
import runpy
import stat
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from vision.structures.video import Detections, VideoResult

TOOL = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools/evaluate_video.py"))
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two sequences of three frames, with a box of 10 x 20 that begins at pixel 5, 5."""
    for name in ("a", "b"):
        (tmp_path / "data" / name / "img1").mkdir(parents=True)
        for number in (1, 2, 3):
            Image.fromarray(np.full((48, 64, 3), 40 * number, np.uint8)).save(
                tmp_path / f"data/{name}/img1/{number}.png"
            )
        lines = "".join(f"{number},1,6,6,10,20,1,1,1\n" for number in (1, 2, 3))
        (tmp_path / "data" / name / "gt.txt").write_text(lines)
    return tmp_path / "data"


def run(*arguments: object) -> int:
    try:
        return int(TOOL["main"](list(map(str, arguments))))
    except SystemExit as stop:
        assert isinstance(stop.code, int)
        return stop.code


def table(text: str) -> dict[str, list[str]]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {line[0]: line[1:] for line in lines[2:]}


def write_lines(path: Path, frames: tuple[int, ...], first: int = 5) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{number},-1,{first},{first},10,20,0.9,-1,-1,-1\n" for number in frames))


def test_detections_by_sequence_and_in_all(root: Path, tmp_path: Path, capsys: Capture) -> None:
    write_lines(tmp_path / "found/a.txt", (1, 2, 3))
    write_lines(tmp_path / "found/b.txt", ())
    out = tmp_path / "scores.csv"
    assert run(root, "--detections", f"ours={tmp_path / 'found'}", "--csv", out) == 0
    rows = table(capsys.readouterr().out)
    assert rows["ours, video a"] == ["3", "3", "1.000", "1.000", "1.000", "1.000"]
    assert rows["ours, video b"][2:] == ["0.000"] * 4
    assert rows["ours, all"] == ["6", "6", "0.505", "0.505", "0.500", "0.500"]
    assert rows["ours, slow"] == rows["ours, all"]
    with open(out, newline="") as file:
        assert float(next(csv.DictReader(file))["voc_ap50"]) == 0.5


def test_several_files_of_one_sequence(root: Path, tmp_path: Path, capsys: Capture) -> None:
    write_lines(tmp_path / "one.txt", (1, 2, 3))
    write_lines(tmp_path / "two.txt", (1,), first=6)
    assert run(root, "--sequences", "b", "--detections", tmp_path / "one.txt", f"x={tmp_path / 'two.txt'}") == 0
    rows = table(capsys.readouterr().out)
    assert rows["one, all"][2] == "1.000" and rows["x, all"][4] == "0.333"
    # As a file of MOTChallenge, whose first pixel is 1, the second is the better one.
    assert run(root, "--sequences", "b", "--origin", 1, "--detections", tmp_path / "one.txt", tmp_path / "two.txt") == 0
    rows = table(capsys.readouterr().out)
    assert rows["one, all"][3] != "1.000" and rows["two, all"][5] == "0.333"


def fake_python(tmp_path: Path, body: str) -> Path:
    """An interpreter that does something else with the script that it is given."""
    path = tmp_path / "python-4"
    path.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_hog_on_the_same_frames(root: Path, tmp_path: Path, capsys: Capture) -> None:
    # A box that is right when it is shrunk: 0.1 and 0.8 of 12.5, 0.07 and 0.8 of 25.
    python = fake_python(
        tmp_path,
        "assert sys.argv[1].endswith('hog_people.py') and sys.argv[2] == '-'\n"
        "for number, name in enumerate(sys.stdin, 1):\n"
        "    assert name.endswith(f'img1/{number}.png\\n')\n"
        "    print(f'{number},-1,3.75,3.25,12.5,25,1.5,-1,-1,-1')",
    )
    assert run(root, "--hog-python", python) == 0
    rows = table(capsys.readouterr().out)
    assert rows["HOG, boxes shrunk, all"][2:] == ["1.000"] * 4
    assert rows["HOG, all"][2] == "1.000" and float(rows["HOG, all"][3]) < 0.5
    failing = fake_python(tmp_path, "sys.exit('OpenCV 5 has no HOGDescriptor')")
    assert run(root, "--hog-python", failing) == 2
    assert "a: hog_people.py failed: OpenCV 5 has no HOGDescriptor" in capsys.readouterr().err
    assert run(root, "--hog-python", tmp_path / "missing") == 2


def test_the_worker_wants_opencv_4(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture) -> None:
    worker = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools/hog_people.py"))
    if not hasattr(cv2, "HOGDescriptor"):
        with pytest.raises(SystemExit):
            worker["main"]([str(tmp_path / "a.mp4")])
        assert "run this with an interpreter that has OpenCV 4" in capsys.readouterr().err

    class Hog:
        def setSVMDetector(self, detector: str) -> None:
            assert detector == "people"

        def detectMultiScale(self, frame: np.ndarray, **options: Any) -> tuple[Any, Any]:
            return [(1, 2, 3, 4)], np.array([frame.mean()])

    monkeypatch.setattr(cv2, "HOGDescriptor", Hog, raising=False)
    monkeypatch.setattr(cv2, "HOGDescriptor_getDefaultPeopleDetector", lambda: "people", raising=False)
    video = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 48))
    for level in (10, 200):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    assert worker["main"]([str(video)]) == 0
    lines = [line.split(",") for line in capsys.readouterr().out.splitlines()]
    assert [line[:6] for line in lines] == [["1", "-1", "1", "2", "3", "4"], ["2", "-1", "1", "2", "3", "4"]]
    assert [float(line[6]) for line in lines] == pytest.approx([10, 200], abs=4)


class FakeInferencer:
    """Finds the box once it has seen a frame before: what it does without memory is another figure."""

    classes = ("dog", "person")

    def __init__(self, model: str, **options: Any) -> None:
        assert model == "nano" and options["track"] is False and options["threshold"] == 0.01
        self.seen = 0

    def reset(self) -> None:
        self.seen = 0

    def process(self, frame: np.ndarray) -> VideoResult:
        assert frame.shape == (48, 64, 3)
        self.seen += 1
        boxes = np.array([[5, 5, 15, 25], [30, 5, 40, 25]], np.float32)
        found = Detections(boxes, np.array([0.9, 0.95], np.float32), np.array([1, 0]))
        found = found if self.seen > 1 else Detections.none()
        return VideoResult("frame", self.seen, boxes=found.boxes, scores=found.scores, labels=found.labels)


def test_a_model_with_and_without_memory(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    import vision.apis

    monkeypatch.setattr(vision.apis, "VideoInferencer", FakeInferencer, raising=False)
    assert run(root, "--model", "nano", "--without-memory") == 0
    rows = table(capsys.readouterr().out)
    # Of each sequence the first frame is missed, as the memory begins empty; the dog is no mistake.
    assert rows["nano (causal), all"][4] == "0.667" and rows["nano (causal), video b"][4] == "0.667"
    assert rows["nano without memory, all"][4] == "0.000"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to judge; expected --detections, --model or --hog-python"),
        (["--sequences", "c"], "no sequence is called c; there are a, b"),
        (["--detections", "found/a.txt"], "is a file, for 2 sequences"),
        (["--detections", "found"], "found has no file b.txt or b.jsonl"),
        (
            ["--sequences", "a", "--detections", "found", "--csv", "found/a.txt", "--overwrite"],
            "is an input of this run",
        ),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(root.parent)
    write_lines(root.parent / "found/a.txt", (1,))
    assert run(root, *arguments) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert (root.parent / "found/a.txt").read_text().startswith("1,-1,")
