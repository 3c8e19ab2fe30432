"""Layers stay torch's own when a model is packed: hooks, replacement, adapters, quantization, saving."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.module import register_module_forward_hook

from vision.layers import NeighborhoodAttention2D, pack_for_inference
from vision.layers.mlp import Mlp


class Net(nn.Module):
    """A convolution, attention and an MLP, with shortcuts."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.attn = NeighborhoodAttention2D(8, 2, 3)
        self.mlp = Mlp(8, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).permute(0, 2, 3, 1)
        x = self.attn(x, shortcut=x)
        return self.mlp(x, shortcut=x)


class Adapter(nn.Module):
    """A linear layer with a low-rank term beside it (LoRA, arXiv 2106.09685)."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer
        self.down, self.up = nn.Linear(layer.in_features, 2), nn.Linear(2, layer.out_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.up(self.down(x))


LAYERS = ["conv", "attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"]
LINEAR = LAYERS[1:]


@pytest.fixture
def plain() -> Net:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture
def net(plain: Net) -> Net:
    """`plain`, packed and run once."""
    net = pack_for_inference(copy.deepcopy(plain))
    run(net)
    assert packed(net) == LAYERS
    return net


def run(net: nn.Module) -> Tensor:
    with torch.no_grad():
        return net(torch.randn(2, 3, 12, 10, generator=torch.Generator().manual_seed(1)))


def packed(net: nn.Module) -> list[str]:
    """Names of the layers that keep a packed weight."""
    return [name for name, module in net.named_modules() if getattr(vars(module).get("forward"), "_made", None)]


def assert_same(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-5)


def test_the_same_model_comes_back_in_eval_mode(plain: Net) -> None:
    expected = run(plain)
    assert pack_for_inference(plain.train()) is plain and not any(module.training for module in plain.modules())
    assert_same(run(plain), expected)
    assert packed(plain) == LAYERS
    assert all(type(plain.get_submodule(name)) in (nn.Linear, nn.Conv2d) for name in LAYERS)


def test_a_plain_model_keeps_nothing(plain: Net) -> None:
    run(plain)
    assert packed(plain) == []


def test_products_are_fused_in_packed_models_alone(plain: Net, net: Net) -> None:
    def operations(net: Net) -> dict[str, int]:
        with torch.profiler.profile() as profile:
            run(net)
        return {event.key: event.count for event in profile.key_averages()}

    assert {"aten::gelu", "aten::linear"} <= set(operations(plain))
    fused = operations(net)
    assert fused["mkldnn::_linear_pointwise"] == 4 and fused["mkldnn::_convolution_pointwise"] == 1
    assert not {"aten::gelu", "aten::linear", "aten::add", "aten::conv2d"} & set(fused)


@pytest.mark.parametrize("name", LAYERS)
def test_forward_hooks_see_and_change_what_a_layer_gives(name: str, plain: Net, net: Net) -> None:
    for model in (plain, net):
        layer = model.get_submodule(name)
        layer.register_forward_hook(lambda _, __, out: out * 2)
        layer.register_forward_pre_hook(lambda _, args: (args[0] + 1,))
    assert_same(run(net), run(plain))
    assert packed(net) == LAYERS


def test_hooks_of_all_modules_see_every_layer(plain: Net, net: Net) -> None:
    seen: list[list[nn.Module]] = []
    for model in (plain, net):
        seen.append([])
        with register_module_forward_hook(lambda module, _, __: seen[-1].append(module)):
            run(model)
    assert [type(module) for module in seen[0]] == [type(module) for module in seen[1]]
    assert {id(net.get_submodule(name)) for name in LAYERS} <= {id(module) for module in seen[1]}


@pytest.mark.parametrize("name", LINEAR)
def test_adapters_and_replaced_layers_are_called(name: str, plain: Net, net: Net) -> None:
    torch.manual_seed(2)
    adapter = Adapter(plain.get_submodule(name))
    plain.set_submodule(name, adapter)
    wrapped = copy.deepcopy(adapter)
    wrapped.layer = net.get_submodule(name)
    net.set_submodule(name, wrapped)
    assert_same(run(net), run(plain))
    for model in (plain, net):
        model.set_submodule(name, nn.Sequential(adapter.layer, nn.Tanh()))
    assert_same(run(net), run(plain))


@pytest.mark.parametrize("name", LAYERS)
def test_a_forward_that_others_put_in_is_called(name: str, plain: Net, net: Net) -> None:
    for model in (plain, net):
        layer = model.get_submodule(name)
        layer.forward = lambda x, forward=layer.forward: forward(x).tanh()
    assert_same(run(net), run(plain))
    assert_same(run(pack_for_inference(net)), run(plain))


@pytest.mark.filterwarnings("ignore")
def test_dynamic_quantization_finds_the_linear_layers(plain: Net, net: Net) -> None:
    for part in ("attn", "mlp"):
        expected, actual = (
            torch.ao.quantization.quantize_dynamic(model.get_submodule(part), {nn.Linear}) for model in (plain, net)
        )
        assert type(next(actual.children())) is torch.ao.nn.quantized.dynamic.Linear
        x = torch.randn(1, 6, 5, 8)
        assert_same(actual(x), expected(x))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_are_models_of_their_own(duplicate: Callable[[Net], Net], plain: Net, net: Net) -> None:
    twin = duplicate(net)
    assert packed(twin) == []
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(2)
    assert_same(run(net), run(plain))
    expected = copy.deepcopy(plain)
    expected.load_state_dict(twin.state_dict())
    assert_same(run(twin), run(expected))


UNPACK: dict[str, Callable[[Net], Any]] = {
    "train": lambda net: run(net.train()),
    "load_state_dict": lambda net: net.load_state_dict({k: v * 0.5 for k, v in net.state_dict().items()}),
    "to": lambda net: net.to(torch.float64).to(torch.float32),
    "half": lambda net: net.half().float(),
}


@pytest.mark.parametrize("change", UNPACK)
def test_a_model_unpacks_by_itself(change: str, plain: Net, net: Net) -> None:
    for model in (plain, net):
        UNPACK[change](model)
    assert_same(run(net.eval()), run(plain.eval()))
    assert packed(net) == []
    state = net.state_dict()
    assert state.keys() == plain.state_dict().keys()
    assert all(torch.equal(state[key], value) for key, value in plain.state_dict().items())


def test_layers_of_other_classes_stay_as_they_are() -> None:
    class Doubled(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * F.linear(x, self.weight, self.bias)

    layer = Doubled(4, 4)
    expected = layer(torch.ones(1, 4))
    assert_same(pack_for_inference(nn.Sequential(layer))(torch.ones(1, 4)), expected)
    assert "forward" not in vars(layer) and packed(pack_for_inference(nn.Linear(4, 4).double())) == []


def test_training_mode_unpacks_at_once_however_weights_are_written(plain: Net, net: Net) -> None:
    net.train()
    assert packed(net) == [] and not any("train" in vars(module) for module in net.modules())
    for model in (plain, net):
        for parameter in model.parameters():
            parameter.data.add_(0.125)
    assert_same(run(net.eval()), run(plain))
    assert packed(net) == []


def test_a_move_unpacks_at_once(net: Net) -> None:
    run(net)
    assert packed(net.to("cpu").float()) != []  # nothing has moved
    net.to("meta")
    assert packed(net) == [] and not any("_apply" in vars(module) for module in net.modules())


def test_packed_layers_are_in_no_cycle(net: Net) -> None:
    run(net)
    weight = weakref.ref(net.mlp.fc1.weight)
    gc.disable()
    try:
        net.mlp.fc1 = nn.Identity()  # type: ignore[assignment]
        assert weight() is None
    finally:
        gc.enable()


def test_a_shallow_copy_says_what_it_needs(net: Net) -> None:
    run(net)
    twin, x = copy.copy(net.mlp.fc1), torch.ones(1, net.mlp.fc1.in_features)
    net.mlp.fc1 = nn.Identity()  # type: ignore[assignment]
    with torch.no_grad(), pytest.raises(RuntimeError, match="deepcopy"):
        twin(x)
