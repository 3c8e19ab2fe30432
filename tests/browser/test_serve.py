"""The page of `vision serve` as people use it: with mouse and keyboard, several at once, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("gradio")

from tests.browser.serving import SECOND, GatedServices, give, said, serving
from vision.serve.settings import Settings

NARROW = (390, 844)
HOSTILE = "<img src=x onerror=alert(1)> & son.png"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, GatedServices]]:
    """Address and services of a server in this process."""
    services = GatedServices(Settings(port=0))
    with serving(services) as address:
        yield address, services


@pytest.fixture
def visit(server: tuple[str, GatedServices], open_page: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """A function that opens the page at a tab."""

    def open_tab(name: str = "Forgery", **options: Any) -> Any:
        page = open_page(server[0], **options)
        page.set_default_timeout(20 * SECOND)
        page.get_by_role("tab", name=name).click()
        return page

    yield open_tab
    server[1].gate.set()


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with a name that wants to be markup."""
    path = tmp_path_factory.mktemp("serve") / HOSTILE
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    path.write_bytes(cv2.imencode(".png", cv2.GaussianBlur(noise, (0, 0), 2))[1].tobytes())
    return path


def test_forgery(visit: Callable[..., Any], picture: Path, tmp_path: Path) -> None:
    """Two files, one of which is no image; every text of a stranger is only shown."""
    wrong = tmp_path / "notes.png"
    wrong.write_text("no image at all", encoding="utf-8")
    page = visit()
    give(page, "forgery-files", picture, wrong)
    page.get_by_text("notes").first.wait_for()
    page.locator("#forgery-start").click()
    said(page, "forgery", "1 of 2 images judged; 1 could not be read.")
    table = page.locator("#forgery-table").inner_text()
    assert "onerror=alert(1)" in table and "Not judged" in table
    assert page.locator("#forgery-table img").count() == 0
    assert "What cannot be told" in page.locator("#forgery-findings").inner_text()
    assert page.locator("#forgery-slider img").count() == 2
    for part, name, begin in (("csv", "forgery.csv", b"path,verdict"), ("report", "report.html", b"<!doctype html>")):
        with page.expect_download() as download:
            page.locator(f"#forgery-{part}").click()
        assert download.value.suggested_filename == name
        assert Path(download.value.path()).read_bytes().lower().startswith(begin)
    page.get_by_label("Image to look at").click()
    page.get_by_role("option", name="notes.png").click()
    page.locator("#forgery-findings", has_text="Not judged").wait_for()
    assert "/tmp" not in page.locator("#forgery-findings").inner_text()


def test_stereo(visit: Callable[..., Any]) -> None:
    page = visit("Stereo")
    page.locator("#stereo-example").click()
    page.locator("#stereo-right img").wait_for()
    page.locator("#stereo-start").click()
    said(page, "stereo", "Done: median disparity")
    for part in ("disparity", "views", "confidence", "occlusion"):
        page.locator(f"#stereo-{part} img").first.wait_for()
    canvas = page.locator("#stereo-cloud canvas")
    page.locator("#stereo-cloud canvas[data-points]:not([data-points='0'])").wait_for()
    assert int(canvas.get_attribute("data-points")) > 50_000
    before = canvas.screenshot()
    assert filled(before) > 0.8
    canvas.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(300)
    assert canvas.screenshot() != before  # it turned
    names = page.locator("#stereo-downloads").inner_text()
    assert ".pfm" in names and ".png" in names


def filled(screenshot: bytes) -> float:
    """Which share of a canvas' height, or of its width, the points on its dark ground reach over."""
    image = cv2.imdecode(np.frombuffer(screenshot, np.uint8), cv2.IMREAD_COLOR).astype(int)
    drawn = np.abs(image - image[len(image) // 2, 8]).max(2)[8:-8, 8:-8] > 20
    spans = [np.flatnonzero(drawn.any(axis)) for axis in (0, 1)]
    return max(float(span[-1] - span[0]) / length for span, length in zip(spans, drawn.shape[::-1], strict=True))


def test_stereo_error(visit: Callable[..., Any], picture: Path, tmp_path: Path) -> None:
    page = visit("Stereo")
    page.locator("#stereo-start").click()
    page.get_by_text("Choose two views, or one file with both.").wait_for()
    small = tmp_path / "small.png"
    small.write_bytes(cv2.imencode(".png", np.zeros((64, 80, 3), np.uint8))[1].tobytes())
    give(page, "stereo-left", picture)
    page.locator("#stereo-left img").wait_for()
    give(page, "stereo-right", small)
    page.locator("#stereo-right img").wait_for()
    page.locator("#stereo-start").click()
    toast = page.locator("[data-testid=toast-body]", has_text="64")
    toast.wait_for()
    assert "/tmp" not in toast.inner_text() and "Traceback" not in toast.inner_text()


def test_video(visit: Callable[..., Any]) -> None:
    page = visit("Video")
    page.locator("#video-example").click()
    page.locator("#video-clip video").wait_for()
    page.locator("#video-start").click()
    said(page, "video", "Done: 24 frames")
    page.locator("#video-drawn video").wait_for()
    assert page.locator("#video-chart svg").count() == 1
    for part, begin in (("csv", b"frame,time,track,class,score,"), ("mot", b"")):
        with page.expect_download() as download:
            page.locator(f"#video-{part}").click()
        data = Path(download.value.path()).read_bytes()
        assert data.startswith(begin) and data.count(b"\n") > 10


def test_attention(visit: Callable[..., Any]) -> None:
    page = visit("Attention")
    page.locator("#attention-example").click()
    image = page.locator("#attention-image img")
    image.wait_for()
    page.wait_for_function("document.querySelector('#attention-image img').naturalWidth > 0")
    box = image.bounding_box()
    shown = min(box["width"], box["height"] * 448 / 288, 448)  # keeps its proportions, and is not enlarged
    image.click(position={"x": (box["width"] - shown) / 2 + shown / 4, "y": box["height"] / 2})
    said(page, "attention", "Done: 18 blocks of dinat_mini. The weights are random")
    across = page.locator("#attention-across input[type=number]").input_value()
    assert float(across) == pytest.approx(25, abs=1)
    facts = page.locator("#attention-facts")
    assert "Stage 1, block 1: a window of 7 x 7 tokens with dilation 1 over 28 x 28 pixels" in facts.inner_text()
    page.locator("#attention-block input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    facts.filter(has_text="Stage 1, block 2: a window of 7 x 7 tokens with dilation 8").wait_for()


def test_two_users(visit: Callable[..., Any], server: tuple[str, GatedServices], picture: Path) -> None:
    """The second one sees the place in the line, gives up, and sees nothing of the first."""
    server[1].gate.clear()
    first, second = visit(), visit()
    for page, text in ((first, "Looking at image"), (second, "Waiting: you are next.")):
        give(page, "forgery-files", picture)
        page.get_by_text("son").first.wait_for()
        page.locator("#forgery-start").click()
        said(page, "forgery", text)
    second.locator("#forgery-stop").click()
    said(second, "forgery", "Stopped.")
    server[1].gate.set()
    said(first, "forgery", "Done.")
    assert not second.locator("#forgery-findings").is_visible()


def test_reload_in_the_middle(visit: Callable[..., Any], server: tuple[str, GatedServices], picture: Path) -> None:
    """Who leaves frees the place, and begins anew."""
    services = server[1]
    services.gate.clear()
    running, page = visit(), visit()
    for one in (running, page):
        give(one, "forgery-files", picture)
        one.get_by_text("son").first.wait_for()
        one.locator("#forgery-start").click()
        one.locator("#forgery-status", has_text="i").wait_for()
    assert len(services.queue) == 1
    page.reload()
    for _ in range(100):
        if len(services.queue) == 0:
            break
        page.wait_for_timeout(100)
    assert len(services.queue) == 0
    services.gate.set()
    give(page, "forgery-files", picture)
    page.get_by_text("son").first.wait_for()
    page.locator("#forgery-start").click()
    said(page, "forgery", "Done.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow(visit: Callable[..., Any], scheme: str) -> None:
    page = visit(size=NARROW, color_scheme=scheme)
    for name in ("Forgery", "Stereo", "Video", "Attention"):
        page.get_by_role("tab", name=name).click()
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW[0]
    dark = page.evaluate("document.body.classList.contains('dark')")
    assert dark == (scheme == "dark")


def test_keyboard_alone(visit: Callable[..., Any]) -> None:
    page = visit()
    page.get_by_role("tab", name="Forgery").focus()
    for wanted in ("forgery-example", "forgery-start"):
        for _ in range(40):
            page.keyboard.press("Tab" if wanted == "forgery-example" else "Shift+Tab")
            if page.evaluate("document.activeElement.id") == wanted:
                break
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.get_by_text("example_drawing").first.wait_for()
    said(page, "forgery", "3 of 3 images judged.")
    assert "AI-generated" in page.locator("#forgery-table tr", has_text="example_generated").inner_text()


@pytest.mark.parametrize(
    ("name", "loaded", "done"),
    [
        ("Stereo", "#stereo-right img", "Done: median"),
        ("Video", "#video-clip video", "Done: 24"),
        ("Attention", "#attention-image img", "Done: 18"),
    ],
)
def test_keyboard_alone_elsewhere(visit: Callable[..., Any], name: str, loaded: str, done: str) -> None:
    """From tab to tab, then from button to button, until the files or the slider of what was found."""
    page, task = visit(), name.lower()
    page.get_by_role("tab", name="Forgery").focus()
    tab_to(page, lambda: page.evaluate("document.activeElement.textContent.trim()") == name)
    page.keyboard.press("Enter")
    press(page, f"{task}-example")
    page.locator(loaded).wait_for()
    press(page, f"{task}-start", "Shift+Tab")
    said(page, task, done)
    last = {"stereo": "#stereo-downloads", "video": "#video-mot", "attention": "#attention-block"}[task]
    page.locator(last).wait_for()
    tab_to(page, lambda: page.evaluate("(part) => !!document.activeElement.closest(part)", last))


def press(page: Any, name: str, key: str = "Tab") -> None:
    """Go to a button by keyboard and press it."""
    tab_to(page, lambda: page.evaluate("document.activeElement.id") == name, key)
    page.keyboard.press("Enter")


def tab_to(page: Any, is_there: Callable[[], bool], key: str = "Tab") -> None:
    """Press a key until the focus, which has to be seen, is there."""
    for _ in range(60):
        if is_there():
            break
        page.keyboard.press(key)
    assert is_there()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
