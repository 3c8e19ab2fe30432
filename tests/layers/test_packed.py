"""Packed layers against torch's own: values, and which changes of the weights they notice."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vision.layers import pack_for_inference
from vision.layers.packed import conv2d_relu6, linear_add, linear_gelu

LINEAR_INPUTS: dict[str, Callable[[], Tensor]] = {
    "contiguous": lambda: torch.randn(2, 5, 6),
    "one row": lambda: torch.randn(1, 6),
    "vector": lambda: torch.randn(6),
    "empty batch": lambda: torch.randn(0, 5, 6),
    "permuted": lambda: torch.randn(2, 6, 5).transpose(1, 2),
    "sliced": lambda: torch.randn(4, 7, 9)[::2, 1:6, 2:8],
    "strided": lambda: torch.randn(3, 4, 12)[..., ::2],
    "expanded": lambda: torch.randn(1, 1, 6).expand(3, 4, 6),
}
CONV_INPUTS: dict[str, Callable[[], Tensor]] = {
    "contiguous": lambda: torch.randn(2, 4, 9, 7),
    "one": lambda: torch.randn(1, 4, 3, 3),
    "no batch": lambda: torch.randn(4, 9, 7),
    "empty batch": lambda: torch.randn(0, 4, 9, 7),
    "channels last": lambda: torch.randn(2, 9, 7, 4).permute(0, 3, 1, 2),
    "sliced": lambda: torch.randn(4, 6, 12, 9)[::2, 1:5, 2:11, :7],
    "strided": lambda: torch.randn(2, 4, 18, 14)[..., ::2, ::2],
}
CONV_OPTIONS: list[dict[str, Any]] = [
    {"padding": 1, "stride": 2},
    {"padding": (1, 2), "dilation": 2, "bias": False},
    {"padding": 1, "groups": 4},
    {"padding": "same"},
    {"padding": 1, "padding_mode": "circular"},
]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=["linear", "conv"])
def layer(request: pytest.FixtureRequest) -> nn.Module:
    """Either kind of layer, with an input of its own as `x`."""
    made = pack_for_inference(nn.Linear(6, 8) if request.param == "linear" else nn.Conv2d(6, 8, 3, padding=1))
    made.x = torch.randn(2, 6) if request.param == "linear" else torch.randn(2, 6, 5, 5)
    return made


def plain(layer: nn.Module, x: Tensor) -> Tensor:
    """What torch's own layer gives with these parameters."""
    return (nn.Linear if isinstance(layer, nn.Linear) else nn.Conv2d).forward(layer, x)


def check(layer: nn.Module, x: Tensor | None = None, tolerance: float = 1e-5) -> None:
    """A call without gradients gives torch's own values."""
    x = layer.x if x is None else x
    with torch.no_grad():
        torch.testing.assert_close(layer(x), plain(layer, x), atol=tolerance, rtol=tolerance)


def is_packed(layer: nn.Module) -> bool:
    return "forward" in vars(layer) and vars(layer)["forward"]._made is not None


@pytest.mark.parametrize("kind", LINEAR_INPUTS)
@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_equals_torchs(kind: str, bias: bool) -> None:
    layer, x = pack_for_inference(nn.Linear(6, 8, bias=bias)), LINEAR_INPUTS[kind]()
    with torch.no_grad():
        product = F.linear(x, layer.weight, layer.bias)
        shortcut = torch.randn(product.shape[::-1]).permute(*reversed(range(product.dim())))
        kept = shortcut.clone()
        for _ in range(2):  # the second call takes the weight from before
            for got, wanted in (
                (layer(x), product),
                (linear_gelu(layer, x), F.gelu(product)),
                (linear_add(layer, x, shortcut), shortcut + product),
                (linear_add(layer, x, None), product),
            ):
                torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)
        assert torch.equal(shortcut, kept)
    assert is_packed(layer) == (x.numel() > 0)


@pytest.mark.parametrize("options", CONV_OPTIONS, ids=str)
@pytest.mark.parametrize("kind", CONV_INPUTS)
def test_a_convolution_equals_torchs(kind: str, options: dict[str, Any]) -> None:
    layer = pack_for_inference(nn.Conv2d(4, 8, 3, **options))
    check(layer, CONV_INPUTS[kind]())
    check(layer, torch.randn(3, 4, 16, 12))  # another size after the weight was packed
    x = 9 * CONV_INPUTS[kind]()  # some results beyond 6
    with torch.no_grad():
        torch.testing.assert_close(conv2d_relu6(layer, x), F.relu6(plain(layer, x)), atol=1e-4, rtol=1e-4)
    assert is_packed(layer) == (options["padding"] != "same" and "padding_mode" not in options)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_layer_without_outputs_gives_none() -> None:
    with torch.no_grad():
        assert pack_for_inference(nn.Linear(6, 0))(torch.randn(2, 6)).shape == (2, 0)


CHANGES: dict[str, Callable[[nn.Module], Any]] = {
    "load_state_dict": lambda m: m.load_state_dict({k: v + 1 for k, v in m.state_dict().items()}),
    "assigned state dict": lambda m: m.load_state_dict({k: v + 1 for k, v in m.state_dict().items()}, assign=True),
    "copy under no_grad": lambda m: torch.no_grad()(lambda: m.weight.copy_(m.weight + 1))(),
    "copy of another row": lambda m: torch.no_grad()(lambda: m.weight[3].add_(1))(),
    "copy in inference mode": lambda m: torch.inference_mode()(lambda: m.weight[3].add_(1))(),
    "new data": lambda m: setattr(m.weight, "data", torch.randn_like(m.weight)),
    "data of other strides": lambda m: setattr(m.weight, "data", m.weight.data[:6].transpose(0, 1)),
    "fewer rows of data": lambda m: (
        setattr(m.weight, "data", m.weight.data[:4]),
        setattr(m.bias, "data", m.bias.data[:4]),
    ),
    "new parameter": lambda m: setattr(m, "weight", nn.Parameter(torch.randn_like(m.weight))),
    "double and back": lambda m: m.double().float(),
    "half and back": lambda m: m.half().float(),
    "to bfloat16 and back": lambda m: m.to(torch.bfloat16).to(torch.float32),
    "to the meta device": lambda m: (
        m.to_empty(device="meta").to_empty(device="cpu").apply(nn.Module.requires_grad_)
        and [p.data.normal_() for p in m.parameters()]
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_layer_unpacks_when_its_weight_changes(layer: nn.Module, change: str) -> None:
    if change == "data of other strides":
        layer.bias.data = layer.bias.data[:6]
        layer.weight.data = layer.weight.data[:6]
    check(layer)
    assert is_packed(layer)
    CHANGES[change](layer)
    check(layer)
    assert not is_packed(layer)
    check(pack_for_inference(layer))
    assert is_packed(layer)


def test_a_layer_in_training_unpacks(layer: nn.Module) -> None:
    check(layer)
    check(layer.train())
    assert not is_packed(layer)
    check(layer.eval())
    assert not is_packed(layer)


def test_a_layer_of_another_type_keeps_no_copy(layer: nn.Module) -> None:
    check(layer)
    check(layer.double(), layer.x.double())
    assert "forward" not in vars(layer)


def test_packing_again_takes_what_was_written_to_data(layer: nn.Module) -> None:
    check(layer)
    layer.weight.data.mul_(2)
    layer.bias.data.add_(1)  # nothing is kept of it
    check(pack_for_inference(layer))
    assert is_packed(layer)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: torch.optim.SGD(p, lr=1.0),
        lambda p: torch.optim.AdamW(p, lr=1.0, foreach=True),
        lambda p: torch.optim.AdamW(p, lr=1.0, fused=True),
    ],
    ids=["sgd", "foreach", "fused"],
)
def test_copies_follow_a_layer_that_learns(layer: nn.Module, optimizer: Callable[..., torch.optim.Optimizer]) -> None:
    steps = optimizer(layer.parameters())
    for _ in range(3):
        check(layer)
        layer(layer.x).square().sum().backward()
        steps.step()
        assert not is_packed(layer)
        steps.zero_grad()
    check(layer)
    assert is_packed(layer)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_types_of_numbers(layer: nn.Module, dtype: torch.dtype) -> None:
    check(layer)
    check(layer.to(dtype), layer.x.to(dtype), tolerance=1e-2)
    check(layer.float(), layer.x)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_keep_no_weights_of_the_original(layer: nn.Module, duplicate: Callable[..., nn.Module]) -> None:
    check(layer)
    twin = duplicate(layer)
    assert duplicate is copy.copy or (not is_packed(twin) and vars(twin)["forward"].layer is twin)
    with torch.no_grad():
        assert torch.equal(twin(layer.x), layer(layer.x))
        twin.weight = nn.Parameter(twin.weight + 1)
    check(twin, layer.x)
    check(layer)


def test_two_threads_at_once(layer: nn.Module) -> None:
    expected = plain(layer, layer.x).detach()

    @torch.no_grad()
    def run(number: int) -> float:
        worst = 0.0
        for _ in range(50):
            if number == 0:
                vars(layer)["forward"]._made = None
            worst = max(worst, float((layer(layer.x) - expected).abs().max()))
        return worst

    with ThreadPoolExecutor(2) as pool:
        assert max(pool.map(run, range(2))) < 1e-5


def test_only_weight_and_bias_are_saved(layer: nn.Module) -> None:
    check(layer)
    assert all(type(parameter) is nn.Parameter for parameter in layer.parameters())
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert [name for name, _ in layer.named_buffers()] == []


def test_gradients_equal_those_of_torchs_layers(layer: nn.Module) -> None:
    check(layer)
    x = layer.x.clone().requires_grad_()
    shortcut = torch.randn(2, 8, requires_grad=True)
    wanted_from = [x, *layer.parameters()]
    if isinstance(layer, nn.Linear):
        out = linear_add(layer, x, shortcut) + linear_gelu(layer, x)
        wanted = shortcut + plain(layer, x) + F.gelu(plain(layer, x))
        wanted_from.append(shortcut)
    else:
        out = layer(x) + conv2d_relu6(layer, x)
        wanted = plain(layer, x) + F.relu6(plain(layer, x))
    weights = torch.randn_like(out)
    for got, expected in zip(
        torch.autograd.grad((out * weights).sum(), wanted_from),
        torch.autograd.grad((wanted * weights).sum(), wanted_from),
        strict=True,
    ):
        torch.testing.assert_close(got, expected)
