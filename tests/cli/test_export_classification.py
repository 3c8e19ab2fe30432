"""`vision export dinat_mini` and the like: the file agrees with PyTorch at every size that it says it takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
import torch

from backbones import NAT, DiNAT, DiNATS
from vision.checkpoint import write_safetensors
from vision.cli.main import main
from vision.normalize import normalize_imagenet
from vision.onnx.formats import FORMATS
from vision.onnx.metadata import from_text, license_of_weights
from vision.onnx.programs import load_program

Capture = pytest.CaptureFixture[str]


def small(num_classes: int = 5) -> DiNAT:
    """A network with dilation whose windows fit in images of 224 pixels."""
    torch.manual_seed(1)
    dilations = [[1, 8], [1], [2], [1]]
    return DiNAT(8, (2, 1, 1, 1), (1, 1, 2, 2), 7, dilations, 2.0, num_classes=num_classes).eval()


@pytest.fixture(autouse=True)
def small_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks in place of the published ones."""

    def build(name: str, num_classes: int) -> DiNAT:
        return small(num_classes if num_classes < 1000 else 5)

    monkeypatch.setattr("vision.models.timm_names.build_timm_model", build)


def test_one_file_takes_images_of_any_number_and_size(
    tmp_path: Path, capsys: Capture, documented: Callable[[str], None]
) -> None:
    path = tmp_path / "dinat.onnx"
    assert main(["export", "dinat_mini", "-o", str(path), "--dynamic", "--check"]) == 0
    out, err = capsys.readouterr()
    assert "warning: dinat_mini comes without weights: these are random ones (seed 0)" in err
    assert "any size with sides from 224 to 4096" in out
    assert [line.split(" at ")[-1] for line in out.splitlines()[1:]] == ["224 x 224", "256 x 224", "269 x 234"]
    session = onnxruntime.InferenceSession(path)
    assert session.get_inputs()[0].shape == ["batch", 3, "height", "width"]
    assert session.get_outputs()[0].shape[0] == "batch"
    for shape in ((1, 3, 224, 301), (3, 3, 250, 224)):
        images = torch.randn(shape)
        (found,) = session.run(["logits"], {"images": images.numpy()})
        np.testing.assert_allclose(found, small()(images).detach().numpy(), atol=1e-4)
    photo = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "photo.jpg"), photo)
    documented("Classify")
    large = cv2.resize(cv2.imread(str(tmp_path / "photo.jpg"))[..., ::-1], (320, 256), interpolation=cv2.INTER_AREA)
    images = normalize_imagenet(torch.from_numpy(large.transpose(2, 0, 1)[None].copy()))
    assert capsys.readouterr().out == f"{int(small()(images).argmax())}\n"
    said = from_text(session.get_modelmeta().custom_metadata_map)
    assert said["model"] == "dinat_mini" and said["weights"] == "random" and said["license"] == "none: random values"
    assert said["sizes"] == {"least": 224, "most": 4096, "multiple": 1} and "2209.15001" in said["paper"]
    assert said["normalization"]["mean"] == [123.675, 116.28, 103.53]
    with pytest.raises(Exception, match="out of data bounds"):  # rather than logits that mean nothing
        session.run(None, {"images": np.zeros((1, 3, 160, 224), np.float32)})


@pytest.mark.parametrize("suffix", ["onnx", "pt2"])
@pytest.mark.parametrize(("family", "name"), [(NAT, "nat_tiny"), (DiNATS, "dinat_s_tiny")])
def test_every_family_is_exported_for_any_size(
    family: type[NAT | DiNATS], name: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(2)
    model = family(8, (1, 1, 1, 1), (1, 1, 2, 2), 7, mlp_ratio=2.0, num_classes=5).eval()
    monkeypatch.setattr("vision.models.timm_names.build_timm_model", lambda *_, **__: model)
    path = tmp_path / f"any.{suffix}"
    assert main(["export", name, "-o", str(path), "--dynamic", "--check"]) == 0
    run = FORMATS[suffix].open(path, 1)
    for shape in ((1, 3, 225, 230), (3, 3, 224, 251)):  # odd sides at every stage
        images = torch.randn(shape)
        np.testing.assert_allclose(run([images])[0], model(images).detach().numpy(), atol=1e-4)


def test_a_program_keeps_our_operators_and_its_classes(tmp_path: Path, capsys: Capture) -> None:
    weights, path = tmp_path / "w.safetensors", tmp_path / "dinat.pt2"
    classes = ["cat", "dog", "cow"]
    torch.manual_seed(3)
    model = DiNAT(8, (2, 1, 1, 1), (1, 1, 2, 2), 7, [[1, 8], [1], [2], [1]], 2.0, num_classes=3).eval()
    write_safetensors(weights, model.state_dict(), {"classes": classes})
    command = ["export", "dinat_mini", "-o", str(path), "--checkpoint", str(weights), "--size", "64", "90", "--check"]
    assert main(command) == 0
    assert "torch.export's loader differs from PyTorch by at most 0.0e+00" in capsys.readouterr().out
    program, said = load_program(path)
    assert said["labels"] == classes and said["weights"] == "w.safetensors" and said["needs"] == ["vision.ops"]
    assert said["sizes"] == {"height": 64, "width": 90} and "whoever made the weights" in said["license"]
    images = torch.randn(1, 3, 64, 90)
    torch.testing.assert_close(program.module()(images), model(images))
    assert __file__.rpartition("/tests/")[0].encode() not in path.read_bytes()  # nothing tells where it was made


def test_maps_of_the_stages(tmp_path: Path) -> None:
    path = tmp_path / "maps.pt2"
    assert main(["export", "dinat_mini", str(path), "--features", "--size", "60", "40", "--check"]) == 0
    maps = load_program(path)[0].module()(torch.randn(1, 3, 60, 40))
    assert [tuple(part.shape) for part in maps] == [(1, 8, 15, 10), (1, 16, 8, 5), (1, 32, 4, 3), (1, 64, 2, 2)]


def save(folder: Path, state: dict[str, Any]) -> str:
    path = folder / "w.safetensors"
    write_safetensors(path, state, {})
    return str(path)


def test_weights_without_a_classifier_are_not_given_a_random_one(tmp_path: Path, capsys: Capture) -> None:
    state = {key: value for key, value in small().state_dict().items() if not key.startswith("head.")}
    command = ["export", "dinat_mini", "-o", str(tmp_path / "a.onnx"), "--checkpoint", save(tmp_path, state)]
    assert main(command) == 2
    assert "has no classifier (head.weight)" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--dynamic", "--size", "224", "200"],
            "size is 224 x 200; with dynamic sizes dinat_mini takes sides from 224",
        ),
        (["--dynamic", "--size", "224", "5000"], "to 4096: smaller ones are exported with a fixed size"),
        (["--checkpoint", "gone.pth"], "gone.pth does not exist"),
    ],
)
def test_bad_usage_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "dinat_mini", "-o", "a.onnx", *arguments]) == 2
    assert message in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vision.files.os.replace", full)
    assert main(["export", "dinat_mini", "-o", str(tmp_path / "a.pt2"), "--size", "32", "32"]) == 2
    assert "No space left on device" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    path = tmp_path / "a.pt2"
    path.write_bytes(json.dumps({}).encode())
    with pytest.raises(ValueError, match="is no program of torch"):
        load_program(path)
    with pytest.raises(ValueError, match="does not exist"):
        load_program(tmp_path / "none.pt2")


def test_the_license_is_known_of_shipped_and_of_published_weights_alone() -> None:
    assert license_of_weights(None, "Apache-2.0") == "Apache-2.0"
    assert license_of_weights("dinat_mini", None) == "MIT"
    assert license_of_weights("mine.safetensors", "Apache-2.0") is None


def test_every_model_has_a_name_on_the_command_line() -> None:
    from backbones.neighborhood.variants import VARIANTS
    from vision.cli.export.classification import TASK

    assert sorted(TASK.names) == sorted(VARIANTS)
