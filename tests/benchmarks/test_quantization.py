"""`benchmarks/quantization.py`: files of any size, and folders without images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import quantization
from vision.onnx.metadata import dynamic_sizes, fixed_size


class FakeModel:
    """A classifier whose file is told by its name."""

    def __init__(self, path: Path, *_: object) -> None:
        self.path = path
        self.metadata = {"sizes": dynamic_sizes(24, 64) if path.name == "any.onnx" else fixed_size(40, 32)}

    def run(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert inputs["images"].shape[2:] == ((24, 24) if self.path.name == "any.onnx" else (40, 32))
        return [inputs["images"].mean((2, 3))]


@pytest.mark.parametrize("name", ["any.onnx", "one.onnx"])
def test_classifiers_of_one_size_and_of_any_are_compared(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(quantization, "OnnxModel", FakeModel)
    for number in range(2):
        image = np.random.default_rng(number).integers(0, 256, (48, 48, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    (tmp_path / "bad.png").write_bytes(b"no image")
    quantization.compare_classifiers(Path(name), Path(name), quantization.sample(tmp_path, 5, 0))
    out = capsys.readouterr().out
    assert "2 images, 100.0 % of the first classes agree" in out and "; skipped" in out
    with pytest.raises(SystemExit, match="none of the images can be read"):
        quantization.compare_classifiers(Path(name), Path(name), [tmp_path / "bad.png"])


def test_a_folder_without_images_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no images below"):
        quantization.sample(tmp_path, 5, 0)
