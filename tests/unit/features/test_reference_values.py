"""Published values that nobody here computed: TA-Lib's regression tests, EDGE, range estimators, GARCH.

Reference values that are tested beside their subject: F(1) of bulk classification (library/test_order_flow.py,
library/test_flow_options.py), Roll on a spread of 1 % (library/test_spread_estimators.py), the slope of Kyle
(library/test_order_flow.py), means of the range estimators at 390 steps (library/test_volatility.py), the efficiency
ratio of a random walk (library/test_regime.py), parameters of GARCH on the S&P 500 (fitted/test_garch.py).
"""

import itertools

import bidask
import numpy as np
import pandas as pd
import pytest
import talib

from intraday_rl.features.fitted import garch
from tests.support.pandas_features.edge import squared_spread
from tests.unit.features.feature_bars import compute, make_sessions, on_grid

# Closes of the 252 daily bars on which TA-Lib's regression tests run (ta_regtest, test_data.c).
CLOSES = np.array([
    91.5, 94.815, 94.375, 95.095, 93.78, 94.625, 92.53, 92.75, 90.315, 92.47, 96.125, 97.25, 98.5, 89.875, 91.0,
    92.815, 89.155, 89.345, 91.625, 89.875, 88.375, 87.625, 84.78, 83.0, 83.5, 81.375, 84.44, 89.25, 86.375, 86.25,
    85.25, 87.125, 85.815, 88.97, 88.47, 86.875, 86.815, 84.875, 84.19, 83.875, 83.375, 85.5, 89.19, 89.44, 91.095,
    90.75, 91.44, 89.0, 91.0, 90.5, 89.03, 88.815, 84.28, 83.5, 82.69, 84.75, 85.655, 86.19, 88.94, 89.28, 88.625,
    88.5, 91.97, 91.5, 93.25, 93.5, 93.155, 91.72, 90.0, 89.69, 88.875, 85.19, 83.375, 84.875, 85.94, 97.25, 99.875,
    104.94, 106.0, 102.5, 102.405, 104.595, 106.125, 106.0, 106.065, 104.625, 108.625, 109.315, 110.5, 112.75, 123.0,
    119.625, 118.75, 119.25, 117.94, 116.44, 115.19, 111.875, 110.595, 118.125, 116.0, 116.0, 112.0, 113.75, 112.94,
    116.0, 120.5, 116.62, 117.0, 115.25, 114.31, 115.5, 115.87, 120.69, 120.19, 120.75, 124.75, 123.37, 122.94,
    122.56, 123.12, 122.56, 124.62, 129.25, 131.0, 132.25, 131.0, 132.81, 134.0, 137.38, 137.81, 137.88, 137.25,
    136.31, 136.25, 134.63, 128.25, 129.0, 123.87, 124.81, 123.0, 126.25, 128.38, 125.37, 125.69, 122.25, 119.37,
    118.5, 123.19, 123.5, 122.19, 119.31, 123.31, 121.12, 123.37, 127.37, 128.5, 123.87, 122.94, 121.75, 124.44,
    122.0, 122.37, 122.94, 124.0, 123.19, 124.56, 127.25, 125.87, 128.86, 132.0, 130.75, 134.75, 135.0, 132.38,
    133.31, 131.94, 130.0, 125.37, 130.13, 127.12, 125.19, 122.0, 125.0, 123.0, 123.5, 120.06, 121.0, 117.75, 119.87,
    122.0, 119.19, 116.37, 113.5, 114.25, 110.0, 105.06, 107.0, 107.87, 107.0, 107.12, 107.0, 91.0, 93.94, 93.87,
    95.5, 93.0, 94.94, 98.25, 96.75, 94.81, 94.37, 91.56, 90.25, 93.94, 93.62, 97.0, 95.0, 95.87, 94.06, 94.62, 93.75,
    98.0, 103.94, 107.87, 106.06, 104.5, 105.0, 104.19, 103.06, 103.42, 105.27, 111.87, 116.0, 116.62, 118.28, 113.37,
    109.0, 109.7, 109.25, 107.0, 109.19, 110.0, 109.2, 110.12, 108.0, 108.62, 109.75, 109.81, 109.0, 108.75, 107.87,
])  # fmt: skip

# Open, high, low, close of some of these bars, as places 0 to 9, 26, and 242 to 251.
FIRST_TEN = np.array([
    (92.5, 93.25, 90.75, 91.5), (91.5, 94.94, 91.405, 94.815), (95.155, 96.375, 94.25, 94.375),
    (93.97, 96.19, 93.5, 95.095), (95.5, 96.0, 92.815, 93.78), (94.5, 94.72, 93.5, 94.625), (95.0, 95.0, 92.0, 92.53),
    (91.5, 93.72, 89.75, 92.75), (91.815, 92.47, 89.44, 90.315), (91.125, 92.75, 90.625, 92.47),
])  # fmt: skip
RISING_BAR = np.array([(81.25, 84.44, 81.25, 84.44)])
LAST_TEN = np.array([
    (110.69, 111.06, 108.62, 110.0), (109.06, 110.44, 107.75, 109.2), (108.5, 110.12, 108.06, 110.12),
    (109.87, 110.31, 108.0, 108.0), (109.12, 110.44, 108.19, 108.62), (109.69, 110.0, 108.12, 109.75),
    (109.56, 110.75, 109.06, 109.81), (110.44, 110.5, 108.75, 109.0), (109.69, 110.5, 108.56, 108.75),
    (109.19, 109.5, 106.62, 107.87),
])  # fmt: skip

# The first ten rows of EDGE's reference file ohlc.csv (bidask, pseudocode folder).
EDGE_ROWS = np.array([
    (1.00240075994025, 1.00935878365403, 0.976061138469904, 0.976061138469904),
    (0.929743096395543, 0.929774737723069, 0.928919694164385, 0.929774737723069),
    (0.943911414384193, 0.968140794511406, 0.943911414384193, 0.968140794511406),
    (0.977605378856722, 0.977605378856722, 0.977605378856722, 0.977605378856722),
    (0.961535370407048, 0.99982474278851, 0.961535370407048, 0.986215329667607),
    (0.982409003083975, 0.992213437101346, 0.982409003083975, 0.992213437101346),
    (1.03435413274433, 1.03435413274433, 1.03435413274433, 1.03435413274433),
    (1.0201424300403, 1.04025465277235, 1.0201424300403, 1.03219266262805),
    (1.03650094499406, 1.03650094499406, 1.03650094499406, 1.03650094499406),
    (1.05368509087896, 1.05368509087896, 1.02605242183949, 1.02798086837104),
])  # fmt: skip

PRICES = ("open", "high", "low", "close")


def one_session(rows):
    """Return bars of these open, high, low and close prices (T, 4), one session long."""
    columns = {name: np.array(column) for name, column in zip(PRICES, np.transpose(rows), strict=True)}
    columns["volume"] = np.full(len(rows), 100.0)
    return on_grid(make_sessions([len(rows)]), columns, np.ones(len(rows), dtype=bool))


def closes_only():
    return one_session(np.repeat(CLOSES[:, None], 4, axis=1))


def test_series_is_that_of_the_regression_tests():
    """By TA-Lib itself, which its tests hold to these values."""
    np.testing.assert_allclose(talib.RSI(CLOSES, 14)[[14, 15, 16, 251]], [49.14, 52.32, 46.07, 49.63], atol=0.01)
    line, signal, _ = talib.MACD(CLOSES, 12, 26, 9)
    np.testing.assert_allclose([line[33], signal[33]], [-1.9738, -2.7071], atol=5e-5)


def test_rsi14_has_the_published_values():
    result = 50 + 50 * compute(closes_only(), "rsi14")["rsi14"]
    assert result.first_valid_index() == 14
    np.testing.assert_allclose(result[[14, 15, 16, 251]], [49.14, 52.32, 46.07, 49.63], atol=0.01)


def test_macd_is_that_of_talib_at_the_end_of_the_published_series():
    """TA-Lib starts its averages with a mean of 26 closes, ours start with the first: the start is forgotten by now."""
    expected = np.stack(talib.MACD(CLOSES, 12, 26, 9), axis=1)[-20:]
    ranges = talib.ATR(CLOSES, CLOSES, CLOSES, 14)[-20:, None]
    result = compute(closes_only(), "macd_line", "macd_signal", "macd_histogram")[-20:] * ranges
    np.testing.assert_allclose(result, expected, atol=2e-6)


@pytest.mark.parametrize(
    ("rows", "published"),
    [
        (FIRST_TEN, 0.017975900777358125),
        (LAST_TEN, 0.013464874272606921),
        (FIRST_TEN[:1], 0.017612307025905667),
        (LAST_TEN[-1:], 0.01789243130749407),
    ],
)
def test_rs30_has_the_published_values(rows, published):
    """Of one and of ten bars, worked out by TA-Lib to 60 digits: thirty bars that repeat them have the same mean."""
    repeated = np.tile(rows, (30 // len(rows), 1))
    result = compute(one_session(repeated), "rs30")["rs30"]
    assert result.iloc[-1] == pytest.approx(1e4 * published, rel=1e-6)


def test_rs30_of_bars_from_low_to_high_is_exactly_zero():
    assert compute(one_session(np.tile(RISING_BAR, (30, 1))), "rs30")["rs30"].iloc[-1] == 0.0


def test_range_estimators_have_the_published_efficiencies():
    """Brownian bars of 390 steps: variance of the squared return over that of the estimate of one bar.

    The windows of 30 bars and of 15 returns are counted back to one bar. Over 40,000 bars the ratios have a standard
    error of about 4 %.
    """
    rng = np.random.default_rng(301)
    steps = rng.standard_normal((40_320, 390), dtype=np.float32) * np.float32(1e-3 / np.sqrt(390))
    path = np.cumsum(steps, axis=1, dtype=np.float64)
    opens = np.concatenate([[0.0], np.cumsum(path[:-1, -1])])
    highs, lows = opens + np.maximum(path.max(axis=1), 0.0), opens + np.minimum(path.min(axis=1), 0.0)
    logs = dict(zip(PRICES, (opens, highs, lows, opens + path[:, -1]), strict=True))
    columns = {name: 100 * np.exp(values) for name, values in logs.items()} | {"volume": np.full(len(opens), 100.0)}
    bars = on_grid(make_sessions([1440] * 28), columns, np.ones(len(opens), dtype=bool))
    variances = (compute(bars, "rv_15", "parkinson30", "gk30", "rs30")[30:].astype(float) ** 2).var()
    efficiency = 15 * variances["rv_15"] / (30 * variances.drop("rv_15"))
    np.testing.assert_allclose(efficiency, [5.20, 8.03, 6.18], rtol=0.1)


def test_garch_has_the_published_fit_and_forecasts():
    """arch 8.0 on its own S&P 500 returns, in percent and with a mean; ours has no mean, which is taken out before."""
    from arch import arch_model
    from arch.data import sp500

    returns = 100 * sp500.load()["Adj Close"].pct_change().dropna()
    fit = arch_model(returns).fit(disp="off")
    np.testing.assert_allclose(fit.params, [0.05635, 0.01751, 0.10215, 0.88521], atol=5e-5)
    assert fit.loglikelihood == pytest.approx(-6936.718, abs=5e-3)
    forecast = garch.forecast_variance((returns - 0.05635).to_numpy())
    ahead = [forecast.variance]
    for _ in range(2):
        ahead.append(forecast.omega + (forecast.alpha + forecast.beta) * ahead[-1])
    np.testing.assert_allclose(ahead, [3.59647, 3.5685, 3.54089], rtol=2e-3)


def test_edge_has_the_published_value_of_its_first_ten_rows():
    """The published estimator and the moments in pandas, signed; the engine's windows have sixty bars, see below."""
    assert bidask.edge(*EDGE_ROWS.T, sign=True) == pytest.approx(-0.016889917516422, rel=1e-9)
    logs = pd.DataFrame(np.log(EDGE_ROWS), columns=list(PRICES))
    square = squared_spread(dict(logs.shift()[1:]), dict(logs[1:]), 9).iloc[-1]
    assert np.sign(square) * np.sqrt(abs(square)) == pytest.approx(-0.016889917516422, rel=1e-9)


def test_edge_of_the_published_degenerate_rows_is_not_known():
    """The published estimator has NaN, the feature 0: three bars of which one moved."""
    rows = [(18.21, 18.21, 17.61, 17.61), *[(17.61, 17.61, 17.61, 17.61)] * 2]
    assert np.isnan(bidask.edge(*np.transpose(rows)))
    still = np.tile(rows[1], (57, 1))
    result = compute(one_session(np.concatenate([still, rows])), "ohlc_spread_bps")["ohlc_spread_bps"]
    assert result.iloc[-1] == 0.0


def traded_prices(seed, sigma, spread, tick):
    """Return (300, 4) prices of twenty trades a bar, at the mid half a spread up or down."""
    rng = np.random.default_rng(seed)
    mid = 100 * np.exp(np.cumsum(rng.normal(0, sigma / np.sqrt(20), 300 * 20)))
    trades = (mid * (1 + spread / 2 * rng.choice([-1, 1], len(mid)))).reshape(300, 20)
    trades = np.round(trades / tick) * tick if tick else trades
    return np.stack([trades[:, 0], trades.max(axis=1), trades.min(axis=1), trades[:, -1]], axis=1)


@pytest.mark.parametrize(
    ("sigma", "spread", "tick"), list(itertools.product([1e-4, 1e-3], [2e-4, 1e-2], [0.0, 0.01, 0.1]))
)
def test_ohlc_spread_is_that_of_the_published_estimator(sigma, spread, tick):
    rows = traded_prices(302, sigma, spread, tick)
    result = compute(one_session(rows), "ohlc_spread_bps")["ohlc_spread_bps"]
    expected = [1e4 * bidask.edge(*rows[t - 59 : t + 1].T) for t in range(59, len(rows))]
    np.testing.assert_allclose(result[59:], expected, rtol=1e-5, atol=1e-3)
