"""Tapes of several symbols: every session whole, by date and then by symbol, and what cannot be joined."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data import Instrument
from intraday_rl.market.tape import Tape, join_tapes
from tests.support.exact import assert_same_bits
from tests.support.tapes import make_tape, of_symbol, random_tape

PER_ROW = ("rows", "features", "end_ns")


def quiet(symbol, lengths, dates, level):
    """Return a tape of quiet bars that close at `level`, `level` + 1, ... from row to row."""
    rows = iter(range(sum(lengths)))
    tape = make_tape([[{"close": level + next(rows)} for _ in range(length)] for length in lengths])
    return replace(of_symbol(tape, symbol), dates=np.array(dates, dtype="datetime64[D]"))


def rows_of(tape, session):
    return slice(int(tape.session_starts[session]), int(tape.last_row[session]) + 1)


@pytest.fixture
def joined():
    """AAA trades on the 2nd, 3rd and 5th, BBB on the 3rd, 4th and 5th, with 3 to 5 minutes a session."""
    aaa = quiet("AAA", [3, 4, 5], ["2024-01-02", "2024-01-03", "2024-01-05"], 100.0)
    bbb = quiet("BBB", [5, 3, 4], ["2024-01-03", "2024-01-04", "2024-01-05"], 500.0)
    aaa = replace(aaa, first_row=np.array([1, -1, 9]))
    return join_tapes([aaa, bbb]), aaa, bbb


def test_join_orders_sessions_by_date_then_symbol(joined):
    tape, _, _ = joined
    assert tape.dates.astype(str).tolist() == ["2024-01-02", *["2024-01-03"] * 2, "2024-01-04", *["2024-01-05"] * 2]
    assert [tape.symbols[k] for k in tape.symbol_of] == ["AAA", "AAA", "BBB", "BBB", "AAA", "BBB"]
    assert tape.symbols == ("AAA", "BBB")


def test_join_lays_rows_out_in_the_order_of_the_sessions(joined):
    tape, _, _ = joined
    assert tape.last_row.tolist() == [2, 6, 11, 14, 19, 23]
    assert tape.session_starts.tolist() == [0, 3, 7, 12, 15, 20]
    expected = [100, 101, 102, 103, 104, 105, 106, 500, 501, 502, 503, 504, 505, 506, 507]
    assert tape.rows["close"].tolist() == [*expected, 107, 108, 109, 110, 111, 508, 509, 510, 511]


def test_join_keeps_where_sessions_may_begin(joined):
    tape, _, _ = joined
    assert tape.first_row.tolist() == [1, -1, 7, 12, 17, 20]  # AAA's third begins at its third minute
    assert [tape.session_of(row) for row in (0, 2, 3, 11, 12, 23)] == [0, 0, 1, 2, 3, 5]


def test_join_keeps_every_session_to_the_last_bit():
    parts = [of_symbol(random_tape(num_sessions=4, minutes=9, seed=seed), f"S{seed}") for seed in range(3)]
    tape = join_tapes(parts)
    for session, (k, date) in enumerate(zip(tape.symbol_of, tape.dates, strict=True)):
        own = int(np.flatnonzero(parts[k].dates == date)[0])
        for name in PER_ROW:
            assert_same_bits(
                getattr(tape, name)[rows_of(tape, session)], getattr(parts[k], name)[rows_of(parts[k], own)]
            )
    assert len(tape.rows) == sum(len(part.rows) for part in parts)


def test_join_of_one_tape_is_that_tape(joined):
    _, aaa, _ = joined
    again = join_tapes([aaa])
    for name in (*PER_ROW, "first_row", "last_row", "dates", "symbol_of"):
        assert_same_bits(getattr(again, name), getattr(aaa, name))
    assert (again.symbols, again.instruments) == (aaa.symbols, aaa.instruments)


def test_join_of_joined_tapes_is_the_join_of_all():
    parts = [of_symbol(random_tape(num_sessions=3, minutes=5, seed=seed), f"S{seed}") for seed in range(3)]
    at_once, in_turn = join_tapes(parts), join_tapes([join_tapes(parts[:2]), parts[2]])
    for name in (*PER_ROW, "first_row", "last_row", "dates", "symbol_of"):
        assert_same_bits(getattr(in_turn, name), getattr(at_once, name))


def test_join_keeps_each_symbols_contract_terms(joined):
    _, aaa, bbb = joined
    future = Instrument(name="MES", tick_size=0.25, multiplier=5.0, calendar="CMES")
    tape = join_tapes([aaa, replace(bbb, instruments=(future,))])
    assert [instrument.name for instrument in tape.instruments] == ["share", "MES"]


def test_joined_tape_check_names_the_symbol(joined):
    tape: Tape = joined[0]
    tape.check()
    tape.rows["close"][13] = np.nan
    with pytest.raises(DataError, match=r"^BBB 2024-01-04: close is not a number at tape row 13"):
        tape.check()


@pytest.mark.parametrize(
    ("tapes", "message"),
    [
        ([], "needs at least one tape"),
        ([quiet("AAA", [3], ["2024-01-02"], 1.0), quiet("AAA", [3], ["2024-01-03"], 1.0)], "AAA comes 2 times"),
        (
            [quiet("AAA", [3], ["2024-01-02"], 1.0), of_symbol(random_tape(1, 5, num_features=3), "BBB")],
            "the features of BBB and those of AAA differ",
        ),
    ],
)
def test_join_refuses_in_one_line(tapes, message):
    with pytest.raises(DataError, match=message) as caught:
        join_tapes(tapes)
    assert "\n" not in str(caught.value)
