"""A chart as SVG, in the colors of the page around it."""

from __future__ import annotations

from collections.abc import Sequence

_WIDTH, _HEIGHT = 720, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 14, 34
_MOST_POINTS = 600


def counts_svg(counts: Sequence[tuple[float, int]]) -> str:
    """How many there are over time, as steps.

    Args:
        counts: (seconds, how many) per frame.
    """
    if not counts:
        return ""
    step = max(1, -(-len(counts) // _MOST_POINTS))
    shown = [(counts[k][0], max(n for _, n in counts[k : k + step])) for k in range(0, len(counts), step)]
    start, end = counts[0][0], max(counts[-1][0], counts[0][0] + 1e-3)
    most = max(1, max(n for _, n in counts))
    across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(seconds: float) -> float:
        return _LEFT + across * (seconds - start) / (end - start)

    def y(count: float) -> float:
        return _TOP + down * (1 - count / most)

    path = f"M{x(shown[0][0]):.1f},{y(shown[0][1]):.1f}" + "".join(
        f"H{x(seconds):.1f}V{y(count):.1f}" for seconds, count in shown[1:]
    )
    lines = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(n):.1f}" y2="{y(n):.1f}" class="grid"/>'
        f'<text x="{_LEFT - 8}" y="{y(n) + 5:.1f}" text-anchor="end">{n}</text>'
        for n in sorted({0, most // 2, most})
    )
    times = "".join(
        f'<text x="{x(t):.1f}" y="{_HEIGHT - 8}" text-anchor="{anchor}">{t:.1f} s</text>'
        for t, anchor in ((start, "start"), ((start + end) / 2, "middle"), (end, "end"))
    )
    return (
        f'<figure class="chart"><figcaption>People over time</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="People over time: at most {most} at once">'
        f'{lines}{times}<path d="{path}" class="curve"/></svg></figure>'
    )
