"""`vision forgery`: what is read, what is printed, what is written, and the exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision.cli.main import main
from vision.structures.forgery import result_fields

Forgery = Callable[..., int]
Capture = pytest.CaptureFixture[str]


def records_of(capsys: Capture) -> list[dict]:
    return json.loads(capsys.readouterr().out)


def test_table(forgery: Forgery, photos: Path, capsys: Capture) -> None:
    assert forgery(photos) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == [*("conclusion", "verdict", "probability", "logit", "crops", "path", "notes")]
    assert [line.split()[5] for line in lines[1:]] == [str(photos / name) for name in ("a.png", "b.jpg", "sub/a.webp")]
    assert all(line.split()[0] in ("real", "ai-generated", "unclear") for line in lines[1:])
    assert all(line.split()[1] in ("real", "ai-generated", "inconclusive") for line in lines[1:])
    assert err.startswith("3 images: ")


def test_json(forgery: Forgery, photos: Path, capsys: Capture) -> None:
    assert forgery(photos, "--json") == 0
    records = records_of(capsys)
    assert [record["crops"] for record in records] == [1, 4, 1]
    for record in records:
        assert list(record) == result_fields()
        assert record["verdict"] in ("real", "ai-generated", "inconclusive") and record["error"] is None
        assert 0 <= record["probability"] <= 1


def test_jsonl_and_csv_hold_the_same(forgery: Forgery, photos: Path, tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "результат.csv"
    assert forgery(photos, photos / "missing.png", "--jsonl", "--csv", target) == 1
    out, err = capsys.readouterr()
    records = [json.loads(line) for line in out.splitlines()]
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [*result_fields(), "run"] and len({row.pop("run") for row in rows}) == 1
    cells = [{k: "; ".join(v) if isinstance(v, list) else v for k, v in record.items()} for record in records]
    assert rows == [{k: "" if v is None else str(v) for k, v in record.items()} for record in cells]
    assert err == f"vision forgery: {photos / 'missing.png'}: no such file; check the path\n"


def test_bad_files_get_a_line_each_and_the_rest_is_judged(
    forgery: Forgery, photos: Path, bad_files: dict[str, Path], capsys: Capture
) -> None:
    assert forgery(photos / "a.png", *bad_files.values(), photos / "b.jpg", "--json") == 1
    out, err = capsys.readouterr()
    records = json.loads(out)
    assert [r["error"] is None for r in records] == [True, *[False] * len(bad_files), True]
    expected = {
        "missing": "no such file",
        "empty": "the file is empty",
        "truncated": "truncated PNG data",
        "not-an-image": "not an image of a known kind",
        "bomb": "has 20000 x 20000 = 400,000,000 pixels; the limit is 100,000,000 (max_pixels); "
        "raise it with --max-pixels",
        "tiny": "is 7 x 30 pixels; expected at least 8 x 8",
        "broken-link": "broken symbolic link",
    }
    lines = err.splitlines()
    assert len(lines) == len(bad_files)
    for record, line, (kind, path) in zip(records[1:-1], lines, bad_files.items(), strict=True):
        assert record["error"].startswith(expected[kind])
        assert line == f"vision forgery: {path}: {record['error']}"


def test_files_are_described(forgery: Forgery, tmp_path: Path, capsys: Capture) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=83)
    with (tmp_path / "a.jpg").open("ab") as file:
        file.write(bytes(30))
    Image.new("RGB", (300, 280), "white").save(tmp_path / "b.png")
    assert forgery(tmp_path, "--json") == 0
    photo, page = records_of(capsys)
    described = [photo[name] for name in ("width", "height", "format", "frames", "jpeg_quality", "notes")]
    assert described == [120, 80, "JPEG", 1, 83, ["30 bytes follow the end of the image"]]
    assert page["verdict"] == "inconclusive" and page["jpeg_quality"] is None
    assert page["notes"][0].startswith("no evidence: 0% of the image have texture or noise")
    assert forgery(tmp_path) == 0
    out = capsys.readouterr().out
    assert "30 bytes follow" in out and "no evidence" in out


def test_bad_files_in_the_table(forgery: Forgery, bad_files: dict[str, Path], capsys: Capture) -> None:
    assert forgery(bad_files["empty"]) == 1
    out, err = capsys.readouterr()
    cells = out.splitlines()[1].split()
    assert cells[:6] == ["error", "-", "-", "-", "-", str(bad_files["empty"])] and "the file is empty" in out
    assert err == "1 image: none judged; 1 could not be judged\n"


def test_no_read_permission(forgery: Forgery, photos: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = photos / "a.png"
    secret.chmod(0)
    if os.access(secret, os.R_OK):  # root reads everything
        real_open = os.open

        def refuse(path: str, *rest: int) -> int:
            if str(path) == str(secret):
                raise PermissionError(13, "Permission denied")
            return real_open(path, *rest)

        monkeypatch.setattr("vision.images.files.os.open", refuse)
    assert forgery(photos, "--json") == 1
    errors = [record["error"] for record in records_of(capsys)]
    assert errors[0].startswith("no permission to read this file") and errors[1:] == [None, None]


@pytest.mark.parametrize(
    "name", ["gray", "gray16", "rgba", "cmyk", "palette", "animated", "rotated", "日本語 ß", "n" * 240]
)
def test_unusual_images_are_judged(forgery: Forgery, tmp_path: Path, name: str, capsys: Capture) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    special: dict[str, tuple[Image.Image, str, dict]] = {
        "gray": (image.convert("L"), "png", {}),
        "gray16": (Image.fromarray(pixels[..., 0].astype(np.uint16) * 257), "png", {}),
        "rgba": (image.convert("RGBA"), "png", {}),
        "cmyk": (image.convert("CMYK"), "jpg", {}),
        "palette": (image.convert("P"), "gif", {}),
        "animated": (image, "webp", {"save_all": True, "append_images": [image.rotate(90)]}),
        "rotated": (image, "jpg", {"exif": exif}),
    }
    picture, suffix, options = special.get(name, (image, "png", {}))
    path = tmp_path / f"{name}.{suffix}"
    picture.save(path, **options)
    assert forgery(path, "--json") == 0
    assert records_of(capsys)[0]["path"] == str(path)


def test_max_pixels(forgery: Forgery, photos: Path, capsys: Capture) -> None:
    assert forgery(photos / "a.png", "--json", "--max-pixels", 6299) == 1
    assert "6,300 pixels; the limit is 6,299" in records_of(capsys)[0]["error"]
    assert forgery(photos / "a.png", "--json", "--max-pixels", 6300) == 0


def test_paths_from_stdin(forgery: Forgery, photos: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for separator in ("\n", "\0"):
        text = separator.join([str(photos / "b.jpg"), str(photos / "sub"), ""])
        monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=io.BytesIO(text.encode())))
        assert forgery("-", "--json") == 0
        assert [record["path"] for record in records_of(capsys)] == [str(photos / "b.jpg"), str(photos / "sub/a.webp")]


def test_patterns_that_the_shell_did_not_expand(forgery: Forgery, photos: Path, capsys: Capture) -> None:
    assert forgery(photos / "**" / "a.*", "--json") == 0
    assert [record["path"] for record in records_of(capsys)] == [str(photos / "a.png"), str(photos / "sub/a.webp")]
    literal = photos / "[1].png"
    (photos / "a.png").rename(literal)
    assert forgery(literal, "--json") == 0
    assert records_of(capsys)[0]["path"] == str(literal)


def test_decision_options(forgery: Forgery, photos: Path, capsys: Capture) -> None:
    for options, allowed in (
        (["--threshold", "0"], {"ai-generated"}),
        (["--threshold", "1"], {"real"}),
        (["--fpr", "0.05"], {"real", "ai-generated"}),
    ):
        assert forgery(photos, "--json", *options) == 0
        assert {record["verdict"] for record in records_of(capsys)} <= allowed


def test_robust(forgery: Forgery, photos: Path, capsys: Capture) -> None:
    assert forgery(photos, "--json", "--robust") == 0
    for record in records_of(capsys):
        assert record["probability_min"] <= record["probability"] <= record["probability_max"]
        assert record["stable"] or record["verdict"] == "inconclusive"
    assert forgery(photos, "--robust") == 0
    assert "stable" in capsys.readouterr().out.splitlines()[0]


def test_fail_on_fake(forgery: Forgery, photos: Path, capsys: Capture) -> None:
    fake, real = ("--threshold", 0), ("--threshold", 1)
    assert forgery(photos, *fake) == 0
    assert forgery(photos, *fake, "--fail-on-fake") == 3
    assert forgery(photos, *real, "--fail-on-fake") == 0
    assert forgery(photos, photos / "missing", *fake, "--fail-on-fake") == 3  # a find outranks an unread file
    assert forgery(photos, photos / "missing", *real, "--fail-on-fake") == 1


def test_heat_maps_of_equal_names_do_not_overwrite_each_other(
    forgery: Forgery, photos: Path, tmp_path: Path, capsys: Capture
) -> None:
    long_name = photos / ("ü" * 120 + ".png")
    (photos / "b.jpg").rename(long_name)
    assert forgery(photos, photos / "missing.png", "--json", "--heatmap", tmp_path / "maps") == 1
    targets = [record["heatmap"] for record in records_of(capsys)]
    assert targets[-1] is None
    written = [Path(target) for target in targets[:-1]]
    assert sorted(written) == sorted((tmp_path / "maps").iterdir()) and len(set(written)) == 3
    assert {path.name for path in written} >= {"a_heatmap.png", "a_heatmap-2.png"}
    for path in written:
        assert Image.open(path).width > 700


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["PHOTO", "--threshold", "1.5"], "argument --threshold: expected a number from 0 to 1, got '1.5'"),
        (["PHOTO", "--threshold", "nan"], "expected a number from 0 to 1, got 'nan'"),
        (["PHOTO", "--fpr", "x"], "argument --fpr: expected a number from 0 to 1, got 'x'"),
        (["PHOTO", "--fpr", "0.1", "--threshold", "0.5"], "not allowed with argument"),
        (["PHOTO", "--fpr", "0.4"], "0.4 is outside the calibrated range 0.01 to 0.1"),
        (["PHOTO", "--json", "--jsonl"], "not allowed with argument"),
        (["PHOTO", "--batch-size", "0"], "expected a whole number from 1 on, got '0'"),
        (["PHOTO", "--device", "abacus"], "unknown device 'abacus'"),
        (["PHOTO", "--model", "nonsense"], "unknown forgery model 'nonsense'"),
        (["PHOTO", "--csv", "no-such-folder/a.csv"], "'no-such-folder/a.csv' cannot be written"),
        (["PHOTO", "--csv", "."], "is not a regular file"),
        (["PHOTO", "--csv", os.devnull], "is not a regular file"),
        (["PHOTO", "--heatmap", "PHOTO"], "cannot be written"),
        (["EMPTY"], "no images in folder"),
        (["EMPTY/*.png"], "no file matches the pattern"),
        (["-"], "no paths on standard input"),
        ([], "the following arguments are required: PATH"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(
    checkpoint: Path,
    photos: Path,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=io.BytesIO(b"")))
    before = sorted(tmp_path.rglob("*"))
    words = [
        word.replace("PHOTO", str(photos / "a.png")).replace("EMPTY", str(tmp_path / "empty")) for word in arguments
    ]
    assert code_of(["forgery", "--checkpoint", str(checkpoint), *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("vision forgery: ") and message in err
    assert sorted(tmp_path.rglob("*")) == before


def code_of(arguments: list[str]) -> int:
    """argparse leaves by SystemExit, as a program does."""
    try:
        return main(arguments)
    except SystemExit as stop:
        assert isinstance(stop.code, int)
        return stop.code


def test_unwritable_folders(
    forgery: Forgery, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):  # root writes everywhere

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("vision.files.open", refuse, raising=False)
        monkeypatch.setattr("vision.cli.output.tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("vision.cli.forgery.work.inferencer_of", lambda command: pytest.fail("the work had begun"))
    for option in (["--csv", locked / "a.csv"], ["--heatmap", locked]):
        assert forgery(photos, *option) == 2
        assert "cannot be written (Permission denied)" in capsys.readouterr().err
    assert list(locked.iterdir()) == []


def test_full_disk(
    forgery: Forgery, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vision.files.os.replace", fill)
    assert forgery(photos, "--heatmap", tmp_path / "maps", "--csv", tmp_path / "a.csv") == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list((tmp_path / "maps").iterdir()) == [] and not (tmp_path / "a.csv").exists()


def test_checkpoints_that_cannot_be_used(photos: Path, checkpoint: Path, tmp_path: Path, capsys: Capture) -> None:
    corrupt = tmp_path / "corrupt.safetensors"
    corrupt.write_bytes(checkpoint.read_bytes()[:5000])
    garbage = tmp_path / "garbage.pth"
    garbage.write_bytes(b"\x80\x02garbage" * 50)
    for path, message in (
        (tmp_path / "missing.pth", "does not exist"),
        (corrupt, "cannot be read"),
        (garbage, "cannot be read"),
        (photos / "a.png", "cannot be read"),
        (other_model(tmp_path), "is of another model"),
    ):
        assert (
            main(["forgery", str(photos / "a.png"), "--model", "dual_frequency_paper", "--checkpoint", str(path)]) == 2
        )
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and message in err and str(path) in err
    assert main(["forgery", str(photos / "a.png"), "--model", "dual_frequency_paper"]) == 2
    assert "ships without weights; name a file with --checkpoint" in capsys.readouterr().err


def other_model(folder: Path) -> Path:
    import torch

    path = folder / "other.pth"
    torch.save(torch.nn.Linear(3, 4).state_dict(), path)
    return path


def test_every_option_reaches_the_inferencer(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import vision.apis

    given: dict[str, object] = {}

    class Inferencer:
        def __init__(self, **options: object) -> None:
            given.update(options)

        def stream(self, paths: list[str]) -> list[object]:
            return []

    monkeypatch.setattr(vision.apis, "ForgeryInferencer", Inferencer)
    options = ["--model", "dual_frequency_paper", "--checkpoint", "a.pth", "--device", "cpu", "--batch-size", "3"]
    options += ["--foundation", "vit.safetensors", "--runtime", "torch"]
    options += ["--workers", "5", "--max-pixels", "777", "--fpr", "0.2", "--robust", "--heatmap", str(photos / "maps")]
    assert main(["forgery", str(photos), *options]) == 0
    assert given == {
        "model": "dual_frequency_paper",
        "checkpoint": "a.pth",
        "foundation": "vit.safetensors",
        "runtime": "torch",
        "device": "cpu",
        "batch_size": 3,
        "workers": 5,
        "max_pixels": 777,
        "fpr": 0.2,
        "threshold": None,
        "robust": True,
        "heatmap": True,
        "thorough": False,
        "trust": None,
        "show_prompt": False,
        "coarse_map": False,
    }
    assert main(["forgery", str(photos), "--threshold", "0.4"]) == 0
    assert (given["threshold"], given["robust"], given["heatmap"], given["workers"]) == (0.4, False, False, 2)
