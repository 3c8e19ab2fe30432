"""`save_pretrained` and `from_pretrained`: what is read back is what was written, and nothing else is taken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from huggingface_hub import PyTorchModelHubMixin, constants
from huggingface_hub.errors import LocalEntryNotFoundError
from torch import nn

from backbones import ConvFormer
from heads import ForgeryHead, MatchDecoder
from vision.checkpoint import CheckpointError, read_checkpoint
from vision.errors import UsageError
from vision.models import (
    ForgeryNetwork,
    MatchStereo,
    VideoNetwork,
    forgery_detector,
    match_stereo,
    video_detector,
)
from vision.models.forgery.network import build_network

SHIPPED: dict[str, Callable[[], Any]] = {
    "dual_frequency_demo": lambda: forgery_detector("dual_frequency_demo"),
    "match_stereo_nano": lambda: match_stereo("match_stereo_nano"),
    "mamba_people_nano": lambda: video_detector("mamba_people_nano"),
}


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the Hugging Face hub."""
    for name in ("NBV_ALLOW_DOWNLOAD", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def small_stereo() -> MatchStereo:
    torch.manual_seed(0)
    dims = (8, 8, 12, 16)
    return MatchStereo(ConvFormer(embed_dims=dims, depths=(1, 1, 1, 1)), MatchDecoder(dims, (1, 1, 1, 1), num_heads=2))


def small_video() -> VideoNetwork:
    torch.manual_seed(0)
    memory = {"num_heads": 2, "pixels_per_box": 7, "bank": {"max_length": 40, "key_length": 10}}
    settings = {"max_size": 96, "nms": 0.5}
    return VideoNetwork(("cat", "dog"), 32, (8, 16, 24, 32), (1, 1, 1, 1), memory, settings)


def small_forgery() -> ForgeryNetwork:
    torch.manual_seed(0)
    parts = {
        "backbone": {"type": "backbones:DualFrequencyNet", "width": 4, "depths": [1, 1]},
        "head": {"type": "heads:ForgeryHead", "in_channels": 32},
    }
    return build_network(parts, {"temperature": 1.5, "low": 0.25, "high": 0.75, "fpr_thresholds": {"0.05": 0.6}})


SMALL: dict[str, Callable[[], Any]] = {"forgery": small_forgery, "stereo": small_stereo, "video": small_video}


def same(model: nn.Module, other: nn.Module) -> bool:
    state, expected = model.state_dict(), other.state_dict()
    return state.keys() == expected.keys() and all(torch.equal(state[key], expected[key]) for key in expected)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_come_back_bit_for_bit_with_their_card(name: str, tmp_path: Path) -> None:
    model = SHIPPED[name]()
    assert PyTorchModelHubMixin in type(model).__mro__
    model.save_pretrained(tmp_path / "saved")
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    again = type(model).from_pretrained(tmp_path / "saved")
    assert same(again, model) and not again.training and again.hub_config() == model.hub_config()
    text = (tmp_path / "saved" / "README.md").read_text("utf-8")
    _, head, body = text.split("---\n", 2)
    assert body.strip().startswith(f"# {name}\n") and len(body) > 1000
    said = yaml.safe_load(head)
    assert said["license"] == "apache-2.0" and said["library_name"] == "neighborhood-vision" and said["metrics"]


@pytest.mark.parametrize("name", SMALL)
def test_models_of_ones_own_come_back_with_their_arguments(name: str, tmp_path: Path) -> None:
    model = SMALL[name]()
    model.save_pretrained(tmp_path, model_card_kwargs={"license": "MIT", "metrics": {"epe": 1.25}})
    again = type(model).from_pretrained(str(tmp_path))
    assert same(again, model) and again.hub_config() == model.hub_config()
    text = (tmp_path / "README.md").read_text("utf-8")
    assert "license: mit" in text and "| epe | 1.25 |" in text and f"{type(model).__name__}.from_pretrained" in text


def test_what_is_beside_the_weights_comes_back() -> None:
    assert small_video().hub_config() == {
        "classes": ["cat", "dog"],
        "channels": 32,
        "widths": [8, 16, 24, 32],
        "depths": [1, 1, 1, 1],
        "memory": {"num_heads": 2, "pixels_per_box": 7, "bank": {"max_length": 40, "key_length": 10}},
        "settings": {"max_size": 96, "nms": 0.5, "write_threshold": 0.4},
        "variant": None,
    }
    assert small_stereo().hub_config()["decoder"]["num_heads"] == 2


def test_a_calibration_and_settings_are_those_that_were_saved(tmp_path: Path) -> None:
    small_forgery().save_pretrained(tmp_path / "f")
    calibration = ForgeryNetwork.from_pretrained(tmp_path / "f").calibration
    assert (calibration.temperature, calibration.low, calibration.high) == (1.5, 0.25, 0.75)
    assert calibration.threshold_at(0.05) == 0.6
    small_video().save_pretrained(tmp_path / "v")
    network = VideoNetwork.from_pretrained(tmp_path / "v", settings={"max_size": 64})
    assert network.settings["max_size"] == 64 and network.bank == {"max_length": 40, "key_length": 10}
    assert network.classes == ("cat", "dog")


def test_half_precision_is_stored_and_read_as_it_is(tmp_path: Path) -> None:
    model = small_stereo()
    model.save_pretrained(tmp_path / "full")
    half = small_stereo().half()
    half.save_pretrained(tmp_path / "half")
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.7 * sizes[1]
    again = MatchStereo.from_pretrained(tmp_path / "half")
    assert same(again.half(), half)
    shipped = match_stereo("match_stereo_nano").half()
    shipped.save_pretrained(tmp_path / "shipped")
    assert (tmp_path / "shipped" / "README.md").read_text("utf-8").split("---\n", 2)[2].strip().startswith("# match")
    assert same(MatchStereo.from_pretrained(tmp_path / "shipped"), match_stereo("match_stereo_nano"))


def test_the_folder_is_a_checkpoint_and_so_is_its_file_alone(tmp_path: Path) -> None:
    model = small_forgery()
    model.save_pretrained(tmp_path / "f")
    for source in (tmp_path / "f", tmp_path / "f" / "model.safetensors"):
        again = forgery_detector("dual_frequency_wild", source)
        assert same(again, model) and again.calibration.temperature == 1.5
    match_stereo().save_pretrained(tmp_path / "s")
    assert same(match_stereo("match_stereo_nano", tmp_path / "s"), match_stereo())
    with pytest.raises(CheckpointError, match="use model match_stereo_nano"):
        match_stereo("match_stereo_tiny", tmp_path / "s")
    video_detector().save_pretrained(tmp_path / "v")
    assert same(video_detector("mamba_people_nano", tmp_path / "v"), video_detector())


def test_a_card_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    small_stereo().save_pretrained(tmp_path)
    small_stereo().save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_changed_weights_have_no_shipped_card(tmp_path: Path) -> None:
    model = match_stereo()
    with torch.no_grad():
        next(model.parameters()).add_(1)
    model.save_pretrained(tmp_path)
    text = (tmp_path / "README.md").read_text("utf-8")
    assert "# MatchStereo" in text and "License: none was stated." in text and "license:" not in text


def edited(folder: Path, **changes: Any) -> Path:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    return folder


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("video", {"color": 1}, "VideoNetwork takes no 'color'; expected some of classes, channels"),
        ("video", {"depths": [10**9, 1, 1, 1]}, "has depths = .*; expected 4 or more numbers from 1 to 64"),
        ("video", {"channels": True}, "has channels = True; expected a whole number"),
        ("video", {"widths": [8, 16, 24, 32, 40]}, "other numbers of widths and of depths"),
        ("video", {"memory": {"size": 3}}, "has memory = {'size': 3}; expected num_heads"),
        ("video", {"memory": {"num_heads": 5}}, "cannot be used"),
        ("video", {"settings": {"nms": 2.0}}, "has nms = 2.0; expected a number from 0.0 to 1.0"),
        ("video", {"classes": ["cat", "cat"]}, "expected a list of 1 to 1000 different names"),
        ("video", {"classes": ["cat"]}, "is of another model: head.outs.0.weight has shape"),
        ("stereo", {"color": 1}, "MatchStereo takes no 'color'; expected some of stereo, variant, encoder, decoder"),
        ("stereo", {"variant": "huge"}, "unknown variant 'huge'; available: nano"),
        ("stereo", {"variant": "nano"}, "encoder is .*, but the weights are of"),
        ("stereo", {"stereo": "yes"}, "stereo is 'yes', expected true or false"),
        ("stereo", {"encoder": {"embed_dims": [10**9] * 4, "depths": [1] * 4}}, "but the weights are of"),
        ("forgery", {"color": 1}, "ForgeryNetwork takes no 'color'; expected some of model, calibration"),
        ("forgery", {"model": {"backbone": {"type": "os:system"}, "head": {}}}, "'os:system' is not one of"),
        ("forgery", {"calibration": {"temperature": 0}}, "temperature must be positive"),
        ("forgery", {"model": 3}, "does not describe a forgery detector"),
        ("forgery", {"model_type": "MatchStereo"}, "holds a model of type 'MatchStereo', expected 'ForgeryNetwork'"),
    ],
)
def test_a_config_that_does_not_fit_is_told(name: str, changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    model = SMALL[name]()
    model.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=words):
        type(model).from_pretrained(edited(tmp_path, **changes))


@pytest.mark.parametrize("damage", ["no config", "no weights", "cut off", "no JSON", "a list", "another model"])
def test_a_folder_that_is_not_whole_is_told_and_stays(damage: str, tmp_path: Path) -> None:
    small_stereo().save_pretrained(tmp_path)
    config, weights = tmp_path / "config.json", tmp_path / "model.safetensors"
    words = {
        "no config": "config.json cannot be read: ",
        "no weights": "model.safetensors does not exist or is not a file",
        "cut off": r"model.safetensors cannot be read \(",
        "no JSON": "config.json cannot be read: ",
        "a list": "config.json is no JSON object",
        "another model": "cannot be used",
    }[damage]
    if damage.startswith("no ") and damage != "no JSON":
        {"no config": config, "no weights": weights}[damage].unlink()
    elif damage == "cut off":
        weights.write_bytes(weights.read_bytes()[:-50])
    elif damage == "another model":
        other = small_video()
        other.save_pretrained(tmp_path / "other")
        weights.write_bytes((tmp_path / "other" / "model.safetensors").read_bytes())
    else:
        config.write_text("{" if damage == "no JSON" else "[]")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(CheckpointError, match=words):
        MatchStereo.from_pretrained(tmp_path)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}


def test_parts_that_cannot_be_told_are_not_saved(tmp_path: Path) -> None:
    network = ForgeryNetwork(nn.Conv2d(3, 4, 1), ForgeryHead(4))
    with pytest.raises(UsageError, match="description is None; expected what build_network takes"):
        network.save_pretrained(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_model_of_the_hub_comes_from_its_cache_without_the_network(hub: Path, tmp_path: Path) -> None:
    model = small_stereo()
    root = hub / "models--me--stereo"
    model.save_pretrained(root / "snapshots" / ("0" * 40))
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("0" * 40)
    assert same(MatchStereo.from_pretrained("me/stereo"), model)
    weights = root / "snapshots" / ("0" * 40) / "model.safetensors"
    (root / "blobs").mkdir()
    weights.rename(root / "blobs" / ("a" * 64))
    weights.symlink_to(root / "blobs" / ("a" * 64))
    with pytest.raises(
        CheckpointError, match=rf"model\.safetensors is damaged: its SHA-256 is .*, expected {'a' * 64}"
    ):
        MatchStereo.from_pretrained("me/stereo")


@pytest.mark.parametrize(("allowed", "offline", "words"), [
    ("", "", "and downloads are not allowed: set NBV_ALLOW_DOWNLOAD=1"),
    ("1", "1", "and HF_HUB_OFFLINE forbids downloads"),
])  # fmt: skip
def test_a_model_of_the_hub_that_is_not_here_is_not_asked_for(
    allowed: str, offline: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBV_ALLOW_DOWNLOAD", allowed)
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    monkeypatch.setattr("socket.create_connection", lambda *_, **__: pytest.fail("the network was asked"))
    with pytest.raises(CheckpointError, match=words) as caught:
        MatchStereo.from_pretrained("me/stereo")
    assert caught.value.code == "no-published-weights" and caught.value.value == "me/stereo"


def test_the_hub_is_asked_if_that_is_allowed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small_stereo().save_pretrained(tmp_path / "sent")
    asked: list[str] = []

    def download(name: str, file: str, **_: Any) -> str:
        asked.append(file)
        return str(tmp_path / "sent" / file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download, raising=False)
    monkeypatch.setenv("NBV_ALLOW_DOWNLOAD", "1")
    MatchStereo.from_pretrained("me/stereo")
    assert asked == ["config.json", "model.safetensors"]
    # Which asks the network for more than the file, whatever it is told.
    with pytest.raises(CheckpointError, match="cache of this machine, and local_files_only is True"):
        MatchStereo.from_pretrained("me/stereo", local_files_only=True)
    monkeypatch.setenv("NBV_ALLOW_DOWNLOAD", "0")
    with pytest.raises(CheckpointError, match="and downloads are not allowed"):
        MatchStereo.from_pretrained("me/stereo", force_download=True)
    assert len(asked) == 2


def test_a_hub_that_cannot_be_reached_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("An error happened while trying to locate the file on the Hub\nand more")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download, raising=False)
    monkeypatch.setenv("NBV_ALLOW_DOWNLOAD", "1")
    with pytest.raises(CheckpointError, match=r"^cannot download me/stereo: An error .* on the Hub$") as caught:
        MatchStereo.from_pretrained("me/stereo")
    assert caught.value.code == "download-failed"


@pytest.mark.parametrize("name", ["/none/here", "stereo", "../up/down", "a/b/c", ""])
def test_what_is_neither_a_folder_nor_a_name_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBV_ALLOW_DOWNLOAD", "1")
    with pytest.raises(CheckpointError, match=r"is no folder, and no name of a model|no config|cannot be read"):
        MatchStereo.from_pretrained(name)


def test_weights_are_never_loaded_in_part(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="strict is False; weights are loaded strictly"):
        MatchStereo.from_pretrained(tmp_path, strict=False)


def test_what_was_written_is_whole_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_stereo().save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr("safetensors.torch.save_file", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        small_stereo().save_pretrained(tmp_path)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert read_checkpoint(tmp_path)[1]["stereo"] is True
