"""Links of the repository become links of the site."""

from __future__ import annotations

import pytest

pytest.importorskip("mkdocs")
from tools.docs import hooks

PAGES = {"index.md", "contributing.md", "stereo.md", "models/mamba_people_nano.md", "tutorials/first-verdict.md"}


@pytest.mark.parametrize(
    ("source", "at", "link", "expected"),
    [
        ("docs/video.md", "video.md", "[a](stereo.md#train)", "[a](stereo.md#train)"),
        ("docs/video.md", "video.md", "[a](../CONTRIBUTING.md)", "[a](contributing.md)"),
        ("docs/video.md", "video.md", "[a](../README.md)", "[a](index.md)"),
        (
            "docs/models/nat.md",
            "models/nat.md",
            "[a](../../vision/weights/mamba_people_nano.md)",
            "[a](mamba_people_nano.md)",
        ),
        ("vision/weights/x.md", "models/x.md", "[a](../../docs/stereo.md)", "[a](../stereo.md)"),
        (
            "CONTRIBUTING.md",
            "contributing.md",
            "[`a` b](docs/tutorials/first-verdict.md)",
            "[`a` b](tutorials/first-verdict.md)",
        ),
        ("README.md", "index.md", "see [the samples](tools/samples/README.md).", "see the samples."),
        ("docs/video.md", "video.md", "[a](https://x.org/a) [b](#c)", "[a](https://x.org/a) [b](#c)"),
        ("docs/video.md", "video.md", "![a](video-memory.svg)", "![a](video-memory.svg)"),
        ("docs/video.md", "video.md", "```py\nx[0](../README.md)\n```", "```py\nx[0](../README.md)\n```"),
    ],
)
def test_links(source: str, at: str, link: str, expected: str) -> None:
    assert hooks.with_site_links(link, source, at, PAGES) == expected


def test_a_card_goes_below_the_headings_of_its_page() -> None:
    text, path = hooks.card("mamba_people_nano", "models/mamba_people_nano.md")
    assert path == "vision/weights/mamba_people_nano.md"
    assert "\n### What fails\n" in text
    assert "# mamba_people_nano" not in text


def test_a_card_that_is_not_there_ends_the_build() -> None:
    with pytest.raises(hooks.PluginError, match="nothing"):
        hooks.card("nothing", "models/nothing.md")
