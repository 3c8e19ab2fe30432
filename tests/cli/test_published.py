"""Published weights on the command line: listed, checked, fetched only with --allow-download."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from vision.cli.main import main
from vision.cli.reporter import _weights_of
from vision.models import match_stereo
from vision.published import PUBLISHED, Published

Serve = Callable[[Callable[[BaseHTTPRequestHandler, int], None]], str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that NBV_WEIGHTS names; both caches are empty and nothing is allowed."""
    path = tmp_path / "weights"
    path.mkdir()
    monkeypatch.setenv("NBV_WEIGHTS", str(path))
    # Also taken back at the end, where the option sets it.
    monkeypatch.setenv("NBV_ALLOW_DOWNLOAD", "")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    return path


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """Weights of the shipped matcher, as PyTorch writes them."""
    torch.save(match_stereo().state_dict(), tmp_path / "content.pth")
    return (tmp_path / "content.pth").read_bytes()


@pytest.fixture
def served(serve: Serve, content: bytes, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A server has the weights of "nano"; the paths that it was asked for."""
    asked = []

    def answer(handler: BaseHTTPRequestHandler, count: int) -> None:
        asked.append(handler.path)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    row = Published("nano", "stereo", serve(answer), "nano.pth", "GPL-3.0", 3.56)
    monkeypatch.setattr("vision.published.PUBLISHED", {"nano": row})
    monkeypatch.setattr("vision.models.listing.PUBLISHED", {"nano": row})
    return asked


def test_all_of_them_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "nat_mini.pth").write_bytes(b"")
    assert main(["models", "--published", "--json"]) == 0
    records = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    assert set(records) == set(PUBLISHED)
    assert records["dinat_tiny"] == {
        "name": "dinat_tiny",
        "task": "classification",
        "million_parameters": 27.9,
        "url": "https://shi-labs.com/projects/dinat/checkpoints/imagenet1k/dinat_tiny_in1k_224.pth",
        "file": "dinat_tiny_in1k_224.pth",
        "bytes": None,
        "about_bytes": 111_600_000,
        "sha256": None,
        "license": "MIT",
        "figures": {},
        "path": None,
    }
    assert records["nat_mini"]["path"] == str(folder / "nat_mini.pth")
    assert records["maskrcnn_dinat_s_tiny"]["figures"] == {"coco_box_ap": 46.6, "coco_mask_ap": 42.1}
    assert main(["models", "--published"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    url = "https://huggingface.co/Tingman/MatchAttention/resolve/main/matchstereo_tiny_fsd.pth"
    assert ["match_stereo_tiny", "stereo", "~35", "GPL-3.0", "-", url] in lines
    assert next(line for line in lines if line[0] == "nat_mini")[4] == str(folder)


def test_models_say_which_weights_their_authors_publish(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    records = {record["name"]: record["published"] for record in json.loads(capsys.readouterr().out)}
    assert records["dinat_tiny"]["url"] == PUBLISHED["dinat_tiny"].url and "path" not in records["dinat_tiny"]
    assert records["match_flow_base"]["license"] == "GPL-3.0" and records["match_stereo_nano"] is None
    assert main(["models"]) == 0
    assert "published weights: --checkpoint match_stereo_base (GPL-3.0)" in capsys.readouterr().out


def test_weights_are_fetched_when_the_option_says_so_and_then_are_here(
    served: list[str], content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "--download", "nano"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.endswith("; or allow it with --allow-download\n") and not served
    assert main(["models", "--download", "nano", "--allow-download"]) == 0
    path = tmp_path / "torch" / "checkpoints" / "nano.pth"
    assert capsys.readouterr().out == f"{path}\n" and path.read_bytes() == content
    assert main(["models", "--download", "nano", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["bytes"], record["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert len(served) == 1


def test_a_command_takes_a_name_in_place_of_a_file(
    served: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = ["export", "stereo", str(tmp_path / "none" / "x.onnx"), "--checkpoint", "nano"]
    assert main([*export, "--allow-download"]) == 2  # the folder is missing, which is told first
    assert os.environ["NBV_ALLOW_DOWNLOAD"] == "1" and not served
    assert torch.equal(next(match_stereo(checkpoint="nano").parameters()), next(match_stereo().parameters()))
    assert served == ["/w.pth"]


def test_a_name_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--download", "dinat_huge"]) == 2
    assert capsys.readouterr().err == (
        "vision models: no published weights are called 'dinat_huge'; vision models --published lists their names\n"
    )


def test_a_damaged_file_is_told_and_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "nat_mini.pth"
    path.write_bytes(b"PK\x03\x04 cut off")
    assert main(["models", "--download", "nat_mini", "--allow-download"]) == 2
    assert str(path) in capsys.readouterr().err and path.read_bytes() == b"PK\x03\x04 cut off"


def test_a_resumed_run_knows_the_content_of_what_a_name_or_a_folder_stands_for(folder: Path, tmp_path: Path) -> None:
    (folder / "nat_mini.pth").write_bytes(b"")
    assert _weights_of("nat_mini") == [str(folder / "nat_mini.pth")]
    assert _weights_of("nat_tiny") == [None] and _weights_of(None) == [None] and _weights_of("a.pth") == ["a.pth"]
    assert _weights_of(str(tmp_path)) == [str(tmp_path / name) for name in ("model.safetensors", "config.json")]
