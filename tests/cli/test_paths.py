"""What folders hold is taken, or told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from vision.cli.kinds import foreign_kind
from vision.cli.paths import Gap, PathFinder
from vision.drawn import is_drawn
from vision.errors import UsageError

Capture = pytest.CaptureFixture[str]
SUFFIXES = [".jpg", ".png"]
STARTS = {
    "JPEG by content": b"\xff\xd8\xff\xe0",
    "PNG by content": b"\x89PNG\r\n\x1a\n",
    "GIF by content": b"GIF89a",
    "TIFF by content": b"MM\0*\0\0\0\x08",
    "WebP by content": b"RIFF\x24\0\0\0WEBPVP8 ",
    "HEIC by content": b"\0\0\0\x18ftypmif1\0\0\0\0",
    "AVIF by content": b"\0\0\0\x1cftypavif",
    "raw by content": b"\0\0\0\x18ftypcrx \0\0",
    "JPEG XL by content": b"\0\0\0\x0cJXL \r\n\x87\n",
    "BMP by content": b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
}


def test_folders_are_searched_without_what_is_hidden(photos: Path) -> None:
    for name in (".thumb/x.png", ".x.png", "sub/.cache/deep/y.png"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9)).save(photos / name)
    finder = PathFinder([".png", ".jpg", ".webp"])
    expected = [str(photos / name) for name in ("a.png", "b.jpg", "sub/a.webp")]
    assert finder.expand([str(photos)]) == expected and finder.remarks() == []
    assert finder.expand([f"{photos}/**"]) == expected == finder.expand([f"{photos}/**/*.*g", str(photos / "sub")])
    assert finder.expand([str(photos / ".thumb")]) == [str(photos / ".thumb/x.png")]


@pytest.mark.parametrize("kind", STARTS)
@pytest.mark.parametrize("name", ["e", "e.dat", "e.jpg~"])
def test_images_whose_names_do_not_say_so(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / name).write_bytes(STARTS[kind] + bytes(40))
    assert foreign_kind(str(tmp_path / name)) == kind


@pytest.mark.parametrize("ending", [".heic", ".HEIF", ".jxl", ".dng", ".NEF", ".cr2", ".cr3", ".arw", ".psd", ".exr"])
def test_images_of_kinds_that_are_not_read(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a{ending}").touch()
    assert foreign_kind(str(tmp_path / f"a{ending}")) == ending.lower()


def test_other_files_are_no_images(tmp_path: Path) -> None:
    for name, content in (
        ("notes.txt", b"text"),
        ("empty", b""),
        ("BMW.txt", b"BMW and other cars, of which"),
        ("a.mp4", b"\0\0\0\x18ftypisom\0\0"),
        ("a.wav", b"RIFF\x24\0\0\0WAVE"),
    ):
        (tmp_path / name).write_bytes(content)
        assert foreign_kind(str(tmp_path / name)) is None
    os.mkfifo(tmp_path / "pipe")
    assert foreign_kind(str(tmp_path / "pipe")) is None and foreign_kind(str(tmp_path / "gone")) is None


def test_a_folder_never_loses_an_image_without_a_word(
    forgery: Callable[..., int], photos: Path, capsys: Capture
) -> None:
    for name in ("c.jxl", "sub/d.jxl", "e.dng"):
        (photos / name).touch()
    assert forgery(photos, "--json") == 1
    out, err = capsys.readouterr()
    assert len(json.loads(out)) == 3
    assert err == (
        "vision forgery: 3 images left out, which cannot be read here or whose names do not say that they are images: "
        f"2 .jxl, 1 .dng; such as {photos / 'c.jxl'}\n"
    )
    assert forgery(photos / "*.png", "--json") == 0  # nobody named the others


def test_a_folder_of_nothing_else_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.heic").touch()
    with pytest.raises(UsageError, match=r"no images in folder .* end in .jpg, .png; left out: 1 .heic"):
        PathFinder(SUFFIXES).expand([str(tmp_path)])


def test_links_to_folders_are_told(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (photos / "link").symlink_to(tmp_path / "other")
    (photos / "loop").symlink_to(".")
    finder = PathFinder([*SUFFIXES, ".webp"])
    assert len(finder.expand([str(photos)])) == 3
    [remark] = finder.remarks()
    assert remark == f"2 linked folders not searched, such as {photos / 'link'}" and not isinstance(remark, Gap)


@pytest.mark.parametrize("argument", ["{}", "{}/*/*.webp", "{}/**/*.webp"])
def test_a_folder_below_that_cannot_be_listed_is_told(
    forgery: Callable[..., int], photos: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    locked = photos / "locked"
    locked.mkdir()

    def refusing(real: Callable) -> Callable:
        def call(folder: str = ".") -> object:
            if str(folder) == str(locked):
                raise PermissionError(13, "Permission denied", str(folder))
            return real(folder)

        return call

    for name in ("listdir", "scandir"):  # root may list everything
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))
    assert forgery(argument.format(photos), "--jsonl") == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == (3 if argument == "{}" else 1)
    assert f"{locked}: cannot be listed (Permission denied); check its permissions" in err
    assert forgery(locked) == 2
    assert f"folder '{locked}' cannot be listed (Permission denied)" in capsys.readouterr().err


def test_what_the_suite_drew_says_so(tmp_path: Path) -> None:
    import numpy as np

    from vision.stereo_io import write_disparity, write_flow, write_png

    values = np.full((8, 8), 7, np.uint8)
    write_png(tmp_path / "image.png", values)
    write_png(tmp_path / "drawn.png", values, "confidence")
    write_disparity(tmp_path / "disparity.png", values.astype(np.float32), "kitti")
    write_flow(tmp_path / "flow.png", np.ones((8, 8, 2), np.float32))
    drawn = [path.name for path in sorted(tmp_path.iterdir()) if is_drawn(str(path))]
    assert drawn == ["disparity.png", "drawn.png", "flow.png"]
    image = Image.open(tmp_path / "drawn.png")
    assert image.text == {"Software": "neighborhood-vision, confidence"}
    assert np.array_equal(np.asarray(image), values)
    assert PathFinder(SUFFIXES, is_drawn).expand([str(tmp_path)]) == [str(tmp_path / "image.png")]
