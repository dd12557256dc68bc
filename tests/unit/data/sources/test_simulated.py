"""Laws of the simulated market."""

import dataclasses
import math

import numpy as np
import pytest

from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data.sources import SimulatedMarket

MARKET = SimulatedMarket(
    symbol="SIM",
    calendar="XNYS",
    seed=11,
    start="2024-05-01",
    num_sessions=120,
    tick_size=0.01,
    initial_price=500.0,
    annual_volatility=0.16,
    volatility_u_shape=0.4,
    volume_u_shape=0.5,
    jumps_per_session=0.5,
    jump_size_bps=15.0,
    mean_daily_volume=6e7,
    base_spread=0.01,
    spread_widening=1.0,
    mean_quote_size=800.0,
    reversion_strength=0.0,
    reversion_half_life_minutes=5.0,
    bounce=True,
)
CALM = dataclasses.replace(MARKET, jumps_per_session=0.0)
EVERY_COLUMN = (
    "open", "high", "low", "close", "volume", "vwap", "trade_count", "bid", "ask", "bid_size", "ask_size",
)  # fmt: skip
VARIANCE_PER_MINUTE = 0.16**2 / (252 * 390)


@pytest.fixture(scope="module")
def bars():
    return MARKET.load()


@pytest.fixture(scope="module")
def calm():
    return CALM.load()


def full_session_table(bars, values):
    """Return (sessions, 390): the values of the full sessions."""
    full = np.repeat(bars.sessions.minutes == 390, bars.sessions.minutes)
    return values[full].reshape(-1, 390)


def mid_returns(bars):
    return np.diff(np.log(0.5 * (bars.bid + bars.ask)))


def lag_one_score(returns):
    """Return the first autocovariance in standard errors that hold under unequal variances (White 1980)."""
    products = returns[1:] * returns[:-1]
    return products.sum() / math.sqrt((products**2).sum())


def test_simulated_market_same_seed_same_bars(bars):
    assert MARKET.load().fingerprint == bars.fingerprint
    assert dataclasses.replace(MARKET, seed=12).load().fingerprint != bars.fingerprint


@pytest.mark.parametrize("strength", [0.0, 2.0])
def test_simulated_market_more_sessions_leave_the_earlier_ones(strength):
    market = dataclasses.replace(MARKET, reversion_strength=strength, num_sessions=7)
    short, long = market.load(), dataclasses.replace(market, num_sessions=60).load()
    for name in EVERY_COLUMN:
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[: len(short)])
    np.testing.assert_array_equal(short.start_ns, long.start_ns[: len(short)])


def test_simulated_market_sessions_are_the_exchanges_with_half_days(bars):
    assert len(bars.sessions) == 120
    assert str(bars.sessions.date[0]) == "2024-05-01"
    short = bars.sessions.minutes == 210
    assert bars.sessions.date[short].astype(str).tolist() == ["2024-07-03"]
    assert (bars.sessions.minutes[~short] == 390).all()
    assert "2024-06-19" not in bars.sessions.date.astype(str)  # Juneteenth


def test_simulated_market_prices_lie_on_ticks_and_quotes_never_cross(bars):
    for name in ("open", "high", "low", "close", "bid", "ask"):
        values = getattr(bars, name)
        np.testing.assert_array_equal(values, np.round(values, 2))
    assert (bars.bid < bars.ask).all()
    assert (bars.bid > 0).all()


def test_simulated_market_bars_are_consistent(bars):
    assert bars.traded.all()
    for name in ("open", "close", "vwap"):
        assert (getattr(bars, name) >= bars.low).all()
        assert (getattr(bars, name) <= bars.high).all()
    at_bid, at_ask = bars.close == bars.bid, bars.close == bars.ask
    assert (at_bid | at_ask).all()
    assert abs(at_ask.mean() - 0.5) < 3 * 0.5 / math.sqrt(len(bars))
    for name in ("volume", "trade_count", "bid_size", "ask_size"):
        values = getattr(bars, name)
        assert (values >= 1).all()
        assert (values == np.rint(values)).all()
    assert (bars.trade_count <= bars.volume).all()


def test_simulated_market_volatility_is_the_asked_one(calm):
    returns = mid_returns(calm)
    standard_error = VARIANCE_PER_MINUTE * math.sqrt((returns**4).mean() / VARIANCE_PER_MINUTE**2 / len(returns))
    assert abs((returns**2).mean() - VARIANCE_PER_MINUTE) < 3 * standard_error


def test_simulated_market_volatility_has_a_u_shape_of_the_asked_depth(calm):
    squares = full_session_table(calm, np.append(0.0, mid_returns(calm)) ** 2).mean(axis=0)
    # mean squares of 1 + 0.4 (12 (x - 1/2)^2 - 1) over the outer and the middle 39 minutes, by Simpson's rule
    ends = np.mean([squares[:39].mean(), squares[-39:].mean()])
    middle = squares[176:215].mean()
    profile = [1 + 0.4 * (12 * (x - 0.5) ** 2 - 1) for x in (0.0, 0.05, 0.1, 0.45, 0.5, 0.55)]
    expected_ends = (profile[0] ** 2 + 4 * profile[1] ** 2 + profile[2] ** 2) / 6
    expected_middle = (profile[3] ** 2 + 4 * profile[4] ** 2 + profile[5] ** 2) / 6
    assert ends / middle == pytest.approx(expected_ends / expected_middle, rel=0.15)


def test_simulated_market_volume_has_a_u_shape_and_the_asked_mean(bars):
    volume = full_session_table(bars, bars.volume)
    assert volume.sum(axis=1).mean() == pytest.approx(6e7, rel=0.01)
    by_minute = volume.mean(axis=0)
    # the profile is 1 + 2 * 0.5 at the very ends and 1 - 0.5 in the middle
    assert by_minute[[0, -1]].mean() / by_minute[190:200].mean() == pytest.approx(4.0, rel=0.15)


def test_simulated_market_flat_profiles_are_flat():
    flat = dataclasses.replace(CALM, volatility_u_shape=0.0, volume_u_shape=0.0).load()
    volume = full_session_table(flat, flat.volume).mean(axis=0)
    assert volume[:39].mean() / volume[176:215].mean() == pytest.approx(1.0, rel=0.03)


def test_simulated_market_spread_widens_with_volatility(calm):
    spread = np.rint((calm.ask - calm.bid) / 0.01)
    squares = np.append(0.0, mid_returns(calm)) ** 2
    recent = np.sqrt(np.convolve(squares, np.ones(5) / 5)[: len(squares)])
    wild = recent > np.quantile(recent, 0.9)
    quiet = recent < np.quantile(recent, 0.5)
    assert spread[quiet].mean() == pytest.approx(1.0, abs=0.01)
    assert spread[wild].mean() > 1.5
    assert spread.min() == 1
    assert spread.max() <= 5


def test_simulated_market_spread_without_widening_is_the_base():
    market = dataclasses.replace(MARKET, spread_widening=0.0, base_spread=0.03, num_sessions=5)
    bars = market.load()
    np.testing.assert_allclose(bars.ask - bars.bid, 0.03, atol=1e-9)


def test_simulated_market_without_reversion_mids_are_not_autocorrelated(calm):
    assert abs(lag_one_score(mid_returns(calm))) < 3


def test_simulated_market_reversion_of_the_asked_size_shows():
    market = dataclasses.replace(CALM, volatility_u_shape=0.0, reversion_strength=2.0, reversion_half_life_minutes=2.0)
    returns = mid_returns(market.load())
    assert lag_one_score(returns) < -3
    # y stationary with deviation 2, phi = 2^(-1/2) per minute, in units of the efficient one-minute deviation:
    # cov = -(1 - phi)^2 * 4 = -0.3431, var = 1 + 2 (1 - phi) * 4 = 3.3431
    correlation = (returns[1:] * returns[:-1]).mean() / (returns**2).mean()
    assert correlation == pytest.approx(-0.3431 / 3.3431, abs=3 / math.sqrt(len(returns)))


BOUNCING = dataclasses.replace(
    CALM, annual_volatility=0.05, base_spread=0.20, spread_widening=0.0, num_sessions=20, start="2024-07-05"
)


def roll_spread(closes):
    """Return 2 sqrt(-Cov(change, change before)), the spread of Roll (1984), and the standard error of that."""
    changes = np.diff(closes)
    products = changes[1:] * changes[:-1]
    spread = 2 * math.sqrt(-products.mean())
    blocks = products[: len(products) // 50 * 50].reshape(-1, 50).mean(axis=1)  # neighbours share a change
    return spread, 2 / spread * blocks.std() / math.sqrt(len(blocks))


def test_simulated_market_bounce_is_what_roll_finds():
    """The bounce of a spread of 20 ticks; rounding the mid to ticks adds a twelfth of a squared tick to it: 0.2 %."""
    bars = BOUNCING.load()
    spread, standard_error = roll_spread(bars.close)
    assert standard_error < 0.005
    assert abs(spread - 0.20) < 3 * standard_error
    still = dataclasses.replace(BOUNCING, bounce=False).load()
    changes = np.diff(still.close)
    assert abs((changes[1:] * changes[:-1]).mean()) < 0.02 * 0.20**2 / 4


@pytest.mark.parametrize("base_spread", [0.01, 0.20])
def test_simulated_market_closes_lie_half_a_spread_from_the_mid(base_spread):
    bars = dataclasses.replace(MARKET, base_spread=base_spread, num_sessions=10).load()
    off = bars.close - 0.5 * (bars.bid + bars.ask)
    np.testing.assert_allclose(np.abs(off), 0.5 * (bars.ask - bars.bid), atol=1e-9)
    assert abs((off > 0).mean() - 0.5) < 3 * 0.5 / math.sqrt(len(bars))
    assert abs(lag_one_score(np.append(off, 0.0))) < 3  # each minute has a side of its own


def test_simulated_market_without_bounce_trades_at_the_mid_and_nothing_else_changes(bars):
    still = dataclasses.replace(MARKET, bounce=False).load()
    np.testing.assert_allclose(still.close, 0.5 * (still.bid + still.ask), rtol=0, atol=1e-9)
    for name in ("open", "close", "vwap"):
        assert (getattr(still, name) >= still.low).all()
        assert (getattr(still, name) <= still.high).all()
    half = 0.5 * (bars.ask - bars.bid) + 1e-9
    for name in ("open", "high", "low", "close"):
        assert (np.abs(getattr(bars, name) - getattr(still, name)) <= half).all()
    for name in set(EVERY_COLUMN) - {"open", "high", "low", "close", "vwap"}:
        np.testing.assert_array_equal(getattr(still, name), getattr(bars, name))


def test_simulated_market_jumps_fatten_the_tails_and_leave_the_rest():
    wild = dataclasses.replace(MARKET, jumps_per_session=2.0, jump_size_bps=100.0, num_sessions=60)
    calm = dataclasses.replace(wild, jumps_per_session=0.0)
    with_jumps, without = mid_returns(wild.load()), mid_returns(calm.load())
    large = np.abs(with_jumps - without) > 20e-4
    # |N(0, 100 bps)| > 20 bps has probability 0.8415
    expected = 2.0 * 59.5 * 0.8415
    assert abs(large.sum() - expected) < 3 * math.sqrt(expected)
    np.testing.assert_allclose(with_jumps[~large], without[~large], atol=20e-4)


def test_simulated_market_quote_sizes_have_the_asked_mean(bars):
    assert bars.bid_size.mean() == pytest.approx(800, rel=0.02)
    assert bars.ask_size.mean() == pytest.approx(800, rel=0.02)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1), ("start", "soon"), ("num_sessions", 0), ("tick_size", 0.0), ("initial_price", math.nan),
        ("annual_volatility", -0.1), ("volatility_u_shape", 1.0), ("volume_u_shape", -0.1), ("jumps_per_session", -1.0),
        ("jump_size_bps", -1.0), ("mean_daily_volume", 0.0), ("base_spread", 0.0), ("base_spread", 0.015),
        ("spread_widening", -1.0), ("mean_quote_size", 0.0), ("reversion_strength", -1.0),
        ("reversion_half_life_minutes", 0.0),
    ],
)  # fmt: skip
def test_simulated_market_impossible_parameters_are_refused(name, value):
    with pytest.raises(ParameterError, match=rf"^SimulatedMarket\.{name} must"):
        dataclasses.replace(MARKET, **{name: value})


def test_simulated_market_price_below_one_tick_is_refused():
    market = dataclasses.replace(MARKET, initial_price=0.05, annual_volatility=3.0)
    with pytest.raises(DataError, match=r"the bid fell below one tick in session 2024-.*; raise initial_price"):
        market.load()
