"""Single bars, accounts and steps for tests of one function: quiet defaults, with the named fields replaced."""

from __future__ import annotations

from typing import Any

import numpy as np

from intraday_rl.core import structs
from intraday_rl.env.rewards import StepRow
from intraday_rl.market.rows import AccountRow, BarRow, OwnMemory

QUIET_BAR = BarRow(
    open=100.0,
    high=101.0,
    low=99.0,
    close=100.0,
    vwap=100.0,
    volume=10_000.0,
    mid=100.0,
    quoted_spread=np.nan,
    atr=0.5,
    volatility=0.05,
    typical_volume=2_500.0,
    widening=1.0,
    kyle_lambda=1e-5,
    calm_volatility=0.04,
    blackout=0,
    minutes_to_close=100,
    traded=1,
)


def bar_row(**fields: Any) -> BarRow:
    """Return a traded bar at 100 in mid-session, without quotes."""
    return QUIET_BAR._replace(**fields)


def account_record(**fields: Any) -> structs.Records:
    """Return one fresh account of 50,000 USD that may hold 100 units, as a one-element record array."""
    accounts = structs.empty(AccountRow, 1)
    fresh = {
        "cash": 50_000.0,
        "nav": 50_000.0,
        "start_nav": 50_000.0,
        "high_water_mark": 50_000.0,
        "baseline": 50_000.0,
    }
    fresh |= {"size": 100.0, "base_size": 100.0}
    for name, value in (fresh | fields).items():
        accounts[name] = value
    return accounts


def account_row(**fields: Any) -> Any:
    """Return a fresh account as one record."""
    return account_record(**fields)[0]


def own_memory() -> Any:
    """Return the zeroed memory of a reward term or a risk rule."""
    return structs.empty(OwnMemory, 1)[0]


def step_row(**fields: float) -> StepRow:
    """Return a bar in which nothing happened to an account of 50,000 USD."""
    quiet = StepRow(
        nav_before=50_000.0,
        nav_after=50_000.0,
        start_nav=50_000.0,
        traded_usd=0.0,
        drawdown=0.0,
        position=0.0,
        closed_usd=0.0,
        is_first_fill=False,
        recovered=False,
        changed=False,
        repeats=0,
        ends=False,
        progress=0.5,
        typical_usd=0.0,
    )
    return quiet._replace(**fields)
