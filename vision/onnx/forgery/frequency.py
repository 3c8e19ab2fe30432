"""The dual-frequency block as nodes: `vision.layers.frequency`."""

from __future__ import annotations

import math

import numpy as np

from vision.layers.frequency import DualFrequencyBlock, WindowChannelAttention
from vision.layers.frequency.dual import ChannelNorm, is_local, wavelet_block_matrix
from vision.onnx.forgery.layers import values
from vision.onnx.nodes import Nodes, reshape, sides


def write_dual_frequency(nodes: Nodes, x: str, block: DualFrequencyBlock) -> str:
    """`[B, 3, H, W]` -> `[B, 3, H, W]`, sides multiples of 4.

    Raises:
        ValueError: the wavelet has more than two taps, whose transform has no nodes here.
    """
    if not is_local(block.wavelet):
        raise ValueError(f"wavelet {block.wavelet!r} has more than two taps; only haar can be exported")
    nodes.part("wavelet")
    out = nodes("Mul", _wavelet_branch(nodes, x, block), float(block.dwt_weight))
    scale = block.fft_scale.item() * (1 - block.dwt_weight)
    if scale:
        nodes.part("fourier")
        out = nodes("Add", out, nodes("Mul", _filter_phase(nodes, x, block.fft_attn), scale))
    return out


def _wavelet_branch(nodes: Nodes, x: str, block: DualFrequencyBlock) -> str:
    height, width = sides(nodes, x)
    rows, columns = nodes("Div", height, [4]), nodes("Div", width, [4])
    count = nodes("Mul", rows, columns)
    matrix = values(wavelet_block_matrix(block.wavelet)).astype(np.float32)
    blocks = nodes("Transpose", reshape(nodes, x, 0, 0, rows, 4, columns, 4), perm=[0, 1, 2, 4, 3, 5])
    subbands = nodes("MatMul", reshape(nodes, blocks, 0, 0, count, 16), matrix)
    tokens = nodes("Transpose", reshape(nodes, subbands, 0, 0, 0, 4, 4), perm=[0, 1, 3, 2, 4])
    tokens = reshape(nodes, tokens, 0, 0, 0, -1)  # [B, 3, 4, H * W / 4]
    tokens = nodes("Add", tokens, _attention(nodes, _norm(nodes, tokens, block.norm), block.dwt_attn))
    tokens = nodes("Transpose", reshape(nodes, tokens, 0, 0, 4, count, 4), perm=[0, 1, 3, 2, 4])
    blocks = nodes("MatMul", reshape(nodes, tokens, 0, 0, 0, 16), matrix.T)
    image = nodes("Transpose", reshape(nodes, blocks, 0, 0, rows, columns, 4, 4), perm=[0, 1, 2, 4, 3, 5])
    return reshape(nodes, image, 0, 0, height, width)


def _norm(nodes: Nodes, x: str, norm: ChannelNorm) -> str:
    x = nodes("Sub", x, nodes("ReduceMean", x, [1], keepdims=1))
    variance = nodes("ReduceMean", nodes("Mul", x, x), [1], keepdims=1)
    x = nodes("Div", x, nodes("Sqrt", nodes("Add", variance, float(norm.eps))))
    weight, bias = (values(each).reshape(-1, 1, 1) for each in (norm.weight, norm.bias))
    return nodes("Add", nodes("Mul", x, weight), bias)


def _attention(nodes: Nodes, x: str, layer: WindowChannelAttention) -> str:
    """`[B, 3, H, W]` -> the same shape; as in `WindowChannelAttention`, where shapes are explained."""
    size = layer.window_size
    height, width = sides(nodes, x)
    weight = values(layer.qkv.weight * layer.qkv_dwconv.weight)
    qkv = nodes("Conv", x, weight, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    below, right = (_missing(nodes, side, size) for side in (height, width))
    pads = nodes("Concat", [0, 0, 0, 0, 0, 0], below, right, axis=0)
    qkv = nodes("Pad", qkv, pads, mode="reflect")
    full_height, full_width = nodes("Add", height, below), nodes("Add", width, right)
    rows, columns = nodes("Div", full_height, [size]), nodes("Div", full_width, [size])
    windows = nodes("Transpose", reshape(nodes, qkv, 0, 0, rows, size, columns, size), perm=[0, 1, 3, 5, 2, 4])
    windows = reshape(nodes, windows, 0, 0, size**2, -1)
    q, k, v = nodes.several(3, "Split", windows, axis=1, num_outputs=3)
    gate = nodes("Add", nodes("MatMul", values(layer.gate.weight), v), values(layer.gate.bias)[:, None])
    out = nodes("Mul", _channel_attention(nodes, q, k, v, layer.temperature.item()), nodes("Gelu", gate))
    out = nodes("MatMul", values(layer.proj.weight)[:, :, 0, 0], reshape(nodes, out, 0, 0, -1))
    assert layer.proj.bias is not None
    out = reshape(nodes, nodes("Add", out, values(layer.proj.bias)[:, None]), 0, 0, size, size, rows, columns)
    out = nodes("Transpose", out, perm=[0, 1, 4, 2, 5, 3])
    out = reshape(nodes, out, 0, 0, full_height, full_width)
    return nodes("Slice", out, [0, 0], nodes("Concat", height, width, axis=0), [2, 3])


def _missing(nodes: Nodes, side: str, size: int) -> str:
    """How far the side is from the next multiple."""
    return nodes("Mod", nodes("Sub", [size], nodes("Mod", side, [size])), [size])


def _channel_attention(nodes: Nodes, q: str, k: str, v: str, temperature: float) -> str:
    """Attention over channels, scored over positions: all `[B, 3, positions, windows]`."""
    rows = nodes("Mul", nodes("Unsqueeze", q, [2]), nodes("Unsqueeze", k, [1]))
    scores = nodes("ReduceSum", rows, [3], keepdims=1)  # [B, 3 of q, 3 of k, 1, windows]
    attention = nodes("Softmax", nodes("Mul", scores, temperature), axis=2)
    return nodes("ReduceSum", nodes("Mul", attention, nodes("Unsqueeze", v, [1])), [2], keepdims=0)


def _filter_phase(nodes: Nodes, x: str, phase_filter: WindowChannelAttention) -> str:
    """As `vision.layers.frequency.fourier.filter_phase` by matrices, which are made for the sides at hand."""
    height, width = sides(nodes, x)
    half = nodes("Add", nodes("Div", width, [2]), [1])
    down_cos, down_sin = _dft(nodes, height, height)
    right_cos, right_sin = _dft(nodes, width, half)
    real, imag = nodes("MatMul", x, right_cos), nodes("MatMul", x, right_sin)
    both = nodes("Sub", nodes("MatMul", down_cos, real), nodes("MatMul", down_sin, imag))
    imag = nodes("Add", nodes("MatMul", down_cos, imag), nodes("MatMul", down_sin, real))
    real = both
    magnitude = nodes("Sqrt", nodes("Add", nodes("Mul", real, real), nodes("Mul", imag, imag)))
    phase = _attention(nodes, _angle(nodes, real, imag), phase_filter)
    real, imag = (nodes("Mul", magnitude, nodes(kind, phase)) for kind in ("Cos", "Sin"))
    # Inverse along H conjugates the matrix.
    column_real = nodes("Add", nodes("MatMul", down_cos, real), nodes("MatMul", down_sin, imag))
    column_imag = nodes("Sub", nodes("MatMul", down_cos, imag), nodes("MatMul", down_sin, real))
    weight = _mirrored(nodes, half, height, width)
    rows = [
        nodes("MatMul", nodes("Mul", part, weight), nodes("Transpose", matrix, perm=[1, 0]))
        for part, matrix in ((column_real, right_cos), (column_imag, right_sin))
    ]
    return nodes("Add", *rows)


def _dft(nodes: Nodes, side: str, count: str) -> tuple[str, str]:
    """Real and imaginary part of the first `count` columns of the DFT matrix; quarter turns are exact, see there."""
    one, zero = np.array(1, np.int64), np.array(0, np.int64)
    row, column = (nodes("Range", zero, nodes("Squeeze", end), one) for end in (side, count))
    turn = nodes("Mod", nodes("Mul", nodes("Unsqueeze", row, [1]), column), side)
    quarter = nodes("Equal", nodes("Mod", nodes("Mul", turn, [4]), side), zero)
    angle = nodes("Mul", nodes("Cast", turn, to=11), np.array(-2 * math.pi))
    angle = nodes("Div", angle, nodes("Cast", side, to=11))
    found = []
    for kind in ("Cos", "Sin"):
        exact = nodes("Cast", nodes(kind, angle), to=1)
        found.append(nodes("Where", quarter, nodes("Round", exact), exact))
    return found[0], found[1]


def _mirrored(nodes: Nodes, half: str, height: str, width: str) -> str:
    """`[W / 2 + 1]`: columns but the first and the last stand for their mirror image, too; over the pixels."""
    inner = nodes("Expand", 2.0, nodes("Sub", half, [2]))
    end = np.ones(1, np.float32)
    pixels = nodes("Cast", nodes("Mul", height, width), to=1)
    return nodes("Div", nodes("Concat", end, inner, end, axis=0), pixels)


def _angle(nodes: Nodes, real: str, imag: str) -> str:
    """atan2, zero where both are zero."""
    zero = nodes("Equal", real, 0.0)
    base = nodes("Atan", nodes("Div", imag, nodes("Where", zero, 1.0, real)))
    half_turn = nodes("Where", nodes("GreaterOrEqual", imag, 0.0), math.pi, -math.pi)
    off_axis = nodes("Where", nodes("Less", real, 0.0), nodes("Add", base, half_turn), base)
    quarter = nodes("Where", nodes("Equal", imag, 0.0), 0.0, nodes("Mul", half_turn, 0.5))
    return nodes("Where", zero, quarter, off_axis)
