"""Laws of the features: causality, scale, mirror, bounds."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intraday_rl.data import read_bars, to_grid
from intraday_rl.data.bars import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from intraday_rl.features import PRESETS, REGIMES
from tests.support.real_data import data_folder
from tests.unit.features.feature_bars import on_grid, pipeline, random_bars, replace_rows

NAMES = (*PRESETS["ext54"], *REGIMES)
COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS
QUOTED = random_bars([390, 210, 390], seed=101, untraded=0.1, optional=OPTIONAL_COLUMNS)
PLAIN = random_bars([390, 210, 390], seed=102, untraded=0.1, optional=())


def values_of(bars):
    table = pipeline(*NAMES).compute(bars)
    return table.values, table.valid


def changed_rows(before, after, last):
    """Return the rows up to `last`, this one included, in which any bit differs."""
    same_values = before[0][: last + 1].view(np.uint32) == after[0][: last + 1].view(np.uint32)
    return np.flatnonzero(~same_values.all(axis=1) | (before[1][: last + 1] != after[1][: last + 1]))


def noise(bars, start):
    rng = np.random.default_rng(start)
    changes = {name: getattr(bars, name) * np.exp(10 * rng.normal(0, 1e-3, len(bars))) for name in COLUMNS}
    return replace_rows(bars, start, changes)


def unknown(bars, start):
    return replace_rows(bars, start, {name: np.full(len(bars), np.nan) for name in COLUMNS})


def another_day(bars, start):
    changes = {name: np.roll(getattr(bars, name), 97) for name in (*COLUMNS, "traded")}
    return replace_rows(bars, start, changes)


def shuffled(bars, start):
    order = np.arange(len(bars))
    np.random.default_rng(start).shuffle(order[start:])
    return replace_rows(bars, start, {name: getattr(bars, name)[order] for name in (*COLUMNS, "traded")})


REPLACEMENTS = (noise, unknown, another_day, shuffled)


@pytest.fixture(scope="module")
def spy():
    """SPY, 2 to 5 July 2024; the second session is a half-day."""
    frame = read_bars(data_folder() / "bars-1m" / "spy-2024" / "SPY.parquet")
    return to_grid(frame[frame["timestamp"].between("2024-07-02", "2024-07-06")], "SPY", "XNYS")


def test_comparer_finds_a_planted_leak():
    """One column tells the next bar's value: every row in which it matters is found, and only there."""
    before = values_of(QUOTED)
    after = values_of(noise(QUOTED, 700))
    leaking = [(np.roll(values, -1, axis=0), valid) for values, valid in (before, after)]
    assert changed_rows(before, after, 699).size == 0
    assert changed_rows(*leaking, 699).tolist() == [699]
    assert changed_rows(before, after, 720).size > 0


@pytest.mark.parametrize("replace", REPLACEMENTS)
@pytest.mark.parametrize("bars", [QUOTED, PLAIN], ids=["quotes", "plain"])
def test_features_do_not_see_later_bars(bars, replace):
    before = values_of(bars)
    for last in [*range(395, 990, 66), 598, 599, 600, 601, 988]:
        assert changed_rows(before, values_of(replace(bars, last + 1)), last).size == 0


@pytest.mark.parametrize("replace", REPLACEMENTS)
def test_features_of_spy_do_not_see_later_bars(spy, replace):
    before = values_of(spy)
    assert spy.sessions.minutes.tolist() == [390, 210, 390]
    for last in [390, 391, 450, 598, 599, 600, 700, 800, 985]:
        assert changed_rows(before, values_of(replace(spy, last + 1)), last).size == 0


def scaled(bars, prices=1.0, shares=1.0):
    changes = {name: getattr(bars, name) * prices for name in ("open", "high", "low", "close", "vwap", "bid", "ask")}
    counted = ("volume", "bid_size", "ask_size", "buy_volume", "sell_volume", "order_flow")
    changes |= {name: getattr(bars, name) * shares for name in counted}
    changes["side_per_mid"] = bars.side_per_mid / prices
    return dataclasses.replace(bars, **changes)


def assert_equal_but_for(first, second, *excepted):
    kept = [place for place, name in enumerate(NAMES) if name not in excepted]
    np.testing.assert_allclose(first[:, kept], second[:, kept], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("factor", [0.01, 7.0, 1000.0])
def test_prices_in_another_unit_change_nothing(factor):
    """Prices times k, shares by k: the value traded is the same."""
    before = pipeline(*NAMES, base_spread=0.01).compute(QUOTED).values
    after = pipeline(*NAMES, base_spread=0.01 * factor).compute(scaled(QUOTED, factor, 1 / factor)).values
    assert_equal_but_for(before, after)


def test_shares_in_another_unit_change_amihud_alone():
    assert_equal_but_for(values_of(QUOTED)[0], values_of(scaled(QUOTED, shares=50.0))[0], "amihud")


SAME = ("rv_15", "rv_60", "parkinson30", "gk30", "rs30", "yz30", "garch1", "ret_1")
SIGNED = {
    "ret_1": 1e-6, "ret_5": 1e-6, "ret_15": 1e-6, "ret_30": 1e-6, "depth_imb": 1e-4, "ofi": 1e-4, "signed_vol": 1e-4,
    "microprice_dev": 1e-4, "rsi14": 1e-4, "macd_line": 1e-3, "macd_signal": 1e-3, "macd_histogram": 1e-3,
    "vwap_dev": 1e-2, "bb_pctb": 1e-4, "ema_gap": 1e-3, "er30": 1e-4, "sma_slope": 1e-2,
}  # fmt: skip


def test_mirrored_prices_change_the_sign_of_signed_features():
    """Prices p become 1e4/p, lows highs, and bids asks. What reads price differences is equal for small moves only."""
    bars = random_bars([390, 390], seed=103, sigma=1e-6, optional=OPTIONAL_COLUMNS)
    pairs = {"open": "open", "close": "close", "high": "low", "low": "high", "bid": "ask", "ask": "bid", "vwap": "vwap"}
    changes = {name: 1e4 / getattr(bars, source) for name, source in pairs.items()}
    changes |= {"bid_size": bars.ask_size, "ask_size": bars.bid_size, "order_flow": -bars.order_flow}
    changes |= {"buy_volume": bars.sell_volume, "sell_volume": bars.buy_volume, "side_per_mid": -bars.side_per_mid}
    before, after = values_of(bars)[0], values_of(dataclasses.replace(bars, **changes))[0]
    for name in SAME[:-1]:
        place = NAMES.index(name)
        np.testing.assert_allclose(after[:, place], before[:, place], rtol=1e-5)
    for name, tolerance in SIGNED.items():
        place = NAMES.index(name)
        np.testing.assert_allclose(after[:, place], -before[:, place], rtol=1e-3, atol=tolerance, err_msg=name)


BOUNDS = {
    "depth_imb": (-1, 1), "signed_vol": (-1, 1), "vpin": (0, 1), "rsi14": (-1, 1), "er30": (-1, 1),
    "vol_pct": (-0.5, 0.5), "sma_slope": (-425, 425), "phase": (-1, 1), "tod_sin": (-1, 1), "tod_cos": (-1, 1),
    "bb_pctb": (-2.2, 2.2), "amihud": (0, np.inf), "roll_bps": (0, np.inf), "ohlc_spread_bps": (0, np.inf),
    **dict.fromkeys(REGIMES, (0, 1)),
}  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31), sigma=st.sampled_from([0.0, 1e-7, 3e-4, 0.05]), tick=st.sampled_from([0.0, 0.01, 1.0]),
    untraded=st.sampled_from([0.0, 0.3, 0.9]), silent=st.sampled_from([0.0, 0.5, 1.0]),
    optional=st.sampled_from([(), ("vwap",), OPTIONAL_COLUMNS]),
)  # fmt: skip
def test_features_are_finite_and_bounded(seed, sigma, tick, untraded, silent, optional):
    """Also with still markets, coarse ticks, rare bars and no volume; unknown is NaN, never infinite."""
    bars = random_bars([390, 210, 390], seed, sigma, untraded, optional)
    columns = {name: getattr(bars, name) for name in (*REQUIRED_COLUMNS, *optional)}
    if tick:
        columns |= {name: np.maximum(tick, tick * np.round(columns[name] / tick)) for name in ("open", "close")}
        columns["high"] = np.maximum(tick, tick * np.ceil(columns["high"] / tick))
        columns["low"] = np.maximum(tick, tick * np.floor(columns["low"] / tick))
    columns["volume"] = np.where(np.random.default_rng(seed).random(len(bars)) < silent, 0.0, columns["volume"])
    names = [name for name in NAMES if name != "garch1"]
    values = pipeline(*names).compute(on_grid(bars.sessions, columns, bars.traded)).values
    assert not np.isinf(values).any()
    bounds = BOUNDS if "bid_size" in optional else BOUNDS | {"ofi": (-1, 1)}
    for name, (low, high) in bounds.items():
        column = values[:, names.index(name)]
        known = column[~np.isnan(column)]
        assert ((known >= low) & (known <= high)).all(), name
    if untraded == 0.0 and silent == 0.0:
        assert not np.isnan(values[390:]).any()
