"""What holds of every inferencer: list in, list out; lazy streams; one way to tell what does not fit."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vision.apis import ForgeryInferencer, StereoInferencer, VideoInferencer
from vision.apis.base import Inferencer, read_ahead, renamed
from vision.errors import CODES, Notice, UsageError
from vision.images import ImageError
from vision.models.forgery.calibration import Calibration
from vision.structures.video import Detections

ROOT = Path(__file__).resolve().parents[2]
SEGMENTOR = f"""
_base_ = ["mmseg::_base_/models/fcn_unet_s5-d16.py", {str(ROOT / "configs/_base_/runtime/mmseg.py")!r}]
norm = dict(type="BN", requires_grad=True)
model = dict(
    data_preprocessor=dict(size=(64, 64)),
    backbone=dict(_delete_=True, type="DiNAT", embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), kernel_size=3,
        dilations=((2,), (1,), (1,), (1,)), out_indices=(0, 1, 2, 3)),
    decode_head=dict(in_channels=64, in_index=3, channels=8, num_classes=3, norm_cfg=norm),
    auxiliary_head=None,
    test_cfg=dict(_delete_=True, mode="whole"),
)
test_dataloader = dict(dataset=dict(
    type="BaseSegDataset",
    metainfo=dict(classes=("sky", "tree", "road"), palette=[[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
    pipeline=[dict(type="LoadImageFromFile"), dict(type="Resize", scale=(96, 64)), dict(type="PackSegInputs")],
))
"""


class Judge(nn.Module):
    calibration = Calibration()

    def logits(self, images: Tensor) -> Tensor:
        return images.mean((1, 2, 3))


class Match(nn.Module):
    stereo = True

    def forward(self, left: Tensor, right: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
        return {"field_up": torch.zeros(2, *left.shape[2:], 2)}


class Blind(nn.Module):
    classes = ("person",)

    def new_memory(self, seed: int = 0) -> None:
        return None

    def detect(self, frame: np.ndarray, memory: Any, max_size: int | None = None, threshold: float = 0.0) -> Detections:
        return Detections.none()


class Case(NamedTuple):
    """One inferencer: how it is made, and an input that fits."""

    kind: type[Inferencer]
    make: Callable[..., Inferencer]
    good: Any

    def with_array(self, array: Any) -> Any:
        """The input that fits, with another array in it."""
        return (array, self.good[1]) if isinstance(self.good, tuple) else array


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)


@pytest.fixture(scope="module", params=["forgery", "stereo", "video", "dense"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    if request.param == "forgery":
        make = lambda **options: ForgeryInferencer(**{"network": Judge(), "crop_size": 32, **options})  # noqa: E731
        return Case(ForgeryInferencer, make, image())
    if request.param == "stereo":
        make = lambda **options: StereoInferencer(**{"network": Match(), "checks": False, **options})  # noqa: E731
        return Case(StereoInferencer, make, (image(), image()))
    if request.param == "video":
        make = lambda **options: VideoInferencer(**{"network": Blind(), "track": False, **options})  # noqa: E731
        return Case(VideoInferencer, make, image())
    from vision.apis.dense import DenseInferencer

    config = tmp_path_factory.mktemp("config") / "segmentor.py"
    config.write_text(SEGMENTOR)
    return Case(DenseInferencer, lambda **options: DenseInferencer(config, **options), image())


@pytest.fixture(scope="module")
def infer(case: Case) -> Inferencer:
    return case.make()


def test_names_of_options(case: Case) -> None:
    known = {"checkpoint", "device", "precision", "max_pixels", "batch_size", "workers", "network"}
    names = set(inspect.signature(case.kind).parameters)
    assert {"checkpoint", "device", "precision", "max_pixels"} <= names
    for name in names - known:
        assert not any(part in name for part in ("weights", "gpu", "amp", "batch", "thread", "pixels", "dtype")), name


def test_list_in_list_out(case: Case, infer: Inferencer) -> None:
    results = infer([case.good, case.good])
    assert isinstance(results, list) and [result.error for result in results] == [None, None]
    what = "frame" if case.kind is VideoInferencer else "array"
    assert [result.path.startswith(f"{what} {i}") for i, result in enumerate(results)] == [True, True]
    (alone,) = infer(case.good)
    assert alone.error is None and infer([]) == [] and infer(iter([])) == []


def test_streams_are_lazy(case: Case, infer: Inferencer) -> None:
    taken = 0

    def endless() -> Iterator[Any]:
        nonlocal taken
        while True:
            taken += 1
            yield case.good

    stream = infer.stream(endless())
    assert iter(stream) is stream and taken == 0
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert taken <= 16


def test_a_bad_input_does_not_stop_the_others(case: Case, infer: Inferencer, tmp_path: Path) -> None:
    bad = [image().astype(float), image()[:4], image()[..., :2], tmp_path / "gone.png", str(tmp_path)]
    results = infer([case.good, *map(case.with_array, bad), case.good])
    codes = [getattr(result.error, "code", None) for result in results]
    assert codes == [None, "bad-array", "too-small", "bad-array", "unreadable-file", "unreadable-file", None]
    assert "float64 array of shape (40, 48, 3); expected uint8" in results[1].error


def test_a_wrong_type_is_a_type_error(case: Case, infer: Inferencer) -> None:
    for wrong in (3, None):
        with pytest.raises(TypeError, match=r"(image|pair) 1 is a \w+; expected"):
            infer([case.good, case.with_array(wrong)])


ALL = ("forgery", "stereo", "video", "dense")
# What does not fit, its code, and who takes such an argument.
WRONG: list[tuple[dict[str, Any], str, tuple[str, ...]]] = [
    ({"device": "abacus"}, "unknown-device", ALL),
    ({"device": "meta"}, "unusable-device", ALL),
    ({"device": torch.device("meta")}, "unusable-device", ALL),
    ({"max_pixels": 0}, "out-of-range", ALL),
    ({"workers": 0}, "out-of-range", ("forgery", "dense")),
    ({"batch_size": -1}, "out-of-range", ("forgery",)),
    ({"precision": "fp8"}, "out-of-range", ALL),
    ({"checkpoint": "gone.safetensors", "network": None}, "bad-checkpoint", ("forgery", "stereo", "video")),
    ({"checkpoint": "gone.safetensors"}, "bad-checkpoint", ("dense",)),
]


@pytest.mark.parametrize(
    ("case", "options", "code"),
    [(kind, options, code) for options, code, kinds in WRONG for kind in kinds],
    indirect=["case"],
)
def test_arguments_that_do_not_fit(case: Case, options: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        case.make(**options)
    (name, value) = next(iter(options.items()))
    assert caught.value.code == code and str(value) in str(caught.value)
    if code == "out-of-range":
        assert name in str(caught.value) and caught.value.value == value


@pytest.mark.parametrize("case", ["forgery", "stereo"], indirect=True)
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_precision_is_by_autocast(case: Case, precision: str) -> None:
    seen = []

    class Noting(Judge, Match):
        def logits(self, images: Tensor) -> Tensor:
            seen.append(images @ images.mT)
            return super().logits(images)

        def forward(self, *views: Tensor, **options: Any) -> dict[str, Tensor]:
            seen.append(views[0] @ views[0].mT)
            return super().forward(*views, **options)

    assert case.make(network=Noting(), precision=precision)(case.good)[0].error is None
    assert seen[0].dtype == {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def test_networks_are_packed(case: Case, infer: Inferencer) -> None:
    networks = {ForgeryInferencer: Judge, StereoInferencer: Match, VideoInferencer: Blind}
    if case.kind in networks:
        network = networks[case.kind]()
        network.layer = nn.Linear(4, 4)
        case.make(network=network)
        assert "forward" in vars(network.layer)
    else:
        backbone, head = infer.model.backbone, infer.model.decode_head  # type: ignore[attr-defined]
        is_packed = [[type(m) for m in part.modules() if "forward" in vars(m)] for part in (backbone, head)]
        assert set(is_packed[0]) == {nn.Conv2d, nn.Linear} and is_packed[1] == []


def test_reading_ahead_keeps_the_order_and_tells_errors_when_their_turn_comes() -> None:
    def read(number: int, value: int) -> int:
        return 12 // value + number

    assert list(read_ahead(read, [1, 2, 3, 4], workers=3, ahead=5)) == [12, 7, 6, 6]
    results = read_ahead(read, [1, 0, 2], workers=2, ahead=2)
    assert next(results) == 12
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_old_names_of_inputs_go_on_working() -> None:
    judge = ForgeryInferencer(network=Judge(), crop_size=32)
    with pytest.warns(DeprecationWarning, match="'pictures' is now called 'images'"):
        (result,) = judge(pictures=[image()])  # type: ignore[call-arg]
    assert result.error is None
    with pytest.raises(TypeError, match="its old name"):
        renamed(old="new")(lambda new: new)(old=1, new=2)  # type: ignore[call-arg]


def test_results_need_no_torch() -> None:
    code = "import sys, vision.structures as s; [getattr(s, n) for n in s.__all__]; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_codes_survive_copies() -> None:
    for text in (Notice("odd", "views-swapped", 0.9), UsageError("wrong", code="out-of-range", value=3)):
        for again in (pickle.loads(pickle.dumps(text)), copy.deepcopy(text)):
            assert (str(again), again.code, again.value) == (str(text), text.code, text.value)
    error = pickle.loads(pickle.dumps(ImageError("a.png", "is odd", code="bad-values", value=(0, 1))))
    assert (error.path, error.reason, error.code, error.value) == ("a.png", "is odd", "bad-values", (0, 1))


def test_every_code_is_in_the_table() -> None:
    found = set()
    for path in (ROOT / "vision").rglob("*.py"):
        text = path.read_text()
        found |= set(re.findall(r'\bcode(?:: str)? ?= ?"([a-z0-9-]+)"', text))
        found |= set(re.findall(r'Notice\([^()]*?"([a-z]+(?:-[a-z]+)+)"', text))
    assert found <= set(CODES)


def test_files_that_do_not_fit_are_told_by_code(tmp_path: Path) -> None:
    from vision.checkpoint import read_checkpoint
    from vision.datasets.forgery.folders import list_samples
    from vision.datasets.stereo.files import checked_root
    from vision.engine.config import load_config
    from vision.stereo_io import write_disparity
    from vision.stereo_io.pair_list import read_pair_list

    gone = str(tmp_path / "gone.png")
    calls: list[tuple[Callable[[], Any], str, Any]] = [
        (lambda: read_pair_list(gone), "bad-list", gone),
        (lambda: list_samples(gone), "bad-data-root", gone),
        (lambda: checked_root(gone, "pairs"), "bad-data-root", gone),
        (lambda: load_config(gone), "bad-config", gone),
        (lambda: read_checkpoint(gone), "bad-checkpoint", None),
        (lambda: write_disparity(gone, np.zeros((2, 2, 1), np.float32)), "bad-array", ("float32", (2, 2, 1))),
        (lambda: write_disparity(gone, np.full((2, 2), 300.0), kind="kitti"), "out-of-range", 300.0),
    ]
    for call, code, value in calls:
        with pytest.raises(UsageError) as caught:
            call()
        assert (caught.value.code, caught.value.value) == (code, value)


@pytest.mark.parametrize("case", ALL, indirect=True)
def test_a_limit_that_is_no_number_is_a_type_error(case: Case) -> None:
    with pytest.raises(TypeError):
        case.make(max_pixels=None)
