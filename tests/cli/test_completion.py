"""`vision completion`: what the shells are given, and what they are answered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vision.cli.completion import SHELLS
from vision.cli.main import main

ROOT = Path(__file__).parents[2]
# The shells call `vision` by its name. Whoever presses Tab does not wait for torch: it cannot be imported here.
COMMAND = """#!{python}
import sys
sys.path.insert(0, {root!r})
sys.modules["torch"] = None
from vision.cli.main import main
sys.exit(main())
"""
BASH = """
source script
ask() {
    COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMPREPLY=()
    _python_argcomplete vision
    echo "${COMPREPLY[*]}"
}
"""


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """With the command, the scripts of all shells and a file to complete."""
    (tmp_path / "vision").write_text(COMMAND.format(python=sys.executable, root=str(ROOT)))
    (tmp_path / "vision").chmod(0o755)
    (tmp_path / "photo of a cat.jpg").touch()
    (tmp_path / "other.png").touch()
    for shell in SHELLS:
        assert main(["completion", shell]) == 0
        (tmp_path / f"script.{shell}").write_text(capsys.readouterr().out)
    return tmp_path


def run(shell: list[str], text: str, folder: Path) -> list[str]:
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)}
    done = subprocess.run([*shell, text], cwd=folder, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return [line.strip() for line in done.stdout.splitlines()]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash(folder: Path) -> None:
    lines = [
        "forg",
        "export stereo --model match_stereo_",
        "forgery --device ",
        "forgery phot",
        "models --download match_f",
    ]
    lines += ["stereo --checkpoint match_f", "stereo --checkpoint "]
    asked = "".join(f"ask 'vision {line}'\n" for line in lines)
    answers = run(["bash", "-c"], BASH.replace("script", "./script.bash") + asked, folder)
    models = "match_stereo_tiny match_stereo_small match_stereo_base match_stereo_nano"
    assert [sorted(answer.split()) for answer in answers[:3]] == [
        ["forgery"],
        sorted(models.split()),
        ["cpu", "cuda"],
    ]
    assert answers[3].replace("\\", "") == "photo of a cat.jpg"
    assert [answer.strip() for answer in answers[4:6]] == ["match_flow_base", "match_flow_base"]
    assert "other.png" in answers[6] and "match_flow_base" not in answers[6]


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish")
def test_fish(folder: Path) -> None:
    answers = run(["fish", "-c"], "source script.fish; complete -C 'vision video --model '", folder)
    assert answers == ["mamba_people_nano"]


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_are_for_our_command(folder: Path, shell: str) -> None:
    script = (folder / f"script.{shell}").read_text()
    registered = {
        "bash": "-F _python_argcomplete vision\n",
        "zsh": "compdef _python_argcomplete vision\n",
        "fish": "complete --command vision ",
    }
    assert registered[shell] in script


def test_other_shells_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["completion", "csh"])
    assert stopped.value.code == 2 and "invalid choice: 'csh'" in capsys.readouterr().err
