"""Character sets: of EXIF comments, of Windows' tags, and of texts that follow no standard."""

from __future__ import annotations

from typing import Any

import pytest

TEXT = "a tower at dusk, Steps: 20, Sampler: Euler"
CHINESE = "一只猫坐在窗台上"
MIXED = "一座灯塔, Steps: 20, Größe 512"
JAPANESE = "窓辺に座る猫です"


@pytest.mark.parametrize(
    "text", [TEXT, CHINESE, MIXED, JAPANESE, "Кошка на окне", "고양이가 앉아 있다", "猫🐈 на окне"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("padding", [b"", b"\0\0"])
def test_unicode_comments(make: Any, text: str, encoding: str, mark: bool, order: str, padding: bytes) -> None:
    value = b"UNICODE\0" + ("\ufeff" * mark + text).encode(encoding) + padding
    assert make.comment(value, order) == text


def test_the_order_of_the_file_decides_for_short_texts(make: Any) -> None:
    assert make.comment(b"UNICODE\0\x4e\x00", ">") == "一"
    assert make.comment(b"UNICODE\0\x00\x4e", "<") == "一"
    assert make.comment(b"UNICODE\0\x00\x4e", ">") == "N"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"ASCII\0\0\0" + TEXT.encode(), TEXT),
        (b"ASCII\0\0\0" + CHINESE.encode() + b"\0\0", CHINESE),
        (b"ASCII\0\0\0caf\xe9", "café"),
        (b"ascii   caf\xe9", "café"),
        (b"\0\0\0\0\0\0\0\0" + TEXT.encode(), TEXT),
        (b"\0\0\0\0\0\0\0\0\xff\xfe" + TEXT.encode("utf-16-le"), TEXT),
        (b"JIS\0\0\0\0\0" + JAPANESE.encode("iso2022_jp"), JAPANESE),
        (b"JIS\0\0\0\0\0" + JAPANESE.encode("iso2022_jp")[3:-3], JAPANESE),
        (b"JIS\0\0\0\0\0" + JAPANESE.encode("cp932"), JAPANESE),
        (b"JIS\0\0\0\0\0" + JAPANESE.encode("utf-8"), JAPANESE),
        (b"JIS\0\0\0\0\0" + TEXT.encode(), TEXT),
        (TEXT.encode(), TEXT),
        (b"ASCII\0\0\0" + b" " * 40, None),
        (b"UNICODE\0", None),
        (b"ASC", "ASC"),
        (b"UNICODE\0" + ("\ufeff" + TEXT).encode("utf-32-le"), TEXT),
    ],
)
def test_other_comments(make: Any, value: bytes, text: str | None) -> None:
    assert make.comment(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"Caf\xe9 Camera\0", "Café Camera"),
        ("猫 Kamera\0".encode(), "猫 Kamera"),
        (b"\0\0Editor\0", "Editor"),
        (b"Editor\0\xff\xfe junk", "Editor"),
        ("\ufeffEditor\0".encode("utf-16-le"), "Editor"),
    ],
)
@pytest.mark.parametrize("kind", [2, 129])
def test_strings_of_exif(make: Any, value: bytes, text: str, kind: int) -> None:
    assert make.exif(make.tiff([(0x010F, kind, value)])) == {"exif_make": text}


@pytest.mark.parametrize("order", ["<", ">"])
def test_tags_of_windows_are_little_endian(make: Any, order: str) -> None:
    names = ["title", "comment", "author", "keywords", "subject"]
    tags = [(0x9C9B + n, 1, f"{name}: {CHINESE}\0".encode("utf-16-le")) for n, name in enumerate(names)]
    assert make.exif(make.tiff(tags, order)) == {f"exif_xp_{name}": f"{name}: {CHINESE}" for name in names}


def test_both_copyrights(make: Any) -> None:
    assert make.exif(make.tiff([(0x8298, 2, b"A. Photographer\0An Editor\0")])) == {
        "exif_copyright": "A. Photographer; An Editor"
    }


def test_values_are_lines_without_control_characters(make: Any) -> None:
    found = make.png(make.chunk(b"tEXt", b"prompt\0\x1b[31mred\x07\r\n  long\xc2\x85end"))
    assert found == {"png_text": "prompt: [31mred long end"}


def test_long_values_are_whole_up_to_a_bound(make: Any) -> None:
    long = make.png(make.chunk(b"tEXt", b"parameters\0" + b"word " * 50_000 + b"Model: last"))["png_text"]
    assert len(long) == 250_023 and long.endswith("word Model: last")
    longer = make.png(make.chunk(b"tEXt", b"parameters\0" + b"word " * 70_000))["png_text"]
    assert len(longer) == 300_000 and longer.endswith("…")
