"""Odd prints: what jumps and comes back; what stays is news."""

import numpy as np
import pytest

from intraday_rl.data.quality.odd_prints import odd_prints
from tests.unit.data.quality.days import LIMITS, days

# closes alternate by 0.02 on 100: the median move is 2 basis points and the threshold 12 * 1.4826 * 2 = 35.6
FAR, NEAR = 0.50, 0.20


def found(made):
    return np.flatnonzero(odd_prints(made.bars(), LIMITS)).tolist()


def put(made, row, **steps):
    for name, step in steps.items():
        made.columns[name][row] += step


def test_odd_prints_are_none_in_quiet_sessions():
    assert found(days()) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_odd_close_comes_back_at_once(sign):
    made = days()
    row = made.row(1, 50)
    put(made, row, close=sign * FAR, high=sign * FAR, low=sign * FAR)
    assert found(made) == [row]


@pytest.mark.parametrize(("name", "sign"), [("high", 1), ("low", -1)])
def test_odd_wick_is_far_from_all_prices_around(name, sign):
    made = days()
    row = made.row(0, 50)
    put(made, row, **{name: sign * FAR})
    put(made, row + 5, **{name: sign * NEAR})
    assert found(made) == [row]


def test_news_stays_and_is_no_odd_print():
    made = days()
    row = made.row(0, 50)
    rest = slice(row, made.row(1, 0))
    for name in ("open", "high", "low", "close"):
        made.columns[name][rest] += FAR
    made.columns["open"][row] -= FAR
    made.columns["low"][row] -= FAR
    assert found(made) == []


def test_restless_minutes_have_a_wider_yardstick():
    made = days()
    rows = made.rows(0, 30, 90)
    wide = 0.30 * (np.arange(60) % 2)
    for name in ("open", "high", "low", "close"):
        made.columns[name][rows] = 100 + wide
    put(made, made.row(0, 60), high=FAR)
    assert found(made) == []


def test_session_ends_see_no_other_session():
    made = days()
    for name in ("open", "high", "low", "close"):
        made.columns[name][made.rows(1, 0, 390)] += 10  # a gap up overnight and down the night after
    assert found(made) == []


def test_untraded_minutes_are_passed_over():
    made = days()
    made.drop(0, 51, 60)
    row = made.row(0, 50)
    put(made, row, close=FAR, high=FAR)
    assert found(made) == [row]
