"""Packed layers step aside wherever more than plain inference goes on, and their values stay right."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize, prune
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from vision.layers import pack_for_inference
from vision.layers.packed import linear_add, linear_gelu


class Net(nn.Module):
    """Both layers, with everything that they can do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.fc1 = nn.Linear(8, 16)
        self.fc2 = nn.Linear(16, 8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).permute(0, 2, 3, 1)
        return linear_add(self.fc2, linear_gelu(self.fc1, x), x)


def plain(net: Net, x: Tensor) -> Tensor:
    """`Net` in torch's own functions."""
    x = F.conv2d(x, net.conv.weight, net.conv.bias, 2, 1).permute(0, 2, 3, 1)
    return x + F.linear(F.gelu(F.linear(x, net.fc1.weight, net.fc1.bias)), net.fc2.weight)


def is_packed(net: Net) -> bool:
    return any(has_copy(layer) for layer in net.children())


def has_copy(layer: nn.Module) -> bool:
    return "forward" in vars(layer) and vars(layer)["forward"]._made is not None


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return pack_for_inference(Net())


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 3, 9, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def expected(net: Net, x: Tensor) -> Tensor:
    return plain(net, x).detach()


def assert_same(actual: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=tolerance)


def test_plain_inference_is_packed(net: Net, x: Tensor, expected: Tensor) -> None:
    with torch.inference_mode():
        assert_same(net(x), expected)
    with torch.no_grad():  # with weights that inference mode has packed
        assert_same(net(x), expected)
    assert all(has_copy(layer) for layer in net.children())
    assert_same(net(x), expected)
    net(x).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_with_gradients_nothing_is_packed(net: Net, x: Tensor, expected: Tensor) -> None:
    assert_same(net(x), expected)
    assert not is_packed(net)


@pytest.mark.parametrize("grad", [True, False])
def test_autocast_gives_torchs_types_and_values(net: Net, x: Tensor, expected: Tensor, grad: bool) -> None:
    with torch.set_grad_enabled(grad), torch.autocast("cpu", torch.bfloat16):
        actual, wanted = net(x), plain(net, x)
    assert actual.dtype == wanted.dtype == torch.bfloat16
    assert_same(actual.float(), expected, 3e-2)
    with torch.no_grad():  # back from bfloat16
        assert_same(net(x), expected)


def test_autocast_to_half_falls_back(net: Net, x: Tensor, expected: Tensor) -> None:
    with torch.no_grad(), torch.autocast("cpu", torch.float16):
        assert_same(net(x).float(), expected, 1e-2)
    assert not is_packed(net)


@pytest.mark.parametrize("packed_before", [True, False])
@pytest.mark.parametrize("context", [torch.no_grad, nullcontext])
def test_compiled(
    net: Net, x: Tensor, expected: Tensor, context: type[AbstractContextManager], packed_before: bool
) -> None:
    if packed_before:
        torch.no_grad()(net)(x)
    torch._dynamo.reset()
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    with context():
        assert_same(compiled(x), expected)
    assert is_packed(net) == packed_before


@pytest.mark.parametrize("strict", [True, False])
def test_exported(net: Net, x: Tensor, expected: Tensor, strict: bool) -> None:
    with torch.no_grad():
        program = torch.export.export(net, (x,), strict=strict)
    assert not any("mkldnn" in str(node.target) for node in program.graph.nodes)
    assert_same(program.module()(x), expected)


@pytest.mark.parametrize("context", [torch.no_grad, nullcontext])
@pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated")
def test_traced_and_stored(net: Net, x: Tensor, expected: Tensor, context: type[AbstractContextManager]) -> None:
    with context():
        traced = torch.jit.trace(net, (x,))
        assert "mkldnn" not in str(traced.inlined_graph)
        file = io.BytesIO()
        torch.jit.save(traced, file)
        file.seek(0)
        assert_same(torch.jit.load(file)(x), expected)


def test_symbolically_traced(net: Net, x: Tensor, expected: Tensor) -> None:
    traced = torch.fx.symbolic_trace(net)
    with torch.no_grad():
        assert_same(traced(x), expected)


def test_function_transforms(net: Net, x: Tensor, expected: Tensor) -> None:
    parameters = {name: p.detach() for name, p in net.named_parameters()}
    with torch.no_grad():
        assert_same(torch.func.vmap(lambda one: net(one[None])[0])(x), expected)
        assert_same(torch.func.functional_call(net, parameters, (x,)), expected)
        out, tangent = torch.func.jvp(net, (x,), (torch.ones_like(x),))
        wanted = torch.func.jvp(lambda x: plain(net, x), (x,), (torch.ones_like(x),))[1]
    assert_same(out, expected)
    assert_same(tangent, wanted)
    gradient = torch.func.grad(lambda x: net(x).square().sum())(x)
    assert_same(gradient, torch.func.grad(lambda x: plain(net, x).square().sum())(x), 1e-4)


def test_tangents_survive_no_grad(net: Net, x: Tensor) -> None:
    with torch.no_grad(), forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.ones_like(x))
        tangents = [forward_ad.unpack_dual(f(dual)).tangent for f in (net, lambda x: plain(net, x))]
    assert tangents[0] is not None
    assert_same(*tangents)


def test_fake_tensors(net: Net, x: Tensor, expected: Tensor) -> None:
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True) as mode:
        assert net(mode.from_tensor(x)).shape == expected.shape
        assert net(x).shape == expected.shape
    assert not is_packed(net)
    with FakeTensorMode(), torch.no_grad():
        assert pack_for_inference(Net())(torch.empty(1, 3, 4, 4)).shape == (1, 2, 2, 8)
    with torch.device("meta"), torch.no_grad():
        assert pack_for_inference(Net())(torch.empty(1, 3, 4, 4)).shape == (1, 2, 2, 8)


def test_operations_are_counted(net: Net, x: Tensor, expected: Tensor) -> None:
    torch.no_grad()(net)(x)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        assert_same(net(x), expected)
    assert counter.get_total_flops() == 2 * 2 * 5 * 4 * (27 * 8 + 8 * 16 + 16 * 8)


def test_parameters_made_in_inference_mode(x: Tensor) -> None:
    with torch.inference_mode():
        net = pack_for_inference(Net())
        assert_same(net(x), plain(net, x))
        net.fc1.weight.mul_(2)
        assert_same(net(x), plain(net, x))
    with torch.no_grad():
        assert_same(net(x), plain(net, x))
    assert not is_packed(net)


def test_parametrized_weights(net: Net, x: Tensor) -> None:
    torch.no_grad()(net)(x)
    parametrizations.weight_norm(net.fc1)
    for factor in (1, 2):
        with torch.no_grad():
            net.fc1.parametrizations.weight.original0.mul_(factor)
            assert_same(net(x), plain(net, x))


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_masks_and_parametrizations_are_heeded(net: Net, x: Tensor, name: str) -> None:
    torch.no_grad()(net)(x)
    for layer in (net.fc1, net.conv):
        prune.random_unstructured(layer, name, 0.5)
    with torch.no_grad():
        assert_same(net(x), plain(net, x))
    for layer in (net.fc1, net.conv):
        prune.remove(layer, name)
        parametrize.register_parametrization(layer, name, nn.Tanh())
    with torch.no_grad():
        assert_same(net(x), plain(net, x))


def test_modes_see_the_products(net: Net, x: Tensor) -> None:
    class Zeros(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = function(*args, **(kwargs or {}))
            return out * 0 if function in (F.linear, F.conv2d) else out

    with torch.no_grad(), Zeros():
        for out in (net.conv(x), net.fc1(torch.ones(2, 8)), linear_gelu(net.fc1, torch.ones(2, 8))):
            assert not out.any()


def test_without_onednn(net: Net, x: Tensor, expected: Tensor) -> None:
    with torch.no_grad(), torch.backends.mkldnn.flags(enabled=False):
        assert_same(net(x), expected)
        assert not is_packed(net)
    with torch.no_grad():
        assert_same(net(x), expected)
        assert is_packed(net)
        with torch.backends.mkldnn.flags(enabled=False):
            assert_same(net(x), expected)


def test_subclasses_of_tensors(net: Net, x: Tensor, expected: Tensor) -> None:
    class Named(Tensor):
        pass

    with torch.no_grad():
        out = net(x.as_subclass(Named))
        assert type(out) is Named
        assert_same(out.as_subclass(Tensor), expected)
    assert_same(torch.no_grad()(net)(nn.Parameter(x)), expected)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_sparse_and_nested_inputs(x: Tensor) -> None:
    layer, x = pack_for_inference(nn.Linear(8, 4)), x[0, 0]
    with torch.no_grad():
        assert_same(layer(x.to_sparse()).to_dense(), F.linear(x, layer.weight, layer.bias))
        nested = layer(torch.nested.nested_tensor([x, x[:2]]))
        assert_same(nested[1], F.linear(x[:2], layer.weight, layer.bias))


def test_shortcuts_of_other_shapes_are_broadcast(x: Tensor) -> None:
    layer = pack_for_inference(nn.Linear(8, 4))
    product = F.linear(x, layer.weight, layer.bias)
    with torch.no_grad():
        for shape in ((4,), (8, 1, 1, 1, 4), (1, 1, 1, 4), (2, 3, 9, 1)):
            assert_same(linear_add(layer, x, torch.ones(shape)), torch.ones(shape) + product)


def test_the_shape_of_the_weight_counts_not_what_the_layer_was_made_for() -> None:
    layer, x = pack_for_inference(nn.Linear(8, 8)), torch.randn(2, 8)
    layer.weight, layer.bias = nn.Parameter(torch.randn(4, 8)), nn.Parameter(torch.randn(4))
    with torch.no_grad():
        expected = F.linear(x, layer.weight, layer.bias)
        assert_same(layer(x), expected)
        assert_same(linear_add(layer, x, torch.ones_like(expected)), 1 + expected)
        with pytest.raises(RuntimeError, match="must match"):
            linear_add(layer, x, torch.ones(2, 8))


def test_a_bias_is_broadcast_as_torch_does(x: Tensor) -> None:
    layer = pack_for_inference(nn.Linear(8, 4))
    layer.bias = nn.Parameter(torch.randn(1))
    with torch.no_grad():
        assert_same(layer(x), F.linear(x, layer.weight, layer.bias))


def test_wrong_shapes_are_named(net: Net) -> None:
    with torch.no_grad():
        with pytest.raises(RuntimeError, match="at least 1D"):
            net.fc1(torch.tensor(1.0))
        with pytest.raises(RuntimeError, match=r"Kernel size can't be greater than actual input size"):
            pack_for_inference(nn.Conv2d(3, 4, 5))(torch.ones(1, 3, 8, 4))


def test_wrong_channels_are_named(net: Net, x: Tensor) -> None:
    with torch.no_grad():
        with pytest.raises(RuntimeError, match="cannot be multiplied"):
            net.fc1(x[..., :7])
        with pytest.raises(RuntimeError, match=r"expected input.* to have 3 channels, but got 2"):
            net.conv(x[:, :2])
