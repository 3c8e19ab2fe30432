"""A torch that is too old is told by its version, not by the symbol or function that it lacks."""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
import torch

from tools.dist import check
from vision import device
from vision.cli import doctor
from vision.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent
WORDS = "torch 2.9.1+cu128 is too old; expected 2.10 or later: pip install --upgrade 'torch>=2.10'"
RUN = """
import sys, torch
torch.__version__ = "2.9.1+cu128"
from vision.cli.main import main
sys.exit(main(["forgery", "image.png"]))
"""


@pytest.mark.parametrize(("version", "is_old"), [("1.13.1", True), ("2.9.1+cu128", True), ("2.10.0", False),
                                                 ("2.15.0.dev20261101+cpu", False), ("3.0.0", False)])  # fmt: skip
def test_versions_are_compared_as_numbers(monkeypatch: pytest.MonkeyPatch, version: str, is_old: bool) -> None:
    monkeypatch.setattr(torch, "__version__", version)
    assert (device.old_torch() is not None) == is_old


def test_no_device_of_an_old_torch_is_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.9.1+cu128")
    with pytest.raises(UsageError) as caught:
        device.usable_device("cpu")
    assert str(caught.value) == WORDS and caught.value.code == "old-torch" and caught.value.value == "2.9.1+cu128"


def test_commands_end_with_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 2 and done.stderr == f"vision forgery: {WORDS}\n"


def test_doctor_names_it_and_asks_torch_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.9.1+cu128")
    findings = doctor.examine()
    assert doctor.Finding("hardware", "torch", "missing", WORDS) in findings
    assert doctor.Finding("extension", "vision._C", "missing", f"compiled operators: {WORDS}") in findings
    assert not {"backends", "weights"} & {finding.section for finding in findings}


def test_pip_is_told_the_same_version() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    wanted = re.search(r"^torch>=(\d+)\.(\d+)$", config["options"]["install_requires"], re.MULTILINE)
    assert wanted is not None and (int(wanted[1]), int(wanted[2])) == device.OLDEST_TORCH
    assert "{}.{}.0".format(*device.OLDEST_TORCH) == check.OLDEST
    compiled = f'"0x{device.OLDEST_TORCH[0]:02x}{device.OLDEST_TORCH[1]:02x}000000000000"'
    assert compiled in (ROOT / "setup.py").read_text(encoding="utf-8")
