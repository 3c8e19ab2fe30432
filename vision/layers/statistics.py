"""Statistics of high-pass residuals at several scales: what cameras leave in neighboring pixels and colors.

Co-occurrences of truncated residuals are those of the spatial rich model (Fridrich & Kodovsky, 2012) and of its color
version (Goljan et al., 2014). Each scale is the Haar low-pass band of the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from vision.ops.residuals import ResidualSums, residual_sums

# Of the kinds that `ResidualSums` has, those whose statistics are the same but for the axis.
KINDS_ALIKE = ((0, 1), (2, 3), (4,))
FLOOR = 0.05  # of a residual's strength in gray levels, so that plain areas have a logarithm


def residual_statistics(levels: Tensor, scales: int = 3, *, backend: str | None = None) -> Tensor:
    """Co-occurrences, strengths and correlations of the residuals of images.

    Args:
        levels: images `[B, 3, H, W]`, RGB in gray levels 0 to 255; sides of at least `8 * 2 ** (scales - 1)`.
        scales: how often the statistics are taken, each time at half the size of the time before.
        backend: of `vision.ops.residuals.residual_sums`.

    Returns:
        `[B, statistics_size(scales)]`, float32. They do not depend on the size of the image but by their noise.

    Raises:
        ValueError: the images are too small for so many scales.
    """
    least = 8 << (scales - 1)
    if min(levels.shape[2:]) < least:
        size = tuple(levels.shape[2:])
        raise ValueError(f"images are {size}; expected sides of at least {least} for {scales} scales")
    sums = []
    for scale in range(scales):
        levels = F.avg_pool2d(levels, 2) if scale else levels
        sums.append(residual_sums(levels, backend=backend))
    return statistics_of(sums)


def statistics_of(sums: Sequence[ResidualSums]) -> Tensor:
    """What `residual_statistics` makes of the sums of each scale, the largest first: `[B, statistics_size(scales)]`."""
    # All scales as one batch: a quarter of the operations, which in an exported graph are nodes.
    joined = ResidualSums(*(torch.stack(parts, 1).flatten(0, 1) for parts in zip(*sums, strict=True)))
    found = torch.cat([part for kinds in KINDS_ALIKE for part in _of_kinds(joined, kinds)], 1)
    return found.unflatten(0, (-1, len(sums))).flatten(1)


@lru_cache
def statistics_size(scales: int) -> int:
    """How many statistics there are."""
    with torch.device("cpu"):
        return residual_statistics(torch.zeros(1, 3, 8 << (scales - 1), 8 << (scales - 1)), scales).shape[1]


def _of_kinds(sums: ResidualSums, kinds: tuple[int, ...]) -> list[Tensor]:
    """Statistics of residuals along rows and columns; of those along both, which are the last kind, also at a lag."""
    shares = [sums.shares[:, kind] for kind in kinds]
    means = [sums.means[:, kind] for kind in kinds]
    has_both = len(kinds) == 1
    lines = [part[:, :3] for part in shares] + ([part[:, 5:] for part in shares] if has_both else [])
    along, across = torch.stack(lines).mean(0), torch.stack([part[:, 3:5] for part in shares]).mean(0)
    strengths = [part for mean in means for part in (*_strengths(mean), _correlations(mean))]
    lagged = [_lagged(sums.lags, means[0])] if has_both else []
    return [_fold(along, LINES_ALIKE), _fold(across, SIGNS_ALIKE), *strengths, *lagged]


def _fold(shares: Tensor, members: tuple[int, ...]) -> Tensor:
    """Square roots of the shares `[B, N, 125]`, those of cells of one class added: `[B, N * classes]`."""
    classes = torch.arange(max(members) + 1, device=shares.device)
    alike = torch.tensor(members, device=shares.device)[:, None] == classes
    return torch.matmul(shares, alike.to(shares.dtype)).sqrt().flatten(1)


def _classes(*same: Callable[[int, int, int], tuple[int, int, int]]) -> tuple[int, ...]:
    """The class of each cell; cells that one of the maps takes to each other share it."""
    classes: dict[tuple[int, ...], int] = {}
    members = []
    for cell in product(range(5), repeat=3):
        orbit = {cell}
        for change in same:
            orbit |= {change(*other) for other in orbit}
        members.append(classes.setdefault(min(orbit), len(classes)))
    return tuple(members)


# What read with the other sign is the same, and along a line also what is the same read backward: 63 and 39 classes.
# Numbers, not tensors: those of a fake mode would outlive it.
SIGNS_ALIKE = _classes(lambda a, b, c: (4 - a, 4 - b, 4 - c))
LINES_ALIKE = _classes(lambda a, b, c: (c, b, a), lambda a, b, c: (4 - a, 4 - b, 4 - c))


def _strengths(means: Tensor) -> list[Tensor]:
    """Logarithms of mean and root mean square of each plane, and how heavy its tails are; of planes, then of colors."""
    found = []
    for first in (0, 3):
        mean = means[:, first : first + 3] + FLOOR
        root = means[:, first + 6 : first + 9].sqrt() + FLOOR
        found.append(torch.cat([mean.log(), root.log(), root / mean], 1))
    return found


def _correlations(means: Tensor) -> Tensor:
    """Of red and green, green and blue, blue and red: `[B, 3]`."""
    scale = means[:, 9:12].clamp_min(FLOOR**2).sqrt()
    return means[:, 12:15] / (scale * scale.roll(-1, 1))


def _lagged(lags: Tensor, means: Tensor) -> Tensor:
    """Autocorrelations of luma's and the color differences' residuals at small distances: `[B, 3 * lags]`."""
    scale = means[:, 6:9].clamp_min(FLOOR**2)
    return (lags / scale[:, :, None]).transpose(1, 2).flatten(1)
