"""The engine's 41 market features equal those of pandas, written a second time from their definitions.

Parameters of GARCH are handed to both: their fit has an oracle of its own. Values are compared in float32, the engine's
output, which rounds at 6e-8 of a value. Both sides sum windows of doubles in different orders; what is left after a
difference of nearly equal sums (variances, averages, moments) may differ in the sixth digit. Columns are of the order
of 1 or larger in their units, so 1e-5 of a value and 1e-6 besides tell rounding from another definition. EDGE is the
root of a difference, which makes 1e-5 bps out of the rounding of nothing.
"""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intraday_rl.data import read_bars, to_grid
from intraday_rl.data.bars import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from intraday_rl.features import PRESETS
from intraday_rl.features.fitted.garch import GarchForecast
from tests.support.pandas_features import pandas_features
from tests.support.real_data import data_folder
from tests.unit.features.feature_bars import on_grid, pipeline, random_bars

NAMES = list(PRESETS["market41"])
RELATIVE = 1e-5
ABSOLUTE = np.array([1e-4 if name == "ohlc_spread_bps" else 1e-6 for name in NAMES])
BASE_SPREAD = 0.02
QUOTES = ("bid", "ask", "bid_size", "ask_size")
RECORDS = [(), ("vwap",), ("trade_count", *QUOTES), ("vwap", "bid", "ask"), OPTIONAL_COLUMNS]


def some_garch(sessions):
    """Return other parameters for each session, bps squared."""
    number = np.arange(sessions)
    persistence = 0.8 + 0.15 * np.sin(number)
    shares = 0.1 + 0.05 * np.cos(number)
    columns = {"omega": 0.3 + 0.01 * number, "alpha": shares * persistence, "beta": (1 - shares) * persistence}
    return pd.DataFrame(columns | {"variance": 5.0 + number % 7})


@pytest.fixture(autouse=True, scope="module")
def _garch_parameters():
    """Give the engine the same parameters; session 0 has none."""

    def forecasts(window_of, count):
        return [GarchForecast(*row) for row in some_garch(count + 1).iloc[1:].itertuples(index=False)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("intraday_rl.features.fitted.seasons.garch_forecasts", forecasts)
        yield


def engine_and_pandas(bars):
    """Return the tables (T, 41) of both."""
    garch = some_garch(len(bars.sessions))
    garch.iloc[0] = np.nan
    values = pipeline(*NAMES, base_spread=BASE_SPREAD).compute(bars).values
    return values, pandas_features(bars, BASE_SPREAD, garch)[NAMES].to_numpy()


def disagreements(values, expected):
    """Return the rows in which a column is not what is expected, for each such column."""
    close = np.isclose(values, expected.astype(np.float32), rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
    wrong = {name: np.flatnonzero(~close[:, place]).tolist() for place, name in enumerate(NAMES)}
    return {name: rows for name, rows in wrong.items() if rows}


def with_spoilt_quotes(bars, seed=0):
    """Return the bars with locked quotes for up to nine minutes on end, and quotes that are missing."""
    rng = np.random.default_rng(seed)
    locked = np.convolve(rng.random(len(bars)) < 0.04, np.ones(9), mode="same") > 0
    ask = np.where(locked, bars.bid, bars.ask)
    return dataclasses.replace(bars, ask=np.where(rng.random(len(bars)) < 0.1, np.nan, ask))


def test_comparer_finds_planted_differences():
    values, expected = engine_and_pandas(random_bars([390, 210, 390], seed=201))
    assert disagreements(values, expected) == {}
    planted = expected.copy()
    planted[700, NAMES.index("rv_15")] *= 1 + 1e-4
    planted[701, NAMES.index("er30")] += 1e-4
    planted[702, NAMES.index("vpin")] = np.nan
    planted[3, NAMES.index("rsi14")] = 0.0  # in warm-up
    planted[:, NAMES.index("ret_1")] = np.roll(planted[:, NAMES.index("ret_1")], 1)
    found = disagreements(values, planted)
    assert len(found.pop("ret_1")) > 900
    assert found == {"rv_15": [700], "er30": [701], "vpin": [702], "rsi14": [3]}


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**31), sigma=st.sampled_from([0.0, 1e-4, 1e-3, 0.02]), tick=st.sampled_from([0.0, 0.01, 0.25]),
    untraded=st.sampled_from([0.0, 0.3, 0.9]), silent=st.sampled_from([0.0, 0.5, 1.0]),
    optional=st.sampled_from(RECORDS),
)  # fmt: skip
def test_engine_equals_pandas_on_random_bars(seed, sigma, tick, untraded, silent, optional):
    """Also with still markets, coarse ticks, rare bars and no volume."""
    bars = random_bars([180, 100, 180, 180], seed, sigma, untraded, optional)
    columns = {name: getattr(bars, name) for name in (*REQUIRED_COLUMNS, *optional)}
    if tick:
        columns |= {name: np.maximum(tick, tick * np.round(columns[name] / tick)) for name in ("open", "close")}
        columns["high"] = np.maximum(tick, tick * np.ceil(columns["high"] / tick))
        columns["low"] = np.maximum(tick, tick * np.floor(columns["low"] / tick))
    rng = np.random.default_rng(seed)
    columns["volume"] = np.where(rng.random(len(bars)) < silent, 0.0, columns["volume"])
    values, expected = engine_and_pandas(on_grid(bars.sessions, columns, bars.traded))
    assert disagreements(values, expected) == {}


@pytest.mark.parametrize("optional", RECORDS)
def test_engine_equals_pandas_over_more_than_twenty_sessions(optional):
    """The second of 24 sessions is a half-day: its minutes leave the history of twenty sessions one day earlier."""
    bars = random_bars([390, 210, *[390] * 22], seed=202, untraded=0.1, optional=optional)
    assert disagreements(*engine_and_pandas(bars)) == {}


@pytest.mark.parametrize("optional", [("bid", "ask"), QUOTES, OPTIONAL_COLUMNS])
def test_engine_equals_pandas_with_spoilt_quotes(optional):
    bars = with_spoilt_quotes(random_bars([390, 210, 390], seed=203, untraded=0.2, optional=optional))
    assert disagreements(*engine_and_pandas(bars)) == {}


@pytest.mark.parametrize(
    ("data_set", "symbol", "days"),
    [
        ("spy-2024", "SPY", ("2024-06-03", "2024-07-13")),  # a half-day on 3 July
        ("lean-equity", "IBM", ("2013-10-01", "2013-10-13")),  # quotes
        ("lean-equity", "BAC", ("2013-10-01", "2013-10-13")),  # quotes, coarse ticks
        ("midcaps-2024", "LII", ("2024-06-03", "2024-07-27")),  # a bar in every second minute
        ("midcaps-2024", "TPL", ("2024-06-03", "2024-07-27")),  # in one of seven
    ],
)
def test_engine_equals_pandas_on_real_bars(data_set, symbol, days):
    frame = read_bars(data_folder() / "bars-1m" / data_set / f"{symbol}.parquet")
    bars = to_grid(frame[frame["timestamp"].between(*days)], symbol, "XNYS")
    assert disagreements(*engine_and_pandas(bars)) == {}
