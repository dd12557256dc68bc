"""Features 36 to 41: efficiency ratio, slope, volatility rank and the clock; and the one-hot code of four regimes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from intraday_rl.data.bars import Bars
from tests.support.pandas_features.seasons import HISTORY, table_of
from tests.support.pandas_features.series import divide

PATH_BARS = 30
SLOPE_BARS = 20
LEAST_UNEXPLAINED = 1e-4  # floor of 1 - R^2: a straight line has a finite t-statistic
FLAT = 1e-9  # moves below this part of the price are rounding
BARS_PER_YEAR = 252 * 390


def regime_columns(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the 3 regime columns that are not the clock."""
    close = frame["close"]
    move, path = close.diff(PATH_BARS), frame["change"].abs().rolling(PATH_BARS).sum()
    moved = ~(path <= FLAT * close)
    efficiency = divide(move, path.where(moved, 0.0)).clip(-1.0, 1.0).where(move.notna())
    return {"er30": efficiency, "sma_slope": slope_statistic(close), "vol_pct": volatility_rank(frame)}


def slope_statistic(close: pd.Series) -> pd.Series:
    """Return the t-statistic of the least-squares slope of the last 20 closes."""
    distances = np.arange(SLOPE_BARS) - (SLOPE_BARS - 1) / 2
    tilt = pd.Series(np.nan, index=close.index)
    tilt.iloc[SLOPE_BARS - 1 :] = np.convolve(close.to_numpy(), distances[::-1], mode="valid")
    total = close.rolling(SLOPE_BARS).var(ddof=0) * SLOPE_BARS
    explained = (tilt**2 / (np.sum(distances**2) * total)).clip(upper=1.0)
    statistic = np.sign(tilt) * ((SLOPE_BARS - 2) * explained / (1 - explained).clip(lower=LEAST_UNEXPLAINED)) ** 0.5
    return statistic.where(~(total**0.5 < FLAT * close), 0.0)


def volatility_rank(frame: pd.DataFrame) -> pd.Series:
    """Return the mid-rank of rv_60 among itself and the minute's values of 20 sessions before, less 0.5."""
    session, minute = frame["session"].to_numpy(), frame["minute"].to_numpy()
    table = table_of(session, minute, frame["sigma_so_far"].to_numpy())
    below, equal, known = np.zeros((3, *table.shape), dtype=np.int16)
    for lag in range(1, min(HISTORY + 1, len(table))):
        past, present = table[:-lag], table[lag:]
        same = np.isclose(past, present, rtol=1e-9, atol=2e-10)  # equal but for the rounding of running sums
        below[lag:] += (past < present) & ~same
        equal[lag:] += same
        known[lag:] += ~np.isnan(past)
    ranks = ((below + 0.5 * equal + 0.5) / (known + 1) - 0.5)[session, minute]
    return pd.Series(ranks).where(frame["sigma"].notna() & (frame["session"] > 0))


def clock_columns(bars: Bars) -> dict[str, pd.Series]:
    """Return sine, cosine and phase of all grid minutes; NaN before a session's first bar."""
    minute, length = bars.minute, bars.sessions.minutes[bars.session]
    angle = 2 * np.pi * minute / length
    phase = np.select([minute < 30, minute >= length - 60], [-1.0, 1.0], 0.0)
    begun = slice(None) if bars.traded.all() else ~np.isnan(bars.close)
    columns = {}
    for name, values in (("tod_sin", np.sin(angle)), ("tod_cos", np.cos(angle)), ("phase", phase)):
        columns[name] = pd.Series(np.nan, index=range(len(bars)))
        columns[name].iloc[begun] = values[begun]
    return columns


def regime_code_columns(
    frame: pd.DataFrame, *, vol_threshold: float, trend_threshold: float, hysteresis: float, smoothing: float
) -> dict[str, pd.Series]:
    """Return the one-hot code of low or high volatility, trending or ranging prices."""
    known = frame["sigma"].notna()
    volatility = (frame["sigma"] * BARS_PER_YEAR**0.5)[known]
    trend = regime_columns(frame)["er30"].abs()[known]
    is_high = lasting_answer(volatility.ewm(alpha=1 - smoothing, adjust=False).mean(), vol_threshold, hysteresis)
    is_trend = lasting_answer(trend.ewm(alpha=1 - smoothing, adjust=False).mean(), trend_threshold, hysteresis)
    columns = {}
    for name, high in (("low", False), ("high", True)):
        for kind, trending in (("trend", True), ("range", False)):
            answers = (is_high == high) & (is_trend == trending)
            columns[f"regime_{name}_{kind}"] = answers.astype(float).reindex(frame.index)
    return columns


def lasting_answer(means: pd.Series, threshold: float, hysteresis: float) -> pd.Series:
    """Return whether the last value outside the band around the threshold was above it; the first needs no band."""
    above, below = means > threshold * (1 + hysteresis), means < threshold * (1 - hysteresis)
    answers = pd.Series(np.select([above, below], [1.0, 0.0], np.nan), index=means.index)
    answers.iloc[:1] = (means.iloc[:1] > threshold).astype(float)
    return answers.ffill() == 1.0
