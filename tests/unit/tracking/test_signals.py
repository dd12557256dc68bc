"""SIGTERM becomes an exception inside the block and nothing else changes."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from intraday_rl.tracking import signals
from intraday_rl.tracking.signals import Interrupted, sigterm_interrupts


def terminate_self() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_raises_interrupted_and_the_former_handler_returns():
    seen = []
    former = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with pytest.raises(Interrupted, match="stopped by SIGTERM") as caught, sigterm_interrupts():
            terminate_self()
        assert caught.value.exit_status == 143
        terminate_self()
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, former)


def test_interrupted_passes_handlers_of_exceptions():
    assert not issubclass(Interrupted, Exception)
    assert issubclass(Interrupted, KeyboardInterrupt)


def test_sigterm_repeated_at_once_does_not_interrupt_the_clean_up():
    cleaned = []

    def work() -> None:
        with sigterm_interrupts():
            try:
                terminate_self()
            finally:
                terminate_self()
                cleaned.append(True)

    with pytest.raises(Interrupted):
        work()
    assert cleaned == [True]


def test_sigterm_repeated_after_the_grace_raises_again(monkeypatch):
    monkeypatch.setattr(signals, "GRACE_SECONDS", 0.0)
    raised = 0
    with sigterm_interrupts():
        for _ in range(2):
            with pytest.raises(Interrupted):
                terminate_self()
            raised += 1
    assert raised == 2


def test_sigterm_that_is_ignored_stays_ignored():
    former = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with sigterm_interrupts():
            terminate_self()
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, former)


def test_sigterm_handler_is_left_alone_in_other_threads():
    handlers = []

    def enter() -> None:
        with sigterm_interrupts():
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]
