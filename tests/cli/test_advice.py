"""Advice about options stands in the command line alone, and only about options that there are."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from vision.cli.advice import ADVICE, advised, usage_errors
from vision.cli.main import build_parser
from vision.cli.reporter import record_of
from vision.errors import CODES, Notice, UsageError


class Result:
    """A result that failed."""

    error: str | None = Notice("has 9 pixels", "too-many-pixels", 9)
    warnings = (Notice("rows differ", "views-unrectified"), "plain")

    def to_dict(self) -> dict[str, object]:
        """Its fields, as plain text."""
        return {"left": "a", "error": str(self.error), "warnings": [str(warning) for warning in self.warnings]}


def test_a_code_brings_its_advice() -> None:
    assert advised("as it is") == "as it is"
    assert advised(Notice("odd", "no-such-code")) == "odd"
    assert advised("too large", UsageError("", code="too-many-pixels")) == "too large; raise it with --max-pixels"
    assert advised(Notice("rows differ", "views-unrectified")) == "rows differ; the options are --rectify and --calib"


def test_what_is_allowed_already_is_not_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = UsageError("HF_HUB_OFFLINE forbids downloads", code="no-published-weights")
    for allowed, text in (("0", "; or allow it with --allow-download"), ("1", "")):
        monkeypatch.setenv("NBV_ALLOW_DOWNLOAD", allowed)
        assert advised(absent) == f"HF_HUB_OFFLINE forbids downloads{text}"


def test_records_have_the_advice() -> None:
    record = record_of(Result())
    assert record["error"] == "has 9 pixels; raise it with --max-pixels"
    assert record["warnings"] == ["rows differ; the options are --rectify and --calib", "plain"]


def test_advice_is_for_codes_that_there_are() -> None:
    assert set(ADVICE) <= set(CODES)


def test_every_option_that_is_advised_exists(capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for command in ("forgery", "stereo"):
        with pytest.raises(SystemExit):
            build_parser().parse_args([command, "--help"])
        texts.append(capsys.readouterr().out)
    options = Counter(re.findall(r"--[a-z-]+", " ".join(texts)))
    for advice in ADVICE.values():
        assert re.findall(r"--[a-z-]+", advice) and all(options[name] for name in re.findall(r"--[a-z-]+", advice))


def test_a_mistake_keeps_its_code() -> None:
    with pytest.raises(UsageError) as caught, usage_errors():
        raise UsageError("x", code="no-weights", value="m")
    assert (caught.value.code, caught.value.value) == ("no-weights", "m")
    with pytest.raises(UsageError, match="not 5"), usage_errors():
        raise ValueError("not 5")


def test_the_library_names_no_options() -> None:
    package = Path(__file__).resolve().parents[2] / "vision"
    options = re.compile(r"--(?:max-pixels|max-size|tile|scale|rectify|calib|weights|checkpoint|flow|model|robust)\b")
    parts = ("images.py", "apis", "geometry", "stereo_io", "models", "structures", "visualization", "provenance")
    files = [file for part in parts for file in [package / part, *(package / part).rglob("*.py")] if file.is_file()]
    assert len(files) > 40
    assert [str(file) for file in files if options.search(file.read_text("utf-8"))] == []
