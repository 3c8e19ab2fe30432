"""The initial correlation against loops over pixels and disparities."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from heads.match.init import InitialCorrelation, match_anywhere, match_rows


def features(h: int, w: int, c: int = 6) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, h, w, c, dtype=torch.float64) * 3, torch.randn(2, h, w, c, dtype=torch.float64)


def expected_disparity(probability: list[float]) -> float:
    """Of one pixel: peak of the blurred distribution, then the mean of what is likely around it."""
    d = len(probability)
    padded = [0.0, 0.0, *probability, 0.0, 0.0]
    blurred = [sum(padded[i : i + 5]) for i in range(d)]
    peak = min(max(blurred.index(max(blurred)), 2), d - 3)
    likely = {i: probability[i] for i in range(peak - 2, peak + 3) if probability[i] >= 1 / d}
    return sum(i * p for i, p in likely.items()) / sum(likely.values()) if likely else 0.0


@pytest.mark.parametrize("size", [(2, 5), (3, 8)])
def test_rows(size: tuple[int, int]) -> None:
    h, w = size
    q, k = features(h, w)
    field, cv = match_rows(q, k)
    assert field.shape == (4, h, w, 2) and cv.shape == (4, w, h, w)
    assert (field[..., 1] == 0).all()
    for view, sign in ((0, -1), (1, 1)):
        for b in range(2):
            for y in range(h):
                rows = []
                for x in range(w):
                    logits = [0.0] * w
                    for d in range(w):
                        left, right = (x, x - d) if view == 0 else (x + d, x)
                        if left < w and right < w and left >= 0 and right >= 0:
                            logits[d] = float(q[b, y, left] @ k[b, y, right]) / math.sqrt(6)
                    rows.append(torch.tensor(logits, dtype=torch.float64).softmax(0).tolist())
                for x in range(w):
                    found = [rows[max(x, d) if view == 0 else min(x, w - 1 - d)][d] for d in range(w)]
                    assert cv[2 * view + b, :, y, x].tolist() == pytest.approx(found)
                    assert float(field[2 * view + b, y, x, 0]) == pytest.approx(sign * expected_disparity(found))


def test_anywhere() -> None:
    h, w = 5, 6
    q, k = features(h, w)
    field, cv = match_anywhere(q, k)
    assert field.shape == (4, h, w, 2) and cv.shape == (4, h * w, h, w)
    correlation = (q.reshape(2, -1, 6) @ k.reshape(2, -1, 6).mT) / math.sqrt(6)
    matrices = torch.cat([correlation, correlation.mT]).softmax(-1)
    for view, matrix in enumerate(matrices):
        torch.testing.assert_close(cv[view].flatten(1).T, matrix)
        for pixel in range(h * w):
            above, below = max(pixel - 2, 0), min(pixel + 3, h * w)
            blurred = [float(matrix[above:below, max(i - 2, 0) : i + 3].sum()) for i in range(h * w)]
            y, x = divmod(blurred.index(max(blurred)), w)
            y, x = min(max(y, 2), h - 3), min(max(x, 2), w - 3)
            total, moved = 0.0, [0.0, 0.0]
            for v in range(y - 2, y + 3):
                for u in range(x - 2, x + 3):
                    p = float(matrix[pixel, v * w + u])
                    if p >= 1 / (h * w):
                        total += p
                        moved = [moved[0] + p * (u - pixel % w), moved[1] + p * (v - pixel // w)]
            wanted = [m / total for m in moved] if total else [0.0, 0.0]
            assert field[view, pixel // w, pixel % w].tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("stereo", [True, False])
def test_hopeless_pixels_stay_where_they_are(stereo: bool) -> None:
    q = torch.zeros(1, 6, 7, 4, requires_grad=True)
    field, _ = (match_rows if stereo else match_anywhere)(q, torch.ones(1, 6, 7, 4))
    assert field.isfinite().all()
    (grad,) = torch.autograd.grad(field.sum(), q)
    assert grad.isfinite().all()


@pytest.mark.parametrize("stereo", [True, False])
def test_half_precision_gives_float32_coordinates(stereo: bool) -> None:
    module, x = InitialCorrelation(8).eval(), torch.randn(2, 6, 9, 8)
    with torch.no_grad():
        wanted = module(x, stereo)[1]
        for field, cv in (
            _under_autocast(module, x, stereo),
            module.bfloat16()(x.bfloat16(), stereo),
        ):
            assert field.dtype == cv.dtype == torch.float32
            torch.testing.assert_close(cv, wanted, atol=0.05, rtol=0.1)


def _under_autocast(module: InitialCorrelation, x: Tensor, stereo: bool) -> tuple[Tensor, Tensor]:
    with torch.autocast("cpu", torch.bfloat16):
        return module(x, stereo)
