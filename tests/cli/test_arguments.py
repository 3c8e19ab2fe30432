"""Options under the names that they had, and kinds of arguments."""

from __future__ import annotations

import argparse

import pytest

from vision.cli.arguments import add_old_name, add_old_switch, between
from vision.cli.main import build_parser


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="vision stereo")
    made.add_argument("--checkpoint", metavar="FILE")
    add_old_name(made, "--weights", "--checkpoint")
    made.add_argument("--no-image", action="store_true")
    add_old_switch(made, "--no-picture", "--no-image")
    return made


def test_old_names_go_on_working(parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]) -> None:
    assert vars(parser.parse_args([])) == {"checkpoint": None, "no_image": False}
    assert vars(parser.parse_args(["--checkpoint", "a", "--no-image"])) == {"checkpoint": "a", "no_image": True}
    assert capsys.readouterr().err == ""
    assert vars(parser.parse_args(["--weights=a", "--no-picture"])) == {"checkpoint": "a", "no_image": True}
    assert capsys.readouterr().err.splitlines() == [
        "vision stereo: warning: --weights is deprecated; use --checkpoint",
    ]
    assert "--weights" not in parser.format_help() and "--no-picture" not in parser.format_help()


def test_both_commands_have_the_same_names() -> None:
    parse = build_parser().parse_args
    forgery, stereo = parse(["forgery", "a.png"]), parse(["stereo", "a.png", "b.png"])
    shared = {"checkpoint", "csv", "device", "json", "jsonl", "max_pixels", "model"}
    assert shared <= set(vars(forgery)) & set(vars(stereo)) and forgery.max_pixels == stereo.max_pixels


def test_a_number_of_a_range() -> None:
    assert between(0, 1)("0.5") == 0.5
    for text in ("2", "nan", "x"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"from 0 to 1, got '{text}'"):
            between(0, 1)(text)
