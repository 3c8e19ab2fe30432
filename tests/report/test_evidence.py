"""What counts for, against and not at all."""

from __future__ import annotations

from typing import Any

import pytest

from vision.report.evidence import evidence_of, limits_of, tone_of


@pytest.mark.parametrize(
    ("record", "side", "sentence"),
    [
        (
            {"verdict": "ai-generated", "probability": 0.9},
            0,
            "The pixels look generated (probability of being generated",
        ),
        ({"verdict": "real", "probability": 0.1}, 1, "The pixels look like those of a camera"),
        ({"verdict": "inconclusive", "probability": 0.5}, 2, "The pixels say too little for either"),
        ({"verdict": "inconclusive", "probability": 0.5, "stable": False}, 2, "The verdict on the pixels changes when"),
        ({"verdict": None}, 2, "The pixels were not judged."),
        (
            {"declared": "ai-generated", "signature": "valid"},
            0,
            "The file declares that AI generated the image. The sig",
        ),
        (
            {"declared": "ai-edited", "signature": "untrusted"},
            0,
            "The file declares that AI edited the image. The sign",
        ),
        ({"declared": "camera", "signature": None}, 1, "The file declares that a camera took the image. No signature"),
        ({"declared": "camera", "signature": "invalid"}, 2, "The file declares that a camera took the image. Its sign"),
        (
            {"declared": "none", "signature": "invalid"},
            2,
            "The file has a signed declaration, but its signature is inv",
        ),
        ({"declared": "none"}, 2, "The file does not say how it was made."),
        (
            {"watermark": "SDXL", "watermark_fpr": 3.2e-9},
            0,
            "The pixels carry the invisible watermark of SDXL. Of images",
        ),
        ({"conflict": True}, 2, "What the file declares and what its pixels say contradict each other."),
    ],
)
def test_sides(record: dict[str, Any], side: int, sentence: str) -> None:
    found = evidence_of(record)
    holding = [number for number, lines in enumerate(found) if any(line.startswith(sentence) for line in lines)]
    assert holding == [side]


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        (3.2e-9, "1 in 310,000,000"),
        (1e-6, "1 in 1,000,000"),
        ("1e-7", "1 in 10,000,000"),
        (0, "fewer than 1 in 1,000,000,000,000"),
    ],
)
def test_the_chance_of_a_watermark_in_words(chance: object, words: str) -> None:
    (line,) = evidence_of({"verdict": None, "watermark": "SDXL", "watermark_fpr": chance}).generated
    assert f" {words} would seem to carry it." in line


@pytest.mark.parametrize(
    ("record", "tone"),
    [
        ({"verdict": "real"}, "real"),
        ({"verdict": "ai-generated"}, "generated"),
        ({"verdict": "inconclusive"}, "open"),
        ({"verdict": None}, "error"),
        ({"verdict": "real", "watermark": "SDXL"}, "generated"),
        ({"verdict": "ai-generated", "declared": "camera"}, "generated"),
        ({"verdict": "ai-generated", "declared": "camera", "signature": "valid", "conflict": True}, "real"),
        ({"verdict": "real", "declared": "ai-edited", "signature": "valid"}, "generated"),
        ({"verdict": "real", "declared": "ai-generated", "conflict": True}, "open"),
        ({"verdict": "real", "declared": "ai-generated", "signature": "invalid"}, "real"),
    ],
)
def test_the_color_follows_what_outranks(record: dict[str, Any], tone: str) -> None:
    assert tone_of(record) == tone


def test_limits_are_those_of_the_image() -> None:
    def has(words: str, record: dict[str, Any], has_heatmap: bool = False) -> bool:
        return any(words in line for line in limits_of(record, has_heatmap))

    assert has("no generator made it", {"verdict": "real"}) and not has(
        "no generator made it", {"verdict": "ai-generated"}
    )
    assert has("quality 45 takes", {"jpeg_quality": 45}) and not has("quality", {"jpeg_quality": 92})
    assert has("before it was resized", {"scale": 0.5}) and not has("before it was resized", {"scale": 1.0})
    assert has("there was a watermark", {"watermark": None}) and not has("there was a watermark", {})
    assert has("declares nothing", {"declared": "none"})
    assert has("is true: nobody", {"declared": "camera", "signature": "untrusted"})
    assert not has("is true: nobody", {"declared": "camera", "signature": "valid"})
    assert has("outline of an edit", {}, has_heatmap=True) and not has("outline of an edit", {})
    assert has("may be staged", {})
