"""What stands beside the verdict: declaration, watermark, history, and the conclusion from all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import nn

from vision.apis import ForgeryInferencer, ForgeryResult
from vision.apis.forgery import prepare
from vision.apis.forgery.findings import PixelFindings
from vision.models.forgery.calibration import Calibration
from vision.pixels import jpeg
from vision.structures.provenance import SignedClaim
from vision.watermark import WATERMARKS, embed_watermark

SETTINGS = "a red fox in snow\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, Seed: 1234567, Model: fox_v3"
POOR = {"max_quality": 50, "temperature": 2.0, "offset": 0.0, "low": 0.05, "high": 0.95}


class Brightness(nn.Module):
    """The logit of a crop is the mean of its red values, normalized."""

    def __init__(self, factor: float = 1.0, **calibration: Any) -> None:
        super().__init__()
        self.factor = factor
        self.calibration = Calibration(**({"low": 0.3, "high": 0.7} | calibration))

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        return self.factor * images[:, 0].mean((1, 2))


def texture(height: int = 128, width: int = 160, mean: float = 200) -> np.ndarray:
    """Smooth structure with noise on it, `[height, width, 3]`."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    waves = 20 * np.sin(x / 9) + 15 * np.cos(y / 7)
    return np.clip(mean + waves[..., None] + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


def judge(image: Any, network: nn.Module | None = None, **options: Any) -> ForgeryResult:
    (result,) = ForgeryInferencer(network=network or Brightness(), crop_size=32, **options)(image)
    assert result.error is None
    return result


def test_a_camera_that_a_file_names_is_shown_and_not_trusted(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", "Model 5"
    path = tmp_path / "a.jpg"
    Image.fromarray(texture()).save(path, exif=exif)
    result = judge(path)
    assert (result.declared, result.declared_by, result.signature) == ("camera", "EXIF make and model", None)
    assert result.verdict == result.conclusion_kind == "ai-generated" and result.conflict
    assert result.conclusion is not None and "nobody signed that" in result.conclusion
    agreed = judge(path, Brightness(-1))
    assert (agreed.conclusion_kind, agreed.conflict) == ("real", False)


def test_what_a_generator_wrote_is_told_and_its_prompt_on_request_alone(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("parameters", SETTINGS)
    path = tmp_path / "a.png"
    Image.fromarray(texture()).save(path, pnginfo=info)
    result = judge(path, Brightness(-1))
    assert (result.declared, result.generator) == ("ai-generated", "AUTOMATIC1111")
    assert (result.generator_model, result.seed, result.prompt_present, result.prompt) == (
        *("fox_v3", "1234567", True, None),
    )
    assert (result.verdict, result.conclusion_kind, result.conflict) == ("real", "unclear", True)
    assert judge(path, show_prompt=True).prompt == "a red fox in snow"
    record = result.to_dict()
    assert record["prompt"] is None and record["generator"] == "AUTOMATIC1111"


@pytest.mark.parametrize("name", [mark.name for mark in WATERMARKS])
def test_a_watermark_outranks_pixels_that_look_real(name: str) -> None:
    image = texture(256, 320, mean=120)
    plain, marked = (
        judge(image, Brightness(-1, low=0.9, high=0.9)),
        judge(embed_watermark(image, name), Brightness(-1, low=0.9, high=0.9)),
    )
    assert (plain.watermark, plain.watermark_fpr, plain.conclusion_kind) == (None, None, "real")
    assert marked.verdict == "real" and marked.conclusion_kind == "ai-generated"
    assert marked.watermark is not None and 0 < (marked.watermark_fpr or 0) < 1e-6
    assert marked.watermark_matched is not None and marked.watermark_bits is not None
    assert marked.to_dict()["watermark_fpr"] > 0  # not rounded away


@pytest.mark.parametrize(
    ("signature", "kind"), [("valid", "camera"), ("untrusted", "ai-generated"), ("invalid", "ai-generated")]
)
def test_a_signature_decides_if_it_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signature: str, kind: str
) -> None:
    source = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
    claim = SignedClaim(
        *(signature, "Maker Inc.", "Root", "Camera 5", "2026-01-02T03:04:05+00:00", ("c2pa.created",), ("a.jpg",)),
        *(source, ("a remark",)),
    )
    asked: list[object] = []

    def read(path: str, trust: object) -> SignedClaim:
        asked.append(trust)
        return claim

    monkeypatch.setattr("vision.apis.forgery.findings.read_signed", read)
    Image.fromarray(texture()).save(tmp_path / "a.png")
    result = judge(tmp_path / "a.png", trust="settings")
    assert asked == ["settings"] and result.conclusion_kind == kind and result.conflict
    assert (result.declared, result.signature, result.signer, result.issuer) == (
        "camera",
        signature,
        "Maker Inc.",
        "Root",
    )
    assert (result.claim_generator, result.actions, result.ingredients) == ("Camera 5", ["c2pa.created"], ["a.jpg"])
    assert result.source_type == source and result.signed_at == "2026-01-02T03:04:05+00:00"
    assert result.metadata["c2pa_manifest"] == f"present, signature {signature}"
    assert "C2PA: a remark" in result.notes


def test_files_whose_pixels_cannot_be_judged_still_declare(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("parameters", SETTINGS)
    Image.fromarray(texture()).save(tmp_path / "a.png", pnginfo=info)
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:4000])
    (tmp_path / "empty.png").touch()
    cut, empty = ForgeryInferencer(network=Brightness(), crop_size=32)([tmp_path / "cut.png", tmp_path / "empty.png"])
    assert cut.error is not None and (cut.verdict, cut.declared) == (None, "ai-generated")
    assert (
        cut.conclusion == "Unclear: the pixels were not judged. The file says that AI made it, but nobody signed that."
    )
    assert (empty.conclusion, empty.conclusion_kind, empty.declared) == (None, None, "none")


def test_a_verdict_that_is_open_says_why(tmp_path: Path) -> None:
    image = texture(mean=124)
    for quality in (95, 45):
        Image.fromarray(image).save(tmp_path / f"{quality}.jpg", quality=quality)
    good, poor = judge(tmp_path / "95.jpg"), judge(tmp_path / "45.jpg")
    assert good.verdict == poor.verdict == "inconclusive"
    assert poor.notes == ["JPEG quality 45: little evidence left"]
    assert poor.conclusion == "Unclear: the pixels do not tell (JPEG quality 45: little evidence left)."
    assert good.notes == [] and "lies between 0.30 and 0.70" in str(good.conclusion)


def test_quality_and_scale_widen_the_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = texture(mean=185)
    for quality in (95, 45):
        Image.fromarray(image).save(tmp_path / f"{quality}.jpg", quality=quality)
    half = {name: value for name, value in POOR.items() if name != "max_quality"} | {"min_scale": 0.4, "max_scale": 0.6}
    network = Brightness(by_quality=[POOR], by_scale=[half])
    good, poor = judge(tmp_path / "95.jpg", network), judge(tmp_path / "45.jpg", network)
    assert (good.verdict, poor.verdict) == ("ai-generated", "inconclusive")
    assert poor.logit == pytest.approx(good.logit, abs=0.1)
    assert poor.probability == pytest.approx(1 / (1 + np.exp(-(poor.logit or 0) / 2)))
    # The rate of false alarms is that of all photographs; a threshold of one's own is for the calibrated probability.
    assert judge(tmp_path / "45.jpg", Brightness(by_quality=[POOR], fpr_thresholds={"0.1": 0.6}), fpr=0.1).verdict == (
        "ai-generated"
    )
    assert judge(tmp_path / "45.jpg", network, threshold=0.99).verdict == "real"
    monkeypatch.setattr(prepare, "search_pixels", lambda *_: PixelFindings(None, 40, True, 0.5))
    measured = judge(image, network)
    assert (measured.jpeg_quality, measured.scale, measured.verdict) == (40, 0.5, "inconclusive")
    assert measured.notes == ["JPEG quality 40, as its pixels tell: little evidence left"]
    monkeypatch.setattr(prepare, "search_pixels", lambda *_: PixelFindings(scale=0.5))
    assert judge(image, network).notes == ["resized to about 0.5 times its size: little evidence left"]


def test_a_network_may_pool_in_its_own_way() -> None:
    given: dict[str, np.ndarray] = {}

    class Pooling(Brightness):
        def pool(self, logits: np.ndarray, positions: np.ndarray) -> float:
            given.update(logits=logits, positions=positions)
            return float(logits.max())

    image = np.concatenate([texture(64, 64, 60), texture(64, 64, 200)], axis=1)
    result = judge(image, Pooling(), thorough=True)
    assert result.logit == pytest.approx(given["logits"].max()) and result.crops == len(given["logits"]) == 3 * 7 + 3
    assert given["positions"].shape == (24, 3) and set(given["positions"][:, 2]) == {1.0, 0.5}


def test_a_layer_called_pool_is_none_of_the_inferencers_business() -> None:
    network = Brightness()
    network.pool = nn.AdaptiveAvgPool2d(1)
    assert judge(texture(), network).logit == judge(texture()).logit


def test_both_scales_weigh_the_same_where_nothing_is_learned() -> None:
    class Scale(Brightness):
        def logits(self, images: torch.Tensor) -> torch.Tensor:
            # Halving takes noise away.
            return (images[:, 0, :, 1:] - images[:, 0, :, :-1]).abs().mean((1, 2))

    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    small = np.rint(image.reshape(32, 2, 32, 2, 3).mean((1, 3))).astype(np.uint8)
    alone, halved = judge(image, Scale()).logit, judge(small, Scale()).logit
    assert alone is not None and halved is not None and halved < 0.7 * alone
    both = judge(image, Scale(), thorough=True)
    assert both.crops == 9 + 1 and both.logit == pytest.approx((alone + halved) / 2, rel=0.05)


def test_a_coarse_map_shows_the_crops_that_were_judged() -> None:
    image = np.concatenate([texture(64, 64, 60), texture(64, 64, 200)], axis=1)
    result = judge(image, coarse_map=True)
    assert result.heatmap is not None and result.heatmap.probability.shape == (2, 4)
    assert (result.heatmap.probability[:, :2] < 0.4).all() and (result.heatmap.probability[:, 2:] > 0.6).all()
    assert result.heatmap.center_x.tolist() == [16, 48, 80, 112] and result.heatmap.preview.shape == image.shape
    fine = judge(image, coarse_map=True, heatmap=True).heatmap
    assert fine is not None and fine.tile_size == 32 and fine.probability.shape != (2, 4)
    assert judge(image).heatmap is None


def test_a_result_has_all_parts_as_json_has_them(tmp_path: Path) -> None:
    Image.fromarray(jpeg(texture(), 80)).save(tmp_path / "a.png")
    record = judge(tmp_path / "a.png").to_dict()
    after_error = list(record)[list(record).index("error") + 1 :]
    assert after_error[:9] == [
        *("conclusion", "conclusion_kind", "conflict", "declared", "declared_by", "signature", "watermark"),
        *("watermark_fpr", "scale"),
    ]
    assert (record["declared"], record["conflict"], record["actions"]) == ("none", False, [])
