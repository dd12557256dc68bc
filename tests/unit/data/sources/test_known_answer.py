"""Known-answer markets: moments against theory, and the laws that the oracles rely on."""

import dataclasses
import math

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.data.sources import MartingaleMarket, OuMarket

OU = OuMarket(seed=3, num_sessions=2000, level=100.0, phi=0.9, sigma=0.05)
MARTINGALE = MartingaleMarket(seed=3, num_sessions=2000, level=100.0, sigma=0.05)
DEVIATION = 0.11470786693528088  # 0.05 / sqrt(1 - 0.81), by hand


def path(market):
    bars = market.load()
    return bars.close.reshape(market.num_sessions, 390) - market.level


@pytest.fixture(scope="module")
def deviations():
    return path(OU)


@pytest.fixture(scope="module")
def walks():
    return path(MARTINGALE)


def test_ou_market_first_and_last_minute_have_the_stationary_deviation(deviations):
    standard_error = DEVIATION / math.sqrt(2 * 2000)  # of a normal sample's standard deviation
    assert OU.stationary_deviation == pytest.approx(DEVIATION, rel=1e-12)
    for minute in (0, 1, 200, 389):
        assert abs(deviations[:, minute].std() - DEVIATION) < 3 * standard_error
        assert abs(deviations[:, minute].mean()) < 3 * DEVIATION / math.sqrt(2000)


def test_ou_market_innovations_have_phi_and_sigma(deviations):
    before, after = deviations[:, :-1].ravel(), deviations[:, 1:].ravel()
    slope = (before @ after) / (before @ before)
    assert abs(slope - 0.9) < 3 * math.sqrt((1 - 0.81) / before.size)
    innovations = after - 0.9 * before
    assert abs(innovations.std() - 0.05) < 3 * 0.05 / math.sqrt(2 * before.size)
    # not foretold by the innovation before
    within = (after - 0.9 * before).reshape(2000, 389)
    lagged = (within[:, 1:] * within[:, :-1]).mean() / 0.05**2
    assert abs(lagged) < 3 / math.sqrt(2000 * 388)


def test_martingale_market_starts_at_the_level_and_walks_with_sigma(walks):
    assert (walks[:, 0] == 0).all()
    steps = np.diff(walks, axis=1)
    assert abs(steps.mean()) < 3 * 0.05 / math.sqrt(steps.size)
    assert abs(steps.std() - 0.05) < 3 * 0.05 / math.sqrt(2 * steps.size)
    lagged = (steps[:, 1:] * steps[:, :-1]).mean() / 0.05**2
    assert abs(lagged) < 3 / math.sqrt(2000 * 388)
    last = walks[:, -1]
    assert abs(last.std() - 0.05 * math.sqrt(389)) < 3 * 0.05 * math.sqrt(389) / math.sqrt(2 * 2000)


@pytest.mark.parametrize("market", [OU, MARTINGALE], ids=lambda market: type(market).__name__)
class TestBothMarkets:
    def test_bars_open_where_the_bar_before_closed(self, market):
        bars = dataclasses.replace(market, num_sessions=3).load()
        first = bars.minute == 0
        np.testing.assert_array_equal(bars.open[first], bars.close[first])
        inner = np.flatnonzero(~first)
        np.testing.assert_array_equal(bars.open[inner], bars.close[inner - 1])
        np.testing.assert_array_equal(bars.high, np.maximum(bars.open, bars.close))
        np.testing.assert_array_equal(bars.low, np.minimum(bars.open, bars.close))

    def test_sessions_are_weekdays_of_390_minutes_from_1430(self, market):
        bars = dataclasses.replace(market, num_sessions=6).load()
        assert bars.sessions.date.astype(str).tolist() == [
            "2000-01-03", "2000-01-04", "2000-01-05", "2000-01-06", "2000-01-07", "2000-01-10",
        ]  # fmt: skip
        assert (bars.sessions.minutes == 390).all()
        opens = bars.sessions.open_ns.astype("datetime64[ns]") - bars.sessions.date
        assert (opens == np.timedelta64(14 * 60 + 30, "m")).all()

    def test_all_minutes_trade_without_quotes(self, market):
        bars = dataclasses.replace(market, num_sessions=2).load()
        assert bars.traded.all()
        assert (bars.volume == bars.volume[0]).all()
        assert bars.volume[0] >= 1e6
        assert not any(map(bars.has, ("vwap", "trade_count", "bid", "ask", "bid_size", "ask_size")))

    def test_more_sessions_leave_the_earlier_ones(self, market):
        short, long = (dataclasses.replace(market, num_sessions=count).load() for count in (3, 40))
        np.testing.assert_array_equal(short.close, long.close[: 3 * 390])

    def test_seed_decides_the_prices(self, market):
        small = dataclasses.replace(market, num_sessions=2)
        assert small.load().fingerprint == small.load().fingerprint
        assert dataclasses.replace(small, seed=4).load().fingerprint != small.load().fingerprint

    @pytest.mark.parametrize(
        ("name", "value"),
        [("seed", -1), ("num_sessions", 0), ("sigma", 0.0), ("sigma", math.nan), ("level", 0.5), ("level", math.inf)],
    )
    def test_impossible_parameters_are_refused(self, market, name, value):
        with pytest.raises(ParameterError, match=rf"^{type(market).__name__}\.{name} must"):
            dataclasses.replace(market, **{name: value})


def test_ou_and_martingale_markets_share_no_noise(deviations, walks):
    noise = np.diff(walks[:, :50], axis=1).ravel()
    other = (deviations[:, 1:50] - 0.9 * deviations[:, :49]).ravel()
    assert abs(np.corrcoef(noise, other)[0, 1]) < 3 / math.sqrt(noise.size)


@pytest.mark.parametrize("phi", [1.0, -0.1, math.nan])
def test_ou_market_phi_outside_its_range_is_refused(phi):
    with pytest.raises(ParameterError, match=r"OuMarket\.phi must be in \[0, 1\)"):
        dataclasses.replace(OU, phi=phi)
