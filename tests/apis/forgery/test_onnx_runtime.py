"""Judging by onnxruntime: the same results as PyTorch's, which is never imported, and files that are none of ours."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from torch import nn

from vision.apis import ForgeryInferencer, ForgeryResult
from vision.cli.main import main
from vision.errors import CheckpointError, UsageError
from vision.models.forgery.network import forgery_detector
from vision.models.table import find_model
from vision.onnx.exporter import save_graph
from vision.onnx.forgery import forgery_graph
from vision.onnx.forgery.metadata import forgery_metadata
from vision.onnx.metadata import as_text


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped detector in ONNX."""
    row = find_model("dual_frequency_wild")
    assert row is not None
    network = forgery_detector(row.name)
    metadata = as_text(forgery_metadata(network, row, None))
    return save_graph(forgery_graph(network), tmp_path_factory.mktemp("onnx") / "wild.onnx", metadata)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A JPEG file of two by two windows, a smaller PNG file, one with nothing to judge, and one that is no image."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    soft = cv2.resize(rng.uniform(30, 220, (6, 8, 3)), (400, 300), interpolation=cv2.INTER_CUBIC)
    photo = (soft + cv2.GaussianBlur(rng.normal(0, 12, soft.shape), (0, 0), 0.7)).clip(0, 255).astype(np.uint8)
    cv2.imwrite(str(folder / "a.jpg"), photo, [cv2.IMWRITE_JPEG_QUALITY, 60])
    cv2.imwrite(str(folder / "b.png"), photo[:90, :110])
    cv2.imwrite(str(folder / "c.png"), np.full((200, 200, 3), 90, np.uint8))
    (folder / "d.png").write_bytes(b"no image")
    return sorted(folder.iterdir())


def test_results_are_those_of_pytorch(exported: Path, photos: list[Path]) -> None:
    options: dict[str, Any] = {"robust": True, "coarse_map": True}
    found = ForgeryInferencer(checkpoint=exported, **options)(photos)
    wanted = ForgeryInferencer(**options)(photos)
    for ours, theirs in zip(found, wanted, strict=True):
        assert_alike(ours, theirs)
    assert [result.crops for result in wanted] == [4, 4, 1, 0] and wanted[0].jpeg_quality == 60


def assert_alike(ours: ForgeryResult, theirs: ForgeryResult) -> None:
    """All fields are equal, but that numbers which the network gave may differ in the third place."""
    for field in dataclasses.fields(ForgeryResult):
        one, other = getattr(ours, field.name), getattr(theirs, field.name)
        if field.name in ("logit", "probability", "probability_min", "probability_max"):
            assert (one is None) == (other is None)
            assert one is None or abs(one - other) < 1e-3
        elif field.name == "heatmap":
            assert (one is None) == (other is None)
            if one is not None:
                np.testing.assert_allclose(one.probability, other.probability, atol=1e-3)
        else:
            assert one == other, field.name


def test_windows_are_cut_as_for_pytorch(exported: Path) -> None:
    ours, theirs = ForgeryInferencer(checkpoint=exported), ForgeryInferencer()
    assert ours.preparation == theirs.preparation and ours.preparation.sizes.large == 512
    assert (ours.calibration, ours.low, ours.high) == (theirs.calibration, theirs.low, theirs.high)
    assert ours.batch_size == 2 and ours.network is None


def test_the_command_never_imports_pytorch(
    exported: Path, photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(path) for path in photos]
    outputs = ["--csv", str(tmp_path / "a.csv"), "--report", str(tmp_path / "report"), "--heatmap", str(tmp_path / "h")]
    program = (
        "import sys; from vision.cli.main import main; code = main(sys.argv[1:]); "
        "print(*{'torch', 'timm', 'onnx', 'mmengine'} & set(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    options = ["--runtime", "onnx", "--checkpoint", str(exported), "--json", *outputs]
    done = subprocess.run(
        [sys.executable, "-c", program, "forgery", *names, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr  # one is no image
    assert done.stderr.splitlines()[-1] == ""
    assert (tmp_path / "report" / "report.html").exists() and len(list((tmp_path / "h").iterdir())) == 3
    assert main(["forgery", *names, "--json"]) == 1
    wanted = json.loads(capsys.readouterr().out)
    for ours, theirs in zip(json.loads(done.stdout), wanted, strict=True):
        for name in ("logit", "probability"):
            one, other = ours.pop(name), theirs.pop(name)
            assert one == other or abs(one - other) < 1e-3
        ours.pop("heatmap")
        assert ours == theirs


def changed(path: Path, target: Path, change: Callable[[onnx.ModelProto, dict[str, str]], None]) -> Path:
    """A copy of a file with its graph or its metadata changed."""
    model = onnx.load(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    change(model, metadata)
    del model.metadata_props[:]
    return save_graph(model, target, metadata)


def test_files_that_cannot_be_used_say_why(exported: Path, tmp_path: Path) -> None:
    whole, path = exported.read_bytes(), tmp_path / "a.onnx"
    for content in (whole[: len(whole) // 2], b"", b"PK\x03\x04 something else"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"a\.onnx is no ONNX file that onnxruntime can load .*complete\?"):
            ForgeryInferencer(checkpoint=path)
    with pytest.raises(CheckpointError, match=r"none\.onnx does not exist"):
        ForgeryInferencer(checkpoint=tmp_path / "none.onnx")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"task": "stereo"}, "is of task 'stereo', and forgery was expected"),
        ({"task": None}, "does not say, and forgery was expected"),
        ({"calibration": None}, "has no calibration of a detector"),
        ({"calibration": '{"temperature": -1}'}, "temperature must be positive, got -1"),
        ({"windows": None}, "says of its windows least = None; expected a multiple of 4 from 8 to 4096"),
        ({"windows": '{"least": 64, "large": 999999}'}, "large = 999999; expected"),
    ],
)
def test_files_of_other_models_are_refused(
    exported: Path, tmp_path: Path, entries: dict[str, str | None], message: str
) -> None:
    def change(model: onnx.ModelProto, metadata: dict[str, str]) -> None:
        metadata.update({name: value for name, value in entries.items() if value is not None})
        for name in (name for name, value in entries.items() if value is None):
            del metadata[name]

    with pytest.raises(CheckpointError, match=message):
        ForgeryInferencer(checkpoint=changed(exported, tmp_path / "a.onnx", change))


def replaced_by(kind: str, output: str) -> Callable[[onnx.ModelProto, dict[str, str]], None]:
    """A graph of one node in place of the detector."""

    def change(model: onnx.ModelProto, metadata: dict[str, str]) -> None:
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("image", output)]
        graph = helper.make_graph([helper.make_node(kind, ["image"], [output])], "other", values[:1], values[1:])
        model.graph.CopyFrom(graph)

    return change


def test_graphs_that_are_no_detectors_are_refused(exported: Path, tmp_path: Path, photos: list[Path]) -> None:
    path = changed(exported, tmp_path / "a.onnx", replaced_by("Identity", "depth"))
    with pytest.raises(CheckpointError, match=r"takes image; expected a graph image -> logit"):
        ForgeryInferencer(checkpoint=path)
    path = changed(exported, path, replaced_by("Identity", "logit"))
    with pytest.raises(CheckpointError, match=r"gives float32 \(2, 3, 256, 256\) for 2 windows; expected one logit"):
        ForgeryInferencer(checkpoint=path)(photos[0])
    path = changed(exported, path, replaced_by("Det", "logit"))  # of matrices that are not square
    with pytest.raises(CheckpointError, match="fails when it is run"):
        ForgeryInferencer(checkpoint=path, crop_size=8, max_crops=1).runtime.logits(np.zeros((1, 8, 12, 3), np.uint8))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"device": "cuda"}, "conflicting-arguments"),
        ({"precision": "bf16"}, "conflicting-arguments"),
        ({"foundation": "f.safetensors"}, "conflicting-arguments"),
        ({"network": nn.Identity()}, "conflicting-arguments"),
        ({"runtime": "torch"}, "conflicting-arguments"),
        ({"runtime": "tensorrt"}, "out-of-range"),
        ({"runtime": "onnx", "checkpoint": None}, "no-onnx-file"),
    ],
)
def test_arguments_that_do_not_fit(exported: Path, options: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as raised:
        ForgeryInferencer(**{"checkpoint": exported, **options})
    assert raised.value.code == code


def test_what_is_missing_is_named(
    exported: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forgery", str(photos[0]), "--runtime", "onnx"]) == 2
    assert "make one with vision export, and name it with --checkpoint" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert main(["forgery", str(photos[0]), "--checkpoint", str(exported)]) == 2
    assert "needs onnxruntime: pip install 'neighborhood-vision[onnx]'" in capsys.readouterr().err
