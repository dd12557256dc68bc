"""The report of one evaluated run: `report.html`, a page that loads nothing, and `report.png`, one picture.

Both open with the plain result: a run that lost money says so first, a gain is named together with its verdict. Every
text that a user can choose (run name, symbols, baseline names, manifest values) is escaped. Money is USD, times are
UTC, costs are positive. Frames have the columns of the evaluation ledger; the report computes no metric, it only sums.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from intraday_rl.core import checks
from intraday_rl.core.webpage import fill_template
from intraday_rl.evaluation.gates import FAIL, NOT_ENOUGH, PASS, GateResult
from intraday_rl.evaluation.report import figures
from intraday_rl.evaluation.report.picture import Picture, write_picture
from intraday_rl.metrics import METRICS, format_metric

Metrics = Mapping[str, float | None]

VERDICT_STYLE = {PASS: "pass", FAIL: "fail"}
MAX_MANIFEST_CHARACTERS = 300
MAIN_METRICS = (
    "net_pnl_usd",
    "net_return",
    "gross_pnl_usd",
    "costs_usd",
    "num_round_trips",
    "profit_factor",
    "hit_rate",
    "expectancy_usd",
    "worst_trade_usd",
    "max_drawdown",
    "worst_session_drawdown",
    "sharpe_ratio",
    "sharpe_standard_error",
    "sortino_ratio",
    "exposure",
    "turnover_per_session",
)
NOTHING_TO_SHOW = {
    "equity": "No bar was evaluated.",
    "daily": "No session had a result other than zero.",
    "costs": "No order was filled: there is nothing to show.",
    "trades": "No round trip was completed.",
    "exposure": "No position was held in any minute.",
    "training": "No evaluation was logged during training.",
}
PICKER = (
    "<div class='picker'><button id='earlier' type='button'>Earlier</button>"
    "<select id='session' aria-label='Session'></select>"
    "<button id='later' type='button'>Later</button></div><div id='figure-price'></div>"
)


@dataclass(frozen=True, kw_only=True)
class DataDescription:
    """What the run saw: symbols, days as text, numbers of sessions per part, and the costs in words."""

    symbol: str
    first_session: str
    last_session: str
    train_sessions: int
    validation_sessions: int
    test_sessions: int
    judged: str
    cost_model: str


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """All that the report shows.

    `metrics` and each of `baselines` are flat tables as `metrics.summary` makes them. `baseline_bars` holds the BARS
    frame of those baselines whose equity is drawn. `training_curve` has the column `step` and one column per evaluated
    number. `verdict` is the overall judgement in a few words, `explanation` what decided it (both as `gates.Judgement`
    has them). `manifest` is a nested mapping of plain values. Where several accounts make one session, `account_frames`
    holds sessions, trades, fills and bars of each account by itself, for what is drawn on prices; None: they are the
    same.
    """

    title: str
    algorithm: str
    description: DataDescription
    metrics: Metrics
    gates: Sequence[GateResult]
    verdict: str
    explanation: str
    baselines: Mapping[str, Metrics]
    baseline_bars: Mapping[str, pd.DataFrame]
    sessions: pd.DataFrame
    trades: pd.DataFrame
    fills: pd.DataFrame
    bars: pd.DataFrame
    training_curve: pd.DataFrame
    manifest: Mapping[str, object]
    commands: Sequence[str]
    account_frames: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame] | None = None

    @property
    def by_account(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Sessions, trades, fills and bars, a session for each account and day."""
        return self.account_frames or (self.sessions, self.trades, self.fills, self.bars)


def write_report(data: ReportData, html_path: Path, png_path: Path | None) -> None:
    """Write the page and, if it is asked for, the picture; existing files are replaced.

    Raises:
        ParameterError: The ledger's net result is not a finite number.
    """
    html_path.write_text(page(data), encoding="utf-8")
    if png_path is None:
        return
    picture = Picture(
        headline=headline(data),
        subtitle=subtitle(data),
        verdict=f"Overall: {data.verdict} ({gate_counts(data.gates)})",
        gates=[(f"{gate.id} {gate.name}", number(gate.value), gate.limit, gate.verdict) for gate in data.gates],
        start_nav=_start_nav(data.sessions),
        sessions=data.sessions,
        trades=data.trades,
        bars=data.bars,
        by_account=data.by_account,
        baseline_bars=data.baseline_bars,
    )
    write_picture(picture, png_path)


def headline(data: ReportData) -> str:
    """Return the first line: the result after costs in USD and percent of the capital, a loss first and plainly.

    Raises:
        ParameterError: The net result is not a finite number.
    """
    count = len(data.sessions)
    if count == 0:
        return f"No {_one(data.description.judged)} was evaluated"
    window = f"{count} {_one(data.description.judged) if count == 1 else data.description.judged}"
    net = float(data.sessions["net_pnl"].to_numpy().sum())  # a missing result must not count as zero
    checks.finite("SESSIONS", "net_pnl", net, "USD, sum")
    if data.fills.empty:
        return f"No trade in {window}: the result is 0.00 USD"
    size = f"{abs(net):,.2f} USD ({net / _start_nav(data.sessions) * 100:+.2f} %) over {window} after costs"
    if net < 0:
        return f"Lost {size}"
    return f"Made {size}; verdict: {_verdict_words(data)}"


def _one(sessions: str) -> str:
    return sessions.replace("sessions", "session", 1)


def subtitle(data: ReportData) -> str:
    """Return the run's name, algorithm, symbol and days in one line."""
    facts = data.description
    return f"{data.title} · {data.algorithm} · {facts.symbol} · {facts.first_session} to {facts.last_session}"


def gate_counts(gates: Sequence[GateResult]) -> str:
    """Return how many gates have each verdict, in words."""
    if not gates:
        return "no gate was judged"
    words = [(sum(gate.verdict == verdict for gate in gates), verdict) for verdict in (PASS, FAIL, NOT_ENOUGH)]
    return f"of {len(gates)} gates: " + ", ".join(f"{count} {verdict}" for count, verdict in words)


def number(value: float | None) -> str:
    """Return a gate's value as text; what is not defined is 'n/a', as in the metrics."""
    if value is None or math.isnan(value):
        return "n/a"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _verdict_words(data: ReportData) -> str:
    open_gates = sum(gate.verdict == NOT_ENOUGH for gate in data.gates)
    if open_gates and NOT_ENOUGH not in data.verdict.lower():
        return f"{data.verdict}; {NOT_ENOUGH} for {open_gates} of {len(data.gates)} gates"
    return data.verdict


def _start_nav(sessions: pd.DataFrame) -> float:
    return float(sessions["start_nav"].iloc[0]) if len(sessions) else math.nan


def page(data: ReportData) -> str:
    """Return the whole page as text."""
    from plotly.offline import get_plotlyjs

    drawn = _drawn(data)
    sessions, busiest = figures.price_sessions(*data.by_account)
    payload = {"figures": drawn, "sessions": sessions, "busiest": busiest}
    first = headline(data)
    places = {
        key: f"<div id='figure-{key}'></div>" if key in drawn else f"<p class='empty'>{words}</p>"
        for key, words in NOTHING_TO_SHOW.items()
    }
    slots = {
        **places,
        "page_title": html.escape(f"{data.title}: {first}"),
        "tone": {"Lost": "loss", "Made": "profit"}.get(first.split(" ")[0], "none"),
        "headline": html.escape(first),
        "subtitle": html.escape(subtitle(data)),
        "tiles": _tiles(data),
        "gates": _gates(data),
        "metrics": _metrics(data),
        "price_note": _price_note(data, len(sessions)),
        "price": PICKER if sessions else "<p class='empty'>No session was evaluated.</p>",
        "facts": _facts(data),
        "repeat": _repeat(data),
        "data": json.dumps(payload, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        "plotly": get_plotlyjs(),
    }
    return fill_template("intraday_rl.evaluation.report", slots)


def _drawn(data: ReportData) -> dict[str, figures.Figure]:
    made = {
        "equity": figures.equity_figure(data.bars, _start_nav(data.sessions), data.baseline_bars),
        "daily": figures.daily_figure(data.sessions),
        "costs": figures.cost_figure(data.sessions),
        "trades": figures.trade_figure(data.trades),
        "exposure": figures.exposure_figure(data.by_account[3]),
        "training": figures.training_figure(data.training_curve),
    }
    return {key: figure for key, figure in made.items() if figure is not None}


def _price_note(data: ReportData, shown: int) -> str:
    note = "No order was filled in any session." if data.fills.empty else ""
    count = len(data.by_account[0])
    if shown < count:
        note += f" Shown are the {shown} of {count} sessions with the largest gains and losses."
    return note


def _tiles(data: ReportData) -> str:
    sessions = data.sessions
    if sessions.empty:
        return ""
    costs = float(sessions[list(figures.COSTS)].sum().sum())
    tiles = [
        (f"{sessions['net_pnl'].sum():+,.2f} USD", "net result"),
        (f"{costs:,.2f} USD", "costs paid"),
        (f"{int(sessions['round_trips'].sum()):,}", "round trips"),
        (f"{int((sessions['net_pnl'] > 0).sum())} of {len(sessions)}", "sessions with a gain"),
        (f"{sessions['net_pnl'].min():+,.2f} USD", "worst session"),
        (f"{sessions['max_drawdown'].max() * 100:.2f} %", "deepest drawdown of a session"),
    ]
    return "".join(f"<div class='tile'><b>{value}</b><span>{label}</span></div>" for value, label in tiles)


def _gates(data: ReportData) -> str:
    words = f"Overall: <b>{html.escape(data.verdict)}</b> ({gate_counts(data.gates)})"
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(gate.id)} {html.escape(gate.name)}</th>"
        f"<td class='number'>{html.escape(number(gate.value))}</td>"
        f"<td class='number'>{html.escape(gate.limit)}</td>"
        f"<td><span class='verdict {VERDICT_STYLE.get(gate.verdict, 'open')}'>{html.escape(gate.verdict)}</span></td>"
        f"<td class='why'>{html.escape(gate.reason)}</td></tr>"
        for gate in data.gates
    )
    head = "<th>Gate</th><th class='number'>Value</th><th class='number'>Limit</th><th>Verdict</th><th>Reason</th>"
    table = (
        f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>" if rows else ""
    )
    explanation = f"<p class='caption'>{html.escape(data.explanation)}</p>"
    return f"<div class='card'><p class='overall'>{words}</p>{explanation}{table}</div>"


def _metrics(data: ReportData) -> str:
    tables = [data.metrics, *data.baselines.values()]
    given = {key: None for table in tables for key in table}
    keys = [key for key in METRICS if key in given] + [key for key in given if key not in METRICS]
    if not keys:
        return "<div class='card'><p class='empty'>No metric was computed.</p></div>"
    names = ["this run", *(name.replace("_", " ") for name in data.baselines)]
    heads = "".join(f"<th class='number'>{html.escape(name)}</th>" for name in names)
    head = f"<thead><tr><th>Metric</th>{heads}<th>Better</th></tr></thead>"
    main, rest = (
        "".join(_metric_row(key, tables) for key in keys if (key in MAIN_METRICS) == chosen) for chosen in (True, False)
    )
    first, second = (f"<div class='scroll'><table>{head}<tbody>{rows}</tbody></table></div>" for rows in (main, rest))
    caption = "<p class='caption'>The run beside the baselines on the same sessions with the same costs.</p>"
    more = f"<details><summary>All other metrics</summary>{second}</details>" if rest else ""
    return f"<div class='card'>{caption}{first if main else ''}{more}</div>"


def _metric_row(key: str, tables: Sequence[Metrics]) -> str:
    info = METRICS.get(key)
    label = html.escape(info.label if info else key.replace("_", " "))
    better = {True: "higher", False: "lower", None: ""}[info.higher_is_better if info else None]
    cells = ""
    for column, table in enumerate(tables):
        style = "number own" if column == 0 else "number"
        text = (format_metric(key, table[key]) if info else number(table[key])) if key in table else ""
        cells += f"<td class='{style}'>{html.escape(text)}</td>"
    return f"<tr><th scope='row'>{label}</th>{cells}<td class='better'>{better}</td></tr>"


def _facts(data: ReportData) -> str:
    facts = data.description
    rows: dict[str, object] = {
        "Symbol": facts.symbol,
        "Sessions": f"{facts.first_session} to {facts.last_session}: {facts.train_sessions} for training, "
        f"{facts.validation_sessions} for validation, {facts.test_sessions} for this test",
        "Costs": facts.cost_model,
        "Algorithm": data.algorithm,
    }
    return f"<div class='card'>{_definitions(rows)}</div>"


def _repeat(data: ReportData) -> str:
    commands = "\n".join(data.commands) or "No command was recorded."
    manifest = _definitions(dict(_flat(data.manifest))) if data.manifest else "<p class='empty'>No manifest.</p>"
    details = f"<details><summary>Manifest: commit, versions, seeds, data</summary>{manifest}</details>"
    return f"<div class='card'><pre>{html.escape(commands)}</pre></div><div class='card'>{details}</div>"


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for key, value in values.items():
        rows += _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return rows


def _definitions(rows: Mapping[str, object]) -> str:
    parts = []
    for name, value in rows.items():
        text = "none" if value is None else str(value)
        if len(text) > MAX_MANIFEST_CHARACTERS:
            text = f"{text[:MAX_MANIFEST_CHARACTERS]} ... ({len(text):,} characters)"
        parts.append(f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>")
    return f"<dl>{''.join(parts)}</dl>"
