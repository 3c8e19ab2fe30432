"""Video weights to ship from a training checkpoint."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch

from vision.apis import VideoInferencer
from vision.checkpoint import CheckpointError, read_checkpoint, write_safetensors
from vision.errors import UsageError
from vision.models.video.checkpoint import VARIANTS, video_detector
from vision.models.video.network import VideoNetwork

TOOL = Path(__file__).resolve().parents[2] / "tools" / "publish_video.py"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = VideoNetwork(**VARIANTS["people-nano"])
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    torch.save({"state_dict": state, "meta": {"iter": 3}}, tmp_path / "iter_3.pth")
    return tmp_path / "iter_3.pth"


def run(*arguments: object) -> int:
    try:
        return int(runpy.run_path(str(TOOL))["main"](list(map(str, arguments))))
    except SystemExit as stop:
        return int(stop.code or 0)


def test_weights_come_out_in_half_precision_with_their_settings(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.safetensors"
    assert run(checkpoint, out, "--max-size", "512", "--nms", "0.5") == 0
    state, metadata = read_checkpoint(out)
    assert metadata == {"variant": "people-nano", "classes": ["person"], "settings": {"max_size": 512, "nms": 0.5}}
    kept = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(value, kept[f"network.{key}"].half()) for key, value in state.items())
    assert out.stat().st_size < 8e6
    network = video_detector("mamba_people_nano", out)
    assert network.settings == {"max_size": 512, "nms": 0.5, "write_threshold": 0.4}
    assert next(network.parameters()).dtype == torch.float32


def test_a_checkpoint_of_something_else_is_named(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"state_dict": {"fc.weight": torch.zeros(2, 2)}}, tmp_path / "other.pth")
    assert run(tmp_path / "other.pth", tmp_path / "mine.safetensors") == 2
    assert "other.pth is of another model" in capsys.readouterr().err
    assert not (tmp_path / "mine.safetensors").exists()


@pytest.mark.parametrize(
    "settings", [{"max_size": 0}, {"max_size": True}, {"nms": "a"}, {"nms": 2.0}, {"other": 1}, {"max_size": 0.5}, 5]
)
def test_settings_of_a_stranger_are_checked(tmp_path: Path, settings: object) -> None:
    state = VideoNetwork(**VARIANTS["people-nano"]).state_dict()
    write_safetensors(tmp_path / "odd.safetensors", state, {"settings": settings})
    with pytest.raises(CheckpointError, match=r"odd\.safetensors has"):
        video_detector("mamba_people_nano", tmp_path / "odd.safetensors")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A checkpoint as mmengine writes it, of two classes that its data named."""
    torch.manual_seed(0)
    network = VideoNetwork(**{**VARIANTS["people-nano"], "classes": ("cat", "dog")})
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    meta = {"iter": 3, "dataset_meta": {"classes": ("cat", "dog")}}
    torch.save({"state_dict": state, "meta": meta}, tmp_path / "own.pth")
    return tmp_path / "own.pth"


def test_classes_of_the_training_data_are_those_of_the_weights(own: Path, tmp_path: Path) -> None:
    assert run(own, tmp_path / "mine.safetensors") == 0
    assert read_checkpoint(tmp_path / "mine.safetensors")[1]["classes"] == ["cat", "dog"]
    for file in (own, tmp_path / "mine.safetensors"):
        network = video_detector("mamba_people_nano", file)
        assert network.classes == ("cat", "dog") and network.head.num_classes == 2


def test_classes_can_be_named(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(own, tmp_path / "mine.safetensors", "--classes", "lynx", "wolf") == 0
    assert video_detector("mamba_people_nano", tmp_path / "mine.safetensors").classes == ("lynx", "wolf")
    for wrong, message in ((["lynx"], "of another model"), (["lynx", "lynx"], "different names")):
        assert run(own, tmp_path / "wrong.safetensors", "--classes", *wrong) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "wrong.safetensors").exists()


def test_a_network_without_memory_is_published_as_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = VideoNetwork(**{**VARIANTS["people-nano"], "memory": None})
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    torch.save({"state_dict": state, "meta": {"iter": 3}}, tmp_path / "single.pth")
    assert run(tmp_path / "single.pth", tmp_path / "mine.safetensors") == 0
    for file in (tmp_path / "single.pth", tmp_path / "mine.safetensors"):
        read = video_detector("mamba_people_nano", file)
        assert read.memory is None and read.new_memory() is None
        with pytest.raises(UsageError, match="mode is 'offline', but mamba_people_nano remembers nothing"):
            VideoInferencer(checkpoint=file, mode="offline", track=False)
        assert (
            torch.equal(read.backbone.stem.weight, network.backbone.stem.weight.half().float()) or file.suffix == ".pth"
        )


def test_half_a_memory_is_refused(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = torch.load(checkpoint, weights_only=True)
    del content["state_dict"]["network.memory.layer.fc.bias"]
    torch.save(content, tmp_path / "half.pth")
    assert run(tmp_path / "half.pth", tmp_path / "mine.safetensors") == 2
    assert "half.pth is of another model" in capsys.readouterr().err


def test_settings_out_of_range_are_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(checkpoint, tmp_path / "mine.safetensors", "--nms", "1.5") == 2
    assert "has nms = 1.5; expected a number from 0.0 to 1.0" in capsys.readouterr().err
    assert not (tmp_path / "mine.safetensors").exists()


@pytest.mark.parametrize(
    "classes", [[], "cat", [1], [""], ["a" * 201], ["a", "a"], {"a": 1}, list(map(str, range(1001)))]
)
def test_classes_of_a_stranger_are_checked(tmp_path: Path, classes: object) -> None:
    write_safetensors(tmp_path / "odd.safetensors", {"a": torch.zeros(1)}, {"classes": classes})
    with pytest.raises(CheckpointError, match=r"odd\.safetensors has the classes"):
        video_detector("mamba_people_nano", tmp_path / "odd.safetensors")
