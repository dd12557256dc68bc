"""Round trips: fills paired flat to flat by hand, also through reversals, additions, and sessions left open."""

from dataclasses import replace

import pandas as pd
import pytest

from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.round_trips import COLUMNS, round_trips
from intraday_rl.market.tape import join_tapes
from tests.support.builders import example_ledger
from tests.support.tapes import FIRST_NS, MINUTE_NS, make_tape
from tests.unit.evaluation.hand_sessions import hand_recording

SHARES, CONTRACTS = {"TEST": 1.0}, {"TEST": 5.0}
COSTS = ("commission_usd", "spread_usd", "impact_usd", "latency_usd")


@pytest.fixture(scope="module")
def by_hand():
    return build_ledger(hand_recording()).trades


def tape_of_minutes(count=20):
    """One session of flat bars whose ATR is its row's number, closing at 100."""
    return make_tape([[{"close": 100.0, "atr": float(row)} for row in range(count)]])


def fills_of(*rows):
    """Return fills of session 0 from (minute, quantity, price, decision mid, commission); other costs stay 0."""
    frame = pd.DataFrame(rows, columns=["minute", "quantity", "price", "decision_mid", "commission_usd"], dtype=float)
    frame["minute"] = frame["minute"].astype(int)
    frame["session"], frame["date"], frame["symbol"] = 0, pd.Timestamp("2024-01-02"), "TEST"
    starts = FIRST_NS + MINUTE_NS * frame["minute"].to_numpy()
    frame["time"] = pd.DatetimeIndex(starts.astype("datetime64[ns]")).tz_localize("UTC")
    frame[["spread_usd", "impact_usd", "latency_usd"]] = 0.0
    return frame


# --- the hand-computed sessions -------------------------------------------------------------------------------------


def test_round_trips_of_the_hand_computed_sessions(by_hand):
    assert list(by_hand["session"]) == [0, 0, 1]
    assert list(by_hand["direction"]) == [1, -1, 1]
    assert list(by_hand["quantity"]) == [100, 100, 100]
    assert list(by_hand["entry_price"]) == pytest.approx([100.12, 100.28, 200.20], abs=1e-9)
    assert list(by_hand["exit_price"]) == pytest.approx([100.28, 100.52, 199.95], abs=1e-9)
    assert list(by_hand["gross_pnl"]) == pytest.approx([20, -20, -4], abs=1e-8)
    assert list(by_hand["net_pnl"]) == pytest.approx([14.5, -25.5, -29], abs=1e-8)
    assert list(by_hand["minutes_held"]) == [2, 3, 4]


def test_round_trips_share_a_reversals_costs_by_quantity(by_hand):
    """The reversal of 200 units (commission 1, spread 2, impact 2, latency -20) is half exit, half entry."""
    assert list(by_hand["commission_usd"]) == pytest.approx([1.5, 1.5, 4], abs=1e-9)
    assert list(by_hand["spread_usd"]) == pytest.approx([2, 2, 2], abs=1e-9)
    assert list(by_hand["impact_usd"]) == pytest.approx([2, 2, 2], abs=1e-9)
    assert list(by_hand["latency_usd"]) == pytest.approx([0, 0, 17], abs=1e-8)


def test_round_trips_times_are_those_of_the_first_and_last_fill(by_hand):
    clocks = [f"{time:%H:%M}" for time in by_hand["entry_time"]]
    assert clocks == ["14:31", "14:33", "14:39"]
    assert [f"{time:%H:%M}" for time in by_hand["exit_time"]] == ["14:33", "14:36", "14:43"]
    assert str(by_hand["entry_time"].dt.tz) == str(by_hand["exit_time"].dt.tz) == "UTC"


def test_round_trips_risk_one_atr_of_the_row_that_decided_the_entry(by_hand):
    # ATR 0.5 at row 0, 0.8 at row 2 (the reversal), 0.6 at row 0 of session 1; 9.9 at every other row
    assert list(by_hand["initial_risk_usd"]) == pytest.approx([50, 80, 60], abs=1e-9)


def test_round_trips_leave_out_a_position_that_is_still_open(by_hand):
    assert 2 not in set(by_hand["session"])


# --- single cases ---------------------------------------------------------------------------------------------------


def test_round_trip_with_additions_and_partial_exits():
    # +10 at 100, +10 at 102, -5 at 103, +5 at 101, -20 at 104: bought 25 for 2,525, sold 25 for 515 + 2,080 = 2,595
    fills = fills_of(
        (1, 10, 100, 100, 1), (2, 10, 102, 102, 1), (3, -5, 103, 103, 1), (4, 5, 101, 101, 1), (9, -20, 104, 104, 1)
    )
    trades = round_trips(fills, tape_of_minutes(), SHARES)
    row = trades.iloc[0]
    assert len(trades) == 1
    assert (row["direction"], row["quantity"], row["minutes_held"]) == (1, 20.0, 8.0)
    assert row["entry_price"] == pytest.approx(2_525 / 25, abs=1e-12)
    assert row["exit_price"] == pytest.approx(2_595 / 25, abs=1e-12)
    assert (row["gross_pnl"], row["commission_usd"], row["net_pnl"]) == pytest.approx((70, 5, 65), abs=1e-9)
    assert row["initial_risk_usd"] == pytest.approx(0.0 * 20)  # ATR of row 0


def test_round_trip_short_gains_when_the_price_falls():
    trades = round_trips(fills_of((1, -10, 100, 100, 1), (3, 10, 97, 97, 1)), tape_of_minutes(), SHARES)
    row = trades.iloc[0]
    assert (row["direction"], row["quantity"]) == (-1, 10.0)
    assert (row["gross_pnl"], row["net_pnl"]) == pytest.approx((30, 28), abs=1e-9)


def test_round_trips_of_unequal_reversals():
    # +10, then -30: 10 close at 101, 20 open; +15 leave 5 short, +5 close.
    fills = fills_of((2, 10, 100, 100, 1), (4, -30, 101, 101, 3), (6, 15, 99, 99, 1.5), (8, 5, 98, 98, 1))
    trades = round_trips(fills, tape_of_minutes(), SHARES)
    assert list(trades["direction"]) == [1, -1]
    assert list(trades["quantity"]) == [10, 20]
    assert list(trades["gross_pnl"]) == pytest.approx([10, 15 * 2 + 5 * 3], abs=1e-9)
    assert list(trades["commission_usd"]) == pytest.approx([1 + 1, 2 + 1.5 + 1], abs=1e-9)
    assert list(trades["exit_price"]) == pytest.approx([101, (15 * 99 + 5 * 98) / 20], abs=1e-12)
    assert list(trades["initial_risk_usd"]) == pytest.approx([1 * 10, 3 * 20], abs=1e-9)  # ATR of rows 1 and 3
    assert list(trades["minutes_held"]) == [2, 4]


def test_round_trips_in_contracts_are_worth_their_multiplier():
    fills = fills_of((1, 2, 5_000, 5_000, 1.24), (3, -2, 5_001.5, 5_001.5, 1.24))
    row = round_trips(fills, tape_of_minutes(), CONTRACTS).iloc[0]
    assert row["gross_pnl"] == pytest.approx(2 * 1.5 * 5, abs=1e-9)
    assert row["net_pnl"] == pytest.approx(15 - 2.48, abs=1e-9)
    assert row["entry_price"] == 5_000  # prices stay prices


def test_round_trips_risk_in_contracts_is_worth_its_multiplier():
    fills = fills_of((4, 2, 5_000, 5_000, 0), (6, -2, 5_000, 5_000, 0))
    assert round_trips(fills, tape_of_minutes(), CONTRACTS)["initial_risk_usd"].iloc[0] == pytest.approx(3.0 * 2 * 5)


def test_round_trips_do_not_reach_into_the_next_session():
    """An open long of one session is no exit for the next one's short."""
    fills = fills_of((1, 10, 100, 100, 1), (3, -10, 101, 101, 1), (5, 10, 99, 99, 1))
    fills["session"] = [0, 1, 1]
    trades = round_trips(fills, make_tape([[{"close": 100.0}] * 8] * 2), SHARES)
    assert list(trades["session"]) == [1]
    assert list(trades["direction"]) == [-1]
    assert list(trades["gross_pnl"]) == pytest.approx([20])


def test_round_trips_find_the_atr_across_the_night():
    """The deciding row is the one before the fill's, counted from the start of the fill's own session."""
    tape = make_tape(
        [
            [{"close": 100.0, "atr": 1.0 + row} for row in range(4)],
            [{"close": 100.0, "atr": 11.0 + row} for row in range(6)],
        ]
    )
    fills = fills_of((1, 10, 100, 100, 0), (3, -10, 100, 100, 0))
    fills["session"] = 1  # filled in row 4 + 1: rows of session 1 are 4 ... 9
    assert round_trips(fills, tape, SHARES)["initial_risk_usd"].iloc[0] == pytest.approx(11.0 * 10)


def test_round_trips_of_two_symbols_at_one_time():
    """The same minutes of one day, each symbol with its own ATR and its own worth of a point."""
    tapes = [
        replace(make_tape([[{"close": 100.0, "atr": scale * (1 + row)} for row in range(6)]]), symbols=(symbol,))
        for symbol, scale in (("SHARE", 1.0), ("FUTURE", 10.0))
    ]
    fills = pd.concat([fills_of((2, 10, 100, 100, 0), (4, -10, 103, 103, 0))] * 2, ignore_index=True)
    fills["session"], fills["symbol"] = [0, 0, 1, 1], ["SHARE", "SHARE", "FUTURE", "FUTURE"]
    trades = round_trips(fills, join_tapes(tapes), {"SHARE": 1.0, "FUTURE": 5.0})
    assert list(trades["symbol"]) == ["SHARE", "FUTURE"]
    assert list(trades["gross_pnl"]) == pytest.approx([30.0, 150.0], abs=1e-9)
    assert list(trades["initial_risk_usd"]) == pytest.approx([2 * 10, 20 * 10 * 5], abs=1e-9)  # decided at row 1


def test_round_trips_of_one_unopened_fill_make_none():
    assert len(round_trips(fills_of((1, 10, 100, 100, 1)), tape_of_minutes(), SHARES)) == 0


def test_round_trips_of_nothing_have_their_columns():
    trades = round_trips(fills_of(), tape_of_minutes(), SHARES)
    assert (len(trades), tuple(trades.columns)) == (0, COLUMNS)


def test_round_trips_agree_with_the_example_ledger():
    """The example's trades were worked out on paper from its fills (tests/support/builders); gross at reference."""
    example = example_ledger()
    fills = example.fills
    fills["decision_mid"] = fills["reference_price"]
    fills["time"] = fills["time"].dt.floor("min")
    trades = round_trips(fills, make_tape([[{"close": 500.0, "atr": 1.0}] * 6] * 3), {"SPY": 1.0})
    for name in (
        "session",
        "direction",
        "quantity",
        "entry_price",
        "exit_price",
        "gross_pnl",
        "net_pnl",
        "minutes_held",
    ):
        assert trades[name].tolist() == pytest.approx(example.trades[name].tolist(), abs=1e-9), name
    for name in COSTS:
        assert trades[name].tolist() == pytest.approx(example.trades[name].tolist(), abs=1e-9), name
