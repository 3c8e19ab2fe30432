"""benchmarks/page.py: what it makes of figures, and of scripts that fail; not how long anything takes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib")

from benchmarks import page
from benchmarks.results import Figure, Results, digits, read_figures

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def figures(tmp_path: Path) -> list[Figure]:
    """Two rows of one group and one of another, through the file that a script writes."""
    results = Results()
    results.add("attention", "56x56", 2.0, {"NATTEN": 8.0, "flex": 3.0}, bound=0.5)
    results.add("attention", "28x28", 1.0, {"NATTEN": 1.5})
    results.add("memory", "56x56", 7.0, {}, unit="MiB")
    file = tmp_path / "figures.json"
    results.write(str(file))
    return read_figures(file.read_text())


def test_a_table_has_ratios_to_ours_and_the_share_of_the_bound(figures: list[Figure]) -> None:
    grouped = page.groups(figures)
    assert list(grouped) == ["attention", "memory"]
    assert page.table(grouped["attention"]).splitlines() == [
        "|  | ours, ms | NATTEN, ms | flex, ms | bound, ms |",
        "|---|---:|---:|---:|---:|",
        "| 56x56 | **2** | 8 (4.00x) | 3 (1.50x) | 0.5 (25 %) |",
        "| 28x28 | **1** | 1.5 (1.50x) |  |  |",
    ]
    assert page.table(grouped["memory"]).splitlines()[0] == "|  | ours, MiB |"


@pytest.mark.parametrize(
    ("value", "text"), [(0.01234, "0.0123"), (12.0, "12"), (999.4, "999"), (999.6, "1,000"), (5943.2, "5,943")]
)
def test_figures_have_three_digits_and_no_exponents(value: float, text: str) -> None:
    assert digits(value) == text


def test_the_page_names_a_script_that_failed_and_draws_the_others(figures: list[Figure], tmp_path: Path) -> None:
    runs = [
        page.Run("neighborhood", "a <table>\n", 3.0, 0, figures),
        page.Run("video", "Traceback", 1.0, 1, []),
    ]
    plots = tmp_path / "docs/figures/benchmarks"
    plots.mkdir(parents=True)
    text = page.page(runs, plots, quick=False)
    assert "**It failed with exit code 1**" in text and "a &lt;table&gt;" in text
    assert "![attention](figures/benchmarks/neighborhood-1.svg)" in text
    drawn = ElementTree.parse(plots / "neighborhood-1.svg").getroot()
    words = {part.text for part in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"ours", "NATTEN", "flex", "bound", "56x56", "28x28", "attention", "ms"} <= words


def test_a_script_that_ends_badly_is_a_run_with_its_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/one.py").write_text("import sys\nprint('half')\nsys.exit('the rest is missing')\n")
    (tmp_path / "benchmarks/two.py").write_text("import sys\nopen(sys.argv[-1], 'w').write('[]')\n")
    monkeypatch.setattr(page, "ROOT", tmp_path)
    one, two = page.run("one", []), page.run("two", [])
    assert (one.code, one.printed, one.figures) == (1, "half\nthe rest is missing\n", [])
    assert (two.code, two.figures) == (0, [])


def test_every_script_is_on_the_page_or_named_as_none_of_speed() -> None:
    known = {*page.SCRIPTS, *page.OTHERS, *page.PARTS}
    assert {path.stem for path in FOLDER.glob("*.py")} == known
    for name in page.SCRIPTS:
        text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        assert '"--json"' in text or "add_json(parser)" in text, name


def test_figures_are_written_as_json(figures: list[Figure], tmp_path: Path) -> None:
    record = json.loads((tmp_path / "figures.json").read_text())[0]
    assert (record["group"], record["case"], record["name"]) == ("attention", "56x56", "ours")
    assert (record["kind"], record["value"], record["unit"]) == ("ours", 2.0, "ms")
