"""tools/convert_checkpoint.py: foreign weights become safetensors in our names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import backbones
from vision.checkpoint import load_strict, read_checkpoint, write_safetensors

TINY = {"embed_dim": 16, "depths": (1, 1), "num_heads": (1, 2), "num_classes": 5}


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, Tensor]:
    """A very small DiNAT's, also in `in.pth` as data-parallel training saves it."""
    torch.manual_seed(0)
    state = backbones.DiNAT(**TINY).state_dict()
    torch.save({"model": {f"module.{name}": tensor for name, tensor in state.items()}}, tmp_path / "in.pth")
    return state


def test_converts_to_the_same_values(weights: dict[str, Tensor], run_tool: Callable, tmp_path: Path) -> None:
    done = run_tool("convert_checkpoint.py", "in.pth", "out.safetensors")
    state, metadata = read_checkpoint(tmp_path / "out.safetensors")
    assert metadata == {"flavor": "NAT or DiNAT, classifier", "source": "in.pth"}
    assert set(state) == set(weights) and all(torch.equal(state[name], weights[name]) for name in weights)
    count = sum(tensor.numel() for tensor in weights.values()) / 1e6
    line = f"NAT or DiNAT, classifier: {len(weights)} tensors, {count:.2f} M values -> out.safetensors\n"
    assert done.stdout == line and done.stderr == ""


def test_what_belongs_to_the_weights_stays_with_them(weights: dict[str, Tensor], tmp_path: Path) -> None:
    write_safetensors(tmp_path / "in.safetensors", weights, {"model": {"a": 1}, "calibration": {"low": 0.25}, "b": 2})
    load_tool()["convert_file"](tmp_path / "in.safetensors", tmp_path / "out.safetensors")
    assert read_checkpoint(tmp_path / "out.safetensors")[1] == {
        "model": {"a": 1},
        "calibration": {"low": 0.25},
        "flavor": "NAT or DiNAT, classifier",
        "source": "in.safetensors",
    }


def test_a_full_standard_output_is_no_mistake_in_the_arguments(
    weights: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr("sys.stdout", full)
        assert load_main()(["in.pth", "out.safetensors"]) == 2
        monkeypatch.undo()
    assert "'standard output' (No space left on device)\n" in capsys.readouterr().err


def test_resizes_biases(weights: dict[str, Tensor], run_tool: Callable, tmp_path: Path) -> None:
    run_tool("convert_checkpoint.py", "in.pth", "out.safetensors", "--kernel-size", 11)
    state, _ = read_checkpoint(tmp_path / "out.safetensors")
    load_strict(backbones.DiNAT(**TINY, kernel_size=11), state, "out.safetensors")
    # What it wrote is a source, too.
    run_tool("convert_checkpoint.py", "out.safetensors", "again.safetensors")
    again, _ = read_checkpoint(tmp_path / "again.safetensors")
    assert all(torch.equal(again[name], state[name]) for name in state)


def test_mistakes_end_with_a_line_and_code_2(
    weights: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = load_main()
    monkeypatch.chdir(tmp_path)
    torch.save({"conv.weight": torch.zeros(1)}, "other.pth")
    torch.save({"fft_scale": torch.zeros(1)}, "block.pth")
    Path("text.pth").write_text("not a checkpoint")
    Path("in.safetensors").symlink_to("in.pth")
    Path("folder.safetensors").mkdir()
    before = sorted(tmp_path.iterdir())
    for arguments, message in (
        (["gone.pth", "out.safetensors"], "checkpoint gone.pth does not exist"),
        (["text.pth", "out.safetensors"], "checkpoint text.pth cannot be read"),
        (["other.pth", "out.safetensors"], "unknown checkpoint flavor: first keys are ['conv.weight']"),
        (["in.pth", "out.pth"], "OUT must end in .safetensors, got out.pth"),
        (["in.pth", "gone/out.safetensors"], "the folder of OUT does not exist: gone"),
        (["in.pth", "folder.safetensors"], "OUT is a folder: folder.safetensors"),
        (["in.pth", "in.safetensors"], "IN and OUT are the same file"),
        (["in.pth", "out.safetensors", "--kernel-size", "8"], "an odd number from 3 on, got 8"),
        (["block.pth", "out.safetensors", "--kernel-size", "9"], "no position biases to resize"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        last = capsys.readouterr().err.splitlines()[-1]
        assert stop.value.code == 2 and message in last, (arguments, last)
    assert sorted(tmp_path.iterdir()) == before


Q = "nat.encoder.levels.0.layers.0.attention.self.query.weight"


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({1: torch.zeros(1)}, "holds no state dict of tensors"),
        ({Q: torch.zeros(2, 2)}, "it lacks encoder.levels.0.layers.0.attention.self.key.weight"),
        ({Q.replace("query", p): torch.zeros(2, n) for p, n in (("query", 2), ("key", 3), ("value", 2))}, "one shape"),
        ({"nat.encoder.levels.0.layers.0.layer_scale_parameters": torch.tensor(1.0)}, "expected two rows of scales"),
        ({"levels.0.blocks.0.attn.rpb": torch.zeros(2, 5, 4)}, "position biases must be"),
    ],
)
def test_damaged_checkpoints_end_with_a_line(
    state: dict[object, Tensor],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    main = load_main()
    monkeypatch.chdir(tmp_path)
    torch.save(state, "in.pth")
    with pytest.raises(SystemExit) as stop:
        main(["in.pth", "out.safetensors", "--kernel-size", "5"])
    assert stop.value.code == 2 and message in capsys.readouterr().err.splitlines()[-1]
    assert not Path("out.safetensors").exists()


def load_main() -> Callable[[list[str]], int]:
    return load_tool()["main"]


def load_tool() -> dict[str, Any]:
    import runpy

    return runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools/convert_checkpoint.py"))
