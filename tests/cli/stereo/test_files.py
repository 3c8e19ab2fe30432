"""Files that `vision stereo` writes: never over an input, beside those of earlier runs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from vision.cli.main import main

Stereo = Callable[..., int]
Capture = pytest.CaptureFixture[str]


class Flat(nn.Module):
    """Finds the disparity 12 everywhere."""

    stereo = True

    def forward(self, img0: Tensor, img1: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
        field = torch.zeros(2, *img0.shape[2:], 2)
        field[0, ..., 0], field[1, ..., 0] = -12.0, 12.0
        return {"field_up": field}


@pytest.fixture
def stereo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stereo:
    """A function that runs `vision stereo ARGUMENTS` in tmp_path, which has folders L and R with a.png in each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vision.models.match_stereo", lambda name, checkpoint=None: Flat())
    wide = np.random.default_rng(0).integers(0, 256, (64, 112, 3), dtype=np.uint8)
    for folder, view in (("L", wide[:, :100]), ("R", wide[:, 12:])):
        (tmp_path / folder).mkdir()
        Image.fromarray(view).save(tmp_path / folder / "a.png")
    return lambda *arguments: main(["stereo", "--scale", "1", *map(str, arguments)])


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_results_take_no_name_of_an_input_or_of_an_earlier_run(stereo: Stereo, tmp_path: Path) -> None:
    for folder in ("L", "R"):
        shutil.copy(f"{folder}/a.png", f"{folder}/a_stereo.png")
    for _ in range(2):
        before = contents(tmp_path)
        assert stereo("L", "R", "-o", "L", "--save", "depth", "--focal", "300", "--baseline", "1") == 0
        after = contents(tmp_path)
        assert before == {path: after[path] for path in before} and len(after) > len(before)
    assert {path.name for path in Path("L").glob("a-*_stereo.png")} >= {"a-2_stereo.png", "a-3_stereo.png"}


def test_results_of_an_earlier_run_are_no_views(stereo: Stereo, capsys: Capture) -> None:
    kinds = "png16,color,confidence,occlusion"
    for run in (1, 2):
        assert stereo("L", "R", "-o", "L", "--save", kinds, "--view", "both", "--json") == 0
        out, err = capsys.readouterr()
        assert [record["left"] for record in json.loads(out)] == ["L/a.png"]
        assert ("outputs of earlier runs left out, such as L/a_color.png" in err) == (run == 2)


def test_views_of_kinds_that_are_not_read_are_told(stereo: Stereo, capsys: Capture) -> None:
    Path("L/b.jxl").touch()
    assert stereo("L", "R", "-o", "o", "--json") == 1
    out, err = capsys.readouterr()
    assert len(json.loads(out)) == 1 and "1 image left out, " in err and "1 .jxl; such as L/b.jxl" in err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_lists_of_pairs_as_windows_writes_them(stereo: Stereo, encoding: str, capsys: Capture) -> None:
    Path("pairs.csv").write_bytes("left,right\r\nL/a.png,R/a.png\r\n".encode(encoding))
    assert stereo("pairs.csv", "-o", "o", "--json") == 0
    assert [record["left"] for record in json.loads(capsys.readouterr().out)] == ["L/a.png"]


def test_a_pipe_is_no_list(stereo: Stereo, capsys: Capture) -> None:
    os.mkfifo("pairs.csv")
    assert stereo("pairs.csv") == 2
    assert "pairs.csv: is a pipe or a device; expected a CSV file of pairs" in capsys.readouterr().err


def test_all_files_of_a_run_have_one_number(stereo: Stereo, tmp_path: Path) -> None:
    assert stereo("L/a.png", "R/a.png", "-o", "o", "--no-image") == 0
    assert stereo("L/a.png", "R/a.png", "-o", "o", "--save", "npy") == 0
    names = {path.name for path in (tmp_path / "o").iterdir()}
    assert names == {"a_disp.pfm", "a-2_disp.pfm", "a-2_disp.npy", "a-2_stereo.png"}


def test_an_input_is_never_written_to(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    Path("pairs.csv").write_text("left,right\nL/a.png,R/a.png\n")
    Path("calib.txt").write_text("cam0=[300 0 50; 0 300 32; 0 0 1]\ndoffs=0\nbaseline=50\nwidth=100\nheight=64\n")
    before = contents(tmp_path)
    inputs = [["L/a.png", "R/a.png"], ["L", "R"], ["pairs.csv"], ["--video", "L", "R"]]
    for arguments in inputs:
        for target in ("R/a.png", "calib.txt", *(["pairs.csv"] if "pairs.csv" in arguments else [])):
            for option in ([], ["--overwrite"]):
                assert stereo(*arguments, "--calib", "calib.txt", "-o", "o", "--csv", target, *option) == 2
                assert f"--csv '{target}' is an input of this run" in capsys.readouterr().err
    assert before == contents(tmp_path)


def test_a_list_of_pairs_goes_on_where_it_was_ended(
    stereo: Stereo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    Path("pairs.csv").write_text("left,right\n" + "L/a.png,R/a.png\n" * 3)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vision.cli.reporter.Reporter._print_now", interrupt)
        assert stereo("pairs.csv", "-o", "o", "--csv", "a.csv", "--no-image") == 130
    first = Path("a.csv").read_bytes()
    assert stereo("pairs.csv", "-o", "o", "--csv", "a.csv", "--no-image", "--flow", "--resume") == 2
    assert "other options" in capsys.readouterr().err and Path("a.csv").read_bytes() == first
    assert stereo("pairs.csv", "-o", "o", "--csv", "a.csv", "--no-image", "--resume") == 0
    assert Path("a.csv").read_bytes().startswith(first) and len(Path("a.csv").read_text().splitlines()) == 4
    assert {path.name for path in Path("o").iterdir()} == {"a_disp.pfm", "a-2_disp.pfm", "a-3_disp.pfm"}
    assert stereo("--video", "L", "R", "--csv", "b.csv", "--resume") == 2
    assert "--resume is for pairs" in capsys.readouterr().err


def test_a_list_does_not_go_on_with_another_calibration(stereo: Stereo, capsys: Capture) -> None:
    calibration = "cam0=[300 0 50; 0 300 32; 0 0 1]\ndoffs=0\nbaseline=50\nwidth=100\nheight=64\n"
    Path("pairs.csv").write_text("left,right,calib\nL/a.png,R/a.png,c.txt\n")
    Path("c.txt").write_text(calibration)
    arguments = ("pairs.csv", "-o", "o", "--csv", "a.csv", "--no-image")
    assert stereo(*arguments) == 0 and stereo(*arguments, "--resume") == 0
    Path("c.txt").write_text(calibration.replace("baseline=50", "baseline=60"))
    assert stereo(*arguments, "--resume") == 2
    assert "is of another list or other options" in capsys.readouterr().err


def test_videos_are_numbered_beside_those_of_earlier_runs(stereo: Stereo, tmp_path: Path) -> None:
    assert stereo("--video", "L", "R", "-o", "o", "--save", "pfm") == 0
    before = contents(tmp_path)
    assert stereo("--video", "L", "R", "-o", "o", "--save", "pfm") == 0
    after = contents(tmp_path)
    assert before == {path: after[path] for path in before}
    assert {path.name for path in Path("o").iterdir()} == {"L_stereo.mp4", "L_frames", "L-2_stereo.mp4", "L-2_frames"}


def test_an_error_of_writing_names_the_file(stereo: Stereo, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def refuse(path: str, *_: object) -> None:
        from vision.files import replacing

        with replacing(path):
            raise OSError(27, "File too large")

    monkeypatch.setattr("vision.cli.stereo.files.write_png", refuse)
    assert stereo("L/a.png", "R/a.png", "-o", "o") == 1
    assert "cannot write 'o/a_stereo.png' (File too large)" in capsys.readouterr().out
