"""Clocks are set by hand; the other process's signs of life are written by hand."""

from types import SimpleNamespace

import pytest

from intraday_rl.sweeps import leases
from intraday_rl.sweeps.leases import BEAT, HOLDER, Leases

INTERVAL = 20.0


class Clock:
    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(leases, "time", clock)
    return clock


def trial(number=0, **attributes):
    return SimpleNamespace(number=number, _trial_id=100 + number, user_attrs=attributes)


def test_name_says_host_and_process_and_differs_within_one():
    one, other = (Leases(print, INTERVAL).name for _ in range(2))
    assert one != other
    assert one.rpartition(":")[0] == other.rpartition(":")[0]
    int(one[-8:], 16)


def test_taking_writes_name_and_beat_on_the_trial():
    written = []
    mine = Leases(lambda *arguments: written.append(arguments), INTERVAL)
    mine.take(trial(3))
    assert written == [(103, HOLDER, mine.name), (103, BEAT, 0)]
    assert mine.is_mine(trial(holder=mine.name))
    assert not mine.is_mine(trial(holder="other"))
    assert not mine.is_mine(trial())


def test_beats_grow_and_come_once_in_an_interval(clock):
    written = []
    mine = Leases(lambda *arguments: written.append(arguments), INTERVAL)
    for now in (1000.0, 1019.0, 1020.0, 1021.0, 1040.0):
        clock.now = now
        mine.beat([trial(0), trial(1)])
    assert written == [(100, BEAT, 1), (101, BEAT, 1), (100, BEAT, 2), (101, BEAT, 2), (100, BEAT, 3), (101, BEAT, 3)]


def test_trial_is_left_alone_when_its_sign_has_not_changed_for_three_intervals_of_this_clock(clock):
    mine, other = Leases(print, INTERVAL), trial(holder="other", beat=7)
    assert not mine.is_left_alone(other)
    clock.now += 60.0
    assert not mine.is_left_alone(other)
    clock.now += 0.1
    assert mine.is_left_alone(other)


def test_every_sign_of_life_begins_the_wait_anew(clock):
    mine, other = Leases(print, INTERVAL), trial(holder="other", beat=1)
    mine.is_left_alone(other)
    for beat in (2, 3, 1):  # a smaller number is a sign too
        clock.now += 59.0
        other.user_attrs[BEAT] = beat
        assert not mine.is_left_alone(other)
    other.user_attrs[HOLDER] = "third"
    clock.now += 59.0
    assert not mine.is_left_alone(other)
    clock.now += 61.0
    assert mine.is_left_alone(other)


def test_trial_that_nobody_put_a_name_on_is_left_alone_too(clock):
    mine = Leases(print, INTERVAL)
    assert not mine.is_left_alone(trial())
    clock.now += 61.0
    assert mine.is_left_alone(trial())


def test_of_two_that_take_a_trial_the_later_has_it():
    attributes = {}
    one, other = (Leases(lambda i, key, value: attributes.__setitem__(key, value), INTERVAL) for _ in range(2))
    one.take(trial())
    other.take(trial())
    found = trial(**attributes)
    assert other.is_mine(found)
    assert not one.is_mine(found)
