"""Bars for the tests of features: random sessions with gaps between them, and what independent formulas need of them.

The gap-removed series is built here a second time, from its definition and with pandas: past prices are multiplied at
each open such that the first bar's close equals the last close; the first bar of a session has no return.
"""

import dataclasses

import numpy as np
import pandas as pd

from intraday_rl.data.bars import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, Bars
from intraday_rl.data.sessions import MINUTE_NS, Sessions
from intraday_rl.features import FeaturePipeline, RegimeDetector
from intraday_rl.features.pipeline import DEFAULT_FAMILIES

DETECTOR = RegimeDetector(vol_threshold=0.15, trend_threshold=0.3, hysteresis=0.1, smoothing=0.95)
MARKET = (*DEFAULT_FAMILIES, DETECTOR)
DAY_NS = 24 * 60 * MINUTE_NS
START_NS = 1_704_205_800_000_000_000  # 2024-01-02 14:30 UTC


def make_sessions(lengths):
    """Return sessions of these lengths in minutes, one a day."""
    open_ns = START_NS + DAY_NS * np.arange(len(lengths), dtype=np.int64)
    close_ns = open_ns + MINUTE_NS * np.asarray(lengths, dtype=np.int64)
    return Sessions.from_times(open_ns.astype("datetime64[ns]").astype("datetime64[D]"), open_ns, close_ns)


def random_bars(lengths, seed=0, sigma=3e-4, untraded=0.0, optional=("vwap",)):
    """Return bars of random sessions: returns of size sigma, gaps of 1 % over night, some minutes without a bar."""
    rng = np.random.default_rng(seed)
    sessions = make_sessions(lengths)
    rows = int(sessions.first[-1])
    is_first = np.isin(np.arange(rows), sessions.first[:-1])
    log_close = np.log(100.0) + np.cumsum(rng.normal(0, sigma, rows) + is_first * rng.normal(0, 0.01, rows))
    log_open = log_close - rng.normal(0, sigma, rows)
    log_high = np.maximum(log_open, log_close) + abs(rng.normal(0, sigma / 2, rows))
    log_low = np.minimum(log_open, log_close) - abs(rng.normal(0, sigma / 2, rows))
    columns = {"open": log_open, "high": log_high, "low": log_low, "close": log_close}
    columns = {name: np.exp(values) for name, values in columns.items()}
    columns["volume"] = np.floor(rng.lognormal(9, 0.6, rows))
    columns |= _optional(columns, rng, optional)
    return on_grid(sessions, columns, rng.random(rows) >= untraded)


def _optional(columns, rng, wanted):
    close, rows = columns["close"], len(columns["close"])
    spread = 0.01 * rng.integers(1, 4, rows)
    known = {
        "vwap": columns["low"] + rng.random(rows) * (columns["high"] - columns["low"]),
        "trade_count": np.floor(columns["volume"] / 80),
        "bid": close - spread / 2,
        "ask": close + spread / 2,
        "bid_size": 100.0 * rng.integers(1, 9, rows),
        "ask_size": 100.0 * rng.integers(1, 9, rows),
    }
    known |= _measured(columns, rng)
    return {name: known[name] for name in wanted}


def _measured(columns, rng):
    """Return what only ticks can tell: sides, changes of the quote, effective spreads."""
    close, rows = columns["close"], len(columns["close"])
    bought = np.floor(columns["volume"] * rng.random(rows))
    return {
        "buy_volume": bought,
        "sell_volume": columns["volume"] - bought,
        "order_flow": 100.0 * rng.integers(-30, 31, rows),
        "effective_spread_bps": 10.0 * rng.random(rows),
        "side_per_mid": rng.uniform(-1, 1, rows) / close,
    }


def on_grid(sessions, columns, traded):
    """Return bars as `to_grid` makes them: minutes without a bar carry the session's last close, their volume is 0."""
    frame = pd.DataFrame(columns)
    session = np.repeat(np.arange(len(sessions)), sessions.minutes)
    carried = frame["close"].where(traded).groupby(session).ffill()
    for name in columns:
        absent = carried if name in ("open", "high", "low", "close") else 0.0 if name == "volume" else np.nan
        frame[name] = frame[name].where(traded, absent)
    return Bars.on_grid("TEST", sessions, {name: frame[name].to_numpy().copy() for name in columns}, traded)


def replace_rows(bars, start, columns):
    """Return the bars with other values from the row `start` on."""
    changed = {}
    for name, values in columns.items():
        changed[name] = getattr(bars, name).copy()
        changed[name][start:] = values[start:]
    return dataclasses.replace(bars, **changed)


def pipeline(*names, base_spread=0.01):
    """Return a pipeline of these market features."""
    return FeaturePipeline(families=MARKET, names=names, base_spread=base_spread)


def compute(bars, *names, **options):
    """Return the features as a frame over the traded minutes."""
    table = pipeline(*names, **options).compute(bars)
    return pd.DataFrame(table.values[bars.traded], columns=list(names))


def gap_removed(bars):
    """Return the traded minutes as a frame of gap-removed prices.

    Further columns: first (of its session), change and log_return (0 on the first), raw (the close as traded), session,
    minute; vwap is (high + low + close)/3 where absent.
    """
    frame = pd.DataFrame({name: getattr(bars, name)[bars.traded] for name in REQUIRED_COLUMNS + OPTIONAL_COLUMNS})
    frame["session"], frame["minute"] = bars.session[bars.traded], bars.minute[bars.traded]
    frame["first"] = ~frame["session"].duplicated()
    frame["vwap"] = frame["vwap"].fillna((frame["high"] + frame["low"] + frame["close"]) / 3)
    frame["raw"] = frame["close"]
    jump = (frame["close"].shift() / frame["close"]).where(frame["first"], 1.0).fillna(1.0)
    for name in ("open", "high", "low", "close", "vwap"):
        frame[name] = frame[name] * jump.cumprod()
    frame["change"] = frame["close"].diff().where(~frame["first"], 0.0)
    frame["log_return"] = np.log(frame["raw"]).diff().where(~frame["first"], 0.0)
    return frame


def over_returns(frame, values, apply):
    """Return apply(values of bars with a return), at every bar: a first bar repeats the value before it."""
    kept = values[~frame["first"]]
    return apply(kept).reindex(frame.index).ffill()
