"""Several symbols at once: one pace, failures that stay with their symbol, and an end that keeps what is complete."""

import os
import threading
import time

import pytest

from intraday_rl.data import exchange_sessions
from intraday_rl.data.massive import Collection, Job
from intraday_rl.data.massive.transport import ServiceError
from tests.support.massive_server import day_of_bars, failing
from tests.unit.data.massive.conftest import DAYS

SYMBOLS = tuple(f"S{i}" for i in range(5))


@pytest.fixture
def many(server):
    for i, symbol in enumerate(SYMBOLS):
        server.bars[symbol] = [bar for day in DAYS for bar in day_of_bars(day, 100.0 * (i + 1))]
    return server


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_collection_of_many_symbols_keeps_them_apart(many, collect, store, workers):
    collection, failures = collect(SYMBOLS, workers=workers)
    assert (failures, store.symbols(), store.verify()) == ({}, list(SYMBOLS), [])
    for i, symbol in enumerate(SYMBOLS):
        assert store.read(symbol)["close"].tolist() == [100.0 * (i + 1) + j for j in (1, 2, 3, 4)] * 5
    assert {report.done for report in collection.reports.values()} == {5}


def test_collection_downloads_as_many_symbols_at_a_time_as_it_has_workers(many, collect):
    together, most, lock = 0, 0, threading.Lock()

    def count(asked):
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.02)
        with lock:
            together -= 1

    many.before_answer = count
    collect(SYMBOLS, workers=3)
    assert most == 3


def test_collection_has_one_pace_for_all_symbols(many, settings, key, store, monkeypatch):
    monkeypatch.setattr("intraday_rl.data.massive.limiter.MINUTE_SECONDS", 0.4)
    job = Job(
        settings(calls_per_minute=4, sessions_per_request=5, workers=5),
        store, "XNYS", exchange_sessions("XNYS", DAYS[0], DAYS[-1]), {},
    )  # fmt: skip
    assert Collection(job, (*SYMBOLS, "SPY", "QQQ"), key).run(lambda report: None) == {}
    times = sorted(asked.at for asked in many.asked)
    assert len(times) == 7
    assert times[4] - times[0] > 0.35


def test_collection_a_refused_symbol_leaves_the_others_alone(many, collect, store):
    many.before_answer = lambda asked: many.faults.extend([failing(403)] if "/S1/" in asked.path else [])
    _, failures = collect(SYMBOLS, workers=1)
    assert list(failures) == ["S1"]
    assert store.symbols() == ["S0", "S2", "S3", "S4"]


def test_collection_ends_for_all_symbols_when_the_service_fails(many, collect, store):
    many.before_answer = lambda asked: many.faults.extend([failing(401)] if "/S1/" in asked.path else [])
    with pytest.raises(ServiceError, match="refuses the key"):
        collect(SYMBOLS, workers=1)
    assert store.symbols() == ["S0"]
    assert len(store.sessions("S0")) == 5


def test_collection_store_that_cannot_be_written_is_one_line(collect, store, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ServiceError, match=rf"^{store.root}: cannot be written \(No space left on device\); make room"):
        collect()


def test_collection_unforeseen_errors_are_not_swallowed(collect, monkeypatch):
    monkeypatch.setattr("intraday_rl.data.massive.download._write_session", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        collect()


def test_collection_interrupted_keeps_whole_sessions_and_goes_on_later(many, settings, key, store):
    job = Job(
        settings(sessions_per_request=1, calls_per_minute=7),
        store, "XNYS", exchange_sessions("XNYS", DAYS[0], DAYS[-1]), {},
    )  # fmt: skip
    collection = Collection(job, ("S0", "S1"), key)

    def interrupt():  # what a signal does to the main thread
        while sum(report.written for report in collection.reports.values()) < 7:
            time.sleep(0.005)
        raise KeyboardInterrupt

    collection._follow = interrupt
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        collection.run(lambda report: None)
    assert time.monotonic() - begin < 4  # the threads were waiting for the next minute
    assert sum(len(store.sessions(symbol)) for symbol in ("S0", "S1")) == 7
    assert store.verify() == []
    job = Job(settings(), store, "XNYS", job.sessions, {})
    resumed = Collection(job, ("S0", "S1"), key)
    assert resumed.run(lambda report: None) == {}
    assert sum(report.held for report in resumed.reports.values()) == 7
    assert sum(report.written for report in resumed.reports.values()) == 3


def test_collection_tells_of_each_session(collect, settings, key, store):
    told = []
    job = Job(settings(), store, "XNYS", exchange_sessions("XNYS", DAYS[0], DAYS[-1]), {})
    Collection(job, ("SPY",), key).run(lambda report: told.append((report.symbol, report.done, report.wanted)))
    assert told == [("SPY", done, 5) for done in range(6)]
