"""A quick judgement for use during training: the few numbers that choose among checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.core.protocols import Policy, Rule
from intraday_rl.env.rules import TradingRules
from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.portfolio import account_drawdowns, combine_by_date
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.market.tape import Tape
from intraday_rl.metrics import hit_rate, profit_factor, sharpe_ratio
from intraday_rl.metrics.returns import SESSIONS_PER_YEAR
from intraday_rl.metrics.series import mean, standard_deviation


class SharpeRatios(NamedTuple):
    """What the deflated Sharpe ratio compares trials by, not annualised; NaN where undefined."""

    round_trip: float  # of net P&L / session-start NAV of each round trip
    session: float  # of session returns


FEWEST_ROUND_TRIPS = 30  # a Sharpe ratio of fewer is noise, and a few such would swamp the variance over all trials
TrialWatcher = Callable[[Policy | Rule, SharpeRatios], None]


def make_validator(
    tape: Tape,
    rules: TradingRules,
    sessions: npt.NDArray[np.int64],
    seed: int,
    watch: TrialWatcher = lambda policy, ratios: None,
) -> Callable[[Policy | Rule], dict[str, float]]:
    """Return a function that judges a policy on the sessions: of several symbols, on the days of their portfolio.

    Its numbers: net_return (sum of session returns), net_pnl_usd, sharpe_ratio, t_statistic (mean session return in its
    standard errors), profit_factor, hit_rate, worst_session_drawdown, round_trips and turnover per session,
    exposure (share of bars in the market). Undefined ratios are NaN. All but t_statistic are those of `metrics.summary`
    under the same names.

    Args:
        tape: the market.
        rules: the environment.
        sessions: indices on the tape.
        seed: of the execution's noise.
        watch: told of every policy that is judged.
    """

    def validate(policy: Policy | Rule) -> dict[str, float]:
        table, trades, _, _ = combine_by_date(build_ledger(roll_out(tape, rules, sessions, policy, seed)))
        pnl = trades["net_pnl"].to_numpy()
        returns = table["session_return"].to_numpy()
        watch(policy, sharpe_ratios(table, trades))
        return {
            "net_return": float(returns.sum()),
            "net_pnl_usd": float(table["net_pnl"].sum()),
            "sharpe_ratio": float(sharpe_ratio(returns)),
            "t_statistic": float(sharpe_ratio(returns) * math.sqrt(len(returns) / SESSIONS_PER_YEAR)),
            "profit_factor": float(profit_factor(pnl)),
            "hit_rate": float(hit_rate(pnl)),
            "worst_session_drawdown": float(account_drawdowns(table).max()),
            "round_trips_per_session": float(table["round_trips"].mean()),
            "turnover_per_session": float(table["turnover"].mean()),
            "exposure": float(table["in_market_minutes"].sum() / table["bars"].sum()),
        }

    return validate


def sharpe_ratios(sessions: pd.DataFrame, trades: pd.DataFrame) -> SharpeRatios:
    """Return the Sharpe ratios of a ledger's sessions and round trips, as `metrics.summary` defines them.

    That of fewer than FEWEST_ROUND_TRIPS round trips is undefined.
    """
    start_nav = trades["start_nav"] if "start_nav" in trades.columns else _start_nav_of(trades, sessions)
    fractions = trades["net_pnl"].to_numpy() / np.asarray(start_nav)
    returns = sessions["session_return"].to_numpy()
    of_trip, of_session = (mean(values) / standard_deviation(values) for values in (fractions, returns))
    return known_ratios(of_trip, of_session, len(fractions))


def known_ratios(round_trip: float, session: float, num_round_trips: int) -> SharpeRatios:
    """Return the ratios of a trial, that of its round trips undefined where there are too few."""
    return SharpeRatios(round_trip if num_round_trips >= FEWEST_ROUND_TRIPS else math.nan, session)


def _start_nav_of(trades: pd.DataFrame, sessions: pd.DataFrame) -> pd.Series:
    """Return the start NAV of each round trip's session."""
    by_session: pd.Series = sessions.set_index("session")["start_nav"]
    return by_session.loc[trades["session"]]


def write_curve(curve: Sequence[Mapping[str, float]], path: Path) -> None:
    """Write the rows of a training curve, one for each evaluation, as CSV: the whole file or nothing."""
    new = path.with_name(path.name + ".new")
    pd.DataFrame(curve).to_csv(new, index=False)
    new.replace(path)
