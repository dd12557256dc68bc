"""What quotes and ticks tell: order flow by hand and by pandas, spreads of measured trades, and what stands in."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from intraday_rl.data.bars import OPTIONAL_COLUMNS
from tests.unit.features.feature_bars import compute, gap_removed, make_sessions, on_grid, pipeline, random_bars

TICKS = random_bars([390, 390], seed=21, untraded=0.05, optional=OPTIONAL_COLUMNS)
TICKS = dataclasses.replace(TICKS, bid=TICKS.bid + 0.004, ask=TICKS.ask + 0.004)  # no mid is a close
QUOTES = ("vwap", "bid", "ask", "bid_size", "ask_size")


def without(bars, *names):
    return dataclasses.replace(bars, **{name: np.full(len(bars), np.nan) for name in names})


def quoted(bid, ask, bid_size, ask_size):
    """Return a session whose last quotes are the given ones, after 30 minutes of 10.00/10.02 and 300 x 500 shares."""
    calm, count = 30, 30 + len(bid)
    columns = {name: np.full(count, 10.0) for name in ("open", "high", "low", "close")} | {"volume": np.ones(count)}
    given = {"bid": bid, "ask": ask, "bid_size": bid_size, "ask_size": ask_size}
    first = {"bid": 10.00, "ask": 10.02, "bid_size": 300.0, "ask_size": 500.0}
    columns |= {name: np.concatenate([np.full(calm, first[name]), given[name]]) for name in given}
    return on_grid(make_sessions([count]), columns, np.ones(count, dtype=bool))


def test_order_flow_of_closing_quotes_by_hand():
    """Mean depth 400. Bid up a tick with 200: +200. Then ask up, 100 left where 500 stood: +500. Then sizes alone: the
    bid from 200 to 700, +500, the ask from 100 to 350, -250: +250. Then the bid a tick down: -700."""
    bars = quoted(
        [10.01, 10.01, 10.01, 10.00], [10.02, 10.03, 10.03, 10.03], [200.0, 200, 700, 100], [500.0, 100, 350, 350]
    )
    depths = np.concatenate([np.full(30, 400.0), [350, 150, 525, 225]])
    expected = [
        flow / depths[t - 29 : t + 1].mean() for t, flow in zip(range(30, 34), [200, 500, 250, -700], strict=True)
    ]
    result = compute(bars, "ofi")["ofi"].astype(float)
    assert result[:29].isna().all()
    assert result[29] == 0.0
    np.testing.assert_allclose(result[30:], expected, rtol=1e-6)


def test_order_flow_of_a_sessions_first_quote_is_none():
    result = compute(without(TICKS, "order_flow"), "ofi")["ofi"]
    first = np.flatnonzero(TICKS.minute[TICKS.traded] == TICKS.minute[TICKS.traded & (TICKS.session == 1)][0])[-1]
    assert result[first] == 0.0
    assert (result[first + 1 : first + 20] != 0.0).any()


def test_order_flow_of_all_changes_is_taken_where_it_was_measured():
    frame = pd.DataFrame({name: getattr(TICKS, name)[TICKS.traded] for name in ("order_flow", "bid_size", "ask_size")})
    depth = ((frame["bid_size"] + frame["ask_size"]) / 2).rolling(30).mean()
    np.testing.assert_allclose(compute(TICKS, "ofi")["ofi"], frame["order_flow"] / depth, rtol=1e-5)


def test_order_flow_of_a_record_without_sizes_is_the_average_of_signed_volume():
    bars = without(TICKS, "bid_size", "ask_size")
    signed = compute(bars, "signed_vol")["signed_vol"].astype(float)
    np.testing.assert_allclose(
        compute(bars, "ofi")["ofi"], signed.ewm(span=5, adjust=False, min_periods=5).mean(), atol=1e-6
    )


def test_order_flow_is_unknown_where_no_quote_stands():
    ask = TICKS.ask.copy()
    ask[500:520] = TICKS.bid[500:520]
    result = pd.Series(pipeline("ofi").compute(dataclasses.replace(TICKS, ask=ask)).values[:, 0])
    traded = np.flatnonzero(TICKS.traded[500:520]) + 500
    assert result[traded[:5]].notna().all()
    assert result[traded[5:]].isna().all()


def test_measured_spreads_are_those_of_the_trades():
    """Effective as measured; realised and adverse from the sums over trades and the mid of five bars later."""
    frame = gap_removed(TICKS)
    columns = {name: getattr(TICKS, name)[TICKS.traded] for name in OPTIONAL_COLUMNS}
    scale = (frame["close"] / frame["raw"]).to_numpy()
    middle = (columns["bid"] + columns["ask"]) / 2 * scale
    share = (columns["buy_volume"] - columns["sell_volume"]) / (columns["buy_volume"] + columns["sell_volume"])
    lagged = pd.DataFrame(
        {"effective": columns["effective_spread_bps"], "share": share, "per_mid": columns["side_per_mid"] / scale}
    ).shift(5)
    adverse = 2e4 * (middle * lagged["per_mid"] - lagged["share"])
    result = compute(TICKS, "eff_spread_bps", "realised_spread5", "adverse_sel5").astype(float)
    np.testing.assert_allclose(result["eff_spread_bps"], columns["effective_spread_bps"], rtol=1e-6)
    np.testing.assert_allclose(result["adverse_sel5"], adverse, rtol=2e-7, atol=4e-3)
    np.testing.assert_allclose(result["realised_spread5"], lagged["effective"] - adverse, rtol=2e-7, atol=4e-3)


def test_one_measured_trade_by_hand():
    """A buy at 10.02 against a mid of 10.01: effective 2 * 0.01/10.01. Five bars later the mid is 10.03: 2 *
    0.02/10.01 went to the buyer, so half of that was lost by the one who sold."""
    columns = {name: np.full(6, 10.0) for name in ("open", "high", "low", "close")} | {"volume": np.full(6, 100.0)}
    nothing = np.full(6, np.nan)
    columns |= {
        "bid": np.array([10.0, 10.0, 10.0, 10.0, 10.0, 10.02]),
        "ask": np.array([10.02, 10.02, 10.02, 10.02, 10.02, 10.04]),
        "buy_volume": np.array([100.0, 0, 0, 0, 0, 0]),
        "sell_volume": np.zeros(6),
        "effective_spread_bps": np.concatenate([[2e4 * 0.01 / 10.01], nothing[1:]]),
        "side_per_mid": np.concatenate([[1 / 10.01], nothing[1:]]),
    }
    bars = on_grid(make_sessions([6]), columns, np.ones(6, dtype=bool))
    last = compute(bars, "eff_spread_bps", "realised_spread5", "adverse_sel5").astype(float).iloc[-1]
    assert np.isnan(last["eff_spread_bps"])
    assert last["adverse_sel5"] == pytest.approx(2e4 * 0.02 / 10.01, rel=1e-5)
    assert last["realised_spread5"] == pytest.approx(-2e4 * 0.01 / 10.01, rel=1e-5)


def test_measured_effective_spread_splits_into_realised_and_adverse():
    """Exactly so but for the table's 32 bits: parts of 2e4 bps, as random sides have, are rounded to 2e-3."""
    names = ("eff_spread_bps", "realised_spread5", "adverse_sel5")
    result = compute(TICKS, *names).astype(float)
    total = result["realised_spread5"] + result["adverse_sel5"]
    np.testing.assert_allclose(total[5:], result["eff_spread_bps"].shift(5)[5:], rtol=1e-6, atol=4e-3)


def test_sources_tell_what_was_measured():
    names = ("ofi", "eff_spread_bps", "adverse_sel5", "depth_ratio")
    assert pipeline(*names).sources(TICKS) == dict.fromkeys(names[:3], "ticks") | {"depth_ratio": "quotes"}
    quotes = without(TICKS, "order_flow", "side_per_mid")
    assert pipeline(*names).sources(quotes) == dict(zip(names, ("quotes", "proxy", "proxy", "quotes"), strict=True))
    none = without(TICKS, "bid", "vwap")
    assert pipeline(*names).sources(none) == dict(
        zip(names, ("proxy", "proxy_typical_price", "proxy_typical_price", "proxy"), strict=True)
    )
