"""Patterns mean what a shell's do, end in loops of links, and leave alone names that hold their signs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vision.cli.patterns import matches_of


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "a.jpg",
        "b.jpg",
        "notes.txt",
        ".hidden.jpg",
        ".thumbs/x.jpg",
        "holiday [2024]/a.jpg",
        "holiday [2024]/b[1].jpg",
        "holiday 2/c.jpg",
        "what?/d.jpg",
        "whatx/e.jpg",
        "star*/f.jpg",
        "deep/er/g.jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.jpg", ["a.jpg", "b.jpg"]),
        ("./[ab].jpg", ["./a.jpg", "./b.jpg"]),
        ("?.jpg", ["a.jpg", "b.jpg"]),
        (".*.jpg", [".hidden.jpg"]),
        (".thumbs/*.jpg", [".thumbs/x.jpg"]),
        ("[!a].jpg", ["b.jpg"]),
        ("holiday [2024]/*.jpg", ["holiday [2024]/a.jpg", "holiday [2024]/b[1].jpg"]),
        ("holiday [2024]/b[1].jpg", ["holiday [2024]/b[1].jpg"]),
        ("holiday [234]/*.jpg", ["holiday 2/c.jpg"]),
        ("what?/*.jpg", ["what?/d.jpg"]),
        ("star*/*.jpg", ["star*/f.jpg"]),
        ("what*/?.jpg", ["what?/d.jpg", "whatx/e.jpg"]),
        ("deep/**/*.jpg", ["deep/er/g.jpg"]),
        ("deep/**/er/*.jpg", ["deep/er/g.jpg"]),
        ("**/e*/*.jpg", ["deep/er/g.jpg"]),
        ("deep/**", ["deep"]),
        ("**", ["."]),
        ("hol*/", ["holiday 2", "holiday [2024]"]),
        ("a.jpg/*", []),
        ("*.png", []),
        ("none/*.jpg", []),
    ],
)
def test_what_a_pattern_means(pattern: str, found: list[str]) -> None:
    assert matches_of(pattern) == found
    if found and not pattern.startswith((".", "**")):
        assert matches_of(os.path.abspath(pattern) + "/" * pattern.endswith("/")) == [os.path.abspath(p) for p in found]


def test_all_below() -> None:
    assert matches_of("**/[a-c].jpg") == ["a.jpg", "b.jpg", "holiday 2/c.jpg", "holiday [2024]/a.jpg"]


def test_links_that_lead_back(tree: Path) -> None:
    (tree / "deep/self").symlink_to(".")
    (tree / "deep/up").symlink_to("..")
    assert matches_of("deep/**/*.jpg") == ["deep/er/g.jpg"]
    assert matches_of("deep/**/**/**/**/*.jpg") == ["deep/er/g.jpg"]
    assert matches_of("deep/s*/er/*.jpg") == ["deep/self/er/g.jpg"]  # a link that the pattern names is followed


def test_a_folder_that_cannot_be_listed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real, told = os.listdir, []

    def listdir(folder: str) -> list[str]:
        if folder == "deep/er":
            raise PermissionError(13, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr("vision.cli.patterns.os.listdir", listdir)
    assert matches_of("deep/*/*.jpg", lambda error: told.append(error.filename)) == [] and told == ["deep/er"]
