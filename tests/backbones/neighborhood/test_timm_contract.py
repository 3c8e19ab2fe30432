"""What timm's tools expect of a model, of all published variants: shapes and names without memory or arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from timm.models import group_parameters
from timm.models._features_fx import get_notrace_functions, get_notrace_modules
from timm.optim import create_optimizer_v2, param_groups_layer_decay, param_groups_weight_decay
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

import backbones  # noqa: F401 (registers the models)

NAMES = timm.list_models(module="timm_models")
# timm's arguments reach the class: one published layout, narrow enough to compute with.
NARROW = {"embed_dim": 16, "num_heads": (1, 2, 4, 8)}
ONE_OF_EACH = ("nat_mini", "dinat_mini", "dinat_s_tiny")


def meta(name: str, **arguments: Any) -> Any:
    """A model of full size with shapes alone: no memory, no arithmetic."""
    with torch.device("meta"):
        return timm.create_model(name, **arguments)


def images(model: Any, batch: int = 2) -> torch.Tensor:
    return torch.empty(batch, *model.pretrained_cfg["input_size"], device="meta")


def test_every_published_model_is_registered() -> None:
    from backbones.neighborhood.variants import VARIANTS

    assert set(NAMES) == set(VARIANTS)
    assert set(ONE_OF_EACH) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes_are_those_of_the_config_and_every_parameter_gets_a_gradient(name: str) -> None:
    model = meta(name).train()
    cfg, state = model.default_cfg, model.state_dict()
    assert cfg["classifier"] + ".weight" in state and model.get_classifier() is model.head
    assert state[cfg["first_conv"] + ".weight"].shape[1] == cfg["input_size"][0]
    assert model.num_classes == cfg["num_classes"]
    features = model.forward_features(images(model))
    assert model.output_fmt == "NHWC" and features.shape == (2, *cfg["pool_size"], model.num_features)
    assert model.forward_head(features, pre_logits=True).shape == (2, model.head_hidden_size)
    logits = model.forward_head(features)
    assert logits.shape == (2, cfg["num_classes"])
    logits.mean().backward()
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", NAMES)
def test_features_only_gives_the_four_maps_that_feature_info_tells(name: str) -> None:
    model = meta(name, features_only=True).eval()
    reductions, channels = model.feature_info.reduction(), model.feature_info.channels()
    assert reductions == [4, 8, 16, 32] and model.output_fmt == "NCHW"
    side = model.default_cfg["input_size"][-1]
    with torch.no_grad():
        maps = model(images(model))
    expected = [(2, c, side // r, side // r) for c, r in zip(channels, reductions, strict=True)]
    assert [tuple(m.shape) for m in maps] == expected


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_the_classifier_can_be_changed_and_removed(name: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=42, **NARROW).eval()
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        features = model.forward_features(x)
        assert model(x).shape == (2, 42) and torch.isfinite(model(x)).all()
        torch.testing.assert_close(model(x), model.head(features.mean((1, 2))))
        model.reset_classifier(0)
        assert model.num_classes == 0
        torch.testing.assert_close(model(x), features.mean((1, 2)))
        model.reset_classifier(0, "")
        torch.testing.assert_close(model(x), features)
        model.reset_classifier(7, "avg")
        assert model.num_classes == 7 and model(x).shape == (2, 7)
        bare = timm.create_model(name, num_classes=0, global_pool="", **NARROW).eval()
        assert bare(x).shape == (2, 2, 3, 128)
    cfg = timm.create_model(name, pretrained_cfg_overlay={"num_classes": 9}, **NARROW)
    assert cfg.num_classes == cfg.head.out_features == 9


@pytest.mark.parametrize("name", ONE_OF_EACH)
@pytest.mark.parametrize(("indices", "stages"), [((0,), (0,)), ((1, 3), (1, 3)), ((-2,), (2,)), (2, (2, 3))])
def test_features_only_builds_no_more_than_the_maps_need(name: str, indices: Any, stages: tuple[int, ...]) -> None:
    model = timm.create_model(name, features_only=True, out_indices=indices, **NARROW).train()
    assert model.feature_info.reduction() == [4 * 2**i for i in stages]
    maps = model(torch.randn(2, 3, 64, 32))
    assert [tuple(m.shape) for m in maps] == [(2, 16 * 2**i, 16 // 2**i, 8 // 2**i) for i in stages]
    sum(m.square().sum() for m in maps).backward()
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", NAMES)
def test_biases_norms_and_position_biases_do_not_decay(name: str) -> None:
    model = meta(name)
    positions = {key for key, _ in model.named_parameters() if key.endswith("rpb")}
    assert model.no_weight_decay() == positions and len(positions) == sum(len(s.blocks) for s in model.stages)
    by_hand = param_groups_weight_decay(model, weight_decay=0.05, no_weight_decay_list=model.no_weight_decay())
    by_factory = create_optimizer_v2(model, opt="adamw", lr=1e-3, weight_decay=0.05).param_groups
    names = {id(parameter): key for key, parameter in model.named_parameters()}
    for groups in (by_hand, by_factory):
        still = {names[id(p)] for group in groups for p in group["params"] if group["weight_decay"] == 0}
        decaying = {names[id(p)] for group in groups for p in group["params"] if group["weight_decay"] == 0.05}
        assert still | decaying == set(names.values()) and not still & decaying
        assert positions < still
        assert all(key.rsplit(".", 1)[0].split(".")[-1] not in ("norm", "norm1", "norm2") for key in decaying)
        assert all(key.endswith(".weight") for key in decaying)


@pytest.mark.parametrize("name", NAMES)
def test_rates_that_decay_layer_by_layer_grow_with_depth(name: str) -> None:
    model = meta(name)
    stages = model.stages_name
    layer_of = group_parameters(model, model.group_matcher(), reverse=True)
    assert set(layer_of) == {key for key, _ in model.named_parameters()}
    in_order = ["patch_embed.proj", "patch_embed.norm"]
    for i, stage in enumerate(model.stages):
        in_order += [f"{stages}.{i}.blocks.{j}." for j in range(len(stage.blocks))]
        in_order += [f"{stages}.{i}.downsample."] if i < len(model.stages) - 1 else []
    in_order += ["norm.", "head."]
    numbers = [{layer for key, layer in layer_of.items() if key.startswith(prefix)} for prefix in in_order]
    assert all(len(group) == 1 for group in numbers)
    flat = [next(iter(group)) for group in numbers]
    assert flat[0] == flat[1] == 0 and flat == sorted(flat) and flat[-1] > flat[2]
    coarse = group_parameters(model, model.group_matcher(coarse=True), reverse=True)
    assert {key: coarse[key] for key in coarse if key.startswith(stages)} == {
        key: int(key.split(".")[1]) + 1 for key in coarse if key.startswith(stages)
    }
    scales = [group["lr_scale"] for group in param_groups_layer_decay(model, layer_decay=0.9)]
    assert max(scales) == 1 and min(scales) < 0.9**4


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_intermediate_maps_are_those_of_the_stages(name: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name, **NARROW).eval()
    x = torch.randn(2, 3, 60, 72)
    with torch.no_grad():
        final, maps = model.forward_intermediates(x)
        torch.testing.assert_close(final, model.forward_features(x))
        assert [tuple(m.shape) for m in maps] == [(2, 16, 15, 18), (2, 32, 8, 9), (2, 64, 4, 5), (2, 128, 2, 3)]
        last = model.forward_intermediates(x, indices=1, norm=True, output_fmt="NHWC", intermediates_only=True)
        torch.testing.assert_close(last, [final])
        assert (maps[3].permute(0, 2, 3, 1) - final).abs().max() > 0.01
        early, some = model.forward_intermediates(x, indices=[0, 2], stop_early=True, norm=True)
        torch.testing.assert_close(some, [maps[0], maps[2]])
        torch.testing.assert_close(early.permute(0, 3, 1, 2), maps[2])
        late, same = model.forward_intermediates(x, indices=[0, 2], norm=True)
        torch.testing.assert_close((late, same), (final, some))
        features = timm.create_model(name, features_only=True, out_indices=(0, 2), **NARROW).eval()
        missing, extra = features.model.load_state_dict(model.state_dict(), strict=False)
        assert not missing and {key.split(".")[0] for key in extra} <= {model.stages_name, "norm", "head"}
        torch.testing.assert_close(features(x), some)
    with pytest.raises(ValueError, match="output_fmt must be 'NCHW' or 'NHWC', got 'NLC'"):
        model.forward_intermediates(x, output_fmt="NLC")


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_recomputing_layers_changes_neither_outputs_nor_gradients(name: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name, drop_path_rate=0.5, drop_rate=0.1, **NARROW).train()
    x = torch.randn(2, 3, 48, 48)
    results = []
    for enable in (False, True):
        model.set_grad_checkpointing(enable)
        torch.manual_seed(1)
        out = model(x)
        results.append((out, torch.autograd.grad(out.square().sum(), list(model.parameters()))))
    torch.testing.assert_close(results[0], results[1], rtol=1e-5, atol=1e-6)
    assert any(stage.grad_checkpointing for stage in model.stages)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_weights_from_a_file_fit_other_classes_and_channels(name: str, tmp_path: Path) -> None:
    source = timm.create_model(name, **NARROW).eval()
    path = tmp_path / "weights.pth"
    torch.save(source.state_dict(), path)
    local: dict[str, Any] = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(path)}, **NARROW}
    x = torch.randn(2, 3, 40, 40)
    with torch.no_grad():
        torch.testing.assert_close(timm.create_model(name, **local).eval()(x), source(x))
        few = timm.create_model(name, num_classes=6, **local).eval()
        assert few(x).shape == (2, 6)
        torch.testing.assert_close(few.forward_features(x), source.forward_features(x))
        bare = timm.create_model(name, num_classes=0, **local).eval()
        torch.testing.assert_close(bare(x), source.forward_head(source.forward_features(x), pre_logits=True))
        gray = timm.create_model(name, in_chans=1, **local).eval()
        # timm adds the weights of the three colors.
        torch.testing.assert_close(gray(x[:, :1]), source(x[:, :1].expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)
        assert timm.create_model(name, in_chans=6, **local).eval()(torch.randn(1, 6, 40, 40)).shape == (1, 1000)
        maps = timm.create_model(name, features_only=True, **local).eval()(x)
        torch.testing.assert_close(maps, source.forward_intermediates(x, intermediates_only=True))


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_model_published_with_timm_comes_back(name: str, tmp_path: Path) -> None:
    from timm.models import save_for_hf

    source = timm.create_model(name, num_classes=6, **NARROW).eval()
    save_for_hf(source, str(tmp_path), model_config={"num_classes": 6}, safe_serialization=True)
    again = timm.create_model(f"local-dir:{tmp_path}", pretrained=True, **NARROW).eval()
    x = torch.randn(1, 3, 40, 40)
    torch.testing.assert_close(again(x), source(x))


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_an_exported_program_computes_the_same(name: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name, depths=(1, 1, 1, 1), dilations=[[1], [2], [1], [1]], **NARROW).eval()
    x = torch.randn(1, 3, 48, 56)
    with torch.no_grad():
        program = torch.export.export(model, (x,))
        torch.testing.assert_close(program.module()(x), model(x))


@pytest.mark.parametrize("family", ["DiNAT", "DiNATS"])
def test_a_compiled_model_computes_the_same_in_training(family: str, small: Callable[..., Any]) -> None:
    model = small(family, depths=(1, 2), num_heads=(1, 2), dilations=[[1], [1, 2]])
    x = torch.randn(2, 3, 33, 48)
    results = []
    for call in (model, torch.compile(model, backend="aot_eager", fullgraph=True)):
        out = call(x)
        results.append((out, torch.autograd.grad(out.square().sum(), list(model.parameters()))))
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_graph_traced_as_timm_does_computes_the_same(name: str) -> None:
    model = timm.create_model(name, **NARROW).eval()
    rules = {"leaf_modules": get_notrace_modules(), "autowrap_functions": get_notrace_functions()}
    train_nodes, eval_nodes = get_graph_node_names(model, tracer_kwargs=rules)
    nodes = {"train_return_nodes": [train_nodes[-1]], "eval_return_nodes": [eval_nodes[-1]]}
    graph = create_feature_extractor(model, **nodes, tracer_kwargs=rules)
    images = torch.randn(2, 3, 50, 70)
    with torch.no_grad():
        torch.testing.assert_close(graph(images)[eval_nodes[-1]], model(images))
    graph.train()(images)[train_nodes[-1]].mean().backward()
    assert all(parameter.grad is not None for parameter in graph.parameters())
