"""`vision export`: the file agrees with PyTorch, and what cannot be done is told in a line."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from backbones import ConvFormer
from heads import MatchDecoder
from vision.cli.main import main
from vision.models import MatchStereo
from vision.onnx.formats import FORMATS, Run
from vision.onnx.metadata import from_text
from vision.onnx.parity import Parity, compare
from vision.onnx.programs import load_program
from vision.onnx.stereo import stereo_exportable

Capture = pytest.CaptureFixture[str]


def write_only(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Write this in place of a graph."""
    fake = FORMATS["onnx"]._replace(write=lambda exportable, path: path.write_bytes(content))
    monkeypatch.setitem(FORMATS, "onnx", fake)


@pytest.fixture
def small_model(monkeypatch: pytest.MonkeyPatch) -> MatchStereo:
    """A very small stereo model in place of the named one."""
    torch.manual_seed(0)
    encoder = ConvFormer(embed_dims=(8, 16, 16, 32), depths=(1, 1, 1, 1))
    decoder = MatchDecoder(encoder.embed_dims, depths=(1, 1, 1, 1), window_radius=(2, 2, 1, 1), num_heads=4)
    model = MatchStereo(encoder, decoder).eval()
    monkeypatch.setattr("vision.models.match_stereo", lambda name, checkpoint=None: model)
    return model


def test_the_file_agrees_with_pytorch(small_model: MatchStereo, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "stereo.onnx"
    assert main(["export", "stereo", str(path), "--size", "192", "230", "--check"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert "images of 192 x 230 (height x width)" in out[0] and "differs from PyTorch by at most 0.0" in out[1]
    assert [file.name for file in tmp_path.iterdir()] == ["stereo.onnx"]
    session = onnxruntime.InferenceSession(path)
    assert [(value.name, value.shape) for value in session.get_inputs()] == [
        ("left", [1, 3, 192, 230]),
        ("right", [1, 3, 192, 230]),
    ]
    views = [np.random.default_rng(seed).uniform(0, 255, (1, 3, 192, 230)).astype(np.float32) for seed in (0, 1)]
    left, right = session.run(["disparity", "disparity_right"], dict(zip(("left", "right"), views, strict=True)))
    with torch.no_grad():
        field = small_model(*map(torch.from_numpy, views))["field_up"].numpy()
    np.testing.assert_allclose(left, -field[:1, ..., 0], atol=0.05)
    np.testing.assert_allclose(right, field[1:, ..., 0], atol=0.05)
    # The file says itself what it is.
    said = from_text(session.get_modelmeta().custom_metadata_map)
    assert said["model"] == "match_stereo_nano" and said["task"] == "stereo" and said["license"] == "Apache-2.0"
    assert said["normalization"]["mean"] == [0, 0, 0] and said["normalization"]["range"] == [0, 255]
    assert said["sizes"] == {"height": 192, "width": 230} and said["weights"] == "match_stereo_nano.safetensors"
    # Standard operators alone, and nothing that tells where it was made.
    nodes = onnx.load(path).graph.node
    assert {node.domain for node in nodes} == {""} and not any("Sequence" in node.op_type for node in nodes)
    assert b"/" + __file__.split("/")[1].encode() + b"/" not in path.read_bytes()


def test_a_file_that_differs_is_told(
    small_model: MatchStereo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    write_only(monkeypatch, b"x")
    monkeypatch.setattr("vision.onnx.parity.compare", lambda *_: [Parity((384, 640), 0.06)])
    assert main(["export", "stereo", str(tmp_path / "stereo.onnx"), "--check"]) == 1
    assert "more than 0.05 pixels; do not use this file" in capsys.readouterr().err


def test_a_file_that_is_there_needs_to_be_given_up_and_weights_never_are(
    small_model: MatchStereo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    write_only(monkeypatch, b"new")
    path = tmp_path / "stereo.onnx"
    path.write_bytes(b"old")
    assert main(["export", "stereo", str(path)]) == 2
    assert "--overwrite" in capsys.readouterr().err and path.read_bytes() == b"old"
    assert main(["export", "stereo", str(path), "--checkpoint", str(path), "--overwrite"]) == 2
    assert "is an input of this run" in capsys.readouterr().err and path.read_bytes() == b"old"
    assert main(["export", "stereo", str(path), "--overwrite"]) == 0
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none/stereo.onnx"], "expected the name of a file in a folder that exists"),
        (["."], "expected the name of a file"),
        (["s.onnx", "--model", "match_stereo_tiny"], "ships without weights; name a file with --checkpoint"),
        (["s.onnx", "--model", "nonsense"], "unknown stereo model 'nonsense'"),
        (["s.onnx", "--checkpoint", "gone.pth"], "gone.pth does not exist"),
        (["s.onnx", "--size", "0", "5"], "expected a whole number from 8 on, got '0'"),
        ([], "expected one file to write, as -o FILE names it, got none"),
        (["a.onnx", "-o", "b.onnx"], "got 'a.onnx' and 'b.onnx'"),
        (["-o", "a.onnx", "--format", "pt2"], "--format is pt2; call it 'a.pt2', or leave out --format"),
        (["-o", "a.PT2", "--format", "onnx"], "is the name of a file of format pt2, and --format is onnx"),
        (["-o", "a.onnx", "--format", "tflite"], "invalid choice: 'tflite'"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main(["export", "stereo", *arguments])
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and err.count("\n") == 1 and message in err and err.startswith("vision export")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_to_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("vision.models.match_stereo", lambda *_: pytest.fail("the work began"))
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)
    assert main(["export", "stereo", "-o", str(tmp_path / "s.onnx")]) == 2
    assert "in a folder that exists and may be written to" in capsys.readouterr().err


def test_checking_needs_onnxruntime(
    small_model: MatchStereo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["export", "stereo", str(tmp_path / "s.onnx"), "--check"]) == 2
    assert "--check needs onnxruntime: pip install 'neighborhood-vision[onnx]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_told_before_the_work(
    small_model: MatchStereo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setattr("vision.models.match_stereo", None)
    assert main(["export", "stereo", str(tmp_path / "s.onnx")]) == 2
    assert "export to ONNX needs onnxscript: pip install 'neighborhood-vision[onnx]'" in capsys.readouterr().err


@pytest.mark.parametrize("shift", [-2.0, 2.0, np.nan])
def test_a_difference_counts_in_both_directions(
    small_model: MatchStereo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    exportable = stereo_exportable(small_model, 64, 96)

    def open_shifted(path: Path, threads: int) -> Run:
        return lambda inputs: [field.numpy() + shift for field in exportable.module(*inputs)]

    monkeypatch.setitem(FORMATS, "onnx", FORMATS["onnx"]._replace(open=open_shifted))
    with torch.inference_mode():
        [found] = compare(exportable, tmp_path / "a.onnx", "onnx")
    assert found.size == (64, 96)
    assert found.difference == (np.inf if np.isnan(shift) else pytest.approx(2.0, abs=1e-3))


def test_a_program_keeps_the_kernels(small_model: MatchStereo, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "stereo.pt2"
    assert main(["export", "stereo", "-o", str(path), "--size", "192", "224", "--check"]) == 0
    assert "torch.export's loader differs from PyTorch by at most 0.0000 pixels" in capsys.readouterr().out
    program, said = load_program(path)
    targets = {str(node.target) for node in program.graph.nodes}
    assert "nbv.match_attention.default" in targets and said["needs"] == ["vision.ops"]
    assert said["model"] == "match_stereo_nano" and said["sizes"] == {"height": 192, "width": 224}


@pytest.mark.parametrize("size", [("200", "224"), ("160", "224"), ("192", "4128")])
def test_sizes_that_a_dynamic_graph_does_not_take(
    small_model: MatchStereo, size: tuple[str, str], tmp_path: Path, capsys: Capture
) -> None:
    assert main(["export", "stereo", "-o", str(tmp_path / "s.pt2"), "--dynamic", "--size", *size]) == 2
    assert "sides are multiples of 32 from 192 to 4096: a fixed size may be any" in capsys.readouterr().err


def test_a_graph_of_many_sizes_computes_what_the_model_does(small_model: MatchStereo) -> None:
    exportable = stereo_exportable(small_model, 192, 224, dynamic=True)
    assert exportable.dynamic_shapes is not None and exportable.size == (192, 224)
    with torch.inference_mode():
        field = small_model(*exportable.inputs)["field_up"]
        left, right = exportable.module(*exportable.inputs)
    torch.testing.assert_close(left, -field[:1, ..., 0], atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(right, field[1:, ..., 0], atol=1e-3, rtol=1e-4)


class Patches(nn.Module):
    """Two maps in place of an encoder's four: torch thinks longer about open sides the more layers there are."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(3, dim, side, stride=side) for dim, side in ((8, 16), (16, 32)))

    def forward(self, images: Tensor) -> list[Tensor]:
        return [layer(images) for layer in self.layers]


@pytest.mark.parametrize("stereo", [True, False])
def test_one_file_takes_pairs_of_any_size(
    stereo: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    torch.manual_seed(0)
    decoder = MatchDecoder((8, 16), depths=(1, 1), window_radius=(2, 1), num_heads=2, out_factor=16)
    model = MatchStereo(Patches(), decoder, stereo).eval()
    monkeypatch.setattr("vision.models.match_stereo", lambda name, checkpoint=None: model)
    path = tmp_path / "s.onnx"
    assert main(["export", "stereo", "-o", str(path), "--dynamic", "--size", "224", "256", "--check"]) == 0
    out = capsys.readouterr().out
    assert "images of any size with sides from 192 to 4096, multiples of 32" in out
    assert out.count("onnxruntime differs from PyTorch by at most 0.0") == 3
