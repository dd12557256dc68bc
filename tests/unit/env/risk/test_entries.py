"""Entry rules by hand: what they refuse, for how long, and that they never stand in the way of an exit (B48)."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.actions import BUY, HOLD, SELL, Continuous
from intraday_rl.env.risk import (
    Cooldown,
    EventBlackout,
    FlatBeforeClose,
    HoldingLimit,
    HourlyTurnover,
    MaxRoundTrips,
    TradeStop,
)
from intraday_rl.env.risk.base import SESSION_CLOSE
from intraday_rl.env.risk.entries import cooldown, event_blackout, hourly_turnover, max_round_trips
from intraday_rl.env.risk.layers import OFF
from tests.support.full_rules import full_batch
from tests.support.rows import account_row, bar_row, own_memory
from tests.support.tapes import make_execution, make_fill
from tests.unit.env.risk.hand_account import column, flat_tape, nav_tape, rules_of
from tests.unit.env.sessions.hand_market import play

PAUSE = {"cooldown": Cooldown(bars=10)}
INF = float("inf")


def traded(script, tape=None, **changes):
    """Return a batch on flat prices and the steps of this script."""
    batch = full_batch(flat_tape() if tape is None else tape, **changes)
    return batch, play(batch, script)


def positions(script, tape=None, **changes):
    return column(traded(script, tape, **changes)[1], "position")


@pytest.mark.parametrize(("since", "expected"), [(0, 0.0), (9, 0.0), (10, INF), (1_000_000, INF)])
def test_cooldown_lasts_so_many_decisions(since, expected):
    account = account_row(bars_since_trade=since)
    assert cooldown(Cooldown(10), account, bar_row(), 1.0, own_memory()) == expected


def test_cooldown_refuses_the_ten_decisions_after_an_order_was_filled():
    # Bought by decision 0, sold by decision 1, filled in row 2: decisions 2 to 11 are refused, decision 12 buys.
    batch, steps = traded([BUY, HOLD] + [BUY] * 12, entries=PAUSE)
    assert column(steps, "position") == [100] + [0] * 11 + [100] * 2
    assert rules_of(batch, steps) == ["", ""] + ["entries.cooldown"] * 10 + ["", ""]
    assert column(steps, "interventions")[-1] == 10
    assert column(steps, "wanted") == [100, 0] + [100] * 12


def test_cooldown_leaves_the_first_entry_of_a_session_alone():
    assert positions([HOLD] * 3 + [SELL], entries=PAUSE) == [0, 0, 0, -100]


def test_reversal_during_the_pause_only_flattens():
    # The flattening starts the pause anew: decisions 2 to 11 are refused.
    batch, steps = traded([BUY] + [SELL] * 12, entries=PAUSE)
    assert column(steps, "position") == [100] + [0] * 11 + [-100]
    assert rules_of(batch, steps) == [""] + ["entries.cooldown"] * 11 + [""]
    assert [step["fill"]["ordered"] for step in steps[:3]] == [100, -100, 0]


def test_pause_lets_a_position_be_reduced_and_not_added_to():
    script = [1.0, 0.4] + [0.50 + 0.02 * i for i in range(11)]
    batch, steps = traded(script, entries=PAUSE, actions=Continuous())
    assert column(steps, "position") == [100] + [40] * 11 + [70]
    assert rules_of(batch, steps) == ["", ""] + ["entries.cooldown"] * 10 + [""]


def test_pause_lets_an_order_fill_in_parts_and_begins_with_the_last():
    # 30 units a bar: bought in rows 1 to 4, sold in rows 5 to 8, refused in decisions 8 to 17.
    fill = make_fill(max_volume_fraction=0.1, max_carried_bars=3)
    tape = flat_tape(volume=[300.0] * 40)
    script = [BUY] * 4 + [HOLD] * 4 + [BUY] * 11
    steps = traded(script, tape, entries=PAUSE, execution=make_execution(fill=fill))[1]
    assert column(steps, "position") == [30, 60, 90, 100, 70, 40, 10, 0] + [0] * 10 + [30]


def test_pause_does_not_hold_up_a_stop():
    # Bought at 100 in row 1 with an ATR of 1; the low of row 2 is 99.
    tape = flat_tape(low=[100.0, 100.0, 99.0])
    assert positions([BUY] * 4, tape, entries=PAUSE, exits={"stop": TradeStop(1.0)}) == [100, 100, 0, 0]


def test_pause_does_not_hold_up_a_holding_limit():
    assert positions([BUY] * 4, entries=PAUSE, exits={"holding": HoldingLimit(2)}) == [100, 100, 0, 0]


def test_pause_does_not_hold_up_the_end_of_the_day():
    # Twelve bars, flat 8 minutes before the close: decided at row 2.
    steps = traded([BUY] * 3, flat_tape(12), entries=PAUSE, exits={"session_close": FlatBeforeClose(8)})[1]
    assert column(steps, "position") == [100, 100, 0]
    assert (steps[-1]["closing"], steps[-1]["terminated"]) == (SESSION_CLOSE, 1)


def test_pause_does_not_hold_up_a_halt():
    steps = traded([BUY] * 3, nav_tape([49_900, 49_700]), entries=PAUSE, layers=OFF._replace(daily_loss=0.006))[1]
    assert column(steps, "position") == [100, 100, 0]
    assert steps[-1]["terminated"] == 1


@pytest.mark.parametrize(
    ("trips", "position", "in_transit", "expected"),
    [
        (0, 0.0, 0.0, INF),
        (19, 0.0, 0.0, INF),
        (19, 5.0, 0.0, 0.0),
        (19, 0.0, -5.0, 0.0),
        (20, 0.0, 0.0, 0.0),
        (18, -5.0, 5.0, INF),
    ],
)
def test_round_trips_count_the_one_under_way(trips, position, in_transit, expected):
    account = account_row(round_trips=trips, position=position, in_transit=in_transit)
    assert max_round_trips(MaxRoundTrips(20), account, bar_row(), 1.0, own_memory()) == expected


def test_no_entry_after_the_last_round_trip():
    batch, steps = traded([BUY, HOLD, SELL, HOLD, BUY, SELL], entries={"round_trips": MaxRoundTrips(2)})
    assert column(steps, "position") == [100, 0, -100, 0, 0, 0]
    assert column(steps, "round_trips") == [0, 1, 1, 2, 2, 2]
    assert rules_of(batch, steps) == [""] * 4 + ["entries.round_trips"] * 2


def test_reversal_that_would_begin_one_round_trip_too_many_only_flattens():
    # Long, reversed to short (one trip done, the second begun), reversed again: flat.
    batch, steps = traded([BUY, SELL, BUY, BUY], entries={"round_trips": MaxRoundTrips(2)})
    assert column(steps, "position") == [100, -100, 0, 0]
    assert column(steps, "round_trips") == [0, 1, 2, 2]
    assert rules_of(batch, steps)[2:] == ["entries.round_trips"] * 2


# Half of 50,000 USD an hour buys 250 units at 100. The session's last hour is decided from row 10 on.
HALF = {"hourly_turnover": HourlyTurnover(nav_multiple=0.5)}
SEVENTY = {"minutes_to_close": [70 - i for i in range(40)]}


def test_turnover_of_an_hour_is_used_up_by_entries_and_exits_and_exits_are_free():
    # 100 bought, 100 sold, 50 bought: 25,000 USD. Selling the 50 is free; nothing more until the clock hour is over.
    script = [BUY, HOLD, BUY, HOLD] + [SELL] * 8
    batch, steps = traded(script, flat_tape(**SEVENTY), entries=HALF)
    name = "entries.hourly_turnover"
    assert column(steps, "position") == [100, 0, 50, 0] + [0] * 6 + [-100, -100]
    assert column(steps, "traded_notional")[:4] == [10_000, 20_000, 25_000, 30_000]
    assert rules_of(batch, steps) == ["", "", name, ""] + [name] * 6 + ["", ""]


def test_turnover_lets_an_order_fill_in_parts():
    # 0.2 of 50,000 USD buy 100 units, 30 a bar.
    execution = make_execution(fill=make_fill(max_volume_fraction=0.1, max_carried_bars=9))
    tape = flat_tape(volume=[300.0] * 40)
    entries = {"hourly_turnover": HourlyTurnover(nav_multiple=0.2)}
    steps = traded([BUY] * 5 + [HOLD] * 4 + [BUY], tape, entries=entries, execution=execution)[1]
    assert column(steps, "position") == [30, 60, 90, 100, 100, 70, 40, 10, 0, 0]


def test_turnover_that_is_used_up_lets_a_reversal_only_flatten():
    # 100 bought, turned to -100 and back by 200 each would be 50,000 USD: the second turn finds nothing left.
    batch, steps = traded([BUY, SELL, BUY, BUY], flat_tape(**SEVENTY), entries=HALF)
    assert column(steps, "position") == [100, -100, 0, 0]
    assert column(steps, "traded_notional") == [10_000, 30_000, 40_000, 40_000]
    assert rules_of(batch, steps) == ["", "", "entries.hourly_turnover", "entries.hourly_turnover"]


def test_turnover_is_worth_its_multiplier():
    # 25,000 USD are one contract at 5,000 points of 5 USD; 3 are held.
    account, bar = account_row(position=-3.0), bar_row(close=5_000.0)
    assert hourly_turnover(HourlyTurnover(0.5), account, bar, 5.0, own_memory()) == pytest.approx(4.0, rel=1e-14)


@pytest.mark.parametrize(
    ("minutes_to_close", "traded_usd", "expected"),
    [(61, 10_000.0, 150.0), (60, 10_000.0, 250.0), (1, 10_000.0, 250.0), (61, 25_000.0, 0.0), (61, 30_000.0, 0.0)],
)
def test_turnover_counts_clock_hours_backwards_from_the_close(minutes_to_close, traded_usd, expected):
    memory = own_memory()
    hourly_turnover(HourlyTurnover(0.5), account_row(), bar_row(minutes_to_close=120), 1.0, memory)
    account = account_row(traded_notional=traded_usd, steps=59)
    left = hourly_turnover(HourlyTurnover(0.5), account, bar_row(minutes_to_close=minutes_to_close), 1.0, memory)
    assert left == pytest.approx(expected, rel=1e-14)


def test_blackout_refuses_entries_and_lets_exits_pass():
    tape = flat_tape(blackout=[1, 1, 0, 0, 1, 1, 1, 1])
    batch, steps = traded([BUY, SELL, BUY, BUY, BUY, SELL, SELL, HOLD, SELL], tape)
    # Refused at rows 0 and 1; held at row 4; turned at row 5, which only flattens; allowed again at row 8.
    assert column(steps, "position") == [0, 0, 100, 100, 100, 0, 0, 0, -100]
    name = "entries.blackout"
    assert rules_of(batch, steps) == [name, name, "", "", "", name, name, "", ""]


@pytest.mark.parametrize(("blackout", "expected"), [(0, INF), (1, 0.0)])
def test_blackout_is_what_the_bar_says(blackout, expected):
    assert event_blackout(EventBlackout(), account_row(), bar_row(blackout=blackout), 1.0, own_memory()) == expected


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (Cooldown(-1), "bars"),
        (MaxRoundTrips(0), "round_trips"),
        (HourlyTurnover(0.0), "nav_multiple"),
        (HourlyTurnover(INF), "nav_multiple"),
    ],
)
def test_entries_refuse_impossible_parameters(rule, name):
    with pytest.raises(ParameterError, match=rf"{type(rule).__name__}\.{name} must be"):
        rule.check()
