"""The rule-based expert: buy what has fallen far below the day's VWAP and is oversold, sell what has risen far above.

Long if c < VWAP - entry_atr ATR and RSI < rsi_low, short if c > VWAP + entry_atr ATR and RSI > rsi_high; both only with
0 < spread <= spread_max_bps, at least last_entry_minutes to the close and no blackout. Out again, at the close of a
bar: stop_atr ATR against the entry price at any time, target_atr ATR in its favour once min_hold_minutes have passed,
and after max_hold_minutes in any case. ATR is that of the entry's decision, frozen. A side that was stopped out may be
taken again at the next bar.

Source: SPEC C3; R145, R146, R148, R149.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.agents.experts.base import SidePolicy, Signals, check_fit
from intraday_rl.agents.experts.spreads import modelled_spread_bps
from intraday_rl.core import checks
from intraday_rl.core.protocols import Policy
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.rules import TradingRules
from intraday_rl.market.tape import Tape

VWAP_GAP, RSI = "vwap_dev", "rsi14"  # (c - VWAP)/ATR, and (RSI - 50)/50


class VwapReversion(NamedTuple):
    """Reversion to the session's VWAP. It gives a side; the size is the risk rules' (R147: risk=inverse_volatility)."""

    entry_atr: float  # distance from the VWAP
    rsi_low: float  # of 100; long below
    rsi_high: float  # of 100; short above
    spread_max_bps: float  # of the mid; no entry above
    last_entry_minutes: int  # to the close; no entry with fewer
    stop_atr: float  # against the entry price, ATR of the entry
    target_atr: float  # in its favour, ATR of the entry
    min_hold_minutes: int  # before the target counts
    max_hold_minutes: int

    def check(self) -> None:
        """Refuse distances that are not positive, RSI levels that cross, and holding times that do."""
        owner = "VwapReversion"
        for name in ("entry_atr", "stop_atr", "target_atr"):
            checks.positive(owner, name, getattr(self, name), "ATR")
        checks.within(owner, "rsi_low", self.rsi_low, 0.0, self.rsi_high, "of 100, at most rsi_high")
        checks.within(owner, "rsi_high", self.rsi_high, 0.0, 100.0, "of 100")
        checks.positive(owner, "spread_max_bps", self.spread_max_bps, "bps of the mid")
        checks.at_least(owner, "last_entry_minutes", self.last_entry_minutes, 0, "minutes")
        checks.at_least(owner, "min_hold_minutes", self.min_hold_minutes, 0, "minutes")
        least = max(1, self.min_hold_minutes)
        checks.at_least(owner, "max_hold_minutes", self.max_hold_minutes, least, "minutes, min_hold_minutes")

    @property
    def signals(self) -> tuple[str, ...]:
        """The market features that it reads."""
        return (VWAP_GAP, RSI)

    @property
    def account(self) -> tuple[str, ...]:
        """The account features that show an agent what it decides by of its account."""
        return ("position", "unrealised_pnl", "bars_held")

    def rule(self, signals: Signals) -> VwapReversionRule:
        """Return the rule on a market whose signals are these; NaN = not known yet, no entry."""
        return VwapReversionRule(self, signals)


@dataclass(frozen=True)
class VwapReversionRule:
    """The expert's parameters with a market's signals."""

    expert: VwapReversion
    signals: Signals

    def bind(self, batch: BatchEnv) -> Policy:
        """Return the rule as the policy of the batch's accounts.

        Raises:
            ConfigError: the signals are those of another market, or the action map knows no sides.
        """
        check_fit("VwapReversion", self.signals, batch)
        entries, close = entry_sides(self.expert, self.signals, batch.tape, batch.rules), batch.tape.rows["close"]

        def sides(accounts: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
            row, position, ordered = accounts["bar"], accounts["position"], np.sign(accounts["target"])
            is_out = is_exit(self.expert, close[row], accounts)
            kept = np.where(is_out & (position != 0.0), 0.0, ordered)
            return np.where((ordered == 0.0) & (position == 0.0), entries[row], kept)

        return SidePolicy(batch, sides)


def entry_sides(expert: VwapReversion, signals: Signals, tape: Tape, rules: TradingRules) -> npt.NDArray[np.float64]:
    """Return the side that a flat account takes at each tape row, -1, 0 or 1, (T,)."""
    spread, rows = modelled_spread_bps(tape, rules), tape.rows
    allowed = (spread > 0.0) & (spread <= expert.spread_max_bps)
    allowed &= (rows["minutes_to_close"] >= expert.last_entry_minutes) & (rows["blackout"] == 0)
    gap, rsi = signals[VWAP_GAP], 50.0 + 50.0 * signals[RSI]
    is_long = allowed & (gap < -expert.entry_atr) & (rsi < expert.rsi_low)
    is_short = allowed & (gap > expert.entry_atr) & (rsi > expert.rsi_high)
    return is_long.astype(np.float64) - is_short


def is_exit(
    expert: VwapReversion, close: npt.NDArray[np.float64], accounts: npt.NDArray[np.void]
) -> npt.NDArray[np.bool_]:
    """Say which positions end at this close, (N,): by stop, target or time; of flat accounts it says nothing.

    Args:
        expert: parameters.
        close: of each account's last bar, price units, (N,).
        accounts: AccountRow records, (N,).
    """
    gain = np.sign(accounts["position"]) * (close - accounts["entry_price"])
    atr, held = accounts["entry_atr"], accounts["bars_held"]
    is_stopped = gain <= -expert.stop_atr * atr
    is_at_target = (gain >= expert.target_atr * atr) & (held >= expert.min_hold_minutes)
    return np.asarray(is_stopped | is_at_target | (held >= expert.max_hold_minutes))
