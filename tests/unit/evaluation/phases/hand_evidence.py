"""Evidence put together by hand: sessions of a few minutes, with nothing in them that a test does not ask for."""

import numpy as np

from intraday_rl.evaluation.phases.evidence import SessionEvidence
from intraday_rl.evaluation.phases.regimes import RegimeTable


def evidence(returns, **changes):
    """Return evidence of sessions with these returns, each reached in its only minute."""
    count, zeros = len(returns), np.zeros((len(returns), 4))
    values = {
        "returns": np.asarray(returns, dtype=float),
        "paths": np.asarray(returns, dtype=float)[:, None],
        "drawdowns": np.maximum(0.0, -np.asarray(returns, dtype=float)),
        "turnover": np.ones(count),
        "wins": np.ones(count, dtype=np.int64),
        "round_trips": np.full(count, 2, dtype=np.int64),
        "flat": np.ones(count, dtype=bool),
        "complete": np.ones(count, dtype=bool),
        "benchmark": None,
        "regimes": RegimeTable(zeros, zeros, zeros, zeros),
        "num_symbols": 1,
        "penalty_at_limit_usd": None,
    }
    return SessionEvidence(**(values | changes))


def limit(metric, comparison, value, window=None, role="decides", level=None):
    """Return a criterion."""
    from intraday_rl.evaluation.phases import Limit

    return Limit(metric, level, comparison, value, window, role)
