"""Results by market regime: labels of a hand-made tape, sums by session, and shortfalls."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from intraday_rl.evaluation.phases.regimes import (
    RegimeTable,
    hit_rate_degradation,
    minute_regimes,
    regime_table,
    return_degradation,
    worst_shortfall,
)
from tests.support.tapes import make_tape

CALM, WILD = 0.01, 0.10  # RMS of a minute's move of a price of 100: 3 % and 31 % a year


def session(closes, volatility):
    return [
        {"open": c, "vwap": c, "close": c, "low": c, "high": c, "volatility": volatility, "volume": 1e5} for c in closes
    ]


def two_sessions():
    """A calm session that goes up all the time, and a wild one that goes up and down."""
    rising = [100 + 0.01 * minute for minute in range(40)]
    ranging = [100 + 0.01 * (minute % 2) for minute in range(40)]
    return make_tape([session(rising, CALM), session(ranging, WILD)])


def test_minutes_are_labelled_by_volatility_and_trend():
    regimes = minute_regimes(two_sessions())
    assert regimes[:30].tolist() == [-1] * 30  # 30 minutes tell the first trend
    assert regimes[30:40].tolist() == [1] * 10  # calm, trending
    assert regimes[40:70].tolist() == [-1] * 30  # nothing is taken over from the session before
    assert regimes[70:80].tolist() == [2] * 10  # wild, ranging


def test_sums_go_by_session_and_regime():
    """Session 0 earns 5 USD in minute 31 (decided at row 30) and 2 before; session 1 loses 4 in its last minute."""
    tape = two_sessions()
    first = tape.first_row
    navs = [1000.0] * 20 + [1002.0] * 10 + [1007.0] * 9, [1000.0] * 38 + [996.0]
    start = [row - first[s] for s, row in enumerate((first[0], first[1]))]
    assert start == [0, 0]
    days = pd.to_datetime(["2024-01-02", "2024-01-03"])
    lengths = [int(tape.last_row[s] - first[s]) for s in (0, 1)]
    bars = pd.DataFrame(
        {
            "session": np.repeat([0, 1], lengths),
            "date": np.repeat(days, lengths),
            "nav": [*navs[0][: lengths[0]], *navs[1][-lengths[1] :]],
        }
    )
    sessions = pd.DataFrame({"session": [0, 1], "date": days, "start_nav": 1000.0})
    entries = pd.to_datetime([tape.end_ns[first[0] + 30], tape.end_ns[first[1] + 5]], unit="ns", utc=True)
    trades = pd.DataFrame({"session": [0, 1], "date": days, "entry_time": entries, "net_pnl": [5.0, -4.0]})
    table = regime_table(SimpleNamespace(sessions=sessions, trades=trades, bars=bars), sessions, tape)
    assert table.earned.tolist() == [[0, pytest.approx(0.005), 0, 0], [0, 0, pytest.approx(-0.004), 0]]
    assert table.minutes.tolist() == [[0, 9, 0, 0], [0, 0, 9, 0]]
    assert table.wins.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]
    assert table.round_trips.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]  # the second was entered before the 30th minute


def test_worst_shortfall_is_in_units_of_the_whole():
    """Rates 0.1 and 0.3, together 0.2: the first falls behind the other by 0.2 / 0.2."""
    assert worst_shortfall(np.array([[1.0, 3.0]]), np.array([[10.0, 10.0]])) == pytest.approx(1.0)


@pytest.mark.parametrize("minutes", [[[0.0, 0.0]], [[10.0, 0.0]]])
def test_one_regime_alone_cannot_be_compared(minutes):
    assert math.isnan(worst_shortfall(np.array([[1.0, 0.0]]), np.array(minutes)))


def table_of(earned, minutes):
    return RegimeTable(earned, minutes, np.round(np.abs(earned)), minutes)


def test_degradation_that_is_there_excludes_five_per_cent():
    rng = np.random.default_rng(0)
    minutes = np.full((60, 4), 90.0)
    earned = rng.normal([2.0, 2.0, 2.0, 1.0], 0.3, size=(60, 4))
    found = return_degradation(table_of(earned, minutes), np.random.default_rng(1))
    assert found.low > 0.05
    assert found.low < found.value < found.high


def test_degradation_of_equal_regimes_is_not_held_against_them():
    rng = np.random.default_rng(0)
    earned = rng.normal(2.0, 2.0, size=(60, 4))
    found = return_degradation(table_of(earned, np.full((60, 4), 90.0)), np.random.default_rng(1))
    assert found.value > 0.05  # the worst of four always looks worse
    assert found.low < 0.05


def test_degradation_of_fewer_than_twenty_sessions_has_no_interval():
    table = table_of(np.ones((19, 4)), np.ones((19, 4)))
    assert math.isnan(hit_rate_degradation(table, np.random.default_rng(0)).low)


@pytest.mark.slow
def test_degradation_convicts_equal_regimes_rarely():
    """The interval holds for all regimes at once: at most the nominal 5 % of equal ones, twice that allowed here."""
    convicted = 0
    for trial in range(200):
        rng = np.random.default_rng(trial)
        earned = rng.normal(2.0, 4.0, size=(60, 4))
        found = return_degradation(table_of(earned, np.full((60, 4), 90.0)), rng)
        convicted += found.low > 0.05
    assert convicted <= 20
