"""A quick judgement for use during training: the few numbers that choose among checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from intraday_rl.core.protocols import Policy, Rule
from intraday_rl.env.rules import TradingRules
from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.portfolio import combine_by_date
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.market.tape import Tape
from intraday_rl.metrics import hit_rate, profit_factor, sharpe_ratio
from intraday_rl.metrics.returns import SESSIONS_PER_YEAR


def make_validator(
    tape: Tape, rules: TradingRules, sessions: npt.NDArray[np.int64], seed: int
) -> Callable[[Policy | Rule], dict[str, float]]:
    """Return a function that judges a policy on the sessions: of several symbols, on the days of their portfolio.

    Its numbers: net_return (sum of session returns), net_pnl_usd, sharpe_ratio, t_statistic (mean session return in its
    standard errors), profit_factor, hit_rate, worst session max_drawdown, round_trips and turnover per session,
    exposure (share of bars in the market). Undefined ratios are NaN.
    """

    def validate(policy: Policy | Rule) -> dict[str, float]:
        table, trades, _, _ = combine_by_date(build_ledger(roll_out(tape, rules, sessions, policy, seed)))
        pnl = trades["net_pnl"].to_numpy()
        returns = table["session_return"].to_numpy()
        return {
            "net_return": float(returns.sum()),
            "net_pnl_usd": float(table["net_pnl"].sum()),
            "sharpe_ratio": float(sharpe_ratio(returns)),
            "t_statistic": float(sharpe_ratio(returns) * math.sqrt(len(returns) / SESSIONS_PER_YEAR)),
            "profit_factor": float(profit_factor(pnl)),
            "hit_rate": float(hit_rate(pnl)),
            "max_drawdown": float(table["max_drawdown"].max()),
            "round_trips_per_session": float(table["round_trips"].mean()),
            "turnover_per_session": float(table["turnover"].mean()),
            "exposure": float(table["in_market_minutes"].sum() / table["bars"].sum()),
        }

    return validate
