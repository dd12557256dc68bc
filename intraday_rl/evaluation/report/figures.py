"""The figures of the report page as plain plotly.js descriptions (dicts that become JSON).

Conventions: a colour is a token such as "$gain", which the page replaces by its light or dark shade; times are UTC;
money is USD; a figure that has nothing to show is None and the page says why. Long series are
thinned for drawing only, and keep the deepest drawdown and the highest equity of every bucket.
"""

from __future__ import annotations

import html
import json
from collections.abc import Hashable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.metrics import METRICS

Floats = npt.NDArray[np.float64]
Figure = dict[str, Any]

MAX_DRAWN_BARS = 6000
MAX_PRICE_CHARACTERS = 1_000_000
MAX_CURVES = 6
BASELINE_COLOURS = ("$baseline1", "$baseline2", "$baseline3")
COSTS = {"commission_usd": "commission", "spread_usd": "spread", "impact_usd": "impact", "latency_usd": "latency"}


def plain(values: npt.ArrayLike, decimals: int) -> list[float | None]:
    """Return rounded numbers for JSON; what is not finite becomes None."""
    array = np.round(np.asarray(values, dtype=np.float64), decimals)
    return [number if np.isfinite(number) else None for number in array.tolist()]


def chained_drawdown(equity: Floats, start: float) -> Floats:
    """Return (equity - high-water mark) / high-water mark in percent, <= 0; the mark starts at `start`."""
    mark = np.maximum.accumulate(np.maximum(equity, start))
    return np.asarray((equity - mark) / mark * 100.0, dtype=np.float64)


def thinned_rows(lowest_of: Floats, highest_of: Floats, limit: int) -> npt.NDArray[np.int64]:
    """Return about `limit` row numbers in order: per bucket the lowest of one series and the highest of the other."""
    if len(lowest_of) <= limit:
        return np.arange(len(lowest_of))
    buckets = np.array_split(np.arange(len(lowest_of)), limit // 2)
    extremes = [row for rows in buckets for row in (rows[lowest_of[rows].argmin()], rows[highest_of[rows].argmax()])]
    return np.unique(np.array([0, *extremes, len(lowest_of) - 1]))


def busiest_session(sessions: pd.DataFrame, fills: pd.DataFrame) -> int:
    """Return the session with the most fills, the earliest of equals."""
    counts = fills.groupby("session").size().reindex(sessions["session"], fill_value=0)
    return int(counts.index[int(counts.to_numpy().argmax())])


def session_name(session: Mapping[Hashable, Any], sessions: pd.DataFrame) -> str:
    """Return a session's date, with its symbol where there are several."""
    date = f"{session['date']:%Y-%m-%d}"
    return f"{date} {session['symbol']}" if sessions["symbol"].nunique() > 1 else date


def session_ticks(bars: pd.DataFrame) -> tuple[list[int], list[str]]:
    """Return bar numbers and labels of at most eight marks: dates, or clock times where there are one or two days."""
    starts = np.flatnonzero(np.diff(bars["session"].to_numpy(), prepend=-1) != 0)
    if len(starts) > 2:
        rows = starts[:: -(-len(starts) // 8)]
        return rows.tolist(), [f"{day:%Y-%m-%d}" for day in bars["date"].iloc[rows]]
    rows = np.arange(0, len(bars), max(-(-len(bars) // 8), 1))
    return rows.tolist(), [f"{time:%m-%d %H:%M}" for time in bars["time"].iloc[rows]]


def equity_figure(bars: pd.DataFrame, start: float, baselines: Mapping[str, pd.DataFrame]) -> Figure | None:
    """Return the chained equity beside the baselines', and the drawdown below; None where there is no bar."""
    if bars.empty:
        return None
    equity = bars["equity"].to_numpy(dtype=np.float64)
    drawdown = chained_drawdown(equity, start)
    rows = thinned_rows(drawdown, equity, MAX_DRAWN_BARS)
    ticks, labels = session_ticks(bars)
    common = {"type": "scatter", "mode": "lines", "x": rows.tolist()}
    times = [f"{time:%Y-%m-%d %H:%M}" for time in bars["time"].iloc[rows]]
    own = {"y": plain(equity[rows], 2), "name": "this run", "line": {"color": "$line", "width": 2}, "zorder": 2}
    data: list[Figure] = [
        {**common, **own, "text": times, "hovertemplate": "this run: %{y:,.2f} USD at %{text}<extra></extra>"}
    ]
    for number, (name, frame) in enumerate(baselines.items()):
        line = {"color": BASELINE_COLOURS[number % len(BASELINE_COLOURS)], "width": 1.5, "dash": "dot"}
        other = frame.set_index("time")["equity"].reindex(bars["time"].iloc[rows])
        label = html.escape(name.replace("_", " "))
        data.append(
            {
                **common,
                "y": plain(other, 2),
                "name": label,
                "line": line,
                "hovertemplate": label + ": %{y:,.2f} USD<extra></extra>",
            }
        )
    below = {"y": plain(drawdown[rows], 4), "yaxis": "y2", "fill": "tozeroy", "showlegend": False, "name": "drawdown"}
    look = {
        "line": {"color": "$loss", "width": 1},
        "fillcolor": "$lossfill",
        "hovertemplate": "drawdown: %{y:.3f} %<extra></extra>",
    }
    data.append({**common, **below, **look})
    level = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": start, "y1": start}
    layout = {
        "xaxis": {"tickvals": ticks, "ticktext": labels, "anchor": "y2", "unifiedhovertitle": {"text": "bar %{x:,}"}},
        "yaxis": {"domain": [0.36, 1], "title": {"text": "equity, USD"}, "tickformat": ",.6~f"},
        "yaxis2": {"domain": [0, 0.26], "title": {"text": "drawdown"}, "ticksuffix": " %"},
        "shapes": [{**level, "line": {"color": "$muted", "width": 1, "dash": "dash"}}],
        "hovermode": "x unified",
        "height": 520,
    }
    return {"data": data, "layout": layout}


def daily_figure(sessions: pd.DataFrame) -> Figure | None:
    """Return one bar per session with its net result; None where no session has one."""
    if not sessions["net_pnl"].any():
        return None
    result = sessions["net_pnl"].to_numpy(dtype=np.float64)
    bar: Figure = {
        "type": "bar",
        "x": [f"{day:%Y-%m-%d}" for day in sessions["date"]],
        "y": plain(result, 2),
        "customdata": sessions["round_trips"].tolist(),
        "marker": {"color": ["$gain" if value >= 0 else "$loss" for value in result]},
        "hovertemplate": "%{x}<br>%{y:,.2f} USD<br>%{customdata} round trips<extra></extra>",
    }
    dates = bar["x"][:: -(-len(sessions) // 7)]
    layout = {
        "xaxis": {"type": "category", "tickvals": dates, "ticktext": [date[5:] for date in dates], "tickangle": 0},
        "yaxis": {"title": {"text": "net result, USD"}},
        "bargap": 0.25 if len(sessions) > 5 else 0.7,
    }
    return {"data": [bar], "layout": layout}


def cost_figure(sessions: pd.DataFrame) -> Figure | None:
    """Return the way from the result before costs to the net result; None where nothing was traded."""
    if sessions.empty or not sessions["traded_notional"].sum() > 0:
        return None
    costs = [float(sessions[column].sum()) for column in COSTS]
    net = float(sessions["net_pnl"].sum())
    steps = [net + sum(costs), *(-cost for cost in costs), net]
    waterfall = {
        "type": "waterfall",
        "x": ["before<br>costs", *COSTS.values(), "net"],
        "y": plain(steps, 2),
        "measure": ["absolute", *["relative"] * len(costs), "total"],
        "text": [f"{value:,.2f}" for value in steps],
        "textposition": "outside",
        "cliponaxis": False,
        "totals": {"marker": {"color": "$muted"}},
        "increasing": {"marker": {"color": "$gain"}},
        "decreasing": {"marker": {"color": "$loss"}},
        "connector": {"line": {"color": "$muted", "width": 1}},
        "hovertemplate": "%{x}: %{text} USD<extra></extra>",
    }
    layout = {"xaxis": {"tickangle": 0, "tickfont": {"size": 11.5}}, "yaxis": {"title": {"text": "USD"}}}
    return {"data": [waterfall], "layout": layout}


def histogram(values: Floats) -> tuple[Floats, Floats]:
    """Return bin edges and counts; zero is an edge, so no bin mixes gains with losses. A zero counts as no gain."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    width = max(high - low, 1e-9) / np.clip(2.0 * np.sqrt(len(values)), 8, 60)
    edges = width * np.arange(np.floor(low / width), np.ceil(high / width) + 1)
    if edges[0] > -width / 2 and (values <= 0).any():
        edges = np.concatenate([[-width], edges])
    right_closed = np.searchsorted(edges, values, side="left") - 1
    counts = np.bincount(np.clip(right_closed, 0, len(edges) - 2), minlength=len(edges) - 1)
    return edges, counts.astype(np.float64)


def trade_figure(trades: pd.DataFrame) -> Figure | None:
    """Return the histogram of net results per round trip; None where there is none."""
    if trades.empty:
        return None
    values = trades["net_pnl"].to_numpy(dtype=np.float64)
    edges, counts = histogram(values)
    middles = (edges[:-1] + edges[1:]) / 2
    bar = {
        "type": "bar",
        "x": plain(middles, 6),
        "y": counts.astype(int).tolist(),
        "width": plain(np.diff(edges), 6),
        "customdata": [f"{low:,.2f} to {high:,.2f}" for low, high in pairwise(edges)],
        "marker": {"color": ["$gain" if middle > 0 else "$loss" for middle in middles]},
        "hovertemplate": "%{customdata} USD: %{y}<extra></extra>",
    }
    mean = float(values.mean())
    line = {"type": "line", "yref": "paper", "x0": mean, "x1": mean, "y0": 0, "y1": 1}
    note = {"x": mean, "y": 1.0, "yref": "paper", "yanchor": "bottom", "showarrow": False, "text": f"mean {mean:,.2f}"}
    layout = {
        "xaxis": {"title": {"text": "net result of a round trip, USD"}},
        "yaxis": {"title": {"text": "round trips"}},
        "bargap": 0,
        "shapes": [{**line, "line": {"color": "$text", "width": 1.5, "dash": "dash"}}],
        "annotations": [note],
    }
    return {"data": [bar], "layout": layout}


def exposure_figure(bars: pd.DataFrame) -> Figure | None:
    """Return the share of sessions that were long (up) and short (down) at each minute; None where none ever was."""
    if bars.empty or not (bars["position"] != 0).any():
        return None
    minute = bars.groupby("session").cumcount()
    shares = [bars["position"].gt(0).groupby(minute).mean() * 100, bars["position"].lt(0).groupby(minute).mean() * -100]
    data = []
    for name, share in zip(("long", "short"), shares, strict=True):
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": share.index.tolist(),
                "y": plain(share, 1),
                "name": name,
                "fill": "tozeroy",
                "fillcolor": f"${name}fill",
                "line": {"color": f"${name}", "width": 1.2, "shape": "hv"},
                "customdata": plain(share.abs(), 1),
                "hovertemplate": f"minute %{{x}}: {name} in %{{customdata}} % of sessions<extra></extra>",
            }
        )
    reach = max(1.0, float(max(share.abs().max() for share in shares))) * 1.05
    axis = {"title": {"text": "short / long, % of sessions"}, "range": [-reach, reach], "tickformat": ",.0f"}
    return {"data": data, "layout": {"xaxis": {"title": {"text": "minute of the session"}}, "yaxis": axis}}


def _curve_columns(curve: pd.DataFrame) -> list[str]:
    if "step" not in curve.columns:
        return []
    numeric = curve.drop(columns="step").select_dtypes("number").dropna(axis="columns", how="all")
    return [str(name) for name in numeric.columns][:MAX_CURVES]


def curve_label(column: str) -> str:
    """Return a readable name of a training column such as 'validation/sharpe'."""
    *groups, key = column.split("/")
    name = METRICS[key].label if key in METRICS else key.replace("_", " ")
    return html.escape(": ".join([*groups, name]))


def training_figure(curve: pd.DataFrame) -> Figure | None:
    """Return one small panel per evaluation column over the training steps; None where nothing was logged."""
    columns = _curve_columns(curve)
    if not columns:
        return None
    data: list[Figure] = []
    layout: Figure = {"showlegend": False, "annotations": [], "height": 110 + 120 * len(columns)}
    for number, column in enumerate(columns):
        top, suffix = 1 - number / len(columns), "" if number == 0 else str(number + 1)
        bottom = 1 - (number + 1) / len(columns) + 0.3 / len(columns) * (number + 1 < len(columns))
        known = curve[["step", column]].dropna()
        look = {"type": "scatter", "mode": "lines+markers", "marker": {"size": 5}, "line": {"color": "$line"}}
        values = {"x": known["step"].tolist(), "y": plain(known[column], 6), "yaxis": f"y{suffix}"}
        data.append({**look, **values, "hovertemplate": "step %{x:,}: %{y:.4~g}<extra></extra>"})
        layout[f"yaxis{suffix}"] = {"domain": [bottom, top - 0.12 / len(columns)], "nticks": 5}
        title = {"xref": "paper", "x": 0, "yref": "paper", "y": top - 0.12 / len(columns), "yanchor": "bottom"}
        layout["annotations"].append({**title, "xanchor": "left", "showarrow": False, "text": curve_label(column)})
    last = "" if len(columns) == 1 else str(len(columns))
    layout["xaxis"] = {"title": {"text": "training step"}, "anchor": f"y{last}", "rangemode": "tozero"}
    return {"data": data, "layout": layout}


def fill_kinds(fills: pd.DataFrame) -> list[str]:
    """Return one word pair per fill: 'buy entry', 'sell entry', 'buy exit', 'sell exit' or 'forced exit'.

    A fill that only reduces the position is an exit, all others (also one that turns the position round) are entries.
    """
    after = fills.groupby("session")["quantity"].cumsum().round(9)
    before = (after - fills["quantity"]).round(9)
    exits = (np.sign(before) * after >= 0) & (before.abs() > after.abs())
    sides = np.where(fills["quantity"] > 0, "buy", "sell")
    words = [f"{side} {'exit' if leaves else 'entry'}" for side, leaves in zip(sides, exits, strict=True)]
    return ["forced exit" if reason != "agent" else word for word, reason in zip(words, fills["reason"], strict=True)]


def _minutes_after(times: pd.Series[pd.Timestamp], start: pd.Timestamp) -> list[float | None]:
    return plain((times - start).dt.total_seconds() / 60, 3)


def _price_entry(label: str, bars: pd.DataFrame, trades: pd.DataFrame, fills: pd.DataFrame) -> Figure:
    """Return what the page needs to draw one session; times are minutes after the first bar's end."""
    start = bars["time"].iloc[0]
    minutes = _minutes_after(bars["time"], start)
    quantities = [plain(fills[column], 4) for column in ("price", "quantity")]
    prices = [plain(trades[column], 4) for column in ("entry_price", "exit_price")]
    result = plain(trades["net_pnl"], 2)
    held = [_minutes_after(trades[column], start) for column in ("entry_time", "exit_time")]
    return {
        "label": label,
        "start": int(start.value // 1_000_000),
        "minutes": None if minutes == [float(minute) for minute in range(len(bars))] else minutes,
        "close": plain(bars["close"], 4),
        "fills": list(
            zip(_minutes_after(fills["time"], start), *quantities, fills["kind"], fills["reason"], strict=True)
        ),
        "trades": list(zip(*held, *prices, trades["direction"].tolist(), result, strict=True)),
    }


def price_sessions(
    sessions: pd.DataFrame, trades: pd.DataFrame, fills: pd.DataFrame, bars: pd.DataFrame
) -> tuple[list[Figure], int]:
    """Return the sessions that the page can show on the price, in time order, and which of them is the busiest.

    Where all of them together are too large for the page, those with the largest gains and losses are kept.
    """
    if sessions.empty:
        return [], 0
    by_session = [
        dict(iter(frame.groupby("session"))) for frame in (bars, trades, fills.assign(kind=fill_kinds(fills)))
    ]
    nothing = (bars.iloc[:0], trades.iloc[:0], fills.assign(kind="").iloc[:0])
    kept: dict[int, Figure] = {}
    room = MAX_PRICE_CHARACTERS
    for row in sessions.sort_values("net_pnl", key=abs, ascending=False, kind="stable").to_dict("records"):
        parts = [frames.get(row["session"], empty) for frames, empty in zip(by_session, nothing, strict=True)]
        if parts[0].empty:
            continue
        trips = f"{row['round_trips']} round trip{'' if row['round_trips'] == 1 else 's'}"
        label = f"{session_name(row, sessions)}: {row['net_pnl']:+,.2f} USD, {trips}"
        entry = _price_entry(label, *parts)
        room -= len(json.dumps(entry))
        if room < 0 and kept:
            break
        kept[row["session"]] = entry
    order = sorted(kept)
    counts = [len(kept[number]["fills"]) for number in order]
    return [kept[number] for number in order], int(np.argmax(counts)) if counts else 0
