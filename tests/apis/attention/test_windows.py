"""What a pixel attends to: keys by the window's definition, weights by the unfused operators."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backbones import DiNAT
from vision.apis.attention import attention_of
from vision.apis.attention.windows import attention_at
from vision.errors import UsageError
from vision.layers import NeighborhoodAttention2D
from vision.ops.neighborhood.window import neighborhood_mask

DILATIONS = ((1, 4), (1, 2), (1,), (1,))


@pytest.fixture(scope="module")
def model() -> DiNAT:
    torch.manual_seed(0)
    return DiNAT(16, (2, 2, 1, 1), (2, 4, 4, 4), kernel_size=3, dilations=DILATIONS)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (96, 160, 3), np.uint8)


def test_every_block(model: DiNAT, image: np.ndarray) -> None:
    found = attention_of(image, model, (50, 100))
    assert [(one.stage, one.block) for one in found] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (3, 0)]
    assert [one.grid for one in found] == [(24, 40)] * 2 + [(12, 20)] * 2 + [(6, 10), (3, 5)]
    assert [one.query for one in found] == [(12, 25)] * 2 + [(6, 12)] * 2 + [(3, 6), (1, 3)]
    assert [one.dilation for one in found] == [(1, 1), (4, 4), (1, 1), (2, 2), (1, 1), (1, 1)]
    for one in found:
        assert one.weights.shape == (4 if one.stage else 2, 9)
        np.testing.assert_allclose(one.weights.sum(1), 1, atol=1e-5)
    assert not any(layer._forward_pre_hooks for layer in model.modules())


def test_keys_by_hand(model: DiNAT, image: np.ndarray) -> None:
    """In the middle the query's neighbors, `dilation` apart; at an edge the window moves and does not shrink."""
    middle = attention_of(image, model, (50, 100))[1]
    assert middle.keys.tolist() == [[row, column] for row in (8, 12, 16) for column in (21, 25, 29)]
    corner = attention_of(image, model, (0, 159))[1]
    assert corner.query == (0, 39)
    assert corner.keys.tolist() == [[row, column] for row in (0, 4, 8) for column in (31, 35, 39)]


def test_keys_are_those_of_the_mask(model: DiNAT, image: np.ndarray) -> None:
    for one in attention_of(image, model, (3, 80)):
        mask = neighborhood_mask(one.grid, one.kernel_size, 1, one.dilation)[one.query]
        assert one.keys.tolist() == mask.nonzero().tolist()


@pytest.mark.parametrize("shape", [(9, 11), (4, 5)])  # the second is padded
def test_weights_give_the_output(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    module = NeighborhoodAttention2D(8, 2, 3, dilation=2, rel_pos_bias=True).eval()
    torch.nn.init.normal_(module.rpb)
    x = torch.randn(1, *shape, 8)
    with torch.inference_mode():
        values = module.qkv(module._pad(x)).unflatten(-1, (3, 2, 4))[0, :, :, 2]
        for query in ((0, 0), (2, 3), (shape[0] - 1, shape[1] - 1)):
            keys, weights = attention_at(module, x, query)
            mixed = torch.einsum("hk,khd->hd", weights, values[keys[:, 0], keys[:, 1]]).flatten()
            torch.testing.assert_close(module.proj(mixed), module(x)[0, query[0], query[1]], rtol=1e-4, atol=1e-5)


def test_large_images_are_reduced(model: DiNAT, image: np.ndarray) -> None:
    found = attention_of(image, model, (95, 159), max_size=80)
    assert found[0].size == (48, 80) and found[0].grid == (12, 20) and found[0].query == (11, 19)


def test_strongest(model: DiNAT, image: np.ndarray) -> None:
    one = attention_of(image, model, (50, 100))[0]
    ((row, column), weight), *_ = one.strongest(3)
    assert weight == pytest.approx(one.weights.mean(0).max())
    assert [row, column] == one.keys[one.weights.mean(0).argmax()].tolist()
    assert one.to_dict()["keys"] == one.keys.tolist() and one.name == "stage 1, block 1"


@pytest.mark.parametrize("point", [(96, 0), (0, 160), (-1, 0)])
def test_outside(model: DiNAT, image: np.ndarray, point: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="y from 0 to 95 and x from 0 to 159"):
        attention_of(image, model, point)


def test_other_model(image: np.ndarray) -> None:
    with pytest.raises(UsageError, match="expected a NAT, DiNAT or DiNATS"):
        attention_of(image, torch.nn.Linear(1, 1), (0, 0))  # type: ignore[arg-type]


def test_training_goes_on(model: DiNAT, image: np.ndarray) -> None:
    model.train()
    attention_of(image, model, (0, 0))
    assert model.training
