"""A million random bars, and the 41 market features of them: ours, and those of pandas, the oracle of the tests."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.data import Bars, Sessions
from intraday_rl.data.sessions import MINUTE_NS, exchange_sessions
from intraday_rl.features import PRESETS, FeaturePipeline, FeatureStream, MinuteBar, NextSession
from intraday_rl.features.cache import cached_features
from intraday_rl.features.fitted import garch, seasons
from intraday_rl.features.fitted.garch import GarchForecast
from intraday_rl.features.pipeline import DEFAULT_FAMILIES

sys.path.append(str(Path(__file__).resolve().parents[2]))
from tests.support.pandas_features import microstructure_columns, pandas_features
from tests.support.pandas_features.momentum import momentum_columns
from tests.support.pandas_features.regime import clock_columns, regime_columns
from tests.support.pandas_features.series import price_frame, to_grid
from tests.support.pandas_features.volatility import volatility_columns

PASS = "pass"  # one of our parts
SYMBOL, MINUTES = "RANDOM", 390
CALENDAR, FIRST_DAY, LAST_DAY = "XNYS", "2014-01-02", "2024-12-31"
BASE_SPREAD = 0.01
SAME_EVERY_DAY = GarchForecast(omega=0.4, alpha=0.1, beta=0.86, variance=10.0)
HISTORY_SESSIONS = 21  # before the streamed session
PIPELINE = FeaturePipeline(families=DEFAULT_FAMILIES, names=PRESETS["market41"], base_spread=BASE_SPREAD)


def random_bars(sessions: int) -> Bars:
    """Return random bars of so many sessions of 390 minutes."""
    open_ns = np.arange(sessions, dtype=np.int64) * 24 * 60 * MINUTE_NS
    dates = np.datetime64("2000-01-01") + np.arange(sessions)
    return bars_on(Sessions.from_times(dates, open_ns, open_ns + MINUTES * MINUTE_NS))


def bars_on(sessions: Sessions) -> Bars:
    """Return random bars of these sessions, without quotes and trade counts."""
    rng, rows = np.random.default_rng(0), int(sessions.first[-1])
    close = 100.0 * np.exp(0.3 * np.sin(np.arange(rows) / 1e5) + np.cumsum(rng.normal(0.0, 3e-4, rows)) / 10)
    last = np.concatenate([close[:1], close[:-1]])
    columns = {
        "open": last,
        "high": np.maximum(last, close) * (1 + np.abs(rng.normal(0.0, 1e-4, rows))),
        "low": np.minimum(last, close) * (1 - np.abs(rng.normal(0.0, 1e-4, rows))),
        "close": close,
        "volume": np.floor(rng.lognormal(9.0, 0.6, rows)),
        "vwap": 0.5 * (last + close),
    }
    return Bars.on_grid(SYMBOL, sessions, columns, np.ones(rows, dtype=np.bool_))


@contextmanager
def without_garch_fits() -> Iterator[None]:
    """Let every session have the same parameters of GARCH within the block: what is measured there fits none."""
    with mock.patch.object(seasons, "garch_forecasts", lambda window_of, count: [SAME_EVERY_DAY] * count):
        yield


def our_parts(bars: Bars) -> dict[str, Callable[[], object]]:
    """Return the parts of our computation."""
    fits = PIPELINE.fit(bars)
    return {
        "medians and moves of earlier sessions": lambda: PIPELINE.fit(bars),
        PASS: lambda: PIPELINE.run(bars, fits),
    }


def pandas_parts(bars: Bars) -> dict[str, Callable[[], object]]:
    """Return the parts of the computation in pandas."""
    frame, parameters = price_frame(bars), same_parameters(bars)
    columns = microstructure_columns(bars, frame, BASE_SPREAD) | momentum_columns(frame)
    columns |= volatility_columns(bars, frame, parameters) | regime_columns(frame)
    return {
        "prices and returns": lambda: price_frame(bars),
        "microstructure": lambda: microstructure_columns(bars, frame, BASE_SPREAD),
        "momentum": lambda: momentum_columns(frame),
        "volatility": lambda: volatility_columns(bars, frame, parameters),
        "regime": lambda: regime_columns(frame),
        "clock and table": lambda: to_grid(bars, columns).assign(**clock_columns(bars)),
    }


def same_parameters(bars: Bars) -> pd.DataFrame:
    """Return the parameters of GARCH of `without_garch_fits`; the first session has none."""
    table = pd.DataFrame([SAME_EVERY_DAY] * len(bars.sessions), dtype=float)
    table.iloc[0] = np.nan
    return table


def with_pandas(bars: Bars) -> pd.DataFrame:
    """Return the 41 features from pandas."""
    return pandas_features(bars, BASE_SPREAD, same_parameters(bars))


def garch_seconds(bars: Bars, sample: int) -> tuple[float, float]:
    """Return the seconds of one session's GARCH fit, and those of reading the fits of all sessions from disk.

    Args:
        bars: the record.
        sample: last sessions that are fitted; for the reading, invented fits are on disk.
    """
    returns = seasons.to_grid(bars, seasons.session_returns(bars), MINUTES)
    moves, last = seasons.usual_moves(returns), len(bars.sessions)
    garch.forecast_variance(seasons.garch_window(returns, moves, last))  # imports arch
    start = time.perf_counter()
    for session in range(last - sample, last):
        garch.forecast_variance(seasons.garch_window(returns, moves, session))
    fitting = (time.perf_counter() - start) / sample
    with tempfile.TemporaryDirectory() as folder, mock.patch("platformdirs.user_cache_dir", return_value=folder):

        def forecasts() -> None:
            garch.garch_forecasts(lambda place: seasons.garch_window(returns, moves, place + 1), last)

        with mock.patch.object(garch, "forecast_variance", return_value=SAME_EVERY_DAY):
            forecasts()
        start = time.perf_counter()
        forecasts()
        return fitting, time.perf_counter() - start


def opening_seconds(sessions: int) -> tuple[float, float]:
    """Return the seconds of reading a file of so many sessions and computing its features, and of opening both again.

    In between they were kept in an empty cache.
    """
    with tempfile.TemporaryDirectory() as folder, mock.patch("platformdirs.user_cache_dir", return_value=folder):
        path = Path(folder) / f"{SYMBOL}.parquet"
        known = exchange_sessions(CALENDAR, FIRST_DAY, LAST_DAY)
        bars_on(known.take(slice(0, sessions))).to_frame().to_parquet(path)
        plan = build_plan(compose(["data=historical", f"data.path={path}", f"data.symbols=[{SYMBOL}]"]))
        source = plan.markets[0].source
        seconds = []
        for _ in range(4):
            start = time.perf_counter()
            cached_features(PIPELINE, source.load())
            seconds.append(time.perf_counter() - start)
    return seconds[0], min(seconds[1:])


def update_seconds(bars: Bars) -> list[float]:
    """Return the seconds of each update of a stream over one session."""
    history = bars.take_sessions(0, HISTORY_SESSIONS)
    session = NextSession(MINUTES, bars.sessions.date[HISTORY_SESSIONS])
    stream = FeatureStream(PIPELINE, history, session)
    seconds = []
    for row in range(HISTORY_SESSIONS * MINUTES, (HISTORY_SESSIONS + 1) * MINUTES):
        bar = MinuteBar(*(float(getattr(bars, name)[row]) for name in MinuteBar._fields))
        start = time.perf_counter()
        stream.update(bar)
        seconds.append(time.perf_counter() - start)
    return seconds
