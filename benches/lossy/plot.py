"""Time lines of a scenario as SVG, with the numbers that they show beside them as JSON. Called by `benches.loss`; draws and measures nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP = 760, 120, 56, 16, 40, 34
INK, PALE, GRID = "#1f2937", "#6b7280", "#e5e7eb"
Points = list[tuple[float, float]]


def _series(data: dict[str, Any]) -> tuple[list[float], dict[str, Points]]:
    """Seconds since the first change, and by name what is drawn."""
    start = data["changes"][0]
    seconds = lambda at: round((at - start) / 1e3, 2)  # noqa: E731
    seen = [one for one in data["seen"] if "frames" in one and one["at"] >= start - 4_000]
    media, queue, limit = Points(), Points(), Points()
    forth = 1 if data["scenario"]["up"] else 0
    for before, after in pairwise(data["link"]):
        way, passed = after["ways"][forth], after["at"] - before["at"]
        if after["at"] * 1e3 >= start - 4_000 and passed > 0:
            media.append((seconds(after["at"] * 1e3), round(way["bytes"] / passed / 125, 1)))
            queue.append((seconds(after["at"] * 1e3), round(way["queue_ms"], 1)))
    steps = data["scenario"]["steps"]
    for (_, conditions), (begins, ends) in zip(steps, pairwise(data["changes"]), strict=True):
        if conditions["rate_kbit"]:
            limit += [(seconds(begins), conditions["rate_kbit"]), (seconds(ends), conditions["rate_kbit"])]
    fps = [
        (seconds(after["at"]), round(1e3 * (after["frames"] - before["frames"]) / (after["at"] - before["at"]), 1))
        for before, after in zip(seen, seen[4:], strict=False)
    ]
    lines = [(seconds(one["at"]), one["lines"]) for one in seen]
    frozen = [(seconds(after["at"]), round(after["frozen"] - before["frozen"], 3)) for before, after in pairwise(seen)]
    changes = [seconds(at) for at in data["changes"]]
    return changes, {
        "through the link, kbit/s": media,
        "link, kbit/s": limit,
        "queue, ms": queue,
        "pictures a second": fps,
        "lines": lines,
        "frozen, s": frozen,
    }


def _axis(values: Iterable[float]) -> float:
    """A round number that nothing exceeds."""
    most = max(values, default=0.0) or 1.0
    step = 10.0 ** (len(str(int(most))) - 1)
    return next(step * n for n in (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15) if step * n >= most)


def _panel(
    at: int, name: str, changes: list[float], lines: list[tuple[Points, str, str]], span: tuple[float, float]
) -> list[str]:
    most = _axis(y for points, *_ in lines for _, y in points)
    x = lambda t: LEFT + (t - span[0]) / (span[1] - span[0]) * (WIDTH - LEFT - RIGHT)  # noqa: E731
    y = lambda v: at + HEIGHT - v / most * HEIGHT  # noqa: E731
    out = [f'<text x="{LEFT}" y="{at - 8}" fill="{INK}" font-weight="600">{name}</text>']
    for share in (0.0, 0.5, 1.0):
        out.append(f'<path d="M{LEFT} {y(share * most):.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        out.append(
            f'<text x="{LEFT - 6}" y="{y(share * most) + 4:.1f}" text-anchor="end" fill="{PALE}">{share * most:g}</text>'
        )
    out += [f'<path d="M{x(t):.1f} {at}v{HEIGHT}" stroke="{PALE}" stroke-dasharray="3 3"/>' for t in changes]
    for points, colour, style in lines:
        if points:
            path = "L".join(f"{x(t):.1f} {y(v):.1f}" for t, v in points)
            out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.8" {style}/>')
    return out


def draw(folder: Path, data: dict[str, Any]) -> None:
    """`folder/<scenario>-<way>.svg` and `.json`."""
    changes, series = _series(data)
    name = f"{data['scenario']['name']}-{data['way']}"
    times = [t for points in series.values() for t, _ in points]
    span = (min(times), max(times))
    panels = [
        ("kbit/s through the link", [(series["link, kbit/s"], PALE, 'stroke-dasharray="6 3"'), (series["through the link, kbit/s"], "#2563eb", "")]),
        ("queue of the link, ms", [(series["queue, ms"], "#b45309", "")]),
        ("pictures a second", [(series["pictures a second"], "#15803d", "")]),
        ("lines of the picture", [(series["lines"], "#7c3aed", "")]),
    ]  # fmt: skip
    height = TOP + len(panels) * (HEIGHT + GAP)
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12">',
        f'<title>{name}</title><rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for place, (title, lines) in enumerate(panels):
        body += _panel(TOP + place * (HEIGHT + GAP), title, changes, lines, span)
    for second in range(int(span[0]) // 10 * 10, int(span[1]) + 1, 10):
        if second >= span[0]:
            at = LEFT + (second - span[0]) / (span[1] - span[0]) * (WIDTH - LEFT - RIGHT)
            body.append(f'<text x="{at:.1f}" y="{height - 12}" text-anchor="middle" fill="{PALE}">{second} s</text>')
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.svg").write_text("\n".join([*body, "</svg>"]) + "\n")
    (folder / f"{name}.json").write_text(json.dumps({"name": name, "changes_s": changes, "series": series}) + "\n")
