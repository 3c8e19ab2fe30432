"""vision._C_cuda is loaded on demand, and what chooses, traces and casts calls on CUDA tensors needs no GPU."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from vision.ops import na2d
from vision.ops.common import cuda_kernels, kernels
from vision.ops.common.backends import select
from vision.ops.match import native
from vision.ops.match.arguments import Call
from vision.ops.match.backends import BACKENDS

ROOT = Path(__file__).parents[2]
CUDA = torch.device("cuda")


def make_call(size: int = 8, dtype: torch.dtype = torch.float32) -> Call:
    """On CUDA, without values; for FakeTensorMode."""
    x = torch.empty(1, size, size, 2, 4, device="cuda", dtype=dtype)
    return Call(x, x, x, torch.empty(1, size, size, 2, 2, device="cuda"), 1, 1, 0.5)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels for CUDA are there, as far as anyone can see, and there is no card that they might not run on."""
    monkeypatch.setattr(cuda_kernels, "_MISSING", None)
    monkeypatch.setattr(cuda_kernels, "capability", lambda index: None)


def test_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, vision.ops; vision.ops.match_attention; print('vision.ops.common.cuda_kernels' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True)
    assert done.stdout == "False\n"


def test_reasons_why_it_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import vision

    assert cuda_kernels._load(None) == "this torch is built without CUDA"
    monkeypatch.delitem(sys.modules, "vision._C_cuda", raising=False)
    monkeypatch.setattr(vision, "__path__", [str(tmp_path)])
    monkeypatch.setitem(sys.modules, "neighborhood_vision_cuda", None)
    assert cuda_kernels._load("13.0") == (
        "vision._C_cuda is not built: pip install neighborhood-vision-cuda, or, from the source, FORCE_CUDA=1 pip "
        "install --no-build-isolation -e ."
    )
    (tmp_path / "_C_cuda.py").write_text("raise ImportError('undefined symbol: f')")
    assert "is built, but cannot be loaded (undefined symbol: f)" in (cuda_kernels._load("13.0") or "")
    monkeypatch.setitem(sys.modules, "vision._C_cuda", types.ModuleType("vision._C_cuda"))
    assert cuda_kernels._load("13.0") is None


def test_the_wheel_of_the_kernels_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import vision

    package = tmp_path / "neighborhood_vision_cuda"
    package.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "vision._C_cuda", raising=False)
    monkeypatch.setattr(vision, "__path__", [])

    def load(version: str, library: str, major: str = "12") -> str | None:
        for name in ("neighborhood_vision_cuda", "neighborhood_vision_cuda._C_cuda"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        (package / "__init__.py").write_text(f"__version__ = {version!r}; cuda = {major!r}  # {library}\n")
        (package / "_C_cuda.py").write_text(library)
        return cuda_kernels._load("12.8")

    assert load("0.0.1", "") == (
        f"neighborhood-vision-cuda 0.0.1 is not for neighborhood-vision {vision.__version__}; "
        f"pip install neighborhood-vision-cuda=={vision.__version__}"
    )
    assert load(vision.__version__, "", major="13") == (
        "neighborhood-vision-cuda is for a torch of CUDA 13, and this one is for 12.8"
    )
    assert load(vision.__version__, "raise ImportError('no symbol')") == (
        "neighborhood-vision-cuda cannot be loaded (no symbol); install it and torch again"
    )
    assert "vision._C_cuda" not in sys.modules
    try:
        assert load(vision.__version__, "architectures = '80:90+PTX'\n") is None
        assert cuda_kernels.architectures() == ["80", "90+PTX"]
    finally:
        for name in ("vision._C_cuda", "neighborhood_vision_cuda", "neighborhood_vision_cuda._C_cuda"):
            sys.modules.pop(name, None)


def test_cuda_tensors_take_the_kernels_that_are_there(monkeypatch: pytest.MonkeyPatch, loaded: None) -> None:
    with FakeTensorMode():
        call = make_call()
        monkeypatch.setattr(cuda_kernels, "_MISSING", "the reason")
        assert native.why_not(call) == "the reason" and select(BACKENDS, None, call).name == "reference"
        monkeypatch.setattr(cuda_kernels, "_MISSING", None)
        monkeypatch.setattr(kernels, "_MISSING", "no kernels for the CPU")
        assert native.why_not(call) is None and select(BACKENDS, None, call).name == "native"
        large = make_call(2**14)
        assert native.why_not(large) == f"tensors of at most 2^31 - 1 elements on CUDA, not {2**28 * 2 * 16}"
    assert kernels.why_not(CUDA) == "no kernels for cuda tensors"  # of an operator that has none
    assert kernels.why_not(torch.device("xpu"), has_cuda=True) == "no kernels for xpu tensors"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_where_there_is_no_card_none_is_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_kernels, "_MISSING", None)
    monkeypatch.setattr(cuda_kernels, "architectures", lambda: ["90"])
    assert kernels.why_not(CUDA, has_cuda=True, half=True) is None


def test_gradient_transforms_are_refused_on_cuda(loaded: None) -> None:
    reasons: list[str | None] = []

    def ask(x: Tensor) -> Tensor:
        reasons.append(kernels.why_not(CUDA, has_cuda=True))
        return x.sum()

    torch.func.grad(ask)(torch.ones(2))
    assert "torch.func gradients" in (reasons[0] or "")


@pytest.mark.parametrize("autocast", [False, True])
def test_shapes_and_dtypes_are_traced_on_cuda(autocast: bool) -> None:
    was = torch.is_autocast_enabled("cuda")
    torch.set_autocast_enabled("cuda", autocast)  # `torch.autocast` turns itself off where there is no GPU
    try:
        with FakeTensorMode():
            call = make_call(dtype=torch.float16)
            tensors: list[Any] = [call.query, call.key, call.value] if autocast else [call.query.float()] * 3
            tensors[0].requires_grad_()
            out, attn = torch.ops.nbv.match_attention(*tensors, call.offset, 1, 1, 0.5, True)
            floats = [t.detach().float() for t in (*tensors, call.offset)]
            grads = torch.ops.nbv.match_attention_backward(out, attn, *floats, 1, 1, 0.5)
    finally:
        torch.set_autocast_enabled("cuda", was)
    assert out.requires_grad and out.shape == (1, 8, 8, 2, 4) and attn.shape == (1, 8, 8, 2, 16)
    assert [grad.shape for grad in grads] == [t.shape for t in floats]
    assert {t.dtype for t in (out, attn, *grads)} == {torch.float32}  # the kernels have no half precision
    assert {t.device.type for t in (out, attn, *grads)} == {"cuda"}


@pytest.mark.parametrize("reason", [None, "the reason"])
def test_the_choice_compiles_in_one_graph(monkeypatch: pytest.MonkeyPatch, loaded: None, reason: str | None) -> None:
    monkeypatch.setattr(cuda_kernels, "_MISSING", reason)

    @torch.compile(fullgraph=True, backend="eager")
    def choose(x: Tensor) -> Tensor:
        return x + 1 if kernels.why_not(CUDA, has_cuda=True) is None else x - 1

    torch._dynamo.reset()
    assert choose(torch.zeros(2)).tolist() == [1.0 if reason is None else -1.0] * 2


def test_the_first_import_within_torch_compile(tmp_path: Path) -> None:
    code = (
        "import sys, torch; from vision.ops.common import kernels\n"
        "cuda = torch.device('cuda')\n"
        "f = torch.compile(lambda x: x if kernels.why_not(cuda, has_cuda=True) else x + 1, fullgraph=True, "
        "backend='eager')\n"
        "assert 'vision.ops.common.cuda_kernels' not in sys.modules\n"
        "f(torch.zeros(2)); print('vision.ops.common.cuda_kernels' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0 and done.stdout == "True\n", done.stderr


@pytest.fixture
def precision() -> Iterator[Callable[[str], None]]:
    """A function that sets torch's switch for products of float32 on CUDA: "ieee" or "tf32"."""
    was = torch.backends.cuda.matmul.fp32_precision

    def switch(to: str) -> None:
        torch.backends.cuda.matmul.fp32_precision = to

    yield switch
    switch(was)


class Recorder(TorchDispatchMode):
    """Notes the operators of this suite that are called, with their last arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, Any]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function.namespace == "nbv":
            self.calls.append((function._opname, args[11 if "backward" not in function._opname else 15 :]))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_neighborhood_attention_is_traced_on_cuda(
    loaded: None, precision: Callable[[str], None], dtype: torch.dtype
) -> None:
    """From the public function to the gradients; TF32 is what the switch said in the forward pass."""
    for switch in ("ieee", "tf32"):
        with FakeTensorMode(), Recorder() as recorder:
            x = torch.empty(2, 8, 9, 4, 16, device="cuda", dtype=dtype, requires_grad=True)
            bias = torch.empty(4, 5, 5, device="cuda", dtype=dtype, requires_grad=True)
            precision(switch)
            out, lse = na2d(x, x[..., :2, :], x[..., :2, :8], 3, bias=bias, return_lse=True)  # type: ignore[misc]
            precision("ieee")
            grads = out.grad_fn.apply(torch.empty_like(out), lse)  # type: ignore[union-attr]  # autograd's engine wants a GPU
        assert out.shape == (2, 8, 9, 4, 8) and out.dtype == dtype and out.device.type == "cuda"
        assert lse.shape == (2, 8, 9, 4) and lse.dtype == torch.float32
        shapes = [grad.shape for grad in grads if grad is not None]
        assert shapes == [(2, 8, 9, 4, 16), (2, 8, 9, 2, 16), (2, 8, 9, 2, 8), (4, 5, 5)]
        assert {grad.dtype for grad in grads if grad is not None} == {dtype}
        allowed = (True,) if switch == "tf32" and dtype == torch.float32 else ()  # torch drops what is the default
        wanted = 0b001111  # query, key, value and bias
        backward = ("neighborhood_attention_backward", (allowed == (True,), wanted))
        assert recorder.calls == [("neighborhood_attention", allowed), backward]


def test_neighborhood_attention_under_autocast_on_cuda(loaded: None) -> None:
    was = torch.is_autocast_enabled("cuda")
    torch.set_autocast_enabled("cuda", True)  # `torch.autocast` turns itself off where there is no GPU
    try:
        with FakeTensorMode():
            x = torch.empty(1, 8, 8, 2, 16, device="cuda", requires_grad=True)
            outs = na2d(x, x.bfloat16(), x, 3), torch.ops.nbv.neighborhood_attention(
                x, x, x, None, None, None, [3, 3], [1, 1], [1, 1], [0, 0], 0.5
            )[0]  # fmt: skip
    finally:
        torch.set_autocast_enabled("cuda", was)
    assert {out.dtype for out in outs} == {torch.get_autocast_dtype("cuda")} and all(out.requires_grad for out in outs)


@pytest.mark.parametrize("dynamic", [False, True])
def test_the_switch_of_tf32_and_the_card_compile_in_one_graph(
    monkeypatch: pytest.MonkeyPatch, loaded: None, precision: Callable[[str], None], dynamic: bool
) -> None:
    """As `na2d` does on CUDA, up to the call of the operator, which there are no tensors for."""
    monkeypatch.setattr(cuda_kernels, "capability", lambda index: (7, 5))
    graphs: list[Any] = []

    def keep(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph

    def run(x: Tensor) -> Tensor:
        return na2d(x, x, x, 3, backend="native")  # type: ignore[return-value]

    def numbers(graph: Any) -> Any:
        (node,) = [node for node in graph.graph.nodes if "neighborhood_attention" in str(node.target)]
        return node.args[-1]

    torch._dynamo.reset()
    compiled = torch.compile(run, fullgraph=True, backend=keep, dynamic=dynamic)
    with FakeTensorMode():
        x = torch.empty(2, 8, 9, 2, 16, device="cuda")
        for switch in ("ieee", "tf32", "ieee"):
            precision(switch)
            compiled(x)
        with pytest.raises(Exception, match=r"half precision needs compute capability 8\.0, this card has 7\.5"):
            compiled(x.half())
    assert [numbers(graph) for graph in graphs] == [False, True]  # and the first one again
