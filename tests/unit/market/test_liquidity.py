"""Spread widening, Kyle's lambda and calm volatility by hand, by least squares, and against manipulation."""

import math
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from intraday_rl.data import Bars, exchange_sessions, read_bars, to_grid
from intraday_rl.features import FeaturePipeline
from intraday_rl.features.library import Microstructure, Volatility
from intraday_rl.market.liquidity import bound_lambda, calm_volatility, kyle_lambda, spread_widening
from tests.support.exact import assert_same_bits
from tests.support.real_data import data_folder

SLOW, FAST = 0.7, 0.5  # what is kept of each half of the impact a bar later


def make_bars(num_sessions=4, seed=0, untraded=0.0):
    """Return random sessions of 2024-07-01 on, 2024-07-03 a half-day; volume goes with the size of the move."""
    sessions = exchange_sessions("XNYS", "2024-07-01", "2024-08-31").take(slice(0, num_sessions))
    rng, rows = np.random.default_rng(seed), int(sessions.first[-1])
    change = 0.02 * rng.standard_t(4, rows)
    close = 100.0 + np.cumsum(change)
    open_ = close - change
    columns = {
        "open": open_,
        "high": np.maximum(open_, close) + 0.01,
        "low": np.minimum(open_, close) - 0.01,
        "close": close,
        "volume": np.floor(1_000 * rng.lognormal(size=rows) * (1.0 + 20.0 * np.abs(change))),
    }
    traded = rng.random(rows) >= untraded
    traded[sessions.first[:-1]] = True
    for t in np.flatnonzero(~traded):
        for name in ("open", "high", "low", "close"):
            columns[name][t] = columns["close"][t - 1]
    columns["volume"][~traded] = 0.0
    return Bars.on_grid("TEST", sessions, columns, traded)


def scales_of(bars):
    """Return ATR and volatility in price units, (T,) each: about those of the features, unknown for 60 bars."""
    rows = bars.traded & np.append(False, bars.session[1:] == bars.session[:-1])
    change = pd.Series(np.where(rows, np.diff(bars.close, prepend=np.nan), np.nan))
    spans = pd.Series(np.where(rows, bars.high - bars.low, np.nan))
    volatility = np.sqrt((change**2).dropna().rolling(60).mean()).reindex(change.index).ffill()
    atr = spans.dropna().ewm(alpha=1 / 14, min_periods=60).mean().reindex(change.index).ffill()
    return [np.where(np.isfinite(bars.close), column, np.nan) for column in (atr, volatility)]


def flat_bars(num_sessions):
    """Return sessions of 2024-07-01 on of 100 shares a minute at 100.00."""
    sessions = exchange_sessions("XNYS", "2024-07-01", "2024-08-31").take(slice(0, num_sessions))
    rows = int(sessions.first[-1])
    columns = {name: np.full(rows, 100.0) for name in ("open", "high", "low", "close", "volume")}
    return Bars.on_grid("TEST", sessions, columns, np.ones(rows, dtype=bool))


def test_widening_of_hand_made_minutes():
    """Usual volume is 100 in each minute, the ATR 0.5 before each bar but unknown before minute 12."""
    bars = flat_bars(2)
    atr = np.where(bars.minute < 11, np.nan, 0.5)
    second = 390
    bars.volume[second + 3] = 250.0  # 250/100
    bars.close[second + 8] = 103.0  # the ATR before is not known
    bars.close[second + 20] = 101.0  # 2 * 1/0.5 = 4, and 4 again on the way back
    bars.close[second + 30], bars.volume[second + 30] = 100.5, 700.0  # 2 * 0.5/0.5 = 2 < 7
    expected = np.ones(780)
    expected[[second + m for m in (3, 20, 21, 30, 31)]] = [2.5, 4.0, 4.0, 7.0, 2.0]
    np.testing.assert_allclose(spread_widening(bars, atr), expected, rtol=1e-12)


def test_widening_has_no_move_on_a_sessions_first_bar_and_none_without_volume_or_range():
    bars = flat_bars(2)
    bars.close[390:] = 200.0
    np.testing.assert_array_equal(spread_widening(bars, np.full(780, 0.1)), 1.0)
    bars.volume[:390] = 0.0  # usual volume 0
    bars.close[400] = 201.0  # ATR 0
    np.testing.assert_array_equal(spread_widening(bars, np.zeros(780)), 1.0)


def test_widening_is_that_of_the_features_modelled_spread():
    bars = make_bars(untraded=0.05)
    family = Microstructure(degrees_of_freedom=0.0, corwin_schultz=False)
    pipeline = FeaturePipeline(families=(family, Volatility()), names=("spread_bps", "atr_bps"), base_spread=0.01)
    modelled, atr = pipeline.compute(bars).values.T.astype(np.float64) * 1e-4 * bars.close
    known = np.isfinite(modelled) & bars.traded
    widening = np.minimum(spread_widening(bars, atr), 5.0)
    assert known.sum() > 700
    assert (widening[known] > 1.0).mean() > 0.5
    np.testing.assert_allclose(0.01 * widening[known], modelled[known], rtol=1e-5)


def least_squares_lambda(bars):
    """Return lambda minute by minute: windows cut out anew, their line by numpy, sessions bounded one by one."""
    result, last, slopes, moves, flows = np.zeros(len(bars)), 0.0, [], [], []
    highest, session, today = math.inf, 0, []
    for t in range(len(bars)):
        is_first = t in bars.sessions.first
        if bars.session[t] != session:
            median = np.median(today) if today else 0.0
            highest, session, today = (5.0 * median if median > 0 else math.inf), bars.session[t], []
        if bars.traded[t] and not is_first:
            moves.append(bars.close[t] - bars.close[t - 1])
            if len(moves) >= 60:
                sigma = np.std(moves[-60:], ddof=1)
                bought = NormalDist().cdf(moves[-1] / sigma)
                flows.append((moves[-1], bars.volume[t] * (2.0 * bought - 1.0)))
            if len(flows) >= 60:
                changes, signed = np.array(flows[-60:]).T
                slopes.append(max(0.0, np.polyfit(signed, changes, 1)[0]))
        if bars.traded[t] and slopes:
            today.append(slopes[-1])
        bounded = min(slopes[-1], highest) if slopes else 0.0
        last = bounded if is_first else max(bounded, 0.9 * last)
        result[t] = last
    return result


@pytest.mark.parametrize("untraded", [0.0, 0.2])
def test_lambda_is_the_slope_of_changes_on_signed_volume(untraded):
    bars = make_bars(num_sessions=3, untraded=untraded)
    for first in bars.sessions.first[1:-1]:  # no gap over night: prices need no other scale
        bars.close[first:] -= bars.close[first] - bars.close[first - 1]
    expected = least_squares_lambda(bars)
    assert (expected > 0).mean() > 0.8
    np.testing.assert_allclose(kyle_lambda(bars), expected, rtol=1e-8, atol=1e-18)


def test_lambda_after_a_gap_is_that_of_the_new_price():
    """Prices twice as high from the second session on: the same relative impact, twice in price, from its open on."""
    bars = make_bars(num_sessions=2)
    plain = kyle_lambda(bars)[390:450]
    bars.close[390:] *= 2.0
    np.testing.assert_allclose(kyle_lambda(bars)[390:450], 2.0 * plain, rtol=1e-9)


def test_lambda_is_zero_in_warm_up_and_where_nothing_moves():
    assert (kyle_lambda(make_bars())[:119] == 0).all()
    assert (kyle_lambda(make_bars())[120:] > 0).all()
    assert (kyle_lambda(flat_bars(2)) == 0).all()


def bounded(values, sessions=None, highest=math.inf):
    values = np.array(values)
    sessions = np.zeros(len(values), dtype=np.int64) if sessions is None else np.array(sessions)
    bound_lambda(sessions, np.full(sessions.max() + 1, highest), values)
    return values


def test_lambda_falls_by_a_tenth_at_most_and_anew_in_each_session():
    falling = bounded([np.nan, 2.0, 1.0, 1.9, 0.0, 0.5], sessions=[0, 0, 0, 0, 0, 1])
    np.testing.assert_allclose(falling, [0.0, 2.0, 1.8, 1.9, 1.71, 0.5], rtol=1e-14)
    np.testing.assert_allclose(bounded([1.0, 8.0, 1.0], highest=5.0), [1.0, 5.0, 4.5], rtol=1e-14)


def test_lambda_counts_as_five_medians_of_the_session_before_at_most():
    bars = make_bars(num_sessions=3)
    bars.volume[390:780] /= 1_000.0
    by_session = [kyle_lambda(bars)[bars.session == s] for s in range(3)]
    median = np.median(by_session[0][120:])
    assert by_session[1].max() == pytest.approx(5.0 * median, rel=0.1)  # the floor raises some of the session before
    assert (by_session[1] == by_session[1].max()).mean() > 0.5


def kept(bars_ago):
    return 0.5 * SLOW**bars_ago + 0.5 * FAST**bars_ago


def least_cost(lambdas):
    """Return the least cost of orders of sum 0 over the sum of their squares, over the largest lambda.

    With C = sum_t q_t (lambda_t q_t/2 + sum_(s<t) lambda_s q_s kept(t - s)) = q' M q / 2, M symmetric.
    """
    bars = np.arange(len(lambdas))
    matrix = lambdas[np.minimum(bars[:, None], bars)] * kept(np.abs(bars[:, None] - bars))
    closed = np.linalg.qr(np.column_stack([np.ones(len(bars)), np.eye(len(bars))[:, 1:]]))[0][:, 1:]
    return float(np.linalg.eigvalsh(closed.T @ matrix @ closed)[0]) / 2.0 / lambdas.max()


def test_least_cost_is_that_of_orders_played_one_by_one():
    rng = np.random.default_rng(3)
    lambdas, orders = rng.random(9), rng.standard_normal(9)
    slow = fast = paid = 0.0
    for value, order in zip(lambdas, orders, strict=True):
        paid += order * (slow + fast + value * order / 2.0)
        slow, fast = SLOW * (slow + 0.5 * value * order), FAST * (fast + 0.5 * value * order)
    bars = np.arange(9)
    matrix = lambdas[np.minimum(bars[:, None], bars)] * kept(np.abs(bars[:, None] - bars))
    assert orders @ matrix @ orders / 2.0 == pytest.approx(paid, rel=1e-12)


def test_least_cost_of_two_orders_by_hand():
    """Buy and sell one share: (1 + lambda)/2 - 0.6, over 2 squares: gains where lambda falls to less than 0.2."""
    assert least_cost(np.array([1.0, 0.3])) == pytest.approx((0.5 + 0.15 - 0.6) / 2.0)
    assert least_cost(np.array([1.0, 0.1])) == pytest.approx((0.5 + 0.05 - 0.6) / 2.0)


def wild_lambdas(rng):
    """Return 2 to 60 values that jump over orders of magnitude, some of them 0, the first not."""
    size = int(rng.integers(2, 61))
    values = np.exp(rng.choice([0.1, 1.0, 3.0]) * rng.standard_normal(size)) * (rng.random(size) < 0.8)
    values[0] = 1.0 + values[0]
    return values


def test_no_round_trip_earns_from_its_impact_whatever_the_slopes_do():
    rng = np.random.default_rng(1)
    series = [wild_lambdas(rng) for _ in range(500)]
    assert min(least_cost(values) for values in series) < -0.1  # without the bound many would
    assert min(least_cost(bounded(values)) for values in series) >= -1e-12


def test_impact_is_safe_down_to_the_square_of_the_slower_decay_and_not_far_below():
    """The proof in `kyle_lambda`: 0.49 from a bar to the next is enough for 0.7 and 0.5; 0.9 is more than that."""
    assert least_cost(0.49 ** np.arange(60.0)) >= -1e-12
    assert least_cost(0.46 ** np.arange(60.0)) < -1e-9


def real_bars(name, symbol, sessions):
    bars = to_grid(read_bars(data_folder() / "bars-1m" / name / f"{symbol}.parquet"), symbol, "XNYS")
    return bars.take_sessions(0, sessions)


REAL = [("spy-2024", "SPY", 60), ("lean-equity", "IBM", 4), ("midcaps-2024", "FICO", 60)]


@pytest.mark.parametrize(("name", "symbol", "sessions"), REAL)
def test_no_round_trip_earns_from_its_impact_on_real_days(name, symbol, sessions):
    bars = real_bars(name, symbol, sessions)
    lambdas = kyle_lambda(bars)
    windows = [
        lambdas[t : t + 60]
        for first, stop in zip(bars.sessions.first, bars.sessions.first[1:], strict=False)
        for t in range(first, stop - 59, 30)
    ]
    windows = [window for window in windows if window.max() > 0]
    assert len(windows) > 10
    assert min(map(least_cost, windows)) >= -1e-12


def test_a_real_day_without_the_bound_pays_for_round_trips(monkeypatch):
    """Guard of the guard: on 2024-05-15 the slope falls to a fraction when a large bar leaves the window."""
    monkeypatch.setattr("intraday_rl.market.liquidity.bound_lambda", lambda *_: None)
    lambdas = np.nan_to_num(kyle_lambda(real_bars("spy-2024", "SPY", 60)))
    found = [least_cost(lambdas[t : t + 60]) for t in range(390, len(lambdas) - 60, 30)]
    assert min(found) < -1e-3


def test_calm_volatility_is_a_quantile_of_earlier_sessions_at_the_minute():
    bars = make_bars(num_sessions=23)  # 2024-07-03 is a half-day: 180 minutes have a session less
    _, volatility = scales_of(bars)
    calm = calm_volatility(bars, volatility)
    relative = volatility / bars.close
    for session, minute in ((1, 100), (3, 250), (5, 209), (5, 210), (21, 389), (22, 30), (22, 389)):
        row = bars.sessions.first[session] + minute
        same = (bars.minute == minute) & (bars.session < session) & (bars.session >= session - 20)
        expected = np.nanquantile(relative[same], 0.2) * bars.close[row]
        assert calm[row] == pytest.approx(expected, rel=1e-12), (session, minute)
    np.testing.assert_array_equal(calm[60:390], volatility[60:390])  # no earlier session


def test_calm_volatility_of_hand_made_sessions():
    """0.2 of the way over three values 1, 3 and 4 lies at 0.4 between the first two: 1.8 per cent of the price."""
    bars = flat_bars(4)
    minutes = bars.sessions.minutes
    volatility = np.repeat([4.0, 1.0, 3.0, 9.0], minutes)
    calm = calm_volatility(bars, volatility)
    np.testing.assert_allclose(calm[bars.sessions.first[3] : bars.sessions.first[3] + 210], 1.8, rtol=1e-12)
    np.testing.assert_allclose(calm[-1], 1.0 + 0.2 * 3.0, rtol=1e-12)  # the half-day, of 3.0, has no such minute


@pytest.mark.parametrize("later", [np.nan, 1e6])
def test_liquidity_knows_nothing_of_later_bars(later):
    bars = make_bars(num_sessions=4, untraded=0.05)
    atr, volatility = scales_of(bars)

    def all_of(bars, atr, volatility):
        return [spread_widening(bars, atr), kyle_lambda(bars), calm_volatility(bars, volatility)]

    honest = all_of(bars, atr, volatility)
    rows = np.arange(len(bars))
    for t in (200, 389, 390, 700, 1_100):
        columns = {
            name: np.where(rows > t, later, getattr(bars, name)) for name in ("open", "high", "low", "close", "volume")
        }
        traded = bars.traded | (rows > t)
        changed = Bars.on_grid("TEST", bars.sessions, columns, traded)
        others = all_of(changed, np.where(rows > t, later, atr), np.where(rows > t, later, volatility))
        for mine, other in zip(honest, others, strict=True):
            assert_same_bits(mine[: t + 1], other[: t + 1])


def test_liquidity_of_earlier_sessions_is_the_same_without_the_later_ones():
    bars = make_bars(num_sessions=5)
    long, short = bars.take_sessions(2, 5), bars.take_sessions(2, 3)  # the half-day, and full days after it
    atr, volatility = scales_of(long)
    for function, scale in ((spread_widening, atr), (calm_volatility, volatility)):
        assert_same_bits(function(short, scale[: len(short)]), function(long, scale)[: len(short)])
    assert_same_bits(kyle_lambda(short), kyle_lambda(long)[: len(short)])


@pytest.mark.parametrize(("name", "symbol", "sessions"), REAL)
def test_liquidity_of_real_days_is_a_number_from_the_first_trade_on(name, symbol, sessions):
    bars = real_bars(name, symbol, sessions)
    atr, volatility = scales_of(bars)
    known = np.isfinite(atr) & np.isfinite(volatility)
    assert known.mean() > 0.5
    widening, lambdas, calm = spread_widening(bars, atr), kyle_lambda(bars), calm_volatility(bars, volatility)
    assert (widening >= 1.0).all()
    assert (lambdas >= 0.0).all()
    assert (calm[known] > 0.0).all()
    for values in (widening, lambdas, calm[known]):
        assert np.isfinite(values).all()
