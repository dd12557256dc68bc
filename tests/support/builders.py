"""Hand-made inputs for tests: small, and worked out on paper.

The example ledger holds three sessions of six one-minute bars with a capital of 50,000 USD, one symbol, multiplier 1.
Every fill is at the reference price plus (bought) or minus (sold) the spread, impact and latency cost per share.

Session 0, long 10: bought at 500.50 + 0.01 + 0.01 = 500.52, sold at 503.00 - 0.01 = 502.99, commission 2 x 1.00.
    gross (503.00 - 500.50) x 10 = 25.00; spread 0.20, latency 0.10, commission 2.00; net 22.70.
Session 1, short 10: sold at 501.50 - 0.02 = 501.48, forced out at 500.50 + 0.01 = 500.51.
    gross (501.50 - 500.50) x 10 = 10.00; spread 0.20, latency 0.10, commission 2.00; net 7.70.
Session 2, long 10 + 10: bought at 500.50 + 0.01 = 500.51 and 499.50 + 0.02 = 499.52, sold 20 at 497.50 - 0.02 = 497.48.
    gross -30.00 - 20.00 = -50.00; spread 0.40, impact 0.30, commission 3.00; net -53.70.
All: gross -15.00, commission 7.00, spread 0.80, impact 0.30, latency 0.20, net -23.30.
"""

from typing import NamedTuple

import pandas as pd

CAPITAL_USD = 50_000.0
DATES = pd.to_datetime(["2024-11-04", "2024-11-05", "2024-11-06"]).as_unit("ns")


class ExampleLedger(NamedTuple):
    """The four frames of an evaluation ledger."""

    sessions: pd.DataFrame
    trades: pd.DataFrame
    fills: pd.DataFrame
    bars: pd.DataFrame


def example_ledger() -> ExampleLedger:
    """Return the ledger that the module's docstring works out."""
    return ExampleLedger(_sessions(), _trades(), _fills(), _bars())


def _clock(session: int, time: str) -> pd.Timestamp:
    return pd.Timestamp(f"{DATES[session].date()} {time}", tz="UTC").as_unit("ns")


def _sessions() -> pd.DataFrame:
    exposure_0 = (5010 / 50003.80 + 5020 / 50013.80 + 5030 / 50023.80) / 6
    exposure_1 = (5010 / 50003.80 + 5000 / 50013.80 + 4990 / 50023.80 + 5000 / 50013.80) / 6
    exposure_2 = (5000 / 49993.90 + 9980 / 49977.70 + 9960 / 49957.70) / 6
    return pd.DataFrame(
        {
            "session": [0, 1, 2],
            "date": DATES,
            "symbol": "SPY",
            "start_nav": [CAPITAL_USD] * 3,
            "end_nav": [50_022.70, 50_007.70, 49_946.30],
            "net_pnl": [22.70, 7.70, -53.70],
            "session_return": [0.000454, 0.000154, -0.001074],
            "max_drawdown": [0.000022, 0.000322, 0.001074],  # 1.10, 16.10 and 53.70 USD of 50,000
            "traded_notional": [10_035.10, 10_019.90, 19_949.90],
            "turnover": [0.200702, 0.200398, 0.398998],
            "round_trips": [1, 1, 1],
            "in_market_minutes": [3, 4, 3],
            "bars": [6, 6, 6],
            "mean_absolute_exposure": [exposure_0, exposure_1, exposure_2],
            "commission_usd": [2.0, 2.0, 3.0],
            "spread_usd": [0.2, 0.2, 0.4],
            "impact_usd": [0.0, 0.0, 0.3],
            "latency_usd": [0.1, 0.1, 0.0],
            "flat_at_end": [True, True, True],
        }
    )


def _trades() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "session": [0, 1, 2],
            "date": DATES,
            "symbol": "SPY",
            "direction": [1, -1, 1],
            "quantity": [10.0, 10.0, 20.0],
            "entry_time": [_clock(0, "14:31:01"), _clock(1, "14:31:01"), _clock(2, "14:31:01")],
            "exit_time": [_clock(0, "14:34:01"), _clock(1, "14:35:01"), _clock(2, "14:34:01")],
            "entry_price": [500.52, 501.48, 500.015],
            "exit_price": [502.99, 500.51, 497.48],
            "gross_pnl": [25.0, 10.0, -50.0],
            "commission_usd": [2.0, 2.0, 3.0],
            "spread_usd": [0.2, 0.2, 0.4],
            "impact_usd": [0.0, 0.0, 0.3],
            "latency_usd": [0.1, 0.1, 0.0],
            "net_pnl": [22.70, 7.70, -53.70],
            "minutes_held": [3.0, 4.0, 3.0],
            "initial_risk_usd": [10.0, 10.0, 20.0],
        }
    )


def _fills() -> pd.DataFrame:
    columns = ["session", "time", "minute", "quantity", "price", "decision_mid", "reference_price", "commission_usd"]
    columns += ["spread_usd", "impact_usd", "latency_usd", "reason"]
    rows = [
        (0, _clock(0, "14:31:01"), 1, 10.0, 500.52, 500.0, 500.5, 1.0, 0.1, 0.0, 0.1, "agent"),
        (0, _clock(0, "14:34:01"), 4, -10.0, 502.99, 503.0, 503.0, 1.0, 0.1, 0.0, 0.0, "agent"),
        (1, _clock(1, "14:31:01"), 1, -10.0, 501.48, 502.0, 501.5, 1.0, 0.1, 0.0, 0.1, "agent"),
        (1, _clock(1, "14:35:01"), 5, 10.0, 500.51, 500.0, 500.5, 1.0, 0.1, 0.0, 0.0, "session_close"),
        (2, _clock(2, "14:31:01"), 1, 10.0, 500.51, 501.0, 500.5, 1.0, 0.1, 0.0, 0.0, "agent"),
        (2, _clock(2, "14:32:01"), 2, 10.0, 499.52, 500.0, 499.5, 1.0, 0.1, 0.1, 0.0, "agent"),
        (2, _clock(2, "14:34:01"), 4, -20.0, 497.48, 498.0, 497.5, 1.0, 0.2, 0.2, 0.0, "agent"),
    ]
    frame = pd.DataFrame(rows, columns=columns)
    frame.insert(1, "date", DATES[frame["session"].to_numpy()])
    frame.insert(2, "symbol", "SPY")
    adverse_move = (frame["price"] - frame["decision_mid"]) * frame["quantity"] / frame["quantity"].abs()
    frame.insert(frame.shape[1] - 1, "slippage_bps", adverse_move / frame["decision_mid"] * 1e4)
    return frame


def _bars() -> pd.DataFrame:
    closes = [500, 501, 502, 503, 503, 502, 502, 501, 500, 499, 500, 501, 501, 500, 499, 498, 497, 497]
    positions = [0, 10, 10, 10, 0, 0, 0, -10, -10, -10, -10, 0, 0, 10, 20, 20, 0, 0]
    cash = [50_000.00, 44_993.80, 44_993.80, 44_993.80, 50_022.70, 50_022.70]
    cash += [50_000.00, 55_013.80, 55_013.80, 55_013.80, 55_013.80, 50_007.70]
    cash += [50_000.00, 44_993.90, 39_997.70, 39_997.70, 49_946.30, 49_946.30]
    nav = [50_000.00, 50_003.80, 50_013.80, 50_023.80, 50_022.70, 50_022.70]
    nav += [50_000.00, 50_003.80, 50_013.80, 50_023.80, 50_013.80, 50_007.70]
    nav += [50_000.00, 49_993.90, 49_977.70, 49_957.70, 49_946.30, 49_946.30]
    equity = [50_000.00, 50_003.80, 50_013.80, 50_023.80, 50_022.70, 50_022.70]
    equity += [50_022.70, 50_026.50, 50_036.50, 50_046.50, 50_036.50, 50_030.40]  # NAV + 22.70
    equity += [50_030.40, 50_024.30, 50_008.10, 49_988.10, 49_976.70, 49_976.70]  # NAV + 30.40
    sessions = [session for session in range(3) for _ in range(6)]
    return pd.DataFrame(
        {
            "session": sessions,
            "date": DATES[sessions],
            "time": [_clock(session, f"14:{31 + index % 6}:00") for index, session in enumerate(sessions)],
            "close": [float(price) for price in closes],
            "position": [float(quantity) for quantity in positions],
            "cash": cash,
            "nav": nav,
            "equity": equity,
        }
    )
