"""Figures in docs/figures are those that the script draws today, and say what the operators do."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tools.docs import figures

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(figures.figures())


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_what_the_script_draws(name: str) -> None:
    assert (ROOT / "docs/figures" / name).read_text(encoding="utf-8") == figures.figures()[name]


def test_no_figure_without_a_script() -> None:
    assert sorted(path.name for path in (ROOT / "docs/figures").iterdir() if path.is_file()) == NAMES


def test_plots_of_benchmarks_are_those_of_their_page() -> None:
    shown = re.findall(r"\(figures/benchmarks/([^)]+)\)", (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8"))
    assert shown and sorted(path.name for path in (ROOT / "docs/figures/benchmarks").iterdir()) == sorted(shown)


def test_the_dilated_window_is_framed_in_its_own_color() -> None:
    drawn = ElementTree.fromstring(figures.residue_groups())
    cells = [e.attrib for e in drawn.iter() if e.tag.endswith("rect") and "x" in e.attrib]
    frames = {(cell["x"], cell["y"]) for cell in cells if cell["fill"] == "none"}
    colors = {cell["fill"] for cell in cells if (cell["x"], cell["y"]) in frames} - {"none"}
    assert len(frames) == 9
    assert len(colors) == 1


def test_it_writes_where_it_is_told(tmp_path: Path) -> None:
    assert figures.main([str(tmp_path / "new")]) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == NAMES
