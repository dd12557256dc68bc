"""What the judged sessions showed, as arrays by session: the one input of all criteria that are not about training.

Conventions: S judged sessions in time order (of several symbols, trading days of the portfolio), B minutes in the
longest. Returns, paths and drawdowns are fractions of the session-start NAV.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.env.rewards.trading_cost import LiteralTurnoverPenalty, TurnoverPenalty
from intraday_rl.env.risk import FlatBeforeClose
from intraday_rl.env.rules import TradingRules
from intraday_rl.evaluation.ledger import Frames, Ledger
from intraday_rl.evaluation.phases.regimes import RegimeTable, regime_table
from intraday_rl.evaluation.portfolio import account_drawdowns
from intraday_rl.market.tape import Tape

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SessionEvidence:
    """What S judged sessions showed.

    Attributes:
        returns: net result / start NAV, (S,).
        paths: NAV / start NAV - 1 after each minute, (S, B); the last value is repeated to the end.
        drawdowns: largest in each session, of the account that fared worst, (S,).
        turnover: traded value / start NAV, (S,).
        wins: round trips that won, (S,).
        round_trips: of each session, (S,).
        flat: whether the session ended flat, (S,).
        complete: whether it was also traded to its end, (S,).
        benchmark: the market's return from open to close, (S,); None where it is not known.
        regimes: results by market regime.
        num_symbols: accounts of the portfolio.
        penalty_at_limit_usd: what the reward's turnover penalty charges at its pivot; None without such a term.
    """

    returns: Floats
    paths: Floats
    drawdowns: Floats
    turnover: Floats
    wins: Indices
    round_trips: Indices
    flat: Mask
    complete: Mask
    benchmark: Floats | None
    regimes: RegimeTable
    num_symbols: int
    penalty_at_limit_usd: float | None

    @property
    def count(self) -> int:
        """Number of sessions S."""
        return self.returns.size

    def window(self, first: int, count: int) -> SessionEvidence:
        """Return the evidence of `count` sessions from the place `first` on."""
        part = slice(first, first + count)
        return SessionEvidence(
            returns=self.returns[part],
            paths=self.paths[part],
            drawdowns=self.drawdowns[part],
            turnover=self.turnover[part],
            wins=self.wins[part],
            round_trips=self.round_trips[part],
            flat=self.flat[part],
            complete=self.complete[part],
            benchmark=None if self.benchmark is None else self.benchmark[part],
            regimes=self.regimes.window(first, count),
            num_symbols=self.num_symbols,
            penalty_at_limit_usd=self.penalty_at_limit_usd,
        )


def session_evidence(
    ledger: Ledger, portfolio: Frames, tape: Tape, rules: TradingRules, benchmark: Floats | None
) -> SessionEvidence:
    """Return the evidence of a judged policy.

    Args:
        ledger: account by account.
        portfolio: sessions, trades, fills and bars by trading day, as `combine_by_date` gives them.
        tape: what was traded.
        rules: under which.
        benchmark: the market's return of each session of the portfolio; None where it is not known.
    """
    sessions, trades, _, bars = portfolio
    numbers = pd.Index(sessions["session"])
    start = sessions["start_nav"].to_numpy(dtype=np.float64)
    place = numbers.get_indexer(pd.Index(trades["session"]))
    won = place[trades["net_pnl"].to_numpy() > 0]
    return SessionEvidence(
        returns=sessions["net_pnl"].to_numpy(dtype=np.float64) / start,
        paths=_paths(bars, numbers, start),
        drawdowns=account_drawdowns(sessions),
        turnover=sessions["turnover"].to_numpy(dtype=np.float64),
        wins=np.bincount(won, minlength=len(numbers)).astype(np.int64),
        round_trips=np.bincount(place, minlength=len(numbers)).astype(np.int64),
        flat=sessions["flat_at_end"].to_numpy(dtype=np.bool_),
        complete=_complete(ledger, sessions, tape, rules),
        benchmark=benchmark,
        regimes=regime_table(ledger, sessions, tape),
        num_symbols=len(ledger.multipliers),
        penalty_at_limit_usd=penalty_at_limit_usd(rules),
    )


def penalty_at_limit_usd(rules: TradingRules) -> float | None:
    """Return what the turnover penalty charges where the excess equals the limit, USD; None without such a term.

    At turnover = limit every form of it charges 0, so the documents' limit that is touched is the pivot (SPEC B2).
    """
    for term in rules.terms.values():
        if isinstance(term, TurnoverPenalty):
            slope = 1.0 / term.limit if term.linear_slope_mul is None else term.linear_slope_mul
            return slope * term.weight * term.limit / 2.0 * rules.initial_capital_usd
        if isinstance(term, LiteralTurnoverPenalty):
            return term.weight * term.limit**2 * rules.initial_capital_usd
    return None


def flat_minutes(rules: TradingRules) -> int:
    """Return how many minutes before the close a session that nothing interrupts may be over."""
    return max(rule.minutes for rule in rules.risk.exits.values() if isinstance(rule, FlatBeforeClose)) + 1


def _paths(bars: pd.DataFrame, numbers: pd.Index, start: Floats) -> Floats:
    """Return NAV / start NAV - 1 by session and minute, (S, B)."""
    place = numbers.get_indexer(pd.Index(bars["session"]))
    minute = bars.groupby("session", sort=False).cumcount().to_numpy()
    paths = np.full((len(numbers), int(minute.max(initial=-1)) + 1), np.nan)
    paths[place, minute] = bars["nav"].to_numpy() / start[place] - 1.0
    return np.asarray(pd.DataFrame(paths).ffill(axis=1).fillna(0.0), dtype=np.float64)


def _complete(ledger: Ledger, sessions: pd.DataFrame, tape: Tape, rules: TradingRules) -> Mask:
    """Return whether all accounts of each session went on to the minutes before the close and ended flat, (S,)."""
    own = ledger.sessions
    number = own["session"].to_numpy()
    last = np.minimum(tape.first_row[number] + own["bars"].to_numpy(), tape.last_row[number])
    whole = (tape.rows["minutes_to_close"][last] <= flat_minutes(rules)) & own["flat_at_end"].to_numpy(dtype=bool)
    by_day = pd.Series(whole).groupby(own["date"].to_numpy()).all()
    return np.asarray(by_day.reindex(sessions["date"]), dtype=np.bool_)
