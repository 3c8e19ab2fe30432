"""High-pass residuals: what a step leaves, and where it is cut off."""

from __future__ import annotations

import torch

from vision.layers.residual import high_pass_residuals


def step(levels: float) -> torch.Tensor:
    """Dark left half, brighter right half: 8 rows, 10 columns."""
    image = torch.zeros(1, 1, 8, 10)
    image[..., 5:] = levels
    return image


def test_a_low_step_leaves_its_second_differences() -> None:
    along, across, square = high_pass_residuals(step(8.0))[0]
    # (0.5, -1, 0.5) on the step is half of it, up on the dark side and down on the bright one; then a quarter of that.
    assert across.eq(0).all()
    assert along[4].tolist() == [0, 0, 0, 0, 1, -1, 0, 0, 0, 0]
    # Columns of the square filter add up to -4, 8, -8... of 12: (0, 0.5, -1, 0.5, 0) less its blur in y cancels.
    assert square.sum().abs() < 1e-4


def test_residuals_of_a_high_step_end_at_the_limit_on_both_sides() -> None:
    for limit in (4.0, 2.5):
        along = high_pass_residuals(step(200.0), limit)[0, 0]
        assert along[4].tolist() == [0, 0, 0, 0, limit, -limit, 0, 0, 0, 0]
        turned = high_pass_residuals(step(-200.0).transpose(-1, -2), limit)[0, 1]
        assert turned[:, 4].tolist() == [0, 0, 0, 0, -limit, limit, 0, 0, 0, 0]


def test_a_point_shows_the_filters() -> None:
    image = torch.zeros(1, 2, 9, 9)
    image[0, 1, 4, 4] = 12.0
    out = high_pass_residuals(image)
    assert out.shape == (1, 6, 9, 9) and out[0, ::2].eq(0).all()  # filter by filter, channels within
    along, across, square = out[0, 1::2]
    assert along[4, 3:6].tolist() == [1.5, -3, 1.5] and along.count_nonzero() == 3
    assert across[3:6, 4].tolist() == [1.5, -3, 1.5] and across.count_nonzero() == 3
    wanted = [[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]]
    torch.testing.assert_close(square[2:7, 2:7], torch.tensor(wanted) / 4.0)
