"""An independent recomputation of the result, from the fills alone.

It shares no arithmetic with the simulator: cash flows are summed by session and positions marked at the closes. A
difference of a cent, in any session or at any bar, fails the run.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from intraday_rl.core.errors import AccountingError
from intraday_rl.evaluation.ledger import Ledger
from intraday_rl.evaluation.round_trips import COSTS

TOLERANCE_USD = 0.01


def audit(ledger: Ledger) -> None:
    """Recompute cash, position, NAV, session results, round trips and cost splits, and compare.

    Raises:
        AccountingError: a figure differs by a cent or more; the message names the session and both values.
    """
    for session in ledger.sessions.itertuples(index=False):
        fills = ledger.fills[ledger.fills["session"] == session.session]
        bars = ledger.bars[ledger.bars["session"] == session.session]
        _audit_session(session, fills, bars, ledger)


def _audit_session(session: object, fills: pd.DataFrame, bars: pd.DataFrame, ledger: Ledger) -> None:
    multiplier = ledger.multiplier
    date, start = str(session.date)[:10], float(session.start_nav)  # type: ignore[attr-defined]
    flows = -fills["quantity"] * fills["price"] * multiplier - fills["commission_usd"]
    seen = np.searchsorted(fills["time"].to_numpy(), bars["time"].to_numpy())
    cash = start + np.concatenate([[0.0], np.cumsum(flows.to_numpy())])[seen]
    position = np.concatenate([[0.0], np.cumsum(fills["quantity"].to_numpy())])[seen]
    nav = cash + position * multiplier * bars["close"].to_numpy()
    for name, expected in (("cash", cash), ("nav", nav)):
        worst = int(np.argmax(np.abs(bars[name].to_numpy() - expected)))
        _compare(f"{date} {name} at {bars['time'].iloc[worst]}", bars[name].iloc[worst], expected[worst])
    _compare(f"{date} session result", float(session.net_pnl), nav[-1] - start)  # type: ignore[attr-defined]
    costs = fills[list(COSTS)].sum().sum()
    mids = -(fills["quantity"] * fills["decision_mid"]).sum() * multiplier
    gross = mids + position[-1] * multiplier * bars["close"].iloc[-1]
    _compare(f"{date} gross result less costs", nav[-1] - start, gross - costs)
    if bool(session.flat_at_end):  # type: ignore[attr-defined]
        trades = ledger.trades[ledger.trades["session"] == session.session]  # type: ignore[attr-defined]
        _compare(f"{date} sum of round trips", trades["net_pnl"].sum(), nav[-1] - start)


def _compare(what: str, simulated: float, recomputed: float) -> None:
    if not abs(simulated - recomputed) < TOLERANCE_USD:
        raise AccountingError(
            f"ledger: {what} is {simulated:.4f} USD in the simulator and {recomputed:.4f} USD from the fills; "
            "the result cannot be trusted, please report it with the run folder"
        )
