"""The report as one static picture of 1600 x 1000 pixels, drawn by matplotlib without a display.

Always on a light ground. Blue is a gain or a long position, orange-red a loss, ochre a short position; words repeat it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from intraday_rl.evaluation.report import figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

WIDTH_PIXELS, HEIGHT_PIXELS, DOTS_PER_INCH = 1600, 1000, 100
TEXT, SOFT, RULE = "#1b2430", "#5a6675", "#d9dee5"
GAIN, LOSS, SHORT, LINE, MUTED = "#0072b2", "#d55e00", "#b8860b", "#1f5fa8", "#8a95a3"
BASELINES = ("#8a5a83", "#00805c", "#6b7685")
VERDICTS = {"pass": GAIN, "fail": "#b34700"}
OPEN_VERDICT = "#80600a"
MARKS = {
    "buy entry": ("^", GAIN, True),
    "sell entry": ("v", SHORT, True),
    "buy exit": ("^", GAIN, False),
    "sell exit": ("v", SHORT, False),
    "forced exit": ("D", TEXT, False),
}
STYLE = {
    "font.size": 10.5,
    "axes.edgecolor": RULE,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": TEXT,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#eceff3",
    "text.color": TEXT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.frameon": False,
    "text.parse_math": False,
}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What the picture shows; `gates` are rows of (name, value, limit, verdict) as text, frames are the ledger's.

    `by_account` holds sessions, trades, fills and bars with a session for each account and day, for what is drawn on
    prices.
    """

    headline: str
    subtitle: str
    verdict: str
    gates: Sequence[tuple[str, str, str, str]]
    start_nav: float
    sessions: pd.DataFrame
    trades: pd.DataFrame
    bars: pd.DataFrame
    by_account: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]
    baseline_bars: Mapping[str, pd.DataFrame]


def write_picture(picture: Picture, path: Path) -> None:
    """Write the PNG file; an existing one is replaced."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        size = (WIDTH_PIXELS / DOTS_PER_INCH, HEIGHT_PIXELS / DOTS_PER_INCH)
        canvas = Figure(figsize=size, dpi=DOTS_PER_INCH, facecolor="white")
        FigureCanvasAgg(canvas)
        _words(canvas, picture)
        grid = canvas.add_gridspec(
            1, 2, left=0.05, right=0.988, top=0.85, bottom=0.06, wspace=0.1, width_ratios=(11, 10)
        )
        left = grid[0].subgridspec(2, 1, height_ratios=(1.35, 1), hspace=0.26)
        account = left[0].subgridspec(2, 1, height_ratios=(2.4, 1), hspace=0.2)
        right = grid[1].subgridspec(3, 1, height_ratios=(2.1, 1, 1), hspace=0.34)
        equity = canvas.add_subplot(account[0])
        _equity(equity, canvas.add_subplot(account[1], sharex=equity), picture)
        _price(canvas.add_subplot(left[1]), picture)
        _gates(canvas.add_subplot(right[0]), picture)
        _daily(canvas.add_subplot(right[1]), picture.sessions)
        _trades(canvas.add_subplot(right[2]), picture.trades)
        canvas.savefig(path, format="png", dpi=DOTS_PER_INCH)


def _words(canvas: Canvas, picture: Picture) -> None:
    from matplotlib.patches import Rectangle

    lines = textwrap.wrap(picture.headline, 100)[:2]
    size = 20 if len(lines) == 1 and len(lines[0]) < 88 else 15
    colour = {"Lost": LOSS, "Made": GAIN}.get(picture.headline.split(" ")[0], MUTED)
    mark = Rectangle((0.0125, 0.900), 0.004, 0.075, color=colour, linewidth=0, transform=canvas.transFigure)
    canvas.add_artist(mark)
    canvas.text(0.0225, 0.974, "\n".join(lines), size=size, weight="bold", va="top")
    below = textwrap.shorten(picture.subtitle, 165, placeholder=" ...")
    canvas.text(0.0225, 0.902, below, size=11.5, color=SOFT, va="bottom")


def _nothing(axes: Axes, title: str, words: str) -> None:
    axes.set_title(title)
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=SOFT)


def _equity(above: Axes, below: Axes, picture: Picture) -> None:
    if picture.bars.empty:
        _nothing(above, "Equity after costs, USD", "No bar was evaluated.")
        _nothing(below, "Drawdown, %", "")
        return
    equity = picture.bars["equity"].to_numpy(dtype=np.float64)
    bar = np.arange(len(equity))
    for number, (name, frame) in enumerate(picture.baseline_bars.items()):
        other = frame.set_index("time")["equity"].reindex(picture.bars["time"]).to_numpy()
        colour = BASELINES[number % len(BASELINES)]
        above.plot(bar, other, color=colour, linewidth=1.1, linestyle=(0, (4, 2)), label=name.replace("_", " "))
    above.plot(bar, equity, color=LINE, linewidth=1.7, label="this run")
    above.axhline(picture.start_nav, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
    above.set_title("Equity after costs, USD")
    above.yaxis.set_major_formatter("{x:,.0f}" if np.ptp(equity) > 5 else "{x:,.2f}")
    above.tick_params(labelbottom=False)
    if picture.baseline_bars:
        above.legend(loc="lower right", bbox_to_anchor=(1.0, 0.97), ncols=4, fontsize=9.5, borderaxespad=0.2)
    drawdown = figures.chained_drawdown(equity, picture.start_nav)
    below.fill_between(bar, drawdown, color=LOSS, alpha=0.25, linewidth=0)
    below.plot(bar, drawdown, color=LOSS, linewidth=0.9)
    below.set_title("Drawdown from the highest point, %", fontsize=10.5)
    ticks, labels = figures.session_ticks(picture.bars)
    below.set_xticks(ticks[: len(labels)], labels, fontsize=9)
    below.margins(x=0.01)


def _price(axes: Axes, picture: Picture) -> None:
    sessions, *frames = picture.by_account
    if any(frame.empty for frame in frames[1:]):
        _nothing(axes, "Trades on the price", "No order was filled.")
        return
    from matplotlib.dates import AutoDateLocator, DateFormatter

    session = figures.busiest_session(sessions, frames[1])
    trades, fills, bars = (frame[frame["session"] == session] for frame in frames)
    axes.plot(_clock(bars["time"]), bars["close"].to_numpy(), color=MUTED, linewidth=1.1, zorder=1)
    for trade in trades.to_dict("records"):
        when = _clock(pd.Series([trade["entry_time"], trade["exit_time"]]))
        axes.axvspan(*when, color=GAIN if trade["direction"] > 0 else SHORT, alpha=0.10, linewidth=0)
        colour = GAIN if trade["net_pnl"] > 0 else LOSS
        axes.plot(
            when, [trade["entry_price"], trade["exit_price"]], color=colour, linewidth=1.3, linestyle=":", zorder=2
        )
    kinds = np.array(figures.fill_kinds(fills))
    for kind, (marker, colour, filled) in MARKS.items():
        chosen = fills[kinds == kind]
        if len(chosen):
            face = colour if filled else "white"
            look: dict[str, Any] = {
                "marker": marker,
                "s": 48,
                "facecolor": face,
                "edgecolor": colour,
                "linewidth": 1.3,
                "zorder": 3,
            }
            axes.scatter(_clock(chosen["time"]), chosen["price"].to_numpy(), label=kind, **look)
    row = sessions[sessions["session"] == session].to_dict("records")[0]
    name = figures.session_name(row, sessions)
    axes.set_title(f"Busiest session, {name}: {row['net_pnl']:+,.2f} USD", pad=22)
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 0.985), ncols=5, fontsize=9, handletextpad=0.2, borderaxespad=0.2
    )
    axes.xaxis.set_major_locator(AutoDateLocator(maxticks=9))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]
    axes.set_xlabel("time, UTC", fontsize=9.5)
    axes.margins(x=0.01)


def _clock(times: pd.Series[pd.Timestamp]) -> np.ndarray:
    return times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()


def _gates(axes: Axes, picture: Picture) -> None:
    axes.set_title("Verdict")
    axes.set_axis_off()
    lines = textwrap.wrap(picture.verdict, 92)[:2]
    axes.text(0, 1.0, "\n".join(lines), transform=axes.transAxes, va="top", color=SOFT, size=10)
    if not picture.gates:
        return
    top = 0.97 - 0.055 * len(lines)
    step = min(0.1, top / (len(picture.gates) + 1))
    for number, (name, value, limit, verdict) in enumerate([("gate", "value", "limit", "verdict"), *picture.gates]):
        row = top - number * step
        words: dict[str, Any] = {"transform": axes.transAxes, "va": "top", "size": 9}
        verdict_colour = VERDICTS.get(verdict, OPEN_VERDICT) if number else SOFT
        axes.text(0, row, textwrap.shorten(name, 38, placeholder=" ..."), color=TEXT if number else SOFT, **words)
        axes.text(0.465, row, textwrap.shorten(value, 16), color=TEXT if number else SOFT, ha="right", **words)
        axes.text(0.742, row, textwrap.shorten(limit, 28, placeholder=" ..."), color=SOFT, ha="right", **words)
        axes.text(0.758, row, verdict, color=verdict_colour, weight="bold" if number else "normal", **words)
        axes.plot([0, 1], [row + 0.014] * 2, color=RULE, linewidth=0.7, transform=axes.transAxes, clip_on=False)


def _daily(axes: Axes, sessions: pd.DataFrame) -> None:
    if not sessions["net_pnl"].any():
        _nothing(axes, "Daily results, USD", "No session had a result other than zero.")
        return
    result = sessions["net_pnl"].to_numpy(dtype=np.float64)
    axes.bar(np.arange(len(result)), result, color=np.where(result >= 0, GAIN, LOSS), width=0.75)
    axes.axhline(0, color=MUTED, linewidth=0.9)
    axes.set_title(f"Daily results, USD: {int((result > 0).sum())} of {len(result)} sessions with a gain")
    shown = np.arange(0, len(result), -(-len(result) // 6))
    axes.set_xticks(shown, [f"{day:%m-%d}" for day in sessions["date"].iloc[shown]], fontsize=9)
    axes.margins(x=0.02 if len(result) > 4 else 0.5)
    axes.grid(axis="x", visible=False)


def _trades(axes: Axes, trades: pd.DataFrame) -> None:
    if trades.empty:
        _nothing(axes, "Round trips by net result", "No round trip was completed.")
        return
    from matplotlib.ticker import MaxNLocator

    values = trades["net_pnl"].to_numpy(dtype=np.float64)
    edges, counts = figures.histogram(values)
    middles = (edges[:-1] + edges[1:]) / 2
    axes.bar(middles, counts, width=np.diff(edges) * 0.94, color=np.where(middles > 0, GAIN, LOSS))
    axes.axvline(0, color=MUTED, linewidth=0.9)
    axes.axvline(float(values.mean()), color=TEXT, linewidth=1.2, linestyle=(0, (4, 2)))
    trips = f"{len(values):,} round trip{'' if len(values) == 1 else 's'}"
    axes.set_title(f"{trips} by net result, USD: mean {values.mean():,.2f} (dashed)")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.grid(axis="x", visible=False)
