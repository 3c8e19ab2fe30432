"""The inferencer, on a small network whose answers can be computed by hand."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from vision.apis import ForgeryInferencer, ForgeryResult, verdict
from vision.errors import Notice, UsageError
from vision.models.forgery.calibration import Calibration
from vision.normalize import normalize_imagenet
from vision.provenance import PROVENANCE_FIELDS
from vision.structures.forgery import aggregate, result_fields

CALIBRATION = Calibration(temperature=2.0, offset=1.0, low=0.3, high=0.8, fpr_thresholds={"0.01": 0.9, "0.1": 0.6})


class Network(nn.Module):
    """A convolution, so that results could depend on the batch; remembers its batches."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 4, 5, stride=3)
        self.calibration = CALIBRATION
        self.batches: list[tuple[int, ...]] = []

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        self.batches.append(tuple(images.shape))
        return self.convolution(images).square().mean((1, 2, 3))


class Constant(nn.Module):
    """Gives the same logit for everything."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = logit
        self.calibration = Calibration(low=0.3, high=0.7)

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        return torch.full((len(images),), self.logit)


class Detail(Constant):
    """Logit +4 for images with much fine detail, -4 for others: recompression turns it around."""

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        detail = (images[..., 1:] - images[..., :-1]).abs().mean((1, 2, 3))
        return torch.where(detail > self.logit, 4.0, -4.0)


def images_of(*sizes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


def inferencer(network: nn.Module | None = None, **options: object) -> ForgeryInferencer:
    return ForgeryInferencer(network=network or Network(), crop_size=32, **options)  # type: ignore[arg-type]


def test_a_image_of_crop_size_gets_the_logit_of_the_network() -> None:
    network = Network()
    (image,) = images_of((32, 32))
    (result,) = inferencer(network)(image)
    # ImageNet's means and deviations of red, green and blue.
    normal = (image / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    expected = network.logits(torch.from_numpy(normal).permute(2, 0, 1)[None].float()).item()
    assert result.logit == pytest.approx(expected, abs=1e-4)
    assert result.probability == pytest.approx(1 / (1 + np.exp(-(expected - 1) / 2)))
    assert (result.path, result.crops, result.error) == ("array 0", 1, None)


def test_mixed_sizes_share_forward_batches() -> None:
    network = Network()
    results = inferencer(network, batch_size=8)(images_of((32, 32), (64, 64), (20, 33), (100, 40), (9, 9)))
    assert [result.crops for result in results] == [1, 4, 2, 8, 1]
    assert network.batches == [(8, 3, 32, 32), (8, 3, 32, 32)]


def test_the_batch_does_not_change_the_result() -> None:
    images = images_of((32, 32), (64, 64), (20, 33), (100, 40), (9, 9), (200, 210))
    together = inferencer(batch_size=5, workers=3)(images)
    for image, result in zip(images, together, strict=True):
        (alone,) = inferencer(batch_size=1, workers=1)(image)
        assert alone.logit == pytest.approx(result.logit, abs=1e-4)
        assert alone.crops == result.crops


def test_results_keep_the_order_and_bad_images_do_not_stop_the_rest(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    Image.fromarray(images_of((40, 40))[0]).save(good)
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    array = images_of((33, 33))[0]
    items = [
        str(good),
        tmp_path / "bad.jpg",
        array,
        tmp_path / "missing.png",
        array.astype(np.float32),
        array[:5],
        good,
    ]
    results = inferencer()(items)
    assert [result.error is None for result in results] == [True, False, True, False, False, False, True]
    assert [result.path for result in results[:4]] == [
        str(good),
        str(tmp_path / "bad.jpg"),
        "array 2",
        str(tmp_path / "missing.png"),
    ]
    assert results[0].logit == results[-1].logit
    for result in results:
        if result.error is not None:
            assert (result.verdict, result.probability, result.logit, result.crops) == (None, None, None, 0)
    assert "float32" in str(results[4].error) and "8 x 8" in str(results[5].error)


def test_a_gray_array_is_its_rgb_copy() -> None:
    gray = images_of((40, 50))[0][..., 0]
    first, second = inferencer()([gray, np.repeat(gray[..., None], 3, axis=2)])
    assert first.logit == second.logit


def test_no_images() -> None:
    assert inferencer()([]) == []


def test_other_types_are_a_type_error() -> None:
    with pytest.raises(TypeError, match="image 1 is a int; expected a path or a uint8"):
        inferencer()([images_of((32, 32))[0], 3])  # type: ignore[list-item]


def test_streaming_reads_ahead_only_a_little() -> None:
    taken = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield images_of((32, 32))[0]

    stream = inferencer(batch_size=2, workers=2).stream(endless())
    for _ in range(5):
        next(stream)
    stream.close()
    assert taken <= 5 + 2 + 4 + 1
    assert not [t for t in threading.enumerate() if t.name.startswith("decode") and not t.daemon and _alive_later(t)]


def _alive_later(thread: threading.Thread) -> bool:
    thread.join(5)
    return thread.is_alive()


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0.0, "real"),
        (0.29, "real"),
        (0.3, "inconclusive"),
        (0.69, "inconclusive"),
        (0.7, "ai-generated"),
        (1.0, "ai-generated"),
    ],
)
def test_verdict(probability: float, expected: str) -> None:
    assert verdict(probability, 0.3, 0.7) == expected


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, "ai-generated"), (0.50001, "real"), (0.0, "ai-generated")])
def test_threshold_decides_two_ways(threshold: float, expected: str) -> None:
    assert inferencer(Constant(0.0), threshold=threshold)(images_of((32, 32)))[0].verdict == expected


def test_false_positive_rate_chooses_the_calibrated_threshold() -> None:
    judge = inferencer(fpr=0.1)
    assert (judge.low, judge.high) == (0.6, 0.6)
    with pytest.raises(UsageError, match=r"0\.5 is outside the calibrated range 0\.01 to 0\.1"):
        inferencer(fpr=0.5)


def test_aggregate_is_the_mean() -> None:
    assert aggregate(np.array([1, 2, 6], np.float32)) == 3.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; expected at least 1"),
        ({"workers": 0}, "workers is 0; expected at least 1"),
        ({"crop_size": 30}, "crop_size is 30; expected a multiple of 4 from 8 on"),
        ({"threshold": 1.5}, "threshold is 1.5; expected a probability, from 0 to 1"),
        ({"threshold": 0.5, "fpr": 0.1}, "not both"),
        ({"device": "abacus"}, "unknown device 'abacus'"),
        ({"device": "meta"}, "'meta' cannot be used"),
    ],
)
def test_wrong_arguments(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ForgeryInferencer(network=Network(), **options)


def test_robust_keeps_a_verdict_that_recompression_does_not_change() -> None:
    (result,) = inferencer(Constant(3.0), robust=True)(images_of((40, 40)))
    assert (result.verdict, result.stable) == ("ai-generated", True)
    assert result.probability_min == result.probability_max == result.probability
    assert result.crops == 4  # of the image itself, not of its copies


def test_robust_makes_a_verdict_that_changes_inconclusive() -> None:
    ramp = np.linspace(100, 140, 64)[None, :, None]
    checkers = (np.indices((64, 64)).sum(0) % 2)[..., None] * 2.0
    image = np.rint(ramp + checkers + np.zeros(3)).astype(np.uint8)
    network = Detail(0.0)
    inside = normalize_imagenet(torch.from_numpy(image).permute(2, 0, 1)[None])
    network.logit = 0.8 * (inside[..., 1:] - inside[..., :-1]).abs().mean().item()
    (plain,) = inferencer(network)(image)
    (result,) = inferencer(network, robust=True)(image)
    assert plain.verdict == "ai-generated" and plain.stable is None
    assert (result.verdict, result.stable) == ("inconclusive", False)
    assert result.probability == result.probability_max == plain.probability
    assert result.probability_min is not None and result.probability_min < 0.1


def test_a_image_that_jpeg_cannot_hold_is_an_error_of_the_robust_check_alone() -> None:
    image = np.zeros((8, 66_000, 3), np.uint8)
    robust, plain = (inferencer(robust=robust, heatmap=True)(image)[0] for robust in (True, False))
    assert robust.verdict is None and "66000 x 8 pixels, too large to recompress" in str(robust.error)
    assert plain.error is None and plain.crops == 208


def test_what_is_not_a_number_is_an_error() -> None:
    (result,) = inferencer(Constant(float("nan")))(images_of((32, 32)))
    assert result.verdict is None and "not a number" in str(result.error)
    json.dumps(result.to_dict(), allow_nan=False)


def test_fields_come_in_the_documented_order(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0131] = "Editor 1.0"
    Image.fromarray(images_of((40, 40))[0]).save(tmp_path / "a.jpg", exif=exif)
    judged, failed = inferencer()([tmp_path / "a.jpg", tmp_path / "b.jpg"])
    fields = ["path", "verdict", "probability", "logit", "crops", "error", "conclusion", "conclusion_kind", "conflict"]
    assert list(judged.to_dict()) == list(failed.to_dict()) == result_fields()
    assert result_fields()[: len(fields)] == fields
    assert [name for name in result_fields() if name in PROVENANCE_FIELDS] == list(PROVENANCE_FIELDS)
    assert judged.to_dict()["exif_software"] == "Editor 1.0"
    assert type(failed.to_dict()["error"]) is str  # such as YAML takes; the result's own has a code
    assert isinstance(failed.error, Notice) and failed.error.code == "unreadable-file"
    assert judged.metadata == {"exif_software": "Editor 1.0"}
    assert json.loads(json.dumps(judged.to_dict(), allow_nan=False)) == judged.to_dict()


def test_what_a_file_is_like_is_reported(tmp_path: Path) -> None:
    frames = [Image.fromarray(image) for image in images_of((40, 60), (40, 60), (40, 60))]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6
    frames[0].save(tmp_path / "a.jpg", exif=exif, quality=71)
    animation, photo, array, missing = inferencer()(
        [tmp_path / "a.gif", tmp_path / "a.jpg", images_of((50, 30))[0], tmp_path / "b.jpg"]
    )
    names = ("width", "height", "format", "frames", "jpeg_quality")
    assert [animation.to_dict()[name] for name in names] == [60, 40, "GIF", 3, None]
    assert [photo.to_dict()[name] for name in names] == [40, 60, "JPEG", 1, 71]  # upright
    assert [array.to_dict()[name] for name in names] == [30, 50, None, None, None]
    assert [missing.to_dict()[name] for name in names] == [None] * 5


@pytest.mark.parametrize("options", [{}, {"threshold": 0.5}, {"robust": True}])
def test_no_verdict_without_evidence(options: dict[str, object]) -> None:
    noise, icon, plain = images_of((40, 40), (7 + 1, 7), (40, 40))
    icon = np.repeat(icon, 8, axis=1)[:, :40]
    judge = ForgeryInferencer(network=Constant(9.0), crop_size=64, **options)  # type: ignore[arg-type]
    judged, small, flat = judge([noise, icon, np.full_like(plain, 200)])
    assert judged.verdict == "ai-generated" and judged.notes == []
    assert [small.verdict, flat.verdict] == ["inconclusive", "inconclusive"]
    assert small.notes == ["no evidence: 40 x 8 pixels are too few; a verdict needs 16 on the shorter side"]
    assert isinstance(flat.notes[0], Notice) and (flat.notes[0].code, flat.notes[0].value) == ("no-evidence", 0.0)
    assert flat.probability == judged.probability  # what the model says is still told


def test_heat_map_comes_with_its_result() -> None:
    plain, mapped = (inferencer(heatmap=heatmap)(images_of((80, 200)))[0] for heatmap in (False, True))
    assert plain.heatmap is None and mapped.heatmap is not None
    assert plain.logit == pytest.approx(mapped.logit, abs=1e-4)
    assert mapped.heatmap.probability.shape == (3, 4)  # 160 rows after reflection, 64 pixels apart
    assert isinstance(mapped, ForgeryResult) and "heatmap" not in mapped.to_dict()


def test_a_cpu_judges_two_crops_at_once() -> None:
    network = Network()
    inferencer(network, device="cpu")(images_of((32, 160)))
    assert network.batches == [(2, 3, 32, 32), (2, 3, 32, 32), (1, 3, 32, 32)]


def test_small_images_are_judged_at_their_own_size_where_the_network_takes_that() -> None:
    network = Network()
    network.backbone = nn.Identity()
    network.backbone.least_size = 16  # type: ignore[assignment]
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((40, 40), (24, 24), (23, 64), (9, 12))]
    judge = ForgeryInferencer(network=network, crop_size=32, batch_size=8, heatmap=True)
    together = judge(images)
    assert {shape[2:] for shape in network.batches} == {(32, 32), (24, 24), (20, 20), (16, 16)}
    expected = network.logits(normalize_imagenet(torch.from_numpy(images[1][None]).permute(0, 3, 1, 2)))
    assert together[1].logit == pytest.approx(expected.item(), rel=1e-5)
    for image, found in zip(images, together, strict=True):  # whatever shares the batch
        (alone,) = judge([image])
        assert alone.logit == pytest.approx(found.logit, rel=1e-5) and found.heatmap is not None
        assert (found.heatmap.height, found.heatmap.width) == image.shape[:2]


def test_large_images_are_cut_into_large_windows_of_as_many_pixels() -> None:
    network = Network()
    network.backbone = nn.Identity()
    network.backbone.large_size = 64  # type: ignore[assignment]
    image = np.random.default_rng(0).integers(0, 256, (256, 320, 3), dtype=np.uint8)
    (result,) = ForgeryInferencer(network=network, crop_size=32, batch_size=8, coarse_map=True)(image)
    assert {shape[2:] for shape in network.batches} == {(64, 64)}
    assert result.crops == 20 and result.heatmap is not None and result.heatmap.probability.shape == (4, 5)
    (fewer,) = ForgeryInferencer(network=network, crop_size=32, batch_size=8, max_crops=32)(image)
    assert fewer.crops == 8
    network.batches.clear()
    ForgeryInferencer(network=network, crop_size=32, batch_size=8)(image[:252])
    assert {shape[2:] for shape in network.batches} == {(32, 32)}
