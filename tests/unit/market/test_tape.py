"""The tape: what execution needs of each bar, from bars and a table of features."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data import Bars, Instrument
from intraday_rl.data.sessions import MINUTE_NS, Sessions
from intraday_rl.features import FeatureTable
from intraday_rl.market.blackout import Blackout
from intraday_rl.market.tape import build_tape
from tests.support.exact import assert_same_bits
from tests.support.tapes import make_tape

SHARE = Instrument(name="share", tick_size=0.01, multiplier=1.0, calendar="XNYS")
BLACKOUT = Blackout(atr_multiple=3.0, bars_after=5, events=None, minutes_before=5.0, minutes_after=5.0)
OPEN_NS = np.array([1_704_205_800, 1_704_292_200], dtype=np.int64) * 1_000_000_000  # 2024-01-02 and -03, 14:30 UTC
LENGTHS = np.array([4, 3])
ROWS = 7


def make_bars(**columns):
    dates = np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]")
    sessions = Sessions.from_times(dates, OPEN_NS, OPEN_NS + LENGTHS * MINUTE_NS)
    plain = {
        "open": np.full(ROWS, 100.0),
        "high": np.array([101.0, 102.0, 103.0, 104.0, 101.0, 101.0, 101.0]),
        "low": np.full(ROWS, 99.0),
        "close": np.array([100.0, 100.0, 100.0, 100.0, 200.0, 200.0, 200.0]),
        "volume": np.array([10.0, 20.0, 30.0, 0.0, 40.0, 50.0, 60.0]),
    }
    return Bars.on_grid("TEST", sessions, plain | columns, np.array([1, 1, 1, 0, 1, 1, 1], dtype=bool))


def table(names, values, valid=None):
    values = np.ascontiguousarray(values, dtype=np.float32)
    valid = np.isfinite(values).all(axis=1) if valid is None else np.asarray(valid, dtype=bool)
    return FeatureTable(names, values, valid, {}, "")


FEATURES = table(("first", "second"), np.arange(2.0 * ROWS).reshape(ROWS, 2))
SCALES = table(("rv_60", "atr_bps"), np.tile([4.0, 50.0], (ROWS, 1)))


def tape_of(bars=None, features=FEATURES, scales=SCALES):
    return build_tape(make_bars() if bars is None else bars, features, scales, SHARE, BLACKOUT)


def test_tape_minutes_to_close_count_down_in_each_session():
    assert tape_of().rows["minutes_to_close"].tolist() == [3, 2, 1, 0, 2, 1, 0]


def test_tape_end_is_one_minute_after_the_start():
    tape = tape_of()
    assert tape.end_ns[0] == OPEN_NS[0] + MINUTE_NS
    assert tape.end_ns[4] == OPEN_NS[1] + MINUTE_NS


def test_tape_scales_are_in_price_units():
    rows = tape_of().rows
    np.testing.assert_allclose(rows["atr"], [0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0], rtol=1e-12)  # 50 bps of the close
    np.testing.assert_allclose(rows["volatility"], [0.04, 0.04, 0.04, 0.04, 0.08, 0.08, 0.08], rtol=1e-7)


def test_tape_without_vwap_takes_the_typical_price():
    # (101 + 99 + 100) / 3 = 100 in the first minute, (102 + 99 + 100) / 3 in the second.
    vwap = np.array([np.nan, np.nan, 100.7, np.nan, 150.0, 150.0, 150.0])
    rows = tape_of(make_bars(vwap=vwap)).rows
    np.testing.assert_allclose(rows["vwap"][:3], [100.0, 301.0 / 3.0, 100.7], rtol=1e-14)


def test_tape_mid_and_spread_come_from_a_standing_quote_only():
    bid = np.array([99.9, 100.2, 100.0, np.nan, 199.0, 200.0, 200.0])
    ask = np.array([100.3, 100.1, 100.0, np.nan, 199.5, np.nan, 200.1])  # fine, crossed, locked, absent, ...
    rows = tape_of(make_bars(bid=bid, ask=ask)).rows
    np.testing.assert_allclose(rows["mid"], [100.1, 100.0, 100.0, 100.0, 199.25, 200.0, 200.05], rtol=1e-14)
    np.testing.assert_allclose(rows["quoted_spread"], [0.4, np.nan, np.nan, np.nan, 0.5, np.nan, 0.1], rtol=1e-10)


def test_tape_typical_volume_is_the_mean_of_the_last_thirty_minutes():
    np.testing.assert_allclose(
        tape_of().rows["typical_volume"],
        [10, 15, 20, 15, 20, 25, 30],  # 10/1, 30/2, 60/3, 60/4, 100/5, 150/6, 210/7
    )


def test_tape_typical_volume_forgets_after_thirty_minutes():
    sessions = Sessions.from_times(
        np.array(["2024-01-02"], dtype="datetime64[D]"), OPEN_NS[:1], OPEN_NS[:1] + 40 * MINUTE_NS
    )
    columns = {name: np.full(40, 100.0) for name in ("open", "high", "low", "close")}
    columns["volume"] = np.where(np.arange(40) == 0, 3_000.0, 30.0)
    bars = Bars.on_grid("TEST", sessions, columns, np.ones(40, dtype=bool))
    ones = np.ones((40, 2))
    rows = build_tape(bars, table(("a", "b"), ones), table(("atr_bps", "rv_60"), ones), SHARE, BLACKOUT).rows
    assert rows["typical_volume"][29] == pytest.approx(129.0)  # (3,000 + 29 * 30) / 30
    assert rows["typical_volume"][30] == pytest.approx(30.0)


def test_tape_sessions_begin_at_the_first_valid_row():
    values = np.ones((ROWS, 2))
    values[:2] = np.nan
    tape = tape_of(features=table(("first", "second"), values))
    assert tape.first_row.tolist() == [2, 4]
    assert tape.last_row.tolist() == [3, 6]


def test_tape_sessions_wait_for_the_scales_too():
    scales = np.ones((ROWS, 2))
    scales[:5, 0] = np.nan
    tape = tape_of(scales=table(("rv_60", "atr_bps"), scales))
    assert tape.first_row.tolist() == [-1, 5]


def test_tape_without_a_single_valid_row_is_refused():
    with pytest.raises(DataError, match="no session has valid features; 2 sessions are too few"):
        tape_of(features=table(("first", "second"), np.full((ROWS, 2), np.nan)))


def test_tape_usable_sessions_hold_at_least_one_decision():
    tape = replace(tape_of(), first_row=np.array([3, 5]))  # the first session's only valid row is its last
    assert tape.usable(np.array([0, 1])).tolist() == [1]
    tape = replace(tape, first_row=np.array([-1, 6]))
    assert tape.usable(np.array([0, 1])).tolist() == []


def test_tape_usable_keeps_the_asked_order():
    assert tape_of().usable(np.array([1, 0])).tolist() == [1, 0]


def test_tape_session_of_a_row():
    assert [tape_of().session_of(row) for row in range(ROWS)] == [0, 0, 0, 0, 1, 1, 1]


def test_tape_row_order_is_kept_contiguous():
    features = tape_of().features
    assert features.flags.c_contiguous
    np.testing.assert_array_equal(features, FEATURES.values)


def one_session(**fields):
    """Return a tape of ten quiet minutes whose fourth has the given fields."""
    return make_tape([[{"close": 100.0} | (fields if i == 3 else {}) for i in range(10)]])


def test_tape_check_accepts_a_quiet_tape():
    one_session().check()


def test_tape_check_names_the_feature_and_the_minute():
    tape = one_session()
    tape.features[3, 1] = np.nan
    with pytest.raises(DataError, match=r"TEST 2024-01-02: feature1 is not a number at tape row 3"):
        tape.check()


def test_tape_check_names_the_close():
    with pytest.raises(DataError, match=r"TEST 2024-01-02: .*\bclose\b.* is not a number at tape row 3"):
        one_session(close=np.nan).check()


def test_tape_check_ignores_the_warm_up_and_unused_sessions():
    tape = one_session()
    tape.features[2] = np.nan
    replace(tape, first_row=np.array([3])).check()
    replace(tape, first_row=np.array([-1])).check()


@pytest.mark.parametrize(
    "name",
    ["open", "high", "low", "vwap", "mid", "atr", "volatility", "typical_volume", "widening", "kyle_lambda",
     "calm_volatility"],
)  # fmt: skip
def test_tape_check_refuses_holes_in_what_execution_reads(name):
    with pytest.raises(DataError, match=rf"\b{name}\b.* is not a number at tape row 3"):
        one_session(**{name: np.nan}).check()


@pytest.mark.parametrize("later", [np.nan, 1e6])
def test_tape_rows_know_nothing_of_later_bars(later):
    rng = np.random.default_rng(0)
    columns = {name: 100.0 + rng.random(ROWS) for name in ("open", "high", "low", "close", "vwap", "bid")}
    columns |= {"ask": columns["bid"] + 0.1, "volume": np.floor(1e4 * rng.random(ROWS))}
    honest = tape_of(make_bars(**columns))
    for row in range(ROWS - 1):
        changed = {name: np.where(np.arange(ROWS) > row, later, values) for name, values in columns.items()}
        tape = tape_of(make_bars(**changed))
        assert_same_bits(tape.rows[: row + 1], honest.rows[: row + 1])
