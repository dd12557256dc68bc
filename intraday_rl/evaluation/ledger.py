"""The ledger: sessions, round trips, fills and bars of a recording as tables, every cost by kind.

Costs are positive USD; net_pnl = gross_pnl - commission - spread - impact - latency, where gross_pnl values every
fill at the mid of its decision. Each session is the account of one symbol; several symbols traded on one day make
several sessions of that day (`portfolio.combine_by_date` makes one of them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.core.errors import AccountingError
from intraday_rl.env.risk import EXIT_REASONS
from intraday_rl.evaluation.rollout import Recording
from intraday_rl.evaluation.round_trips import COSTS, round_trips
from intraday_rl.market.tape import MINUTE_NS

Frames = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]  # sessions, trades, fills, bars


@dataclass(frozen=True)
class Ledger:
    """What trading came to.

    All frames are in the order of the sessions (by date, then symbol) and in time order in each; `session` is the
    session's index on the tape.

    Attributes:
        sessions: one row per session.
        trades: one row per flat-to-flat round trip.
        fills: one row per fill.
        bars: one row per bar.
        interventions: one row for each decision that a risk rule changed: the rule's name, what was wanted and what
            was left of it, signed units; `time` is the decision's.
        multipliers: USD per price unit and unit of quantity, of each symbol of the tape, by name.
    """

    sessions: pd.DataFrame
    trades: pd.DataFrame
    fills: pd.DataFrame
    bars: pd.DataFrame
    interventions: pd.DataFrame
    multipliers: Mapping[str, float]

    @property
    def frames(self) -> Frames:
        """Sessions, trades, fills, bars: the order in which metrics and gates take them."""
        return self.sessions, self.trades, self.fills, self.bars

    def multiplier_of(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the multiplier of each row's symbol."""
        return multiplier_of(frame, self.multipliers)


def multiplier_of(frame: pd.DataFrame, multipliers: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """Return the multiplier of each row's symbol; NaN for a symbol that has none."""
    return np.asarray(frame["symbol"].map(multipliers), dtype=np.float64)


def build_ledger(recording: Recording) -> Ledger:
    """Return the ledger of a recording.

    Raises:
        AccountingError: a reward or a first observation was not finite: a judgement replaces nothing (SPEC B10).
    """
    if recording.replaced:
        raise AccountingError(
            f"roll-out: {recording.replaced} rewards or first observations were not finite; check reward.terms and the "
            "features"
        )
    rules = recording.rules
    multipliers = {symbol: rules.execution_of(symbol).contract.multiplier for symbol in recording.tape.symbols}
    bars = _bars(recording)
    fills = _fills(recording)
    trades = round_trips(fills, recording.tape, multipliers)
    sessions = _sessions(recording, fills, bars, multipliers)
    return Ledger(sessions, trades, fills, bars, _interventions(recording), multipliers)


def _utc(nanoseconds: npt.NDArray[np.int64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(nanoseconds.astype("datetime64[ns]")).tz_localize("UTC")


def _dates(recording: Recording, columns: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
    return recording.tape.dates[recording.sessions[columns]].astype("datetime64[ns]")


def _symbols(recording: Recording, columns: npt.NDArray[np.int64]) -> pd.Series[str]:
    names = pd.Series(list(recording.tape.symbols), dtype="str")
    return names.iloc[recording.tape.symbol_of[recording.sessions[columns]]].reset_index(drop=True)


def _bars(recording: Recording) -> pd.DataFrame:
    column, step = np.nonzero(~np.isnan(recording.nav.T))
    row = recording.first_bar[column] + step + 1
    capital = recording.rules.initial_capital_usd
    nav = recording.nav[step, column]
    earned = recording.final["nav"] - capital
    before = np.concatenate([[0.0], np.cumsum(earned)[:-1]])
    return pd.DataFrame(
        {
            "session": recording.sessions[column],
            "date": _dates(recording, column),
            "symbol": _symbols(recording, column),
            "time": _utc(recording.tape.end_ns[row]),
            "close": recording.tape.rows["close"][row],
            "position": recording.position[step, column],
            "cash": recording.cash[step, column],
            "nav": nav,
            "equity": nav + before[column],
        }
    )


def _interventions(recording: Recording) -> pd.DataFrame:
    """Return the audit trail of the risk rules, in the order of the sessions and of time."""
    column, step = np.nonzero(recording.rule.T)
    names = pd.Series(recording.rules.risk.rule_names, dtype="str")
    return pd.DataFrame(
        {
            "session": recording.sessions[column],
            "date": _dates(recording, column),
            "symbol": _symbols(recording, column),
            "time": _utc(recording.tape.end_ns[recording.first_bar[column] + step]),
            "rule": names.iloc[recording.rule[step, column]].reset_index(drop=True),
            "wanted": recording.wanted[step, column],
            "allowed": recording.target[step, column] + 0.0,  # no negative zero
        }
    )


def _fills(recording: Recording) -> pd.DataFrame:
    column, step = np.nonzero(recording.fills["quantity"].T)
    rows = recording.fills[step, column]
    row = recording.first_bar[column] + step + 1
    tape = recording.tape
    reasons = np.array([EXIT_REASONS[code] for code in sorted(EXIT_REASONS)])
    side = np.sign(rows["quantity"])
    frame = pd.DataFrame(
        {
            "session": recording.sessions[column],
            "date": _dates(recording, column),
            "symbol": _symbols(recording, column),
            "time": _utc(tape.end_ns[row] - MINUTE_NS),
            "minute": row - tape.session_starts[recording.sessions[column]],
            "quantity": rows["quantity"],
            "price": rows["price"],
            "decision_mid": rows["decision_mid"],
            "reference_price": rows["reference_price"],
        }
    )
    for name in COSTS:
        frame[name] = rows[name]
    frame["slippage_bps"] = 1e4 * side * (rows["price"] - rows["decision_mid"]) / rows["decision_mid"]
    frame["reason"] = reasons[recording.closing[step, column]]
    return frame


def _sessions(
    recording: Recording, fills: pd.DataFrame, bars: pd.DataFrame, multipliers: Mapping[str, float]
) -> pd.DataFrame:
    final = recording.final
    columns = np.arange(len(recording.sessions))
    start = final["start_nav"]
    frame = pd.DataFrame(
        {
            "session": recording.sessions,
            "date": _dates(recording, columns),
            "symbol": _symbols(recording, columns),
            "start_nav": start,
            "end_nav": final["nav"],
            "net_pnl": final["nav"] - start,
            "session_return": final["nav"] / start - 1.0,
            "reward": final["episode_reward"],
            "max_drawdown": final["max_drawdown"],
            "traded_notional": final["traded_notional"],
            "turnover": final["traded_notional"] / start,
            "round_trips": final["round_trips"],
            "in_market_minutes": final["in_market_bars"],
            "bars": recording.length,
        }
    )
    notional = bars["position"].abs() * bars["close"] * multiplier_of(bars, multipliers) / bars["nav"]
    frame["mean_absolute_exposure"] = notional.groupby(bars["session"]).mean().reindex(frame["session"]).to_numpy()
    sums = fills.groupby("session")[list(COSTS)].sum().reindex(frame["session"], fill_value=0.0)
    for name in COSTS:
        frame[name] = sums[name].to_numpy()
    asked = _asked_quantity(recording.fills)
    frame["orders"] = (asked > 0).sum(axis=0)
    frame["ordered_quantity"] = asked.sum(axis=0)
    frame["flat_at_end"] = final["position"] == 0.0
    return frame


def _asked_quantity(fills: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
    """Return the units newly asked for in each bar, (B, S): a remainder that is carried on is not asked for again."""
    ordered = fills["ordered"]
    carried = np.zeros_like(ordered)
    carried[1:] = ordered[:-1] - fills["quantity"][:-1]
    same_side = ordered * carried > 0
    return np.asarray(np.abs(ordered) - np.where(same_side, np.minimum(np.abs(ordered), np.abs(carried)), 0.0))
