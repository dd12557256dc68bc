"""The pace of calls by a clock that only waiting moves."""

import threading

import pytest

from intraday_rl.data.massive.limiter import CallLimiter, StoppedError


class TimedLimiter(CallLimiter):
    """A limiter whose waiting moves its own clock."""

    def __init__(self, calls_per_minute):
        self.now = 1000.0
        super().__init__(calls_per_minute, threading.Event(), lambda: self.now)

    def sleep(self, seconds):
        self.now += seconds

    def started_at(self, calls, seconds_between=0.0):
        times = []
        for _ in range(calls):
            self.wait()
            times.append(self.now - 1000.0)
            self.now += seconds_between
        return times


def test_limiter_lets_so_many_calls_start_in_any_minute():
    assert TimedLimiter(3).started_at(8) == [0, 0, 0, 60, 60, 60, 120, 120]
    assert TimedLimiter(3).started_at(6, seconds_between=10.0) == [0, 10, 20, 60, 70, 80]
    assert TimedLimiter(3).started_at(4, seconds_between=25.0) == [0, 25, 50, 75]


def test_limiter_without_a_limit_never_waits():
    assert TimedLimiter(None).started_at(100) == [0.0] * 100


def test_limiter_hold_lets_no_call_start():
    limiter = TimedLimiter(None)
    limiter.hold(30.0)
    limiter.hold(10.0)  # the longer one counts
    assert limiter.started_at(2) == [30.0, 30.0]


def test_limiter_waiting_ends_when_it_is_stopped():
    stop = threading.Event()
    limiter = CallLimiter(1, stop)
    limiter.wait()
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(StoppedError):
        limiter.wait()  # would take a minute
