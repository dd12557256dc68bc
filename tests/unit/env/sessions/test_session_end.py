"""How sessions end: flat before the close by the calendar, waiting for a trade, stopped by a loss, or cut off."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from intraday_rl.data import Bars, exchange_sessions
from intraday_rl.env.actions import BUY, HOLD, SELL
from intraday_rl.env.risk import FlatBeforeClose
from intraday_rl.env.risk.base import HALT, SESSION_CLOSE
from intraday_rl.env.risk.layers import OFF
from intraday_rl.features import FeatureTable
from intraday_rl.market.blackout import Blackout
from intraday_rl.market.tape import build_tape
from tests.support.full_rules import full_batch
from tests.support.tapes import SHARE, make_tape
from tests.unit.env.sessions.hand_market import play


def calendar_tape():
    """Return flat prices on 2024-07-02 (390 minutes) and 2024-07-03 (210 minutes, an early close)."""
    sessions = exchange_sessions("XNYS", "2024-07-02", "2024-07-03")
    rows = int(sessions.first[-1])
    columns = {name: np.full(rows, 100.0) for name in ("open", "high", "low", "close", "volume")}
    bars = Bars.on_grid("TEST", sessions, columns, np.ones(rows, dtype=bool))
    ones = np.ones((rows, 2), dtype=np.float32)
    scales = FeatureTable(("atr_bps", "rv_60"), ones, np.ones(rows, dtype=bool), {}, "")
    blackout = Blackout(atr_multiple=3.0, bars_after=5, events=None, minutes_before=5.0, minutes_after=5.0)
    return build_tape(bars, replace(scales, names=("feature0", "feature1")), scales, SHARE, blackout)


@pytest.mark.parametrize(
    ("session", "minutes", "length", "clock"),
    [
        (0, 5, 390, "15:55"),
        (1, 5, 210, "12:55"),
        (0, 1, 390, "15:59"),
        (1, 15, 210, "12:45"),
    ],
)
def test_session_is_flat_so_many_minutes_before_the_close(session, minutes, length, clock):
    tape = calendar_tape()
    batch = full_batch(tape, exits={"session_close": FlatBeforeClose(minutes=minutes)})
    batch.assign(np.array([session]), np.array([0]))
    steps = play(batch, [BUY] * (length - minutes - 1))
    assert [step["ended"] for step in steps] == [0] * (length - minutes - 2) + [1]
    last = steps[-1]
    assert (last["terminated"], last["truncated"], last["position"]) == (1, 0, 0.0)
    assert last["closing"] == SESSION_CLOSE
    assert last["fill"]["quantity"] == -100
    assert steps[-2]["position"] == 100
    end = pd.Timestamp(tape.end_ns[last["bar"]], tz="UTC").tz_convert("America/New_York")
    assert end.strftime("%H:%M") == clock


def bars_of(num_bars, untraded=(), **columns):
    bars = [{"close": 100.0, "traded": int(i not in untraded)} for i in range(num_bars)]
    for name, values in columns.items():
        for bar, value in zip(bars, values, strict=False):
            bar[name] = value
    return bars


def test_exit_waits_for_a_minute_with_a_trade():
    # Twelve bars, flat 4 minutes before the close: decided at row 6, to fill in row 7; rows 7 and 8 have no trade.
    batch = full_batch(make_tape([bars_of(12, untraded=(7, 8))]), exits={"session_close": FlatBeforeClose(minutes=4)})
    steps = play(batch, [BUY] * 9)
    assert [step["position"] for step in steps] == [100] * 8 + [0]
    assert [step["fill"]["ordered"] for step in steps[6:]] == [-100, -100, -100]
    assert (steps[-1]["bar"], steps[-1]["terminated"], steps[-1]["truncated"]) == (9, 1, 0)
    assert batch.episode_infos([0])[0]["flat_at_end"] is True


def test_exit_that_never_finds_a_trade_is_a_truncation():
    tape = make_tape([bars_of(12, untraded=range(7, 12), close=[100.0] * 9 + [97.0] * 3)])
    batch = full_batch(tape, exits={"session_close": FlatBeforeClose(minutes=4)})
    steps = play(batch, [BUY] * 11)
    assert [step["ended"] for step in steps] == [0] * 10 + [1]
    last = steps[-1]
    assert (last["bar"], last["terminated"], last["truncated"], last["position"]) == (11, 0, 1, 100)
    info = batch.episode_infos([0])[0]
    assert info["flat_at_end"] is False
    assert info["session_return"] == pytest.approx(-300 / 50_000, abs=1e-12)  # marked at the last close
    assert info["round_trips"] == 0


def test_data_that_end_before_the_close_are_a_truncation_flat_or_not():
    # The last bar ends 50 minutes before the close.
    bars = bars_of(5, minutes_to_close=[54, 53, 52, 51, 50])
    for action, flat in ((BUY, False), (HOLD, True)):
        batch = full_batch(make_tape([bars]))
        steps = play(batch, [action] * 4)
        assert (steps[-1]["terminated"], steps[-1]["truncated"]) == (0, 1)
        assert batch.episode_infos([0])[0]["flat_at_end"] is flat


def test_flat_account_ends_without_a_trade():
    batch = full_batch(make_tape([bars_of(12, untraded=(7, 8))]), exits={"session_close": FlatBeforeClose(minutes=4)})
    steps = play(batch, [HOLD] * 7)
    assert (steps[-1]["bar"], steps[-1]["terminated"], steps[-1]["traded_notional"]) == (7, 1, 0.0)


def test_session_that_begins_inside_the_exit_window_ends_at_once():
    tape = replace(make_tape([bars_of(12)]), first_row=np.array([9]))
    steps = play(full_batch(tape, exits={"session_close": FlatBeforeClose(minutes=4)}), [BUY])
    assert (steps[0]["bar"], steps[0]["terminated"], steps[0]["position"]) == (10, 1, 0.0)


LOSING = [100.0, 99.0, 98.0, 98.0, 99.0, 101.0, 101.0, 101.0, 101.0, 101.0]


def losing_batch(untraded=(), sessions=1, closes=LOSING):
    """Return a batch that stops at a loss of 0.4 % of 50,000 USD, 200 USD: 100 units bought at 100, marked at 98."""
    opens = [100.0, 100.0, *closes[1:-1]]
    session = bars_of(len(closes), untraded=untraded, close=closes, open=opens)
    return full_batch(make_tape([session] * sessions), layers=OFF._replace(daily_loss=0.004))


def test_daily_loss_closes_the_account_at_the_limit():
    steps = play(losing_batch(), [BUY, BUY, BUY])
    assert [step["nav"] for step in steps] == [49_900, 49_800, 49_800]
    assert [step["closing"] for step in steps] == [0, 0, HALT]
    assert steps[-1]["fill"]["ordered"] == -100
    assert (steps[-1]["bar"], steps[-1]["terminated"], steps[-1]["truncated"]) == (3, 1, 0)


def test_daily_loss_of_less_than_the_limit_does_not_close():
    steps = play(losing_batch(closes=[100.0, 99.0, 98.01, 98.01, 99.0, 101.0, 101.0, 101.0]), [BUY, BUY, BUY])
    assert [step["position"] for step in steps] == [100, 100, 100]


def test_daily_loss_latches_though_the_price_recovers():
    # Rows 3 to 5 have no trade; at row 5 the account is 100 USD up again, and is closed all the same.
    steps = play(losing_batch(untraded=(3, 4, 5)), [BUY] * 6)
    assert [step["nav"] for step in steps] == [49_900, 49_800, 49_800, 49_900, 50_100, 50_100]
    assert [step["position"] for step in steps] == [100, 100, 100, 100, 100, 0]
    assert [step["closing"] for step in steps] == [0, 0, HALT, HALT, HALT, HALT]


def test_daily_loss_is_forgotten_at_the_next_session():
    batch = losing_batch(sessions=2)
    steps = play(batch, [BUY] * 3 + [SELL])
    assert [step["ended"] for step in steps] == [0, 0, 1, 0]
    assert (steps[3]["closing"], steps[3]["position"], steps[3]["start_nav"]) == (0, -100, 50_000)


def test_halt_keeps_its_name_at_the_close():
    steps = play(losing_batch(untraded=range(3, 9)), [BUY] * 9)
    assert steps[-1]["closing"] == HALT
    assert (steps[-1]["bar"], steps[-1]["terminated"], steps[-1]["truncated"]) == (9, 1, 0)  # flat in the very last bar
