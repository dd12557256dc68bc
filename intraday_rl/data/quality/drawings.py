"""Drawings of the quality page as inline SVG: no script, no font, nothing loaded; colours come from the page's style.

Conventions: x runs over the sessions or the minutes from `LEFT` to `WIDTH`, y downwards; units are those of the view
box. A mark tells its session and number when the pointer rests on it.
"""

from __future__ import annotations

import html

import numpy as np

from intraday_rl.data.bars import FloatArray
from intraday_rl.data.quality.assess import Quality
from intraday_rl.data.quality.limits import CHECK_NAMES, CHECKS
from intraday_rl.data.quality.wording import with_unit

WIDTH, LEFT, BOTTOM = 1100, 140, 26
ROW, GAP = 20, 3
HEIGHT = 150
THINNEST = 2.0
NEAR = 0.5  # from this part of the limit on, a session is shown as near it
DATES, MINUTE_STEP = 8, 60


def heat_strip(quality: Quality) -> str:
    """Return sessions against checks: failing ones strong, near ones pale, those without anything to check hatched."""
    width = (WIDTH - LEFT) / len(quality.date)
    parts = []
    for row, check in enumerate(CHECKS):
        y = row * ROW
        values, fails = quality.values[check.name], quality.fails[check.name]
        limit = getattr(quality.limits, check.limit)
        none = " none" if np.isnan(values).all() else ""
        parts.append(f"<text x='{LEFT - 10}' y='{y + 14}' class='label'>{check.name}</text>")
        parts.append(f"<rect class='lane{none}' x='{LEFT}' y='{y}' width='{WIDTH - LEFT}' height='{ROW - GAP}'/>")
        near = ~fails & (values > NEAR * limit) & (values <= limit)
        for i in np.flatnonzero(fails | near):
            words = f"{quality.date[i]}: {check.name} {with_unit(check, values[i])}, limit {with_unit(check, limit)}"
            parts.append(_mark("bad" if fails[i] else "near", LEFT + i * width, y, max(width, THINNEST), words))
    height = len(CHECKS) * ROW
    return _svg(height + BOTTOM, "".join(parts) + _dates(quality, height + 16), "Sessions against checks")


def coverage_drawing(quality: Quality) -> str:
    """Return the share of the minutes with a bar, session by session; sessions that fail a check are marked."""
    width = (WIDTH - LEFT) / len(quality.date)
    coverage = quality.coverage
    parts = [_grid(), _columns(coverage, "fill")]
    for i in np.flatnonzero(quality.failed(CHECK_NAMES)):
        words = f"{quality.date[i]}: {coverage[i] * 100:.1f} % of the minutes"
        top = HEIGHT * (1 - coverage[i])
        parts.append(_mark("bad", LEFT + i * width, top, max(width, THINNEST), words, height=max(HEIGHT - top, 3)))
    return _svg(HEIGHT + BOTTOM, "".join(parts) + _dates(quality, HEIGHT + 16), "Coverage of each session")


def missing_drawing(quality: Quality) -> str:
    """Return for each minute of the session the share of sessions without a bar in it."""
    minutes = len(quality.missing_by_minute)
    scale = (WIDTH - LEFT) / minutes
    labels = "".join(
        f"<text x='{LEFT + m * scale:.1f}' y='{HEIGHT + 16}' class='tick'>{m}</text>"
        for m in range(0, minutes, MINUTE_STEP)
    )
    body = _grid() + _columns(quality.missing_by_minute, "fill bad") + labels
    return _svg(HEIGHT + BOTTOM, body, "Minutes without a bar by minute since the opening")


def _columns(shares: FloatArray, style: str) -> str:
    """Return one path of columns as high as the shares."""
    width = (WIDTH - LEFT) / len(shares)
    steps = "".join(f"V{HEIGHT * (1 - share):.1f}h{width:.3f}" for share in shares)
    return f"<path class='{style}' d='M{LEFT} {HEIGHT}{steps}V{HEIGHT}Z'/>"


def _grid() -> str:
    lines = (
        f"<path class='rule' d='M{LEFT} {HEIGHT * (1 - share):g}H{WIDTH}'/>"
        f"<text x='{LEFT - 10}' y='{HEIGHT * (1 - share) + 4 + 6 * share:g}' class='label'>{share * 100:.0f} %</text>"
        for share in (0, 0.5, 1)
    )
    return "".join(lines)


def _mark(style: str, x: float, y: float, width: float, words: str, height: float = ROW - GAP) -> str:
    title = f"<title>{html.escape(words)}</title>"
    return f"<rect class='{style}' x='{x:.2f}' y='{y:.1f}' width='{width:.2f}' height='{height:.1f}'>{title}</rect>"


def _dates(quality: Quality, y: float) -> str:
    count = len(quality.date)
    shown = np.unique(np.linspace(0, count - 1, min(count, DATES)).round().astype(int))
    width = (WIDTH - LEFT) / count
    parts = []
    for i in shown:
        x = LEFT + (i + 0.5) * width
        anchor = "start" if x < LEFT + 40 else "end" if x > WIDTH - 40 else "middle"
        x = {"start": LEFT, "end": WIDTH, "middle": x}[anchor]
        parts.append(f"<text x='{x:.1f}' y='{y}' class='tick' text-anchor='{anchor}'>{quality.date[i]}</text>")
    return "".join(parts)


def _svg(height: float, body: str, label: str) -> str:
    return f"<svg viewBox='0 0 {WIDTH} {height + 2:g}' role='img' aria-label='{html.escape(label)}'>{body}</svg>"
