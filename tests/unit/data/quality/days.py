"""Hand-made sessions with every minute traded at one price that moves by a fixed pattern."""

import numpy as np

from intraday_rl.data import Bars, exchange_sessions
from intraday_rl.data.quality import QualityLimits

LIMITS = QualityLimits(
    missing_share_max=0.05,
    missing_deviations=4.0,
    edge_gap_minutes_max=15.0,
    edge_gap_multiple=10.0,
    zero_volume_share_max=0.05,
    crossed_share_max=0.01,
    locked_share_max=0.05,
    missing_quotes_share_max=0.05,
    odd_prints_max=0.0,
    odd_print_deviations=12.0,
    odd_print_floor_bps=30.0,
    split_ratio_max=1.0,
    split_tolerance=0.05,
    stale_bars_max=30.0,
    vwap_outside_share_max=0.05,
    vwap_tolerance_bps=25.0,
)


def days(start="2024-07-01", end="2024-07-05", symbol="SPY"):
    """Return whole sessions whose close alternates between 100.00 and 100.02; (bars, columns to change, traded)."""
    sessions = exchange_sessions("XNYS", start, end)
    rows = int(sessions.first[-1])
    close = 100 + 0.02 * (np.arange(rows) % 2)
    columns = {"open": close.copy(), "high": close + 0.01, "low": close - 0.01, "close": close}
    columns["volume"] = np.full(rows, 100.0)
    return Made(symbol, sessions, columns, np.ones(rows, dtype=bool))


class Made:
    """Columns that a test changes before they become bars."""

    def __init__(self, symbol, sessions, columns, traded):
        self.symbol, self.sessions, self.columns, self.traded = symbol, sessions, columns, traded

    def row(self, session, minute):
        return int(self.sessions.first[session]) + minute

    def rows(self, session, first, stop):
        return slice(self.row(session, first), self.row(session, stop))

    def drop(self, session, first, stop):
        rows = self.rows(session, first, stop)
        self.traded[rows] = False
        self.columns["volume"][rows] = 0.0

    def quote(self, bid=-0.01, ask=0.01):
        self.columns |= {"bid": self.columns["close"] + bid, "ask": self.columns["close"] + ask}

    def bars(self):
        return Bars.on_grid(self.symbol, self.sessions, self.columns, self.traded)
