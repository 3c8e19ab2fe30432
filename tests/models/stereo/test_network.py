"""MatchStereo: images of any size in, fields out; its variants by name."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from backbones import ConvFormer
from heads import MatchDecoder
from vision.models import MatchStereo, match_stereo, match_stereo_models
from vision.models.stereo.variants import VARIANTS

KEYS = ["init_flow", "init_cv", "field_all", "field_up", "self_rpos"]


@pytest.fixture(scope="module")
def model() -> MatchStereo:
    """A small one, whose every part moves the field."""
    torch.manual_seed(0)
    dims = (8, 12, 16, 16)
    made = MatchStereo(ConvFormer(embed_dims=dims, depths=(1, 1, 1, 1)), MatchDecoder(dims, (1, 1, 1, 1), num_heads=2))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made.eval()


def images(h: int, w: int, batch: int = 1) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    img0, img1 = torch.rand(2, batch, 3, h, w) * 255
    return img0, img1


@pytest.mark.parametrize(
    ("size", "padded"),
    [((192, 224), (192, 224)), ((193, 250), (224, 256)), ((7, 200), (192, 224)), ((1, 1), (192, 192))],
)
def test_any_size(model: MatchStereo, size: tuple[int, int], padded: tuple[int, int]) -> None:
    img0, img1 = images(*size, batch=2)
    with torch.no_grad():
        out = model(img0, img1)
    assert list(out) == KEYS
    assert out["field_up"].shape == (4, *size, 2) and out["field_up"].isfinite().all()
    assert out["init_flow"].shape == (4, padded[0] // 32, padded[1] // 32, 2)
    assert out["field_all"][-1].shape == (4, padded[0] // 4, padded[1] // 4, 2)
    assert out["self_rpos"].shape == (4, padded[0] // 4, padded[1] // 4, 2)


def test_images_are_extended_at_the_top_and_on_the_right(model: MatchStereo) -> None:
    img0, img1 = images(190, 220)
    by_hand = [torch.nn.functional.pad(img, (0, 4, 2, 0), mode="replicate") for img in (img0, img1)]
    with torch.no_grad():
        wanted = model(*by_hand)["field_up"][:, 2:, :220]
        assert torch.equal(model(img0, img1)["field_up"], wanted)


def test_pixels_are_normalized(model: MatchStereo) -> None:
    img0, img1 = images(192, 192)
    with torch.no_grad():
        features = model.encoder(torch.cat([img0, img1]) * 2 / 255 - 1)
        wanted = model.decoder(features)["field_up"]
        torch.testing.assert_close(model(img0, img1)["field_up"], wanted, atol=0.05, rtol=1e-3)
        rounded = [img.round() for img in (img0, img1)]
        assert torch.equal(model(*[img.byte() for img in rounded])["field_up"], model(*rounded)["field_up"])


def test_training_also_gets_the_fields_after_self_attention(model: MatchStereo) -> None:
    img0, img1 = images(192, 192)
    out = model.match(img0, img1)
    assert set(out) == {*KEYS, "field_self"} and len(out["field_self"]) == 4
    sum(field.abs().mean() for field in [*out["field_all"], *out["field_self"], out["field_up"]]).backward()
    grads = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    assert all(grad is not None and grad.isfinite().all() for grad in grads)


def test_stereo_or_flow(model: MatchStereo) -> None:
    img0, img1 = images(192, 192)
    flow_model = MatchStereo(model.encoder, model.decoder, stereo=False)
    with torch.no_grad():
        stereo, flow = model(img0, img1)["field_up"], model(img0, img1, stereo=False)["field_up"]
        assert (stereo[..., 1] == 0).all() and (flow[..., 1] != 0).any()
        assert torch.equal(flow_model(img0, img1)["field_up"], flow)
        assert torch.equal(flow_model(img0, img1, stereo=True)["field_up"], stereo)


def test_fields_to_begin_with(model: MatchStereo) -> None:
    img0, img1 = images(190, 220)
    coarse = torch.zeros(2, 6, 7, 2)
    coarse[..., 0] = torch.arange(7.0)
    full = coarse.repeat_interleave(32, 1).repeat_interleave(32, 2)[:, 2:, :220] * 32
    with torch.no_grad():
        out = model(img0, img1, init_flow=coarse)
        assert torch.equal(out["init_flow"], coarse)
        again = model(img0, img1, init_flow=full)
        torch.testing.assert_close(again["init_flow"], coarse, atol=1e-5, rtol=0)
        with pytest.raises(
            ValueError, match=r"init_flow must be .*\(2, 190, 220, 2\).*\(2, 6, 7, 2\), got \(1, 6, 7, 2\)"
        ):
            model(img0, img1, init_flow=coarse[:1])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_weights(model: MatchStereo, dtype: torch.dtype) -> None:
    img0, img1 = images(192, 192)
    with torch.no_grad():
        wanted = model(img0, img1)["field_up"]
        try:
            out = model.to(dtype)(img0, img1)
        finally:
            model.float()
    assert out["field_up"].dtype == torch.promote_types(dtype, torch.float32)
    assert out["field_up"].isfinite().all()
    if dtype == torch.float64:
        assert (out["field_up"] - wanted).abs().median() < 0.01


def test_autocast(model: MatchStereo) -> None:
    img0, img1 = images(192, 192)
    with torch.autocast("cpu", torch.bfloat16):
        out = model.match(img0, img1)
    assert all(field.dtype == torch.float32 for field in [*out["field_all"], out["field_up"], out["init_cv"]])
    out["field_up"].abs().mean().backward()
    assert all(
        parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.decoder.parameters()
    )
    model.zero_grad()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((1, 3, 64), (1, 3, 64)), "img0 must be images"),
        (((1, 1, 64, 64), (1, 1, 64, 64)), "img0 must be images"),
        (((1, 3, 0, 64), (1, 3, 0, 64)), "img0 must be images"),
        (((1, 3, 64, 64), (1, 3, 64, 65)), r"img1 must have the shape of img0, \(1, 3, 64, 64\), got \(1, 3, 64, 65\)"),
    ],
)
def test_images_that_do_not_fit(model: MatchStereo, shapes: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model(*map(torch.zeros, shapes))


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants(variant: str) -> None:
    with torch.device("meta"):
        model = MatchStereo.from_variant(variant, stereo=False)
        out = model(*torch.zeros(2, 1, 3, 192, 256))
    assert not model.stereo and model.variant == variant
    assert out["field_up"].shape == (2, 192, 256, 2)
    if variant == "nano":
        assert sum(p.numel() for p in model.parameters()) < 4_000_000
    else:
        assert len(out["field_all"]) == 29


def test_unknown_variants_and_models() -> None:
    with pytest.raises(ValueError, match=r"unknown variant 'huge' .* nano, tiny, small, base"):
        MatchStereo.from_variant("huge")
    with pytest.raises(ValueError, match=r"unknown stereo model 'tiny'.*match_stereo_tiny"):
        match_stereo("tiny")


@pytest.mark.parametrize("name", match_stereo_models())
def test_every_model_has_a_name(name: str) -> None:
    model = match_stereo(name)
    assert not model.training
    assert name == f"match_{'stereo' if model.stereo else 'flow'}_{model.variant}"


def test_inference_needs_no_training_framework() -> None:
    code = "import vision.models, sys; vision.models.MatchStereo.from_variant('nano'); print('mmengine' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
