"""Draw the figures of docs/how-the-kernels-work.md, from what the operators themselves say of their windows.

    python tools/docs/figures.py [FOLDER]

Each is an SVG file on a light ground of its own, so that it can be read on a dark page, too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor

from vision.cli.process import program
from vision.files import write_text
from vision.ops import neighborhood_mask

ROOT = Path(__file__).resolve().parents[2]
GROUND, LINE, TEXT, PLAIN = "#ffffff", "#c9ced6", "#1f2933", "#eef1f5"
# Of the color-blind safe palette of Okabe and Ito.
ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PINK = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)
ORANGE_TEXT = "#8a5a00"  # orange that can be read on white
GROUP_COLORS = (ORANGE, SKY, GREEN, YELLOW, BLUE, PINK, RED, "#8c8c8c", "#b5a7e0")
Fill = Callable[[int, int], str]


@program
def main(argv: list[str] | None = None) -> int:
    """Write all figures to a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs/figures")
    folder = parser.parse_args(argv).folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in figures().items():
        write_text(folder / name, text)
    return 0


def figures() -> dict[str, str]:
    """All figures: names of files and their SVG."""
    return {
        "icon.svg": icon(),
        "windows.svg": windows(),
        "residue-groups.svg": residue_groups(),
        "tiles.svg": tiles(),
        "inverse.svg": inverse_windows(),
    }


def windows() -> str:
    """What three queries see: sliding, dilated, in blocks, causal."""
    settings = {
        "kernel 5": {"kernel_size": 5},
        "kernel 3, dilation 2": {"kernel_size": 3, "dilation": 2},
        "kernel 5, stride 5": {"kernel_size": 5, "stride": 5},
        "kernel 5, causal": {"kernel_size": 5, "is_causal": True},
    }
    queries = {(1, 2): ORANGE, (7, 12): BLUE, (12, 5): GREEN}
    parts = []
    for panel, (name, setting) in enumerate(settings.items()):
        mask = neighborhood_mask((15, 15), **setting)  # type: ignore[arg-type]

        def fill(y: int, x: int, mask: Tensor = mask) -> str:
            return next((color for at, color in queries.items() if mask[at][y, x]), PLAIN)

        left, top = 20 + panel % 2 * 230, panel // 2 * 250
        parts += grid((15, 15), 14, left, top + 44, fill, marks=queries)
        parts.append(label(left, top + 30, name))
    title = "Windows of three queries, which a ring marks: sliding, dilated, strided, causal"
    return svg(20 + 2 * 230, 20 + 2 * 250, title, parts)


def residue_groups() -> str:
    """A dilated window, and the group of tokens in which it is a dense one."""
    size, dilation, kernel, query = 12, 3, 3, (4, 7)
    mask = neighborhood_mask((size, size), kernel, dilation=dilation)[query]

    def group(y: int, x: int) -> int:
        return (y % dilation) * dilation + x % dilation

    def on_map(y: int, x: int) -> str:
        return GROUP_COLORS[group(y, x)]

    own = GROUP_COLORS[group(*query)]
    first = (query[0] % dilation, query[1] % dilation)

    def in_group(y: int, x: int) -> str:
        return own if mask[first[0] + y * dilation, first[1] + x * dilation] else PLAIN

    seen = [(y, x) for y in range(size) for x in range(size) if mask[y, x]]
    parts = [label(20, 30, "The map, colored by residue group; framed: what one query sees")]
    parts += grid((size, size), 22, 20, 44, on_map, marks=[query], frames=seen)
    parts.append(label(500, 30, "Its group by itself: the window is dense"))
    parts += grid((4, 4), 42, 520, 84, in_group, marks=[(query[0] // dilation, query[1] // dilation)])
    parts += [f'<path d="M310 176 H490 m-12 -8 l12 8 l-12 8" fill="none" stroke="{TEXT}" stroke-width="2"/>']
    return svg(
        860, 330, "Tokens of the same residues form a map of their own, on which a dilated window is dense", parts
    )


def tiles() -> str:
    """A tile of queries, the union of its windows in column tiles, and what one query sees of one of them."""
    size, kernel, tile, first = 24, 7, 4, (8, 12)
    mask = neighborhood_mask((size, size), kernel)
    rows = [(first[0] + y, first[1] + x) for y in range(tile) for x in range(tile)]
    union = torch.stack([mask[at] for at in rows]).any(0)
    ys, xs = (union.any(1).nonzero().flatten(), union.any(0).nonzero().flatten())
    top, left, bottom, right = int(ys[0]), int(xs[0]), int(ys[-1]) + 1, int(xs[-1]) + 1
    columns = 8  # a column tile is 8 x 8 keys

    def on_map(y: int, x: int) -> str:
        if (y, x) in rows:
            return ORANGE
        if not union[y, x]:
            return PLAIN
        return (SKY, "#a9d9f5")[((y - top) // columns + (x - left) // columns) % 2]

    query = rows[5]

    def in_tile(y: int, x: int) -> str:
        y, x = top + y, left + x
        return PLAIN if y >= bottom or x >= right or not mask[query][y, x] else BLUE

    parts = [label(20, 30, f"A tile of {tile} x {tile} queries and the union of their windows")]
    parts += grid((size, size), 15, 20, 44, on_map, marks=[query])
    bits = int(sum(mask[query][top : min(top + 8, bottom), left : min(left + 8, right)].flatten()))
    parts.append(label(440, 30, "What the ringed query sees of the first column tile"))
    parts += grid((columns, columns), 30, 460, 64, in_tile)
    parts.append(label(460, 330, f"64 bits, one per key: {bits} are set"))
    return svg(860, 430, "Keys come in tiles of at most 64; a query sees an interval of them along each axis", parts)


def inverse_windows() -> str:
    """Along one axis: keys of each query, and queries of each key."""
    length, kernel, query, key = 16, 5, 1, 9
    mask = neighborhood_mask(length, kernel)

    def fill(y: int, x: int) -> str:
        if not mask[y, x]:
            return PLAIN
        return ORANGE if y == query else BLUE if x == key else SKY

    parts = [label(20, 30, "Rows: queries. Columns: keys. Filled: seen")]
    parts += grid((length, length), 18, 20, 44, fill)
    parts.append(label(340, 44 + 18 * query + 14, f"the window of query {query}, shifted by the edge", ORANGE_TEXT))
    parts.append(label(340, 44 + 18 * key + 14, f"down the column: the queries that see key {key}", BLUE))
    return svg(720, 350, "Seen from the queries and from the keys, windows are intervals", parts)


def icon() -> str:
    """The window of a query, as the icon of the site."""
    cells = [
        f'<rect x="{1 + 6 * x}" y="{1 + 6 * y}" width="5" height="5" fill="{RED if (y, x) == (2, 2) else GREEN}"/>'
        for y in range(5)
        for x in range(5)
    ]
    return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 31 31">\n' + "\n".join(cells) + "\n</svg>\n"


def grid(
    shape: tuple[int, int],
    cell: int,
    left: int,
    top: int,
    fill: Fill,
    marks: Iterable[tuple[int, int]] = (),
    frames: Iterable[tuple[int, int]] = (),
) -> list[str]:
    """Cells in their colors, with rings on some of them and frames around others."""
    parts = [
        f'<rect x="{left + x * cell}" y="{top + y * cell}" width="{cell - 1}" height="{cell - 1}" fill="{fill(y, x)}"/>'
        for y in range(shape[0])
        for x in range(shape[1])
    ]
    parts += [
        f'<rect x="{left + x * cell}" y="{top + y * cell}" width="{cell - 1}" height="{cell - 1}" fill="none" '
        f'stroke="{TEXT}" stroke-width="3"/>'
        for y, x in frames
    ]
    parts += [
        f'<circle cx="{left + x * cell + cell // 2}" cy="{top + y * cell + cell // 2}" r="{cell // 3}" fill="{GROUND}" '
        f'stroke="{TEXT}" stroke-width="2"/>'
        for y, x in marks
    ]
    return parts


def label(x: int, y: int, text: str, color: str = TEXT) -> str:
    """A line of text."""
    return f'<text x="{x}" y="{y}" fill="{color}">{text}</text>'


def svg(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    """A figure on its ground."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="14">\n'
        f"<title>{title}</title>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="{GROUND}" stroke="{LINE}"/>\n'
    )
    return head + "\n".join(parts) + "\n</svg>\n"


if __name__ == "__main__":
    sys.exit(main())
