"""Export to ONNX: the decomposition against the operator, and onnxruntime against PyTorch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from vision.layers import NeighborhoodAttention1D, NeighborhoodAttention2D, NeighborhoodAttention3D
from vision.onnx import export, tiled_attention
from vision.onnx.stereo import StereoGraph, export_stereo
from vision.onnx.tiles import tile_sides
from vision.ops import match_attention, na1d, na2d, na3d
from vision.ops.neighborhood.arguments import Axis

ATTENTION = {1: na1d, 2: na2d, 3: na3d}


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    rank = draw(st.integers(1, 3))
    kernel = [draw(st.integers(1, [12, 5, 3][rank - 1])) for _ in range(rank)]
    dilation = [draw(st.integers(1, 3)) for _ in range(rank)]
    return {
        "batch": draw(st.integers(0, 2)),
        "shape": [k * d + draw(st.integers(0, [60, 9, 3][rank - 1])) for k, d in zip(kernel, dilation, strict=True)],
        "kernel": kernel,
        "dilation": dilation,
        "stride": [draw(st.integers(1, k)) for k in kernel],
        "is_causal": [draw(st.booleans()) for _ in kernel],
        "heads": draw(st.sampled_from([(2, 2), (4, 2), (3, 1)])),
        "bias": draw(st.booleans()),
        "additional": draw(st.booleans()),
    }


@settings(max_examples=60, deadline=None)
@given(problems())
def test_tiles_equal_the_reference(problem: dict[str, Any]) -> None:
    batch, shape, (heads, heads_kv) = problem["batch"], problem["shape"], problem["heads"]
    q = torch.randn(batch, *shape, heads, 5, dtype=torch.float64)
    k = torch.randn(batch, *shape, heads_kv, 5, dtype=torch.float64)
    v = torch.randn(batch, *shape, heads_kv, 3, dtype=torch.float64)
    bias = torch.randn(heads, *[2 * size - 1 for size in problem["kernel"]], dtype=torch.float64)
    extra_k, extra_v = torch.randn_like(k.flatten(1, -3)[:, :3]), torch.randn_like(v.flatten(1, -3)[:, :3])
    window = [tuple(problem[name]) for name in ("kernel", "stride", "dilation", "is_causal")]
    options = {
        "bias": bias if problem["bias"] else None,
        "additional_keys": extra_k if problem["additional"] else None,
        "additional_values": extra_v if problem["additional"] else None,
    }
    expected = ATTENTION[len(shape)](q, k, v, *window, 0.3, **options, return_lse=True, backend="reference")
    found = tiled_attention(q, k, v, *options.values(), *window, 0.3)
    torch.testing.assert_close(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1])


MODULES = [
    (NeighborhoodAttention1D, (40,), {"kernel_size": 7, "dilation": 3, "rel_pos_bias": True}),
    (NeighborhoodAttention1D, (20,), {"kernel_size": 6, "stride": 4, "is_causal": True}),
    (NeighborhoodAttention2D, (19, 23), {"kernel_size": 7, "dilation": (1, 3), "rel_pos_bias": True}),
    (NeighborhoodAttention2D, (12, 9), {"kernel_size": (4, 3), "stride": (4, 2), "is_causal": (False, True)}),
    (NeighborhoodAttention2D, (10, 9), {"kernel_size": 7, "dilation": 2, "rel_pos_bias": True}),  # padded
    (NeighborhoodAttention3D, (4, 7, 6), {"kernel_size": (2, 3, 3), "dilation": (2, 1, 2), "rel_pos_bias": True}),
]


@pytest.mark.parametrize(("kind", "shape", "options"), MODULES)
def test_modules_in_onnxruntime(kind: type[nn.Module], shape: tuple[int, ...], options: dict, tmp_path: Path) -> None:
    module = kind(16, 2, **options)
    path = export(
        module,
        (torch.randn(2, *shape, 16),),
        tmp_path / "attention.onnx",
        input_names=["x"],
        output_names=["y"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )
    assert module.training and [file.name for file in tmp_path.iterdir()] == ["attention.onnx"]
    assert __file__.rpartition("/tests/")[0].encode() not in path.read_bytes()  # nothing tells where it was made
    session = onnxruntime.InferenceSession(path)
    for batch in (1, 3):
        x = torch.randn(batch, *shape, 16)
        (y,) = session.run(["y"], {"x": x.numpy()})
        np.testing.assert_allclose(y, module.eval()(x).detach().numpy(), atol=1e-4)


class Attend(nn.Module):
    """Grouped queries, additional tokens, bias and LSE: what no layer asks for at once."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, more_k: Tensor, more_v: Tensor) -> Any:
        tokens = {"additional_keys": more_k, "additional_values": more_v}
        return na2d(q, k, v, 5, 2, (1, 2), (False, True), 0.4, bias=bias, **tokens, return_lse=True)


def test_operator_with_everything_in_onnxruntime(tmp_path: Path) -> None:
    shapes = [(1, 9, 11, 4, 6), (1, 9, 11, 2, 6), (1, 9, 11, 2, 5), (4, 9, 9), (1, 3, 2, 6), (1, 3, 2, 5)]
    inputs = tuple(torch.randn(shape) for shape in shapes)
    session = onnxruntime.InferenceSession(export(Attend(), inputs, tmp_path / "attend.onnx"))
    found = session.run(None, {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs, strict=True)})
    for ours, theirs in zip(Attend()(*inputs), found, strict=True):
        np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-4)


class Operator(nn.Module):
    """The operator itself, which stays in the graph whatever kernels this machine has."""

    def forward(self, x: Tensor) -> Tensor:
        window = ((3, 3), (1, 1), (1, 1), (0, 0))
        return torch.ops.nbv.neighborhood_attention(x, x, x, None, None, None, *window, 0.5)[0]


def test_the_operator_becomes_standard_nodes(tmp_path: Path) -> None:
    x = torch.randn(1, 6, 7, 2, 4)
    session = onnxruntime.InferenceSession(export(Operator(), (x,), tmp_path / "operator.onnx", input_names=["x"]))
    (found,) = session.run(None, {"x": x.numpy()})
    np.testing.assert_allclose(found, na2d(x, x, x, 3, scale=0.5, backend="reference").numpy(), atol=1e-4)


class Everything(nn.Module):
    """A call of the operator with all that it takes."""

    def __init__(self, window: tuple[tuple[int, ...], ...], bias: Tensor | None, more: tuple[Tensor, Tensor] | None):
        super().__init__()
        self.window, self.bias, self.more = window, bias, more

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Any:
        extra = self.more or (None, None)
        return torch.ops.nbv.neighborhood_attention(q, k, v, self.bias, *extra, *self.window, 0.3)


# Kernel size, stride, dilation and causality; sides of the map it is traced with, then others.
OPEN_SIDES = [
    (((3, 3), (1, 1), (1, 1), (0, 0)), [(12, 13), (6, 6), (25, 40)], True),
    (((7, 5), (1, 1), (3, 2), (0, 0)), [(22, 23), (21, 10), (40, 57)], False),
    (((4,), (3,), (2,), (1,)), [(22,), (8,), (50,)], False),
    (((4, 5), (3, 5), (2, 1), (1, 0)), [(22, 19), (11, 12), (60, 33)], True),
    (((3, 3, 3), (1, 2, 1), (1, 1, 2), (0, 1, 0)), [(5, 7, 8), (9, 5, 9)], False),
]


@pytest.mark.parametrize(("window", "shapes", "additional"), OPEN_SIDES)
def test_a_graph_of_open_sides_equals_the_reference(
    window: tuple[tuple[int, ...], ...], shapes: list[tuple[int, ...]], additional: bool, tmp_path: Path
) -> None:
    def inputs(sides: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
        return tuple(torch.randn(2, *sides, heads, dim) for heads, dim in ((4, 6), (2, 6), (2, 5)))  # type: ignore[return-value]

    bias = torch.randn(4, *[2 * size - 1 for size in window[0]])
    more = (torch.randn(2, 3, 2, 6), torch.randn(2, 3, 2, 5)) if additional else None
    least = [kernel * dilation for kernel, dilation in zip(window[0], window[2], strict=True)]
    sides = {i: torch.export.Dim(f"side{i}", min=size) for i, size in enumerate(least, start=1)}
    model = Everything(window, bias, more)
    path = export(
        model, inputs(shapes[0]), tmp_path / "o.onnx", input_names=("q", "k", "v"), dynamic_shapes=(sides,) * 3
    )
    session = onnxruntime.InferenceSession(path)
    extra = {} if more is None else {"additional_keys": more[0], "additional_values": more[1]}
    for shape in shapes:
        x = inputs(shape)
        numbers = (*window[:3], tuple(map(bool, window[3])), 0.3)
        expected = ATTENTION[len(shape)](*x, *numbers, bias=bias, return_lse=True, backend="reference", **extra)
        found = session.run(None, {name: part.numpy() for name, part in zip("qkv", x, strict=True)})
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)
    # A map that is shorter than the window fails, where it would give numbers that mean nothing.
    with pytest.raises(Exception, match="out of data bounds"):
        session.run(None, {n: p.numpy() for n, p in zip("qkv", inputs((least[0] - 1, *least[1:])), strict=True)})
    assert {node.domain for node in onnx.load(path).graph.node} == {""}


class Match(nn.Module):
    """Match attention with centers that its inputs name, many of them outside of the map."""

    def forward(self, x: Tensor, offset: Tensor) -> Tensor:
        return match_attention(x, x.flip(1), x, offset, (2, 1))[0]


def test_windows_around_centers_follow_open_sides(tmp_path: Path) -> None:
    def inputs(height: int, width: int) -> tuple[Tensor, Tensor]:
        reach = torch.tensor([width, height]) * 1.4
        return torch.randn(2, height, width, 3, 4), torch.rand(2, height, width, 3, 2) * reach - 0.2 * reach

    sides = {i: torch.export.Dim(f"side{i}", min=6) for i in (1, 2)}
    path = export(Match(), inputs(8, 9), tmp_path / "m.onnx", input_names=("x", "o"), dynamic_shapes=(sides, sides))
    session = onnxruntime.InferenceSession(path)
    for size in ((8, 9), (6, 6), (14, 23)):
        x, offset = inputs(*size)
        (found,) = session.run(None, {"x": x.numpy(), "o": offset.numpy()})
        np.testing.assert_allclose(found, Match()(x, offset).numpy(), atol=1e-5)


def test_a_failed_export_leaves_the_file_and_the_mode_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "attention.onnx"
    path.write_text("old")
    module = NeighborhoodAttention1D(8, 2, 3)
    with pytest.raises(ValueError, match="takes"):
        export(module, (torch.zeros(1, 8),), path)
    assert module.training and path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        export(nn.Identity(), (torch.zeros(1),), tmp_path / "none" / "model.onnx")


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_missing_package_names_the_extra(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'neighborhood-vision\[onnx\]'"):
        export(nn.Identity(), (torch.zeros(1),), tmp_path / "model.onnx")


class Shifted(nn.Module):
    """Answers as MatchStereo does: a left view moves left by 3 pixels, a right one right by 2; both down by 1."""

    def __init__(self, stereo: bool) -> None:
        super().__init__()
        self.stereo = stereo

    def forward(self, left: Tensor, right: Tensor) -> dict[str, Tensor]:
        field = torch.ones(2, *left.shape[-2:], 2)
        field[0, ..., 0], field[1, ..., 0] = -3, 2
        return {"field_up": field}


def test_both_disparities_of_a_graph_are_positive() -> None:
    views = torch.zeros(1, 3, 4, 6), torch.zeros(1, 3, 4, 6)
    left, right = StereoGraph(Shifted(stereo=True))(*views)
    assert left.shape == right.shape == (1, 4, 6) and (left == 3).all() and (right == 2).all()
    flow, back = StereoGraph(Shifted(stereo=False))(*views)
    assert flow.shape == back.shape == (1, 4, 6, 2)
    assert flow[0, 0, 0].tolist() == [-3, 1] and back[0, 0, 0].tolist() == [2, 1]


@pytest.mark.parametrize("stereo", [True, False])
def test_a_stereo_graph_is_named_and_sized(stereo: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def fake(graph: nn.Module, args: tuple[Tensor, ...], path: Path, **options: Any) -> Path:
        seen.update(options, shapes=[tuple(view.shape) for view in args])
        return path

    monkeypatch.setattr("vision.onnx.formats.export", fake)
    assert export_stereo(Shifted(stereo), tmp_path / "a.onnx", 192, 256) == tmp_path / "a.onnx"
    assert seen["shapes"] == [(1, 3, 192, 256)] * 2 and list(seen["input_names"]) == ["left", "right"]
    outputs = ["disparity", "disparity_right"] if stereo else ["flow", "flow_back"]
    assert list(seen["output_names"]) == outputs
    for size in ((0, 256), (192, -1)):
        with pytest.raises(ValueError, match=rf"size is {size[0]} x {size[1]}; expected positive"):
            export_stereo(Shifted(stereo), tmp_path / "a.onnx", *size)


@pytest.mark.parametrize(
    ("axes", "sides"),
    [
        ([(200, 7, 1)], [50]),  # four tiles of 50 rather than three of 64 and one of 8
        ([(64, 7, 1)], [64]),
        ([(65, 7, 1)], [33]),
        ([(300, 77, 1)], [75]),  # at least the kernel
        ([(20, 3, 1), (7, 3, 1)], [7, 7]),  # 8 queries along each axis
        ([(20, 3, 2), (33, 13, 1)], [5, 11]),  # of every second token
        ([(9, 3, 1), (9, 3, 1), (4, 4, 1)], [3, 3, 4]),  # 4 along each axis
    ],
)
def test_tiles_are_of_equal_size(axes: list[tuple[int, int, int]], sides: list[int]) -> None:
    found = tile_sides([Axis(length, kernel, 1, dilation, False) for length, kernel, dilation in axes])
    assert found == sides
