"""The report in a real browser: nothing leaves it, hostile text stays text, and people can work with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vision.provenance import PROVENANCE_FIELDS
from vision.report import ReportWriter
from vision.structures import HeatMap

Open = Callable[..., Any]
WIDE, NARROW = (1440, 900), (390, 844)
HOSTILE = (
    '"\'><script>window.pwned = 1; alert(1)</script><img src="https://evil.example/x.png" onerror="window.pwned = 2">'
    "{{ 7 * 7 }}<style>body { display: none }</style></textarea></title><!-- \u202e \x1b[2J \0 </bdi></div></article>"
)
LONG = "x" * 300


def heat_map(preview: np.ndarray) -> HeatMap:
    """All generated on the left, all real on the right."""
    height, width = preview.shape[:2]
    probability = np.array([[1, 0], [1, 0]], np.float32)
    return HeatMap(probability, np.array([0, height]), np.array([0, width]), height, width, 256, preview)


def record(name: str, verdict: str | None, probability: float | None, **fields: Any) -> dict[str, Any]:
    return {
        "path": f"photos/{name}",
        "verdict": verdict,
        "probability": probability,
        "error": None,
        "notes": [],
        **fields,
    }


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a report on six images."""
    folder = tmp_path_factory.mktemp("report")
    picture = np.full((300, 400, 3), 180, np.uint8)
    camera = {"declared": "camera", "declared_by": "EXIF make and model", "signature": None, "watermark": None}
    hostile = record(f"{HOSTILE}.png".replace("/", ""), None, None, error=HOSTILE, notes=[HOSTILE] * 2)
    hostile |= dict.fromkeys(PROVENANCE_FIELDS, HOSTILE)
    names = ("conclusion", "declared", "declared_by", "signature", "watermark", "scale", "signer", "prompt", "actions")
    hostile |= dict.fromkeys(names, HOSTILE)
    records = [
        record("image10.jpg", "real", 0.083, jpeg_quality=92, width=4000, height=3000, **camera),
        record("image9.jpg", "ai-generated", 0.971, watermark="SDXL", watermark_fpr=1e-9, width=1024, height=1024),
        record("b.png", "inconclusive", 0.52, png_text="word " * 100_000),
        record(f"{LONG}.png", "inconclusive", 0.48, exif_software=LONG, declared="none"),
        record("c.png", "ai-generated", 0.88),
        hostile,
    ]
    with ReportWriter(folder) as writer:
        for one in records:
            writer.add(one, picture, heat_map(picture) if one["verdict"] else None)
        path = writer.finish({"date": "2026-11-27", "options": HOSTILE})
    return path.as_uri()


def names_of(page: Any) -> list[str]:
    """Of the rows that are seen, in their order; those of the hostile and the long name by a letter."""
    texts = page.locator("tbody tr:visible th a").all_inner_texts()
    return ["h" if "script" in text else "x" if LONG in text else text for text in texts]


def articles_of(page: Any) -> list[str]:
    texts = page.locator("article:visible h2 bdi:first-child").all_inner_texts()
    return ["h" if "script" in text else "x" if LONG in text else text for text in texts if text != "photos"]


GIVEN = ["image10.jpg", "image9.jpg", "b.png", "x", "c.png", "h"]


def test_sorting_by_click(open_page: Open, report: str) -> None:
    page = open_page(report)
    assert names_of(page) == GIVEN
    button = page.get_by_role("button", name="Probability")
    button.click()
    rising = ["image10.jpg", "x", "b.png", "c.png", "image9.jpg", "h"]
    assert names_of(page) == articles_of(page) == rising
    assert page.get_by_role("columnheader", name="Probability").get_attribute("aria-sort") == "ascending"
    button.click()
    assert names_of(page) == [*rising[-2::-1], "h"]  # what has no number stays last
    assert page.get_by_role("columnheader", name="Probability").get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="File").click()
    assert page.locator("[aria-sort]").count() == 1
    names = names_of(page)
    assert names.index("b.png") < names.index("c.png") < names.index("image9.jpg") < names.index("image10.jpg")
    page.get_by_role("button", name="Size").click()
    assert names_of(page)[:2] == ["image9.jpg", "image10.jpg"]


def test_sorting_by_keyboard(open_page: Open, report: str) -> None:
    page = open_page(report)
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Conclusion":
            break
    page.keyboard.press("Enter")
    heading = page.get_by_role("columnheader", name="Conclusion")
    assert heading.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") == "descending"
    assert names_of(page)[0] == "image10.jpg"  # Real, behind Inconclusive and AI-generated
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_filter(open_page: Open, report: str) -> None:
    page = open_page(report)
    page.get_by_label("Conclusion").select_option(label="AI-generated (2)")
    assert names_of(page) == articles_of(page) == ["image9.jpg", "c.png"]
    assert page.get_by_role("status").inner_text() == "2 of 6 shown"
    page.get_by_role("button", name="File").click()
    assert names_of(page) == ["c.png", "image9.jpg"]
    page.emulate_media(media="print")
    assert articles_of(page) == ["c.png", "image9.jpg"]  # what is filtered away is not printed
    page.emulate_media(media="screen")
    page.get_by_label("Conclusion").select_option(index=0)
    assert len(names_of(page)) == len(articles_of(page)) == 6


def test_heat_map(open_page: Open, report: str) -> None:
    page = open_page(report)
    article = page.locator("article").first
    image, drawn = article.locator("img").all()
    assert article.locator(".map").count() == 1 and not drawn.is_visible()
    article.get_by_label("Heat map", exact=True).check()
    assert drawn.is_visible() and drawn.bounding_box() == image.bounding_box()
    assert page.locator(".map:visible").count() == 1
    page.get_by_label("All heat maps").check()
    assert page.locator(".map:visible").count() == 5
    page.get_by_label("All heat maps").uncheck()
    assert page.locator(".map:visible").count() == 0
    loaded = page.evaluate("[...document.images].map((i) => [i.naturalWidth, i.naturalHeight])")
    assert loaded == [[400, 300]] * 11


def test_hostile_text_is_only_shown(open_page: Open, report: str) -> None:
    page = open_page(report)
    assert page.evaluate("window.pwned") is None
    assert page.title() == "Report on 6 images"
    assert page.locator("script").count() == page.locator("style").count() == 1
    assert page.locator('[src*="evil"], [onerror]').count() == 0
    article = page.locator("#image-6")
    shown = article.inner_text()
    assert "<script>window.pwned = 1; alert(1)</script>" in shown and "{{ 7 * 7 }}" in shown
    assert "\\u202e" in shown and "\\x1b[2J" in shown and "\\x00" in shown
    whole = page.content()
    assert not [sign for sign in "\u202e\x1b\0\ufffd" if sign in whole]
    assert article.locator(".metadata dt").count() > 30 and article.locator("dd script").count() == 0


def test_policy_stops_what_escaping_would_miss(browser: Any, report: str, tmp_path: Path) -> None:
    """A second wall: scripts that are not ours do not run even if they got into the page, and no request leaves it."""
    html = Path(report.removeprefix("file://")).read_text(encoding="utf-8")
    planted = "<script>window.pwned = 1</script><img src='http://127.0.0.1:9/x' onerror='window.pwned = 2'>"
    (tmp_path / "planted.html").write_text(html.replace("<main>", f"<main>{planted}", 1), encoding="utf-8")
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto((tmp_path / "planted.html").as_uri())
    assert page.evaluate("window.pwned") is None
    assert sum("Content Security Policy" in text for text in refused) >= 3  # the script, the image, its handler
    page.close()


def test_nothing_scrolls_sideways(open_page: Open, report: str) -> None:
    page = open_page(report)
    everything = ["File", "Conclusion", "Probability", "Declared", "Watermark", "JPEG quality", "Size"]
    for size, columns in ((WIDE, 7), ((800, 900), 4), (NARROW, 3)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        assert page.evaluate(BEYOND) == []
        shown = page.locator("thead th:visible").all_inner_texts()
        assert [text.strip() for text in shown] == everything[:columns]


BEYOND = """[...document.querySelectorAll("body *")].filter((e) => e.getClientRects().length
  && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))"""


def test_text_stands_out(open_page: Open, report: str) -> None:
    """Contrast of at least 4.5 between the text of each element and what is behind it (WCAG 2, level AA)."""
    page = open_page(report)
    for scheme, paper in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(22, 24, 29)")):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper
        found = page.evaluate(CONTRAST)
        assert len(found) > 100
        assert [one for one in found if one[0] < 4.5] == []


CONTRAST = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => numbers(color).slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if (numbers(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("body *")]
    .filter((e) => e.getClientRects().length && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .map((e) => {
      const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), e.className, e.textContent.slice(0, 30)];
    });
}"""


def test_print(open_page: Open, report: str) -> None:
    page = open_page(report, (794, 1123), color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#tools, .back, .toggle").locator("visible=true").count() == 0
    image, drawn = (one.bounding_box() for one in page.locator("article").first.locator("img").all())
    assert image["y"] == drawn["y"] and image["x"] + image["width"] <= drawn["x"]  # beside each other
    assert page.evaluate("document.documentElement.scrollWidth") <= 794
    assert page.pdf(format="A4").startswith(b"%PDF-")


def test_it_reads_without_script(open_page: Open, report: str) -> None:
    page = open_page(report, java_script_enabled=False)
    assert page.locator("tbody tr").count() == page.locator("article").count() == 6
    assert page.get_by_role("button").count() == 0 and not page.locator("#tools").is_visible()
    article = page.locator("article").first
    article.get_by_label("Heat map", exact=True).check()
    assert article.locator(".map").is_visible()
    page.get_by_role("link", name="image9.jpg").click()
    assert page.url.endswith("#image-2")
