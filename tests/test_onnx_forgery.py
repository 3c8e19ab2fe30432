"""Detectors as ONNX graphs: every part beside PyTorch, at every size, and what the file says of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from backbones import DualFrequencyNet
from heads import ForgeryHead
from vision.cli.main import main
from vision.layers.frequency import DualFrequencyBlock
from vision.layers.statistics import residual_statistics
from vision.models.forgery.calibration import ForgeryCalibration
from vision.models.forgery.network import ForgeryNetwork, forgery_detector
from vision.models.table import model_names
from vision.normalize import normalize_imagenet
from vision.onnx.forgery import forgery_exportable, forgery_graph
from vision.onnx.forgery.exportable import example_windows
from vision.onnx.forgery.frequency import write_dual_frequency
from vision.onnx.forgery.residuals import write_statistics
from vision.onnx.metadata import from_text
from vision.onnx.nodes import IR_VERSION, OPSET, Nodes


def run(network: ForgeryNetwork, image: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(forgery_graph(network).SerializeToString())
    logit, probability = session.run(["logit", "probability"], {"image": image.numpy()})
    return logit, probability


def expected(network: ForgeryNetwork, image: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        return network.logits(normalize_imagenet(image)).numpy()


def shaken(module: nn.Module) -> Any:
    """Weights, biases and statistics of which none is left at what changes nothing."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if value.is_floating_point() and "weights" not in name:
                noise = torch.rand(value.shape, generator=generator) - 0.5
                value.add_(noise.abs() * 0.2 if "var" in name else noise * 0.2)
    return module.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped detector as `vision export` writes it."""
    path = tmp_path_factory.mktemp("onnx") / "wild.onnx"
    assert main(["export", "forgery", str(path), "--check"]) == 0
    return path


def test_the_shipped_detector_agrees_at_every_size(exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported)
    network = forgery_detector("dual_frequency_wild")
    # Sides at which no part, one part and two parts halve the image, one that is cut first, and no square.
    for height, width in ((64, 64), (192, 196), (388, 512)):
        (image,) = example_windows(height, width)
        logit, probability = session.run(None, {"image": image.numpy()})
        wanted = expected(network, image)
        np.testing.assert_allclose(logit, wanted, atol=1e-3)
        by_hand = [network.calibration.probability(float(value)) for value in wanted]
        np.testing.assert_allclose(probability, by_hand, atol=1e-3)
        assert abs(logit[0] - logit[1]) > 0.1  # windows that look alike to it would show nothing


def test_a_program_is_loaded_with_what_it_says_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "wild.pt2"
    assert main(["export", "forgery", "-o", str(path), "--size", "64", "68", "--check"]) == 0
    with ZipFile(path) as file:  # `torch.export.load` tells it too late
        needs = json.loads(file.read("archive/extra/metadata.json"))["needs"]
    assert needs == ["vision.ops"]
    windows = ", ".join(f"program(torch.zeros({count}, 3, 64, 68))[0].shape" for count in (1, 3))
    code = f"import torch, {', '.join(needs)}; program = torch.export.load({str(path)!r}).module(); print({windows})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "torch.Size([1]) torch.Size([3])\n", done.stderr


def test_the_file_is_of_standard_nodes_and_says_how_to_use_it(exported: Path) -> None:
    model = onnx.load(exported)
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""} and len(model.graph.node) < 2000
    said = from_text({entry.key: entry.value for entry in model.metadata_props})
    assert said["model"] == "dual_frequency_wild" and said["task"] == "forgery"
    assert said["windows"] == {"usual": 256, "least": 64, "large": 512}
    assert said["sizes"] == {"least": 32, "most": 2048, "multiple": 4}
    calibration = ForgeryCalibration(**said["calibration"])
    assert calibration == forgery_detector("dual_frequency_wild").calibration and calibration.by_quality


@pytest.mark.parametrize("options", [{"residual": True, "halve": True, "pool": "avg"}, {"pool": "max"}])
def test_networks_of_other_descriptions(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    backbone = DualFrequencyNet(width=4, depths=(1, 2), dwt_weight=0.5, **options)
    network = shaken(ForgeryNetwork(backbone, ForgeryHead(32), ForgeryCalibration(2.0, 0.5)))
    for height, width in ((68, 104), (200, 192)):
        (image,) = example_windows(height, width)
        logit, probability = run(network, image)
        wanted = expected(network, image)
        np.testing.assert_allclose(logit, wanted, atol=2e-3)
        np.testing.assert_allclose(probability, 1 / (1 + np.exp(-(wanted - 0.5) / 2)), atol=1e-3)


def computed(write: Callable[[Nodes, str], str], x: torch.Tensor) -> torch.Tensor:
    """What nodes make of `[B, 3, H, W]`."""
    nodes = Nodes()
    nodes.rename(write(nodes, "x"), "y")
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("x", "y")]
    graph = nodes.graph("part", values[:1], values[1:])
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    return torch.from_numpy(onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x.numpy()})[0])


@pytest.mark.parametrize("is_gray", [True, False])
def test_statistics_also_of_gray_images_whose_residuals_are_ties(is_gray: bool) -> None:
    # Levels that rise by whole steps: half of the second differences lie in the middle between two cells.
    steps = torch.randint(-3, 4, (2, 1 if is_gray else 3, 40, 52), generator=torch.Generator().manual_seed(1))
    levels = (128 + steps.cumsum(3) + steps.cumsum(2)).clamp(0, 255).float().expand(2, 3, 40, 52).contiguous()
    found = computed(lambda nodes, x: write_statistics(nodes, x, 2), levels)
    torch.testing.assert_close(found, residual_statistics(levels, 2), atol=2e-4, rtol=1e-4)


def test_both_branches_of_the_dual_frequency_block() -> None:
    torch.manual_seed(0)
    block = shaken(DualFrequencyBlock(3, "haar", 0.3))
    with torch.no_grad():
        block.fft_scale.fill_(3)
    # Neither 104 / 2 + 1 columns of a spectrum nor 68 rows are a multiple of the attention's window.
    x = torch.randn(2, 3, 68, 104)
    found = computed(lambda nodes, x: write_dual_frequency(nodes, x, block), x)
    with torch.inference_mode():
        torch.testing.assert_close(
            found, block(x), atol=0.04, rtol=0
        )  # phases near half a turn may fall on either side


def test_what_has_no_nodes_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    network = ForgeryNetwork(DualFrequencyNet(width=4, depths=(1,), wavelet="db2"), ForgeryHead(16))
    with pytest.raises(ValueError, match="wavelet 'db2' has more than two taps; only haar can be exported"):
        forgery_graph(network)
    with pytest.raises(ValueError, match="a detector whose backbone is a Identity cannot be exported"):
        forgery_graph(ForgeryNetwork(nn.Identity(), ForgeryHead(16)))
    with pytest.raises(ValueError, match="size is 30 x 64; expected multiples of 4 from 32 to 2048"):
        forgery_exportable(network, 30, 64)
    assert main(["export", "forgery", str(tmp_path / "a.onnx"), "--model", "dual_frequency_paper"]) == 2
    assert "ships without weights; name a file with --checkpoint" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [name for name in model_names("forgery") if name != "dual_frequency_wild"])
def test_every_detector_of_the_table_has_a_graph(name: str) -> None:
    network = forgery_detector(name)
    (image,) = example_windows(64, 64)
    np.testing.assert_allclose(run(network, image)[0], expected(network, image), atol=4e-3, rtol=1e-3)
