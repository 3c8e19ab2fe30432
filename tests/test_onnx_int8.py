"""Models in 8 bits: what is quantized, what stays, how little is lost, and which images ranges are taken from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from vision.apis import ForgeryInferencer
from vision.cli.export.calibration import MOST_IMAGES
from vision.cli.main import main
from vision.errors import UsageError
from vision.models.forgery.network import forgery_detector
from vision.models.table import find_model
from vision.onnx import export
from vision.onnx.classification import fitted
from vision.onnx.exporter import save_graph
from vision.onnx.forgery import forgery_exportable, forgery_graph
from vision.onnx.forgery.metadata import forgery_metadata
from vision.onnx.int8 import Int8, quantize
from vision.onnx.metadata import as_text, from_text

Capture = pytest.CaptureFixture[str]


def photo(seed: int, size: int = 256) -> np.ndarray:
    """Soft shapes with the noise of a sensor."""
    rng = np.random.default_rng(seed)
    soft = cv2.resize(rng.uniform(20, 235, (6, 6, 3)), (size, size), interpolation=cv2.INTER_CUBIC)
    return (soft + cv2.GaussianBlur(rng.normal(0, 4 + 3 * seed, soft.shape), (0, 0), 0.7)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The shipped detector in float32 and in int8, by three images."""
    folder = tmp_path_factory.mktemp("int8")
    row = find_model("dual_frequency_wild")
    assert row is not None
    network = forgery_detector(row.name)
    whole = save_graph(forgery_graph(network), folder / "float.onnx", as_text(forgery_metadata(network, row, None)))
    int8 = forgery_exportable(network, 256, 256).int8
    assert int8 is not None
    quantize(whole, folder / "int8.onnx", int8, (photo(seed) for seed in range(3)))
    return whole, folder / "int8.onnx"


def test_a_detector_in_8_bits_says_nearly_the_same(files: tuple[Path, Path]) -> None:
    whole, small = (ForgeryInferencer(checkpoint=path) for path in files)
    images = [photo(seed) for seed in range(10, 14)]
    wanted, found = ([result.probability for result in judge(images)] for judge in (whole, small))
    difference = np.abs(np.array(found) - np.array(wanted))
    assert 0 < difference.max() < 0.1
    assert files[1].stat().st_size < 0.5 * files[0].stat().st_size


def test_only_the_trunks_are_quantized_and_weights_by_channel(files: tuple[Path, Path]) -> None:
    model = onnx.load(files[1])
    # What feeds on 8 bits: a node one of whose inputs comes from a DequantizeLinear.
    made = {output: node for node in model.graph.node for output in node.output}
    feeds = [(node, [made[x] for x in node.input if x in made]) for node in model.graph.node]
    int8 = {node.name for node, before in feeds if node.op_type == "Conv" and before[-1].op_type == "DequantizeLinear"}
    convolutions = {node.name for node in model.graph.node if node.op_type == "Conv"}
    assert int8 == {name for name in convolutions if name.startswith(("features/", "trunk/"))} and len(int8) > 60
    assert any(name.startswith("wavelet/") for name in convolutions - int8)
    scales = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    stem = next(node for node in model.graph.node if node.name in int8 and node.name.startswith("features/"))
    assert list(scales[made[stem.input[1]].input[1]]) == [32]  # a scale for each channel of the stem
    said = from_text({entry.key: entry.value for entry in model.metadata_props})
    assert said["quantization"] == "int8 weights per channel, uint8 activations, by the ranges of 3 images"
    assert said["task"] == "forgery" and said["windows"]["large"] == 512 and "onnx.quant.pre_process" not in said


class Attention(nn.Module):
    """A linear layer, a product of two activations and a softmax."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(3, 8)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.linear(images.flatten(2).transpose(1, 2))
        return (tokens @ tokens.transpose(1, 2)).softmax(-1)


def test_products_of_activations_stay_in_float32(tmp_path: Path) -> None:
    images = fitted(photo(0), 8, 8)
    path = export(Attention(), (images,), tmp_path / "a.onnx", input_names=["images"], rewrite=False)
    int8 = Int8(("Conv", "Gemm", "MatMul"), None, lambda image: {"images": fitted(image, 8, 8).numpy()})
    quantize(path, tmp_path / "b.onnx", int8, [photo(0), photo(1)])
    model = onnx.load(tmp_path / "b.onnx")
    made = {output: node.op_type for node in model.graph.node for output in node.output}
    products = [[made.get(x) for x in node.input] for node in model.graph.node if node.op_type in ("MatMul", "Gemm")]
    assert sorted("DequantizeLinear" in inputs for inputs in products) == [False, True]
    one, other = (
        onnxruntime.InferenceSession(each).run(None, {"images": images.numpy()})[0]
        for each in (path, tmp_path / "b.onnx")
    )
    assert 0 < np.abs(one - other).max() < 0.1


def test_nothing_to_quantize_or_to_calibrate_with(files: tuple[Path, Path], tmp_path: Path) -> None:
    no_kinds = Int8(("Conv",), lambda node: False, lambda image: {})
    with pytest.raises(UsageError, match="no nodes that can be computed in 8 bits"):
        quantize(files[0], tmp_path / "a.onnx", no_kinds, [photo(0)])
    all_kinds = Int8(("Conv",), None, lambda image: {})
    with pytest.raises(UsageError, match="no images to calibrate with"):
        quantize(files[0], tmp_path / "a.onnx", all_kinds, [])
    assert not list(tmp_path.iterdir())


@pytest.fixture
def quantized(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Images that a stand-in for the quantizer was given."""
    seen: list[np.ndarray] = []

    def fake(path: Path, target: Path, int8: Int8, images: Iterator[np.ndarray]) -> None:
        seen.extend(images)
        target.write_bytes(path.read_bytes())

    monkeypatch.setattr("vision.onnx.int8.quantize", fake)
    return seen


def test_calibration_images_are_bounded_and_unreadable_ones_skipped(
    quantized: list[np.ndarray], tmp_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(2 * MOST_IMAGES + 1):
        (folder / f"{number:04}.png").write_bytes(b"no image")
    for number in range(0, 40, 2):
        cv2.imwrite(str(folder / f"{number:04}.png"), np.full((16, 16, 3), number, np.uint8))
    arguments = ["export", "forgery", str(tmp_path / "a.onnx"), "--model", "dual_frequency_demo"]
    assert main([*arguments, "--int8", "--calibrate", str(folder)]) == 0
    err = capsys.readouterr().err.splitlines()
    assert [int(image[0, 0, 0]) for image in quantized] == list(range(0, 40, 2))
    assert len(err) == MOST_IMAGES - 20 and all(line.endswith("; skipped") for line in err)
    unread = folder / "0001.png"
    assert main(["export", "forgery", str(unread), "--int8", "--calibrate", str(folder), "--overwrite"]) == 2
    assert "is an input of this run" in capsys.readouterr().err and unread.read_bytes() == b"no image"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.onnx", "--int8"], "--int8 needs images like those that will be judged; name some with --calibrate"),
        (["a.onnx", "--calibrate", "b"], "--calibrate names images for --int8"),
        (["a.pt2", "--int8", "--calibrate", "b"], "--int8 writes ONNX"),
        (["a.onnx", "--int8", "--calibrate", "none"], "none"),
        (["a.onnx", "--int8", "--calibrate", "empty"], "no images in folder 'empty'"),
    ],
)
def test_what_does_not_fit_is_told_first(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    assert main(["export", "forgery", *arguments]) == 2
    assert message in capsys.readouterr().err and [path.name for path in tmp_path.iterdir()] == ["empty"]
