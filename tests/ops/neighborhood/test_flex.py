"""FlexAttention as a backend: the blocks that it reads, and how often they and its kernels are made."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from vision.ops import na1d, na2d, neighborhood_mask
from vision.ops.neighborhood import block_mask, flex
from vision.ops.neighborhood.arguments import Window

SIZES = {1: 700, 2: 40, 3: 12}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    torch._dynamo.reset()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "flex_attention called without torch.compile")
        yield


def blocks_of_pairs(spatial: tuple[int, ...], window: Window, extra: int) -> tuple[Tensor, Tensor]:
    """Blocks with a visible pair, and those whose 128 x 128 pairs are all visible, from the mask of all pairs."""
    tokens = math.prod(spatial)
    pairs = neighborhood_mask(spatial, *window).view(tokens, tokens)
    pairs = torch.cat([pairs, torch.ones(tokens, extra, dtype=torch.bool)], dim=1)
    rows, columns = (-(-length // 128) for length in pairs.shape)
    padded = torch.nn.functional.pad(pairs, (0, columns * 128 - pairs.shape[1], 0, rows * 128 - tokens))
    blocks = padded.view(rows, 128, columns, 128)
    return blocks.any(3).any(1), blocks.all(3).all(1)


def draw(rank: int, seed: int) -> tuple[tuple[int, ...], Window, int]:
    make = random.Random(seed)
    spatial = tuple(make.randint(1, SIZES[rank]) for _ in range(rank))
    kernel = tuple(make.randint(1, length) for length in spatial)
    dilation = tuple(make.randint(1, length // k) for length, k in zip(spatial, kernel, strict=True))
    stride = tuple(make.randint(1, k) for k in kernel)
    causal = tuple(make.random() < 0.4 for _ in spatial)
    return spatial, Window(kernel, stride, dilation, causal), make.choice([0, 0, 1, 130, 300])


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_no_visible_pair_is_in_a_block_left_out_and_no_hidden_one_in_a_full_block(rank: int) -> None:
    for seed in range(12):
        case = draw(rank, seed)
        touched, full = block_mask.block_tables(*case)
        some, every = blocks_of_pairs(*case)
        assert (touched | ~some).all(), case
        assert (every | ~full).all(), case


@pytest.mark.parametrize(
    ("spatial", "window", "extra"),
    [
        ((40, 30), Window((7, 7), (1, 1), (1, 1), (False, False)), 0),
        ((40, 30), Window((7, 7), (1, 1), (4, 3), (False, False)), 129),
        ((1500,), Window((401,), (1,), (1,), (True,)), 0),
        ((1500,), Window((301,), (3,), (1,), (False,)), 256),
    ],
)
def test_only_blocks_with_a_visible_pair_are_read(spatial: tuple[int, ...], window: Window, extra: int) -> None:
    touched, full = block_mask.block_tables(spatial, window, extra)
    some, every = blocks_of_pairs(spatial, window, extra)
    assert torch.equal(touched, some) and torch.equal(full, every)


def test_the_mask_lists_blocks_of_keys_by_queries_and_of_queries_by_keys() -> None:
    mask = block_mask.block_mask((600,), Window((301,), (1,), (1,), (True,)), 0, torch.device("cpu"))
    # Queries 384 to 511 see keys 84 to 511, and all of them 211 to 384: a part of blocks 0, 1 and 3, the whole of 2.
    assert mask.kv_num_blocks.flatten().tolist() == [1, 1, 2, 3, 4]
    assert mask.kv_indices[0, 0, 3, :3].tolist() == [0, 1, 3] and mask.full_kv_indices[0, 0, 3, 0] == 2
    assert mask.full_kv_num_blocks.flatten().tolist() == [0, 1, 1, 1, 0]
    assert mask.q_num_blocks.flatten().tolist() == [3, 3, 2, 2, 1]
    assert mask.q_indices[0, 0, 1, :3].tolist() == [1, 3, 4] and mask.full_q_indices[0, 0, 1, 0] == 2
    assert mask.full_q_num_blocks.flatten().tolist() == [1, 1, 1, 0, 0]
    assert mask.seq_lengths == (600, 600)


def test_a_mask_is_kept_and_the_one_not_used_longest_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_mask, "_KEPT", block_mask._Kept())
    monkeypatch.setattr(block_mask, "_MOST_KEPT", 2)
    window, device = Window((3,), (1,), (1,), (False,)), torch.device("cpu")
    first, second = (block_mask.block_mask((n,), window, 0, device) for n in (5, 6))
    assert block_mask.block_mask((5,), window, 0, device) is first
    block_mask.block_mask((7,), window, 0, device)
    assert block_mask.block_mask((5,), window, 0, device) is first
    assert block_mask.block_mask((6,), window, 0, device) is not second
    assert block_mask.block_mask((5,), window, 1, device) is not first


def test_memory_is_that_of_blocks() -> None:
    class Largest(torch.utils._python_dispatch.TorchDispatchMode):
        elements = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **kwargs or {})
            for tensor in out if isinstance(out, tuple | list) else [out]:
                if isinstance(tensor, Tensor):
                    self.elements = max(self.elements, tensor.numel())
            return out

    with Largest() as largest:
        block_mask.block_tables((200, 334), Window((7, 7), (1, 1), (1, 1), (False, False)), 0)
    assert largest.elements < 6 * 200 * 334  # all pairs of tokens are 66,800 times as many


def test_every_size_is_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.nn.attention.flex_attention import flex_attention

    sizes: list[torch.Size] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        sizes.append(inputs[0].shape)
        return graph.forward

    compiled = torch.compile(flex_attention, backend=backend, dynamic=False)
    monkeypatch.setattr(flex, "_attention", lambda device: compiled)
    with torch._dynamo.config.patch(recompile_limit=1, accumulated_recompile_limit=1):
        for side in (5, 6, 7):
            x = torch.randn(1, side, side, 1, 4)
            na2d(x, x, x, 3, backend="flex")
    assert len(sizes) == 3


@pytest.mark.parametrize("dynamic", [None, True])
def test_a_compiled_call_takes_the_kept_mask(dynamic: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    make = block_mask._make
    monkeypatch.setattr(block_mask, "_make", lambda *args: made.append(args) or make(*args))
    monkeypatch.setattr(block_mask, "_KEPT", block_mask._Kept())
    graphs: list[str] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        graphs.append(graph.print_readable(print_output=False))
        return graph.forward

    def attend(x: Tensor, bias: Tensor, backend: str = "flex") -> Tensor:
        return na1d(x, x, x, 5, dilation=2, bias=bias, backend=backend)

    compiled, bias = torch.compile(attend, backend=backend, dynamic=dynamic, fullgraph=True), torch.randn(2, 9)
    for length in (20, 150, 20, 33, 150):
        x = torch.randn(2, length, 2, 16)
        torch.testing.assert_close(compiled(x, bias), attend(x, bias, "reference"))
    assert len(made) == 3 and len(graphs) == 3
    assert not any("arange" in graph for graph in graphs)
