"""The drawings of the feature report as SVG: small distributions, and the heat map of correlations.

Conventions: shapes carry classes, the page's style sheet gives them light or dark colours. Coordinates are whole
numbers. Names are escaped.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from intraday_rl.evaluation.feature_report.data import FeatureArray, IntegerArray
from intraday_rl.evaluation.feature_report.statistics import FloatArray

BINS = 44
DRAWN = (0.005, 0.995)  # quantiles of all parts between which a distribution is drawn
WIDTH, HEIGHT = 176, 54
CELL = 13
LABELS = 116  # room for names beside and below the heat map
SHADES = 10

Shares = npt.NDArray[np.float64]  # (bins,)


def distributions(values: Sequence[FeatureArray]) -> tuple[str, float, float]:
    """Return the distributions of one feature in each part as an SVG, and the ends of its axis.

    The first part is filled, later ones are lines. All are shares of their own part, on one scale. The outermost 1 % of
    all values is not drawn.

    Args:
        values: the known values of each part; nothing is drawn of a part that has none.
    """
    together = np.concatenate(list(values))
    if len(together) == 0:
        return "", np.nan, np.nan
    low, high = (float(end) for end in np.quantile(together, DRAWN, method="inverted_cdf"))
    if low == high:  # nearly constant
        low, high = low - 0.5 * max(abs(low), 1.0), high + 0.5 * max(abs(high), 1.0)
    shares = [np.histogram(part.astype(np.float64), BINS, (low, high))[0] / max(len(part), 1) for part in values]
    top = max(float(share.max()) for share in shares)
    shapes = "".join(
        f"<path class='part{place}' d='{_steps(share / top, is_filled=place == 0)}'/>"
        for place, share in enumerate(shares)
        if share.any()
    )
    view = f"viewBox='0 0 {WIDTH} {HEIGHT + 2}' preserveAspectRatio='none' aria-hidden='true'"
    return f"<svg class='distribution' {view}>{shapes}</svg>", low, high


def _steps(heights: Shares, is_filled: bool) -> str:
    """Return a path of steps; a filled one stands on the ground at both ends."""
    width = WIDTH // BINS
    tops = [HEIGHT + 1 - round(HEIGHT * height) for height in heights.tolist()]
    start = f"M0 {HEIGHT + 1}V{tops[0]}" if is_filled else f"M0 {tops[0]}"
    steps = "".join(f"V{top}h{width}" for top in tops)
    return f"{start}{steps}" + (f"V{HEIGHT + 1}z" if is_filled else "")


def heat_map(correlation: FloatArray, names: Sequence[str], order: IntegerArray) -> str:
    """Return the correlations as an SVG, features in the given order; cells of one shade are one path.

    Features without correlations stay blank. The deeper the shade, the larger the correlation in size.
    """
    cells: dict[str, list[str]] = {}
    for row, first in enumerate(order):
        for column, second in enumerate(order):
            value = correlation[first, second]
            shade = 0 if np.isnan(value) else round(abs(value) * SHADES)
            if shade:
                sign = "plus" if value > 0 else "minus"
                place = f"M{LABELS + column * CELL} {row * CELL}h{CELL - 1}v{CELL - 1}h-{CELL - 1}z"
                cells.setdefault(f"{sign} shade{shade}", []).append(place)
    paths = "".join(f"<path class='{shade}' d='{''.join(places)}'/>" for shade, places in sorted(cells.items()))
    side = len(order) * CELL
    labels = "".join(_labels(names[feature], place, side) for place, feature in enumerate(order))
    frame = f"<rect class='ground' x='{LABELS}' y='0' width='{side}' height='{side}'/>"
    total = LABELS + side
    return (
        f"<svg id='correlations' class='heat' viewBox='0 0 {total} {total}' style='--side:{total}px' role='img' "
        f"aria-label='Rank correlations of all features'>{frame}{paths}{labels}</svg>"
    )


def _labels(name: str, place: int, side: int) -> str:
    middle = place * CELL + CELL // 2
    text = html.escape(name)
    x = LABELS + middle
    return (
        f"<text x='{LABELS - 5}' y='{middle}' text-anchor='end' dominant-baseline='central'>{text}</text>"
        f"<text transform='translate({x} {side + 5}) rotate(-90)' text-anchor='end' dominant-baseline='central'>"
        f"{text}</text>"
    )
