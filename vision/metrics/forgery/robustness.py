"""How a forgery detector holds up under JPEG compression and blur."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from vision.datasets.augment import FixedCorruption
from vision.datasets.forgery.dataset import ForgeryDataset
from vision.metrics.forgery.evaluation import Track, predict
from vision.metrics.forgery.table import Row, csv_lines, mean_row
from vision.models.forgery.network import ForgeryNetwork

JPEG_QUALITIES: tuple[int | None, ...] = (None, 95, 85, 70, 50, 30)
BLUR_SIGMAS: tuple[float, ...] = (0, 1, 2)

# (JPEG quality or None, blur sigma) -> metrics by generator.
Sweep = dict[tuple[int | None, float], dict[str, Row]]


def robustness_sweep(
    network: ForgeryNetwork,
    dataset: ForgeryDataset,
    qualities: Sequence[int | None] = JPEG_QUALITIES,
    sigmas: Sequence[float] = BLUR_SIGMAS,
    batch_size: int = 8,
    workers: int = 0,
    device: str = "cpu",
    track: Track | None = None,
) -> Sweep:
    """Judge a data set once for every JPEG quality and blur: the whole image is blurred, compressed, then cropped.

    Args:
        network: a detector in eval mode.
        dataset: in test mode; with `cache=True` its files are decoded once instead of once a cell.
        qualities: JPEG qualities, None for uncompressed.
        sigmas: of the Gaussian blur in pixels, 0 for none.
        batch_size, workers, device, track: as in `vision.metrics.forgery.evaluation.predict`.
    """
    sweep: Sweep = {}
    for quality, sigma in itertools.product(qualities, sigmas):
        corrupted = dataset.with_transforms([FixedCorruption(quality, sigma)])
        sweep[quality, sigma] = predict(network, corrupted, batch_size, workers, device, track).rows()
    return sweep


def format_sweep(sweep: Sweep, column: str = "ap") -> str:
    """Plain text for people: the mean over generators in percent, one line per JPEG quality, one column per blur."""
    qualities = list(dict.fromkeys(quality for quality, _ in sweep))
    sigmas = list(dict.fromkeys(sigma for _, sigma in sweep))
    lines = [f"mean {column:<6}" + "".join(f"{f'blur {sigma:g}':>9}" for sigma in sigmas)]
    for quality in qualities:
        name = "no JPEG" if quality is None else f"JPEG {quality}"
        lines.append(f"{name:<11}" + "".join(f"{100 * mean_row(sweep[quality, s])[column]:9.1f}" for s in sigmas))
    return "\n".join(lines)


def sweep_lines(sweep: Sweep) -> tuple[list[str], list[list[object]]]:
    """Header and lines for `write_csv`: every row of every cell, with its JPEG quality (`none`) and blur."""
    header: list[str] = []
    lines: list[list[object]] = []
    for (quality, sigma), rows in sweep.items():
        header, block = csv_lines(rows)
        lines += [["none" if quality is None else quality, sigma, *line] for line in block]
    return ["jpeg", "blur", *header], lines
