"""Declaration, watermark and conclusion in `vision forgery`: what is printed, what --fail-on counts, the report."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vision.watermark import embed_watermark

Forgery = Callable[..., int]
Capture = pytest.CaptureFixture[str]
REAL, FAKE = ("--threshold", 1), ("--threshold", 0)
SETTINGS = "a red fox\nSteps: 20, Sampler: Euler a, Seed: 77, Model: fox_v3"


@pytest.fixture
def evidence(tmp_path: Path) -> dict[str, Path]:
    """An image of each kind of evidence, and one with none."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :320]
    noise = rng.normal(0, 6, (256, 320, 3))
    pixels = np.clip(120 + (20 * np.sin(x / 9) + 15 * np.cos(y / 7))[..., None] + noise, 0, 255).astype(np.uint8)
    paths = {name: folder / f"{name}.png" for name in ("declared", "marked", "plain")}
    info = PngInfo()
    info.add_text("parameters", SETTINGS)
    Image.fromarray(pixels).save(paths["declared"], pnginfo=info)
    Image.fromarray(embed_watermark(pixels, "Stable Diffusion 1")).save(paths["marked"])
    Image.fromarray(pixels).save(paths["plain"])
    return paths


def records_of(capsys: Capture) -> list[dict]:
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("image", "decision", "kinds", "code"),
    [
        ("plain", REAL, "pixels,declaration,watermark", 0),
        ("plain", FAKE, "declaration,watermark", 0),
        ("plain", FAKE, "pixels", 3),
        ("plain", FAKE, "watermark, pixels", 3),
        ("declared", REAL, "pixels,watermark", 0),
        ("declared", REAL, "declaration", 3),
        ("marked", REAL, "pixels,declaration", 0),
        ("marked", REAL, "watermark", 3),
    ],
)
def test_fail_on_counts_what_it_names(
    forgery: Forgery, evidence: dict[str, Path], image: str, decision: tuple[str, int], kinds: str, code: int
) -> None:
    assert forgery(evidence[image], *decision, "--fail-on", kinds) == code
    assert forgery(evidence[image], *decision) == 0


def test_fail_on_fake_adds_pixels(forgery: Forgery, evidence: dict[str, Path], capsys: Capture) -> None:
    assert forgery(evidence["plain"], *FAKE, "--fail-on", "watermark", "--fail-on-fake") == 3
    with pytest.raises(SystemExit) as stop:
        forgery(evidence["plain"], "--fail-on", "pixels,smell")
    assert stop.value.code == 2 and "some of pixels,declaration,watermark" in capsys.readouterr().err


def test_what_a_file_declares_counts_though_its_pixels_cannot_be_read(
    forgery: Forgery, evidence: dict[str, Path]
) -> None:
    evidence["declared"].write_bytes(evidence["declared"].read_bytes()[:5000])
    assert forgery(evidence["declared"]) == 1
    assert forgery(evidence["declared"], "--fail-on", "declaration") == 3


def test_a_run_that_goes_on_remembers_what_was_found(
    forgery: Forgery, evidence: dict[str, Path], tmp_path: Path
) -> None:
    table = tmp_path / "a.csv"
    assert forgery(*evidence.values(), *REAL, "--csv", table) == 0
    for kinds, code in (("declaration", 3), ("watermark", 3), ("pixels", 0)):
        assert forgery(*evidence.values(), *REAL, "--csv", table, "--resume", "--fail-on", kinds) == code


@pytest.mark.parametrize("change", [["--thorough"], ["--show-prompt"], ["--trust", "PEM"]])
def test_resume_knows_options_that_change_rows(
    forgery: Forgery, evidence: dict[str, Path], tmp_path: Path, authority: Path, change: list[str]
) -> None:
    change = [word.replace("PEM", str(authority)) for word in change]
    table = tmp_path / "a.csv"
    assert forgery(evidence["plain"], "--csv", table) == 0
    assert forgery(evidence["plain"], "--csv", table, "--resume", *change) == 2
    assert forgery(evidence["plain"], "--csv", table, "--overwrite", *change) == 0
    assert forgery(evidence["plain"], "--csv", table, "--resume", *change) == 0


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate, as somebody would trust it; there are some in certifi, which the test stack brings."""
    certifi = pytest.importorskip("certifi")
    text = Path(certifi.where()).read_text(encoding="utf-8")
    path = tmp_path_factory.mktemp("trust") / "one.pem"
    path.write_text(
        text[text.index("-----BEGIN") :].partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    )
    return path


def test_a_trust_list_that_is_none_is_bad_usage(
    forgery: Forgery, evidence: dict[str, Path], tmp_path: Path, capsys: Capture
) -> None:
    for trust in (evidence["plain"], tmp_path / "missing.pem"):
        assert forgery(evidence["plain"], "--trust", trust) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and str(trust) in err


def test_a_trust_list_is_an_input_that_is_never_written_to(
    forgery: Forgery, evidence: dict[str, Path], authority: Path
) -> None:
    before = authority.read_bytes()
    assert forgery(evidence["plain"], "--trust", authority, "--csv", authority, "--overwrite") == 2
    assert authority.read_bytes() == before


def test_prompts_are_told_on_request_alone(forgery: Forgery, evidence: dict[str, Path], capsys: Capture) -> None:
    assert forgery(evidence["declared"], "--json") == 0
    [quiet] = records_of(capsys)
    assert (quiet["generator"], quiet["generator_model"], quiet["seed"]) == ("AUTOMATIC1111", "fox_v3", "77")
    assert (quiet["prompt_present"], quiet["prompt"]) == (True, None)
    assert forgery(evidence["declared"], "--json", "--show-prompt") == 0
    assert records_of(capsys)[0]["prompt"] == "a red fox"


def test_json_and_csv_keep_the_parts_apart(
    forgery: Forgery, evidence: dict[str, Path], tmp_path: Path, capsys: Capture
) -> None:
    assert forgery(*evidence.values(), *REAL, "--json", "--csv", tmp_path / "a.csv") == 0
    declared, marked, plain = records_of(capsys)
    kinds = [record["conclusion_kind"] for record in (declared, marked, plain)]
    assert kinds == ["unclear", "ai-generated", "real"] and {record["verdict"] for record in (declared, marked)} == {
        "real"
    }
    assert [record["conflict"] for record in (declared, marked, plain)] == [True, False, False]
    assert marked["watermark"] == "Stable Diffusion 1" and 0 < marked["watermark_fpr"] < 1e-6
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["declared"] for row in rows] == ["ai-generated", "none", "none"]
    assert [row["conclusion"] for row in rows] == [record["conclusion"] for record in (declared, marked, plain)]


def test_the_table_begins_with_the_conclusion(forgery: Forgery, evidence: dict[str, Path], capsys: Capture) -> None:
    assert forgery(*evidence.values(), *REAL) == 0
    declared, marked, plain = capsys.readouterr().out.splitlines()[1:]
    assert declared.startswith("unclear ") and "File and pixels contradict each other. declared by: " in declared
    assert marked.startswith("ai-generated  real ") and "watermark: Stable Diffusion 1" in marked
    assert plain.startswith("real ") and plain.endswith("Probably real: the pixels look like a photograph.")


def test_report(forgery: Forgery, evidence: dict[str, Path], tmp_path: Path, capsys: Capture) -> None:
    report = tmp_path / "out" / "report.html"
    assert forgery(*evidence.values(), tmp_path / "missing.png", "--report", report.parent, *REAL) == 1
    text = report.read_text(encoding="utf-8")
    assert all(path.name in text for path in evidence.values()) and "missing.png" in text
    assert "Stable Diffusion 1" in text and "contradict" in text and text.count("data:image/") >= 6  # with heat maps
    assert forgery(evidence["plain"], "--report", report.parent) == 2
    assert "report.html' is there already; choose another name, or see --overwrite" in capsys.readouterr().err
    assert report.read_text(encoding="utf-8") == text
    assert forgery(evidence["plain"], "--report", report.parent, "--overwrite") == 0
    assert "marked.png" not in report.read_text(encoding="utf-8")
    assert [path.name for path in report.parent.iterdir()] == ["report.html"]


def test_a_report_of_a_run_that_goes_on_has_all_of_it(
    forgery: Forgery, evidence: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, report = tmp_path / "a.csv", tmp_path / "out"

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vision.cli.reporter.Reporter._print_now", interrupt)
        assert forgery(*evidence.values(), "--csv", table, "--report", report) == 130
    assert not (report / "report.html").exists()
    assert forgery(*evidence.values(), "--csv", table, "--report", report, "--resume") == 0
    text = (report / "report.html").read_text(encoding="utf-8")
    assert all(path.name in text for path in evidence.values())


def test_a_report_is_no_input(forgery: Forgery, evidence: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "report.html").hardlink_to(evidence["plain"])
    before = evidence["plain"].read_bytes()
    assert forgery(evidence["plain"], "--report", tmp_path, "--overwrite") == 2
    assert evidence["plain"].read_bytes() == before


def test_thorough_looks_at_more(forgery: Forgery, evidence: dict[str, Path], capsys: Capture) -> None:
    crops = []
    for options in ([], ["--thorough"]):
        assert forgery(evidence["plain"], "--json", *options) == 0
        crops.append(records_of(capsys)[0]["crops"])
    assert crops == [2, 3]  # of 256 x 320 pixels two, and one of the copy of half its size
