"""Statistics of residuals: counts by plain loops, and what they must not depend on."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from vision.layers.statistics import residual_statistics, statistics_size


def noise(height: int = 40, width: int = 56, seed: int = 0, batch: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (batch, 3, height, width), generator=generator).float() / 16 // 1


def first(of: list[list[float]], y: int, x: int) -> float:
    return of[y][x + 1] - of[y][x]


def truncated(value: float) -> int:
    return max(-2, min(2, round(value)))


def test_luma_triples_are_those_of_plain_loops() -> None:
    # Differences far from halves, where float32 and float64 could round apart.
    image = noise()[0]
    height, width = image.shape[1:]
    rows, columns = height * (width - 3), width * (height - 3)

    def share(cell: tuple[int, int, int]) -> float:
        """Mean of the shares along rows and along columns, of all cells that mean the same."""
        a, b, c = cell
        same = {(a, b, c), (c, b, a), (-a, -b, -c), (-c, -b, -a)}
        total = 0.0
        for plane, number in ((image, rows), (image.transpose(1, 2), columns)):
            own = luma_rows(plane)
            total += sum(own.get(each, 0) for each in same) / number / 2
        return total

    classes = sorted({min((a, b, c), (c, b, a), (-a, -b, -c), (-c, -b, -a)) for a, b, c in cells()})
    expected = sorted(math.sqrt(share(cell)) for cell in classes)
    found = sorted(residual_statistics(image[None], 1)[0, :39].tolist())
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), atol=2e-3, rtol=0)


def luma_rows(image: torch.Tensor) -> dict[tuple[int, int, int], int]:
    red, green, blue = image
    plane = (0.299 * red + 0.587 * green + 0.114 * blue).tolist()
    counts: dict[tuple[int, int, int], int] = {}
    for y, row in enumerate(plane):
        for x in range(len(row) - 3):
            cell = tuple(truncated(first(plane, y, x + i)) for i in range(3))
            counts[cell] = counts.get(cell, 0) + 1
    return counts


def cells() -> list[tuple[int, int, int]]:
    return list(itertools.product(range(-2, 3), repeat=3))


def test_colors_that_move_together_fill_the_diagonal() -> None:
    gray = noise()[:, :1].expand(-1, 3, -1, -1)
    found = residual_statistics(gray, 1)[0]
    lines = 3 * 39
    colors = found[lines : lines + 63]  # of first differences, in fine steps
    # (-2, -2, -2), (-1, -1, -1) and (0, 0, 0) are all there is: square roots of shares whose sum is 1.
    assert (colors > 0).sum() == 3
    torch.testing.assert_close(colors.square().sum(), torch.tensor(1.0))
    differences = found[39:lines].view(2, 39)
    assert (differences > 0).sum() == 2 and differences.max() == 1  # red - green never changes


def test_turning_and_mirroring_an_image_changes_no_count() -> None:
    image = noise()
    expected = residual_statistics(image, 2)
    size = statistics_size(1)
    counted = 3 * 39 + 2 * 63
    for other in (image.flip(-1), image.flip(-2), image.transpose(-1, -2)):
        torch.testing.assert_close(residual_statistics(other, 2)[:, :counted], expected[:, :counted])
        torch.testing.assert_close(
            residual_statistics(other, 2)[:, size : size + counted], expected[:, size : size + counted]
        )


def test_the_second_scale_is_the_first_of_the_halved_image() -> None:
    image = noise()
    halved = torch.nn.functional.avg_pool2d(image, 2)
    torch.testing.assert_close(residual_statistics(image, 2)[:, statistics_size(1) :], residual_statistics(halved, 1))


def test_images_of_a_batch_do_not_meet() -> None:
    images = noise(batch=3)
    one_by_one = torch.cat([residual_statistics(image[None]) for image in images])
    torch.testing.assert_close(residual_statistics(images), one_by_one)
    assert residual_statistics(images[:0]).shape == (0, statistics_size(3))


def test_brightness_changes_nothing() -> None:
    image = noise()
    torch.testing.assert_close(residual_statistics(image + 64), residual_statistics(image))


def test_plain_images_have_finite_statistics() -> None:
    assert residual_statistics(torch.zeros(1, 3, 32, 32)).isfinite().all()


def test_standard_nodes_count_as_the_counters_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise(batch=2)
    expected = residual_statistics(image)
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
    monkeypatch.setattr(torch, "bincount", None)
    torch.testing.assert_close(residual_statistics(image), expected)


def test_images_too_small_for_the_scales_are_refused() -> None:
    with pytest.raises(ValueError, match=r"images are \(16, 40\); expected sides of at least 32 for 3 scales"):
        residual_statistics(torch.zeros(1, 3, 16, 40))


def test_a_fake_mode_leaves_nothing_behind() -> None:
    image = noise()
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        assert residual_statistics(mode.from_tensor(image).expand(0, -1, -1, -1)).shape == (0, statistics_size(3))
    assert residual_statistics(image).isfinite().all()
