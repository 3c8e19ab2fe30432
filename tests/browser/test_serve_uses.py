"""The page of `vision serve` where something is in the way: a token, limits, a Stop, files unlike their names."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("gradio")

from PIL import Image, PngImagePlugin

from tests.browser.serving import SECOND, GatedServices, give, said, serving
from vision.apis import VideoInferencer
from vision.apis.video import VideoFrame
from vision.serve.settings import Settings
from vision.structures.video import VideoResult

TOKEN = "a-token-of-some-length"
MAX_UPLOAD = 45 << 20
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
CALIBRATION = """\
cam0=[400 0 224; 0 400 144; 0 0 1]
cam1=[400 0 224; 0 400 144; 0 0 1]
doffs=0
baseline=100
width=448
height=288
ndisp=64
"""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, GatedServices]]:
    """Address and services of a server with a token and a small limit."""
    services = GatedServices(Settings(port=0, token=TOKEN, max_upload=MAX_UPLOAD))
    with serving(services) as address:
        yield address, services


@pytest.fixture
def visit(server: tuple[str, GatedServices], open_page: Callable[..., Any]) -> Callable[..., Any]:
    """A function that opens the page at a tab, with the token as a browser brings it."""

    def open_tab(name: str) -> Any:
        page = open_page(server[0], http_credentials={"username": "", "password": TOKEN})
        page.set_default_timeout(20 * SECOND)
        page.get_by_role("tab", name=name).click()
        return page

    return open_tab


@pytest.fixture(scope="module")
def image() -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (200, 260, 3), np.uint8)
    return Image.fromarray(cv2.GaussianBlur(noise, (0, 0), 2))


def refused(page: Any, text: str) -> str:
    """Wait for an error of the page, take it away, and return it."""
    toast = page.locator("[data-testid=toast-body]", has_text=text)
    toast.wait_for()
    shown = str(toast.inner_text())
    page.locator(".toast-close").click()
    toast.wait_for(state="detached")
    return shown


def test_token_and_metadata(
    visit: Callable[..., Any], server: tuple[str, GatedServices], image: Image.Image, tmp_path: Path
) -> None:
    """Nothing without the token, everything with it; what a file says of itself is text, whatever it says."""
    for path in ("", "gradio_api/upload_progress", "config"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{server[0]}{path}")
    texts, exif = PngImagePlugin.PngInfo(), Image.Exif()
    for name in ("parameters", "Software", "Comment", "prompt"):
        texts.add_text(name, EVIL)
    for tag in (0x010E, 0x010F, 0x0110, 0x0131):  # description, maker, camera, program
        exif[tag] = EVIL
    image.save(tmp_path / "texts.png", pnginfo=texts)
    image.save(tmp_path / "exif.jpg", exif=exif)
    page = visit("Forgery")
    give(page, "forgery-files", tmp_path / "texts.png", tmp_path / "exif.jpg")
    page.get_by_text("exif").first.wait_for()
    page.locator("#forgery-start").click()
    said(page, "forgery", "2 of 2 images judged.")
    findings = page.locator("#forgery-findings")
    for name in ("texts.png", "exif.jpg"):
        page.get_by_label("Image to look at").click()
        page.get_by_role("option", name=name).click()
        findings.filter(has_text=EVIL).wait_for()
        assert findings.locator("script, img").count() == 0
    with page.expect_download() as download:
        page.locator("#forgery-report").click()
    assert b"<script>alert(1)" not in Path(download.value.path()).read_bytes()


def test_time_is_over(
    visit: Callable[..., Any],
    server: tuple[str, GatedServices],
    image: Image.Image,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = server[1]
    monkeypatch.setattr(services, "settings", replace(services.settings, timeout=2.0))
    image.save(tmp_path / "slow.png")
    page = visit("Forgery")
    give(page, "forgery-files", tmp_path / "slow.png")
    page.get_by_text("slow").first.wait_for()
    services.gate.clear()
    page.locator("#forgery-start").click()
    try:
        assert "given up" in refused(page, "This took longer than 2 seconds")
    finally:
        services.gate.set()
    monkeypatch.setattr(services, "settings", replace(services.settings, timeout=60.0))
    page.locator("#forgery-start").click()
    said(page, "forgery", "Done.")


def test_folder(visit: Callable[..., Any], image: Image.Image, tmp_path: Path) -> None:
    """Of a folder, its images and those of folders in it."""
    (tmp_path / "trip" / "day").mkdir(parents=True)
    image.save(tmp_path / "trip" / "first.png")
    image.save(tmp_path / "trip" / "day" / "second.jpg")
    (tmp_path / "trip" / "notes.txt").write_text("no image", encoding="utf-8")
    page = visit("Forgery")
    page.locator("input[type=file][webkitdirectory]").set_input_files(tmp_path / "trip")
    page.locator("#forgery-files", has_text="second").wait_for()
    page.locator("#forgery-start").click()
    said(page, "forgery", "2 of 2 images judged.")


def test_calibration(visit: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "calib.txt").write_text(CALIBRATION, encoding="utf-8")
    page = visit("Stereo")
    page.locator("#stereo-example").click()
    page.locator("#stereo-right img").wait_for()
    page.get_by_role("button", name="Calibration").click()
    give(page, "stereo-calibration", tmp_path / "calib.txt")
    page.locator("#stereo-calibration", has_text="calib").locator("a").wait_for()
    page.locator("#stereo-start").click()
    said(page, "stereo", "Done: median disparity")
    page.locator("#stereo-downloads", has_text="_points").wait_for()
    names = page.locator("#stereo-downloads").inner_text()
    assert all(ending in names for ending in (".pfm", ".png", ".ply", ".json"))
    assert "approximate" not in page.locator("#stereo-points").inner_text()


def test_stop_amid_a_clip(
    visit: Callable[..., Any], server: tuple[str, GatedServices], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found until then is kept. The fourth frame waits until somebody has clicked."""
    clicked = threading.Event()
    make = server[1].video

    def video(fps: float) -> VideoInferencer:
        inferencer = make(fps)
        process = inferencer.process

        def wait(frame: VideoFrame) -> VideoResult:
            if frame.number == 3:
                clicked.wait(30)
            return process(frame)

        monkeypatch.setattr(inferencer, "process", wait)
        return inferencer

    monkeypatch.setattr(server[1], "video", video)
    page = visit("Video")
    page.locator("#video-example").click()
    page.locator("#video-clip video").wait_for()
    page.locator("#video-start").click()
    said(page, "video", "Looking at frame 3 of 24")
    page.locator("#video-stop").click()
    said(page, "video", "Ending with this frame.")
    clicked.set()
    said(page, "video", "Done: 4 frames")
    page.locator("#video-notes", has_text="Ended after 4 frames: it was stopped.").wait_for()
    with page.expect_download() as download:
        page.locator("#video-csv").click()
    rows = Path(download.value.path()).read_text(encoding="utf-8").splitlines()[1:]
    assert {int(row.partition(",")[0]) for row in rows} <= set(range(4))


def test_checkpoints(visit: Callable[..., Any], tmp_path: Path) -> None:
    """One that fits is used; others, and one that is too large, are refused in a sentence."""
    import timm
    import torch

    import backbones  # noqa: F401  # its models are timm's then

    weights = timm.create_model("dinat_mini").half().state_dict()
    torch.save(weights, tmp_path / "mini.pth")
    torch.save({"a": torch.zeros(3)}, tmp_path / "other.pth")
    (tmp_path / "text.pth").write_bytes(b"no checkpoint")
    with open(tmp_path / "huge.pth", "wb") as file:
        file.truncate(MAX_UPLOAD + 1)
    page = visit("Attention")
    page.locator("#attention-example").click()
    page.locator("#attention-image img").wait_for()
    page.get_by_role("button", name="Checkpoint").click()
    part = page.locator("#attention-checkpoint")
    give(page, "attention-checkpoint", tmp_path / "huge.pth")
    assert "45.0 Mb" in refused(page, "maximum allowed size")
    for name, text in (("text", "checkpoint"), ("other", "dinat"), ("mini", "")):
        give(page, "attention-checkpoint", tmp_path / f"{name}.pth")
        part.filter(has_text=name).locator("a").wait_for()
        page.locator("#attention-start").click()
        if text:
            shown = refused(page, text)
            assert "/tmp" not in shown and "went wrong on the server" not in shown and shown.count("\n") < 5
            part.get_by_label("Clear").click()
    said(page, "attention", "Done: 18 blocks of dinat_mini.")
    assert "random" not in page.locator("#attention-status").inner_text()
