"""Microstructure: quotes, activity, trades against pandas and hand arithmetic; flow and spreads: see beside."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tests.unit.features.feature_bars import compute, gap_removed, make_sessions, on_grid, pipeline, random_bars
from tests.unit.features.library.test_momentum import atr

MANY = random_bars([390, 390, 210, 390], seed=11, untraded=0.05, optional=("vwap", "trade_count"))
FRAME = gap_removed(MANY)
QUOTED = random_bars([390, 390], seed=12, optional=("bid", "ask", "bid_size", "ask_size"))


def usual(values, bars=MANY):
    """Return the median of the minute over the sessions before, by its definition; minutes without a bar count 0."""
    table = pd.DataFrame({"session": bars.session, "minute": bars.minute, "value": np.where(bars.traded, values, 0.0)})
    grid = table.pivot(index="session", columns="minute", values="value")
    medians = pd.DataFrame({s: grid[grid.index < s].tail(20).median() for s in grid.index}).T
    return medians.to_numpy()[bars.session[bars.traded], bars.minute[bars.traded]]


def test_modelled_spread_widens_with_volume_and_moves():
    move = 2 * FRAME["change"].abs() / atr(FRAME).shift()
    volume = (FRAME["volume"] / usual(MANY.volume)).replace(np.inf, 0)  # nothing usual: nothing to compare with
    widening = np.maximum(1, np.maximum(volume, move)).clip(1, 5)
    expected = (1e4 * 0.02 * widening / FRAME["raw"]).where(FRAME["session"] > 0)
    result = compute(MANY, "spread_bps", base_spread=0.02)["spread_bps"]
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert widening.min() == 1 < widening.median() < 5 == widening.max()


def test_modelled_spread_of_a_market_that_never_moved_is_the_base_spread():
    columns = {name: np.full(180, 50.0) for name in ("open", "high", "low", "close")}
    bars = on_grid(make_sessions([90, 90]), columns | {"volume": np.zeros(180)}, np.ones(180, dtype=bool))
    result = compute(bars, "spread_bps", base_spread=0.01)["spread_bps"]
    np.testing.assert_allclose(result[90:], 2.0)


def test_spread_rel_is_relative_to_the_median_of_what_is_known():
    spread = compute(MANY, "spread_bps")["spread_bps"].astype(float)
    expected = spread / spread.rolling(60, min_periods=1).median() - 1
    np.testing.assert_allclose(compute(MANY, "spread_rel")["spread_rel"], expected, atol=1e-6)


def test_quotes_give_spread_depth_and_microprice():
    middle = (QUOTED.bid + QUOTED.ask) / 2
    micro = (QUOTED.ask * QUOTED.bid_size + QUOTED.bid * QUOTED.ask_size) / (QUOTED.bid_size + QUOTED.ask_size)
    result = compute(QUOTED, "spread_bps", "depth_imb", "microprice_dev")
    np.testing.assert_allclose(result["spread_bps"], 1e4 * (QUOTED.ask - QUOTED.bid) / middle, rtol=1e-6)
    imbalance = (QUOTED.bid_size - QUOTED.ask_size) / (QUOTED.bid_size + QUOTED.ask_size)
    np.testing.assert_allclose(result["depth_imb"], imbalance, atol=1e-6)
    np.testing.assert_allclose(result["microprice_dev"], 1e4 * (micro - middle) / middle, atol=1e-5)


@pytest.mark.parametrize("first_unusable", [100, 385])
def test_quote_stands_for_five_bars(first_unusable):
    rows = slice(first_unusable, first_unusable + 7)
    ask = QUOTED.ask.copy()
    ask[rows] = QUOTED.bid[rows]  # locked
    result = compute(dataclasses.replace(QUOTED, ask=ask), "spread_bps", "depth_imb", "microprice_dev")[rows]
    np.testing.assert_array_equal(result.notna(), np.repeat([[True], [False]], [5, 2], axis=0).repeat(3, axis=1))
    before = compute(QUOTED, "spread_bps")["spread_bps"][first_unusable - 1]
    assert (result["spread_bps"][:5] == before).all()


def test_quote_does_not_stand_overnight():
    ask = QUOTED.ask.copy()
    ask[390:392] = np.nan
    result = compute(dataclasses.replace(QUOTED, ask=ask), "spread_bps")["spread_bps"]
    assert result[388:394].isna().tolist() == [False, False, True, True, False, False]


def test_depth_proxy_is_the_close_in_the_range():
    expected = (2 * FRAME["close"] - FRAME["high"] - FRAME["low"]) / (FRAME["high"] - FRAME["low"])
    np.testing.assert_allclose(compute(MANY, "depth_imb")["depth_imb"], expected, atol=1e-6)


def test_depth_proxy_of_a_bar_without_range_is_zero():
    columns = {name: np.full(3, 50.0) for name in ("open", "high", "low", "close")} | {"volume": np.ones(3)}
    bars = on_grid(make_sessions([3]), columns, np.ones(3, dtype=bool))
    assert (compute(bars, "depth_imb")["depth_imb"] == 0).all()


def test_microprice_proxy_is_the_close_against_the_vwap():
    expected = 1e4 * (FRAME["close"] - FRAME["vwap"]) / FRAME["close"]
    np.testing.assert_allclose(compute(MANY, "microprice_dev")["microprice_dev"], expected, atol=1e-5)


def test_trades_of_five_bars_ago_split_into_realised_and_adverse():
    gap = FRAME["vwap"] - FRAME["close"]
    effective = 2e4 * gap.abs() / FRAME["close"]
    side, vwap, close = np.sign(gap).shift(5), FRAME["vwap"].shift(5), FRAME["close"].shift(5)
    result = compute(MANY, "eff_spread_bps", "realised_spread5", "adverse_sel5").astype(float)
    np.testing.assert_allclose(result["eff_spread_bps"], effective, atol=1e-5)
    np.testing.assert_allclose(result["realised_spread5"], 2e4 * side * (vwap - FRAME["close"]) / close, atol=2e-5)
    np.testing.assert_allclose(result["adverse_sel5"], 2e4 * side * (FRAME["close"] - close) / close, atol=2e-5)
    total = result["realised_spread5"] + result["adverse_sel5"]
    np.testing.assert_allclose(total[5:], result["eff_spread_bps"].shift(5)[5:], atol=2e-5)


def test_bar_whose_vwap_is_its_close_has_no_side():
    bars = random_bars([60], seed=13, optional=("vwap",))
    bars = dataclasses.replace(bars, vwap=bars.close.copy())
    result = compute(bars, "eff_spread_bps", "realised_spread5", "adverse_sel5")[5:]
    assert (result == 0).all().all()


def test_trade_intensity_is_the_log_ratio_of_trade_counts():
    count, median = FRAME["trade_count"], usual(MANY.trade_count)
    expected = np.where(median == 0, np.log(1 + count), np.log(count / np.where(median == 0, np.nan, median)))
    np.testing.assert_allclose(compute(MANY, "trade_intensity")["trade_intensity"], expected, atol=1e-6)


def test_trade_intensity_takes_volumes_where_trades_are_not_counted():
    bars = random_bars([390, 390, 390], seed=14, untraded=0.05, optional=())
    volume = bars.volume[bars.traded]
    expected = np.log((1 + volume) / (1 + usual(bars.volume, bars)))
    np.testing.assert_allclose(compute(bars, "trade_intensity")["trade_intensity"], expected, atol=1e-6)


def test_trade_intensity_of_no_trades_and_of_none_usual():
    """Minute 0: 7 trades where 0 are usual, ln 8; minute 1: none where 9 are usual, ln 1/10; minute 2: 6 of 3, ln 2."""
    columns = {name: np.full(6, 50.0) for name in ("open", "high", "low", "close")} | {"volume": np.full(6, 100.0)}
    counts = np.array([0.0, 9.0, 3.0, 7.0, 0.0, 6.0])
    bars = on_grid(make_sessions([3, 3]), columns | {"trade_count": counts}, np.ones(6, dtype=bool))
    result = compute(bars, "trade_intensity")["trade_intensity"]
    np.testing.assert_allclose(result[3:], np.log([8, 0.1, 2]), rtol=1e-6)


def test_sources_tell_quotes_bars_and_proxies():
    names = ("spread_bps", "depth_imb", "microprice_dev", "ofi", "vwap_dev", "trade_intensity", "rsi14")
    assert pipeline(*names).sources(QUOTED) == {
        "spread_bps": "quotes",
        "depth_imb": "quotes",
        "microprice_dev": "quotes",
        "ofi": "quotes",
        "vwap_dev": "proxy_typical_price",
        "trade_intensity": "proxy",
        "rsi14": "bars",
    }
    assert pipeline(*names).sources(MANY) == {
        "spread_bps": "proxy",
        "depth_imb": "proxy",
        "microprice_dev": "proxy",
        "ofi": "proxy",
        "vwap_dev": "bars",
        "trade_intensity": "bars",
        "rsi14": "bars",
    }
