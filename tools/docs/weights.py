"""The tables of docs/weights.md, from the data: `python -m tools.docs.weights` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from backbones.neighborhood.timm_models import default_cfgs
from backbones.neighborhood.variants import VARIANTS
from vision.hub import file_sha256
from vision.models.table import MODELS
from vision.published import PUBLISHED, Published

PAGE = Path(__file__).resolve().parents[2] / "docs" / "weights.md"
_MARK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_TITLES = {"ap": "AP", "miou": "mIoU", "pq": "PQ", "epe": "EPE", "d1": "D1", "ap50": "AP50", "vid": "VID"}
_SETS = {"coco": "COCO", "ade20k": "ADE20K", "eth3d": "ETH3D", "kitti2015": "KITTI 2015", "imagenet": "ImageNet"}


def with_tables(text: str) -> str:
    """The page with all of its tables as the data have them."""
    return _MARK.sub(lambda found: f"{found[1]}\n{table(found[2])}\n{found[3]}", text)


def table(task: str) -> str:
    """Markdown of one table: "shipped", or a task of `vision.published`."""
    rows = list(_shipped() if task == "shipped" else _classifiers() if task == "classification" else _others(task))
    header, *lines = map(_line, rows)
    return "\n".join([header, "|---" * len(rows[0]) + "|", *lines, ""])


def _shipped() -> Iterator[list[str]]:
    yield ["name", "bytes", "license", "SHA-256"]
    for row in MODELS:
        if row.weights_path is not None:
            path = row.weights_path
            yield [row.name, f"{path.stat().st_size:,}", row.license or "-", f"`{file_sha256(path)}`"]


def _classifiers() -> Iterator[list[str]]:
    yield ["name", "MB", "classes", "pixels", "crop", "top-1 %", "license", "file"]
    for name, variant in VARIANTS.items():
        row, config = PUBLISHED[name], default_cfgs[name].default
        top1 = "-" if variant.top1 is None else f"{variant.top1:g}"
        cells = [str(variant.num_classes), str(variant.image_size), f"{config.crop_pct:g}", top1]
        yield [name, _size(row), *cells, row.license, _file(row)]


def _others(task: str) -> Iterator[list[str]]:
    yield ["name", "MB", "published", "license", "file"]
    for row in PUBLISHED.values():
        if row.task == task:
            figures = ", ".join(f"{_title(key)} {value:g}" for key, value in row.figures.items()) or "-"
            yield [row.name, _size(row), figures, row.license, _file(row)]


def _size(row: Published) -> str:
    return f"{row.about_bytes / 1e6:,.0f}"


def _file(row: Published) -> str:
    return f"[{row.file}]({row.url})"


def _title(key: str) -> str:
    return " ".join(_SETS.get(word) or _TITLES.get(word) or word for word in key.split("_"))


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
