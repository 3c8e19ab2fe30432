"""What the report says, and how it comes to the disk."""

from __future__ import annotations

import os
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vision.errors import UsageError
from vision.report import ReportWriter
from vision.structures import ForgeryResult, HeatMap


def written(folder: Path, *records: dict[str, Any], info: dict[str, object] | None = None) -> str:
    with ReportWriter(folder) as writer:
        for record in records:
            writer.add(record)
        path = writer.finish(info)
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


def words_of(html: str, part: str = "<main>") -> str:
    """What people read, from a tag on, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html[html.index(part) : html.index("<script>")])).split())


def noise(side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def heat_map(preview: np.ndarray) -> HeatMap:
    ends = np.array([0.0, 100.0])
    return HeatMap(np.array([[0, 1], [1, 0]], np.float32), ends, ends, 100, 100, 256, preview)


def test_a_record_of_today(tmp_path: Path) -> None:
    """`ForgeryResult.to_dict` as it is: nothing is said of what the record does not have."""
    result = ForgeryResult(
        "holiday/beach.jpg",
        verdict="ai-generated",
        probability=0.9312,
        crops=16,
        metadata={"exif_make": "Canon"},
        width=4000,
        height=3000,
        format="JPEG",
        frames=1,
        jpeg_quality=92,
        notes=["12 bytes follow the end"],
        probability_min=0.9,
        probability_max=0.95,
        stable=True,
    )
    html = written(tmp_path, result.to_dict(), info={"model": "dual_frequency_demo"})
    words = words_of(html, "<article")
    assert (
        "For AI generation The pixels look generated (probability of being generated 0.931; 0.900 to 0.950 with"
        in words
    )
    assert "12 bytes follow the end" in words and "make Canon" in words
    assert (
        "size 4000 × 3000 pixels (12.0 megapixels) JPEG quality 92 of 100, estimated recompressed the verdict stays"
        in words
    )
    assert "Whether it is a photograph that only looks generated" in words
    assert not [word for word in ("None", "declare", "watermark", "heat map", "Decides nothing") if word in words]
    assert (
        "no-declared" in html
        and "no-watermark" in html
        and "no-size" not in html.split("<tbody>")[0].split("<table")[1]
    )
    assert "model dual_frequency_demo" in words_of(html, "<header>")


def test_an_image_that_was_not_judged(tmp_path: Path) -> None:
    words = words_of(written(tmp_path, ForgeryResult("a.jpg", error="32 of 64 rows").to_dict()), "<article")
    assert words.startswith("a.jpg Table Not judged 32 of 64 rows Decides nothing The pixels were not judged.")
    assert "they could not be judged" in words


def test_nothing_to_tell(tmp_path: Path) -> None:
    assert "0 images" in words_of(written(tmp_path), "<header>")


def test_rows_of_a_csv_file(tmp_path: Path) -> None:
    """An earlier run's rows are text throughout."""
    row = {"path": "a.jpg", "verdict": "real", "probability": "0.125", "stable": "True", "width": "8", "height": "9"}
    words = words_of(written(tmp_path, row | {"error": "", "notes": "one; two", "crops": "", "jpeg_quality": "nan"}))
    assert "0.125" in words and "8 × 9" in words and "one; two" in words and "the verdict stays" in words
    assert "nan" not in words


def test_details_stand_beside_or_in_the_record(tmp_path: Path) -> None:
    record = {"path": "a.jpg", "declared": "ai-edited", "signature": "untrusted", "signer": "Somebody"}
    words = words_of(
        written(tmp_path, record | {"details": {"actions": ["c2pa.created", "c2pa.edited"], "prompt": None}})
    )
    assert "signer Somebody actions c2pa.created actions c2pa.edited" in words
    assert "prompt" not in words


@pytest.mark.parametrize("bad", ["\ud800", "\udcff", "a\0b", "\u202egpj.exe", "\x1b]0;x\x07"])
def test_text_that_is_no_text(tmp_path: Path, bad: str) -> None:
    html = written(tmp_path, {"path": bad, "verdict": "real", "probability": 0.1, "exif_make": bad, "conclusion": bad})
    assert html.count("&lt;") == 0 and "\\" in words_of(html)
    assert all(character.isprintable() or character == "\n" for character in html)


def test_long_texts_are_cut(tmp_path: Path) -> None:
    record = {"path": "a.png", "png_text": "x" * 300_000, "exif_make": "y" * 2000}
    record |= dict.fromkeys(("xmp_title", "xmp_rights", "iptc_caption", "jpeg_comment", "gif_comment"), "z" * 300000)
    record |= dict.fromkeys(("exif_artist", "exif_editor", "xmp_source", "xmp_creator", "stealth_text"), "z" * 300000)
    html = written(tmp_path, record)
    assert "298,000 more letters in JSON and CSV" in html and "y" * 2000 in html
    assert len(html) < 60_000
    assert re.search(r"left out [0-9]+ more, which JSON and CSV have", words_of(html))


def test_many_images_stay_small(tmp_path: Path) -> None:
    """The worst case for JPEG; 200 of today's largest previews must fit into 20 MB, however many there are."""
    image = noise(1000)
    sizes = []
    with ReportWriter(tmp_path) as writer:
        for count in (0, 199, 200, 999, 1000):
            writer.count = count
            writer.add({"path": "a.png", "verdict": "real", "probability": 0.1}, image, heat_map(image))
            sizes.append(writer._sections.tell())
    each = np.diff([0, *sizes])
    assert each[0] == pytest.approx(each[1], rel=0.01) and each[1] < 95_000
    assert each[2] == pytest.approx(each[3], rel=0.01) and each[3] < 45_000
    assert each[4] < 20_000


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (1, 3000), (3000, 1), (240, 240)])
def test_images_of_any_shape(tmp_path: Path, size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    with ReportWriter(tmp_path) as writer:
        writer.add({"path": "a"}, image, heat_map(image))
        writer.add({"path": "b"}, None, heat_map(image))
        writer.add({"path": "c"}, image)
        html = writer.finish().read_text(encoding="utf-8")
    assert html.count("<img ") == 5 and html.count('class="map"') == 2
    longest = max(int(side) for side in re.findall(r'(?:width|height)="(\d+)"', html))
    assert 240 <= longest <= 480


def test_conclusions_share_an_entry_when_there_are_too_many(tmp_path: Path) -> None:
    html = written(tmp_path, *({"path": str(n), "conclusion": f"no. {n}"} for n in range(60)))
    options = re.findall(r"<option[^>]*>([^<]*)", html)
    assert options[:3] == ["all (60)", "no. 0 (1)", "no. 1 (1)"]
    assert options[-1] == "other (20)" and len(options) == 42
    assert re.findall(r'data-group="(\d+)"', html)[-2:] == ["40", "40"]


def test_it_needs_nothing_beside_it(tmp_path: Path) -> None:
    html = written(tmp_path, {"path": "a.png"})
    assert "default-src &#39;none&#39;" in html and "unsafe" not in html
    assert re.findall(r'(?:src|href)="(?!data:|#)', html) == []
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_report_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(UsageError, match=r"report\.html' is there already") as caught:
        ReportWriter(tmp_path)
    assert caught.value.code == "report-exists"
    assert (tmp_path / "report.html").read_text() == "mine"
    with ReportWriter(tmp_path, overwrite=True) as writer:
        assert (tmp_path / "report.html").read_text() == "mine"
        writer.finish()
    assert "<!doctype html>" in (tmp_path / "report.html").read_text()


def test_a_report_that_comes_meanwhile_stays(tmp_path: Path) -> None:
    with ReportWriter(tmp_path / "new" / "folder") as writer:
        (tmp_path / "new/folder/report.html").write_text("theirs")
        with pytest.raises(UsageError, match="is there already"):
            writer.finish()
    assert (tmp_path / "new/folder/report.html").read_text() == "theirs"


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), ReportWriter(tmp_path) as writer:
        writer.add({"path": "a.png"})
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written") as caught:
        ReportWriter(tmp_path / "file")
    assert caught.value.code == "unwritable-folder"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full")
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with ReportWriter(tmp_path) as writer:
        writer._sections = open("/dev/full", "w")  # noqa: SIM115
        with pytest.raises(OSError, match=r"No space left.*report\.html"):
            writer.add({"path": "a.png"}, noise(300))
