"""mmdet's box head with memory: against the formula, its settings, and what its banks hold after each frame."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from heads.memory import EnhancementLayer, MambaBBoxHead, MemoryBank
from vision.errors import UsageError


def make_head(**changes: Any) -> MambaBBoxHead:
    torch.manual_seed(0)
    settings: dict[str, Any] = {
        "in_channels": 3,
        "roi_feat_size": 2,
        "fc_out_channels": 8,
        "num_heads": 2,
        "num_classes": 4,
        "topk": 3,
        "memory": {"max_length": 12, "key_length": 6},
    }
    return MambaBBoxHead(**{**settings, **changes}).double()


def features(count: int, seed: int = 1) -> Tensor:
    return torch.randn(count, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def enhancement(layer: EnhancementLayer, x: Tensor, memory: Tensor) -> Tensor:
    q, k, v = layer.fc_embed(x), layer.ref_fc_embed(memory), layer.ref_fc(memory)
    heads = [
        (q[:, part] @ k[:, part].T / 2).softmax(1) @ v[:, part]  # sqrt(8 channels / 2 heads) is 2
        for part in (slice(0, 4), slice(4, 8))
    ]
    return x + layer.fc(torch.cat(heads, 1))


def plain_head(head: MambaBBoxHead, x: Tensor, ref_x: Tensor) -> tuple[Tensor, Tensor]:
    """Two layers written out; references see nothing themselves."""
    x1, r1 = (head.shared_fcs[0](t.reshape(len(t), 12)) for t in (x, ref_x))
    x1 = enhancement(head.aggregator[0], x1, r1)
    x2, r2 = (head.shared_fcs[1](t.clamp(min=0)) for t in (x1, r1))
    x2 = enhancement(head.aggregator[1], x2, r2).clamp(min=0)
    return head.fc_cls(x2), head.fc_reg(x2)


def test_with_references_it_is_the_formula_with_all_gradients() -> None:
    head = make_head()
    runs = []
    for run in (head, lambda x, ref_x: plain_head(head, x, ref_x)):
        head.zero_grad()
        x, ref_x = features(5).requires_grad_(), features(9, seed=2).requires_grad_()
        scores, deltas = run(x, ref_x)
        assert scores.shape == (5, 5) and deltas.shape == (5, 16)
        (scores.square().sum() + deltas.sin().sum()).backward()
        gradients = [p.grad.clone() for p in head.parameters() if p.grad is not None]
        assert len(gradients) == len(list(head.parameters()))
        runs.append([scores, deltas, x.grad, ref_x.grad, *gradients])
    for ours, plain in zip(*runs, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-12)
    assert runs[0][3].abs().sum() > 0


def test_without_references_it_is_a_plain_head() -> None:
    head, x = make_head(), features(5)
    hidden = F.relu(head.shared_fcs[1](F.relu(head.shared_fcs[0](x.flatten(1)))))
    for outputs in (head(x), head(x, features(0))):
        torch.testing.assert_close(outputs, (head.fc_cls(hidden), head.fc_reg(hidden)))


def test_it_reads_the_memory_and_then_writes_the_best_proposals() -> None:
    head = make_head()
    banks = head.new_banks()
    first, second = features(5), features(4, seed=2)
    with torch.no_grad():
        cold = head.forward_memory(first, banks, torch.tensor([4, 0, 2]))
        torch.testing.assert_close(cold, head(first))
        layer1 = head.shared_fcs[0](first.flatten(1))
        layer2 = head.shared_fcs[1](layer1.relu())
        held = [layer1[[4, 0, 2]], layer2[[4, 0, 2]]]  # before the activation
        for bank, expected in zip(banks, held, strict=True):
            torch.testing.assert_close(bank.sample(), expected)
        assert (banks[0].sample() < 0).any()

        scores, _ = head.forward_memory(second, banks, torch.tensor([1]))
        layer1 = enhancement(head.aggregator[0], head.shared_fcs[0](second.flatten(1)), held[0])
        layer2 = enhancement(head.aggregator[1], head.shared_fcs[1](layer1.relu()), held[1])
        torch.testing.assert_close(scores, head.fc_cls(layer2.relu()))
        for bank, expected in zip(banks, (layer1, layer2), strict=True):
            torch.testing.assert_close(bank.sample()[3:], expected[[1]])


def test_frames_without_proposals_leave_the_memory() -> None:
    head = make_head()
    banks = head.new_banks()
    with torch.no_grad():
        head.forward_memory(features(5), banks, torch.arange(3))
        scores, deltas = head.forward_memory(features(0), banks, torch.empty(0, dtype=torch.int64))
    assert scores.shape == (0, 5) and deltas.shape == (0, 16)
    assert [len(bank) for bank in banks] == [3, 3]


def test_banks_have_the_lengths_asked_for_and_choices_of_their_own() -> None:
    banks = make_head().new_banks(seed=7)
    assert [(bank.max_length, bank.key_length, bank.seed) for bank in banks] == [(12, 6, 7), (12, 6, 8)]
    bank = MambaBBoxHead(in_channels=1, roi_feat_size=1, fc_out_channels=16).new_banks()[0]
    assert isinstance(bank, MemoryBank) and (bank.max_length, bank.key_length) == (20_000, 2_000)


def test_parameters_are_named_as_the_authors_do() -> None:
    keys = make_head().state_dict().keys()
    layers = [f"shared_fcs.{i}" for i in (0, 1)] + ["fc_cls", "fc_reg"]
    layers += [f"aggregator.{i}.{name}" for i in (0, 1) for name in ("fc_embed", "ref_fc_embed", "fc", "ref_fc")]
    assert set(keys) == {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}


@pytest.mark.parametrize(
    ("settings", "scores", "deltas"),
    [
        ({"reg_class_agnostic": True}, (5, 5), (5, 4)),
        ({"with_reg": False}, (5, 5), None),
        ({"with_cls": False}, None, (5, 16)),
        ({"num_shared_fcs": 1}, (5, 5), (5, 16)),
        ({"num_shared_fcs": 3, "num_cls_fcs": 1, "num_reg_fcs": 2}, (5, 5), (5, 16)),
        ({"num_shared_convs": 1, "conv_out_channels": 6}, (5, 5), (5, 16)),
        ({"with_avg_pool": True}, (5, 5), (5, 16)),
        ({"loss_cls": {"type": "SeesawLoss", "num_classes": 4}}, (5, 6), (5, 16)),
        ({"bbox_coder": {"type": "TBLRBBoxCoder"}, "reg_decoded_bbox": True}, (5, 5), (5, 16)),
    ],
    ids=str,
)
def test_settings_of_mmdets_heads(settings: dict[str, Any], scores: Any, deltas: Any) -> None:
    head = make_head(**settings)
    banks = head.new_banks()
    for outputs in (
        head(features(5)),
        head(features(5), features(7)),
        head.forward_memory(features(5), banks, torch.arange(3)),
        head.forward_memory(features(5), banks, torch.arange(3)),
    ):
        assert [None if output is None else tuple(output.shape) for output in outputs] == [scores, deltas]
    assert [len(bank) for bank in banks] == [6] * len(head.shared_fcs)
    # Without references, mmdet's own head of the same weights says the same.
    from mmdet.models.roi_heads.bbox_heads import ConvFCBBoxHead

    torch.testing.assert_close(head(features(5)), ConvFCBBoxHead.forward(head, features(5)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_shared_fcs": 0}, "num_shared_fcs of MambaBBoxHead must be at least 1, got 0"),
        ({"topk": 0}, "topk of MambaBBoxHead must be at least 1, got 0"),
        ({"num_heads": 3}, "embed_dim=8, num_heads=3"),
        ({"memory": {"max_length": 0}}, "max_length of a memory bank must be an integer from 1 on, got 0"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        make_head(**settings)
    assert isinstance(raised.value, UsageError) or "num_heads" in settings
