"""The one flat table of a run: every metric that describes its ledger, as printed and as stored in metrics.json.

Conventions: the input is the evaluation ledger, four frames (sessions, round trips, fills, bars) in time order, one
sessions row for each session number. The output holds plain JSON numbers; undefined and infinite values are None, and
an infinite profit factor sets `pf_undefined`. Nothing in it depends on how many trials were made: deflation belongs to
the gates. Keys, labels and units are those of `labels.METRICS`.

Where a session is a day of several accounts, further columns say what is one account's: `accounts`, `most_round_trips`,
`most_in_market_minutes` and `most_max_drawdown` of a session, `start_nav` of a round trip; `notional_usd` of a fill
weighs its slippage, since shares of different instruments do not add up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.core.errors import AccountingError
from intraday_rl.metrics import inference, returns, trades
from intraday_rl.metrics.drawdown import bootstrap_tail_drawdown, max_drawdown, tail_drawdown, tail_sessions
from intraday_rl.metrics.labels import METRICS, MetricInfo, format_metric
from intraday_rl.metrics.series import FloatArray, divide, mean, standard_deviation
from intraday_rl.metrics.turnover import exposure, fill_rate, turnover, weighted_mean

__all__ = ["METRICS", "MetricInfo", "Summary", "format_metric", "summarize"]

Summary = dict[str, float | int | None]

# Definitions of the two bootstrapped metrics.
TAIL = 0.05
BOOTSTRAP_SESSIONS = 10_000
BLOCK_BARS = 30.0
BOUND_LEVEL = 0.05
BOUND_RESAMPLES = 10_000
BLOCK_TRADES = 5.0  # of one account: round trips of a session share its market, but no more than a few in a row

COSTS = ("commission_usd", "spread_usd", "impact_usd", "latency_usd")
REASONS = ("agent", "trade_exit", "session_close", "halt")


def summarize(
    session_rows: pd.DataFrame,
    trade_rows: pd.DataFrame,
    fill_rows: pd.DataFrame,
    bar_rows: pd.DataFrame,
    *,
    rng: np.random.Generator,
    benchmark_returns: npt.ArrayLike | None = None,
    accounts: Sequence[tuple[pd.DataFrame, pd.DataFrame]] = (),
) -> Summary:
    """Return every metric of a run, in the order of `METRICS`.

    Args:
        session_rows: One row per session; may be empty. The number of orders and the fill rate are None unless it has
            the columns `orders` and `ordered_quantity`, the mean reward unless it has `reward`.
        trade_rows: One row per round trip, net of all costs.
        fill_rows: One row per fill.
        bar_rows: One row per bar of each session, with the session's NAV and the chained equity.
        rng: Source of randomness of the bootstrapped tail drawdown and profit-factor bound (10 000 samples each).
        benchmark_returns: (S,) returns of the benchmark from each session's open to its close, for the information
            ratio.
        accounts: Sessions and bars of each account, where a session is a day of several.

    Raises:
        AccountingError: a number of the ledger is missing, a session number occurs twice, or a row belongs to no
            session.
        ParameterError: the benchmark has another number of sessions.
    """
    sessions = _Sessions(session_rows)
    values: dict[str, float | int] = {}
    values |= _result(sessions, bar_rows)
    values |= _per_session(sessions, len(trade_rows))
    values |= _trades(sessions, trade_rows, rng)
    values |= _drawdowns(sessions, [(_Sessions(rows), bars) for rows, bars in accounts] or [(sessions, bar_rows)], rng)
    values |= _in_gross_profit(values, sessions.accounts)
    values |= _ratios(sessions)
    values |= _activity(sessions)
    values |= _execution(sessions, fill_rows)
    values["information_ratio"] = (
        math.nan if benchmark_returns is None else returns.information_ratio(sessions.returns, benchmark_returns)
    )
    return {key: _plain(values[key]) for key in METRICS}


def _first_of(rows: pd.DataFrame, *names: str) -> str:
    """Return the first of the columns that the frame has; the last one is expected."""
    return next((name for name in names if name in rows.columns), names[-1])


class _Sessions:
    """The sessions' columns as checked arrays (S,)."""

    def __init__(self, rows: pd.DataFrame) -> None:
        """Check and copy the columns."""
        self.rows = rows
        self.numbers = pd.Index(rows["session"])
        if self.numbers.has_duplicates:
            twice = self.numbers[self.numbers.duplicated()][0]
            raise AccountingError(f"ledger sessions.session must be unique, {twice} occurs twice")
        self.start_nav = self.column("start_nav")
        self.net_pnl = self.column("net_pnl")
        self.returns = self.net_pnl / self.start_nav
        self.initial_nav = float(self.start_nav[0]) if self.start_nav.size else math.nan
        self.accounts = int(rows["accounts"].max()) if "accounts" in rows.columns and len(rows) else 1

    def column(self, name: str) -> FloatArray:
        """Return a column of the sessions."""
        return _column(self.rows, "sessions", name)

    def start_nav_of(self, rows: pd.DataFrame, frame: str) -> FloatArray:
        """Return the start NAV of each row's session."""
        position = self.numbers.get_indexer(pd.Index(rows["session"]))
        if (position < 0).any():
            stray = rows["session"].iloc[int((position < 0).argmax())]
            raise AccountingError(f"ledger {frame}.session must be one of the sessions, was {stray}")
        start_nav: FloatArray = self.start_nav[position]
        return start_nav


def _column(rows: pd.DataFrame, frame: str, name: str) -> FloatArray:
    values: FloatArray = rows[name].to_numpy(dtype=np.float64)
    faulty = ~np.isfinite(values)
    if faulty.any():
        row = int(faulty.argmax())
        raise AccountingError(f"ledger {frame}.{name} must be finite, was {values[row]} in row {row}")
    return values


def _plain(value: float | int) -> float | int | None:
    """Return a JSON number: int and bool as they are, None for NaN and infinities."""
    if isinstance(value, int):
        return value
    return float(value) if math.isfinite(value) else None


def _result(sessions: _Sessions, bar_rows: pd.DataFrame) -> dict[str, float | int]:
    costs = {name: float(sessions.column(name).sum()) for name in COSTS}
    net = float(sessions.net_pnl.sum())
    nav = np.append(sessions.start_nav[:1], _column(bar_rows, "bars", "equity"))
    return {
        "net_pnl_usd": net,
        "net_return": net / sessions.initial_nav,
        "gross_pnl_usd": net + sum(costs.values()),
        "annualised_return": returns.annualised_return(nav, sessions.returns.size),
        "annualised_volatility": returns.annualised_volatility(sessions.returns),
        "calmar_ratio": returns.calmar_ratio(sessions.returns, nav),
        "max_drawdown": max_drawdown(nav),
        "initial_nav_usd": sessions.initial_nav,
        "costs_usd": sum(costs.values()),
        **costs,
    }


def _per_session(sessions: _Sessions, round_trips: int) -> dict[str, float | int]:
    """Return means over the sessions, with the standard errors that independent sessions have."""
    reward = sessions.column("reward") if "reward" in sessions.rows.columns else np.zeros(0)
    return {
        "session_pnl_usd": mean(sessions.net_pnl),
        "session_pnl_standard_error_usd": _standard_error(sessions.net_pnl),
        "session_reward": mean(reward),
        "session_reward_standard_error": _standard_error(reward),
        "round_trips_per_session": divide(round_trips, sessions.returns.size),
    }


def _standard_error(values: FloatArray) -> float:
    return divide(standard_deviation(values), math.sqrt(values.size))


def _trades(sessions: _Sessions, trade_rows: pd.DataFrame, rng: np.random.Generator) -> dict[str, float | int]:
    pnl = _column(trade_rows, "trades", "net_pnl")
    start_nav = sessions.start_nav_of(trade_rows, "trades")
    if "start_nav" in trade_rows.columns:
        start_nav = _column(trade_rows, "trades", "start_nav")
    fractions = pnl / start_nav
    risk = trade_rows["initial_risk_usd"].to_numpy(dtype=np.float64)
    ratio = trades.win_loss_ratio(pnl)
    skewness, kurtosis = inference.skewness_and_kurtosis(fractions)
    return {
        "num_round_trips": pnl.size,
        "profit_factor": trades.profit_factor(pnl),
        "pf_undefined": trades.profit_factor(pnl) == math.inf,
        "profit_factor_lower_bound": inference.profit_factor_lower_bound(
            pnl,
            level=BOUND_LEVEL,
            num_resamples=BOUND_RESAMPLES,
            mean_block_trades=BLOCK_TRADES * sessions.accounts,
            rng=rng,
        ),
        "hit_rate": trades.hit_rate(pnl),
        "break_even_hit_rate": trades.break_even_hit_rate(ratio),
        "win_loss_ratio": ratio,
        "gross_profit_usd": float(pnl[pnl > 0].sum()),
        "gross_loss_usd": float(-pnl[pnl < 0].sum()),
        "expectancy_usd": trades.expectancy(pnl),
        "expectancy_r": trades.expectancy_r(pnl, risk),
        "num_round_trips_with_risk": int((risk > 0).sum()),
        "best_trade_usd": _largest(pnl),
        "best_trade_fraction": _largest(fractions),
        "worst_trade_usd": -_largest(-pnl),
        "worst_trade_fraction": -_largest(-fractions),
        "hold_median_minutes": trades.median_hold_minutes(_column(trade_rows, "trades", "minutes_held")),
        "round_trip_sharpe": mean(fractions) / standard_deviation(fractions),
        "round_trip_skewness": skewness,
        "round_trip_kurtosis": kurtosis,
    }


def _largest(values: FloatArray) -> float:
    return float(values.max()) if values.size else math.nan


def _drawdowns(
    sessions: _Sessions, accounts: Sequence[tuple[_Sessions, pd.DataFrame]], rng: np.random.Generator
) -> dict[str, float | int]:
    """Return the drawdowns of the account that fares worst: idle capital beside it must not make them look small."""
    observed = sessions.column(_first_of(sessions.rows, "most_max_drawdown", "max_drawdown"))
    return {
        "worst_session_drawdown": _largest(observed),
        "tail_drawdown": max(_tail_drawdown(own, bar_rows, rng) for own, bar_rows in accounts),
        "tail_drawdown_empirical": tail_drawdown(observed, TAIL),
        "tail_drawdown_empirical_sessions": tail_sessions(observed, TAIL).size,
    }


def _tail_drawdown(sessions: _Sessions, bar_rows: pd.DataFrame, rng: np.random.Generator) -> float:
    lengths = sessions.column("bars")
    return bootstrap_tail_drawdown(
        _bar_returns(sessions, bar_rows),
        num_bars=int(np.median(lengths)) if lengths.size else 1,
        num_sessions=BOOTSTRAP_SESSIONS,
        mean_block_bars=BLOCK_BARS,
        tail=TAIL,
        rng=rng,
    )


def _bar_returns(sessions: _Sessions, bar_rows: pd.DataFrame) -> FloatArray:
    """Return each bar's net P&L / session-start NAV; a session's first bar counts from its start NAV."""
    nav, start_nav = _column(bar_rows, "bars", "nav"), sessions.start_nav_of(bar_rows, "bars")
    number = bar_rows["session"].to_numpy()
    previous = np.append(start_nav[:1], nav[:-1])
    opens = np.append(np.ones(min(1, nav.size), dtype=np.bool_), number[1:] != number[:-1])
    previous[opens] = start_nav[opens]
    return (nav - previous) / start_nav


def _in_gross_profit(values: dict[str, float | int], accounts: int) -> dict[str, float | int]:
    """Return the losses that scale with position size in units of the sum of wins, which scales with it too.

    Drawdowns are fractions of one account's capital.
    """
    gross_profit = values["gross_profit_usd"]
    initial_nav = values["initial_nav_usd"] / accounts
    return {
        "worst_session_drawdown_in_gross_profit": divide(values["worst_session_drawdown"] * initial_nav, gross_profit),
        "tail_drawdown_in_gross_profit": divide(values["tail_drawdown"] * initial_nav, gross_profit),
        "worst_loss_in_gross_profit": divide(max(0.0, -values["worst_trade_usd"]), gross_profit),
    }


def _ratios(sessions: _Sessions) -> dict[str, float | int]:
    sharpe = returns.sharpe_ratio(sessions.returns)
    per_session = sharpe / math.sqrt(returns.SESSIONS_PER_YEAR)
    skewness, kurtosis = inference.skewness_and_kurtosis(sessions.returns)
    count = sessions.returns.size
    error = inference.sharpe_standard_error(per_session, count, skewness, kurtosis)
    return {
        "sharpe_ratio": sharpe,
        "sharpe_standard_error": error * math.sqrt(returns.SESSIONS_PER_YEAR),
        "sharpe_probability": inference.probabilistic_sharpe_ratio(per_session, count, skewness, kurtosis, 0.0),
        "sortino_ratio": returns.sortino_ratio(sessions.returns),
        "session_sharpe": per_session,
        "session_skewness": skewness,
        "session_kurtosis": kurtosis,
    }


def _activity(sessions: _Sessions) -> dict[str, float | int]:
    multiples = turnover(sessions.column("traded_notional"), sessions.start_nav)
    minutes, bars = sessions.column("in_market_minutes"), sessions.column("bars")
    share_of_bars = exposure(minutes, bars)
    absolute_exposure = weighted_mean(sessions.column("mean_absolute_exposure"), bars)
    most_minutes = _first_of(sessions.rows, "most_in_market_minutes", "in_market_minutes")
    most_trips = _first_of(sessions.rows, "most_round_trips", "round_trips")
    return {
        "num_sessions": sessions.returns.size,
        "num_accounts": sessions.accounts,
        "sessions_not_flat": int((~sessions.rows["flat_at_end"].astype(bool)).sum()),
        "turnover_total": float(multiples.sum()),
        "turnover_per_session": mean(multiples),
        "exposure": share_of_bars,
        "mean_absolute_exposure": absolute_exposure,
        "mean_notional_in_market": divide(absolute_exposure, share_of_bars),
        "in_market_minutes": int(minutes.sum()),
        "max_in_market_minutes_per_session": int(sessions.column(most_minutes).max(initial=0.0)),
        "max_round_trips_per_session": int(sessions.column(most_trips).max(initial=0.0)),
    }


def _execution(sessions: _Sessions, fill_rows: pd.DataFrame) -> dict[str, float | int]:
    quantity = _column(fill_rows, "fills", "quantity")
    weight = _column(fill_rows, "fills", _first_of(fill_rows, "notional_usd", "quantity"))
    reason = fill_rows["reason"].to_numpy()
    counts: dict[str, float | int] = {f"num_fills_{name}": int((reason == name).sum()) for name in REASONS}
    columns = sessions.rows.columns
    ordered = sessions.column("ordered_quantity") if "ordered_quantity" in columns else np.zeros(0)
    return {
        "num_orders": int(sessions.column("orders").sum()) if "orders" in columns else math.nan,
        "num_fills": quantity.size,
        **counts,
        "slippage_bps": weighted_mean(_column(fill_rows, "fills", "slippage_bps"), weight),
        "fill_rate": fill_rate(quantity, ordered),
    }
