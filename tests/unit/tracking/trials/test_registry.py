"""The registry by hand: what counts as a trial, what as the same window, and many processes at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from intraday_rl.core.errors import TrackingError
from intraday_rl.tracking.trials import CHECKPOINT, FILE, MODEL, Count, Trial, TrialRegistry, schema

WINDOW = ("SPY 2024-01-02", "SPY 2024-01-03")
PROCESSES, EACH = 8, 40


def trial(model: str = "a", **changes: Any) -> Trial:
    values = {"sessions": WINDOW, "costs": "usual", "kind": MODEL, "round_trip_sharpe": 0.1, "session_sharpe": 0.2}
    return Trial(model, **(values | {"algorithm": "ppo", "run": "first"} | changes))


@pytest.fixture
def registry(tmp_path: Path):
    with TrialRegistry(tmp_path / "store") as opened:
        yield opened


def rows_of(registry: TrialRegistry) -> list[tuple[Any, ...]]:
    with sqlite3.connect(registry.file) as connection:
        return connection.execute("SELECT model, costs, kind, round_trip_sharpe, run FROM trials").fetchall()


# --- what counts ----------------------------------------------------------------------------------------------------


def test_nothing_is_counted_where_nothing_was_judged(registry: TrialRegistry):
    assert registry.count(WINDOW, "round_trip") == Count(0, 0, None)
    assert registry.count((), "round_trip").num_trials == 0


def test_judging_again_adds_nothing(registry: TrialRegistry):
    registry.record(trial())
    registry.record(trial(run="second", round_trip_sharpe=0.3, sessions=WINDOW[::-1]))
    assert registry.count(WINDOW, "round_trip") == Count(1, 0, None)
    assert rows_of(registry) == [("a", "usual", "model", 0.1, "first")]


def test_variance_is_the_sample_variance_of_the_ratios_that_are_asked_for(registry: TrialRegistry):
    """Round trips 0.1, 0.3, 0.8: mean 0.4, deviations -0.3, -0.1, 0.4, variance 0.26 / 2; sessions 1, 2: 0.5."""
    registry.record_all(
        [
            trial("a", round_trip_sharpe=0.1, session_sharpe=1.0),
            trial("b", round_trip_sharpe=0.3, session_sharpe=2.0),
            trial("c", round_trip_sharpe=0.8, session_sharpe=None),
        ]
    )
    count = registry.count(WINDOW, "round_trip")
    assert (count.num_trials, count.sharpe_variance) == (3, pytest.approx(0.13, abs=1e-15))
    assert registry.count(WINDOW, "session") == Count(3, 0, pytest.approx(0.5, abs=1e-15))


@pytest.mark.parametrize("undefined", [None, float("nan"), float("inf")])
def test_undefined_ratios_count_but_have_no_part_in_the_variance(registry: TrialRegistry, undefined: float | None):
    registry.record_all([trial("a"), trial("b", round_trip_sharpe=undefined)])
    assert registry.count(WINDOW, "round_trip") == Count(2, 0, None)


def test_other_costs_are_another_trial_on_the_same_window(registry: TrialRegistry):
    registry.record_all([trial(), trial(costs="twice")])
    assert registry.count(WINDOW, "round_trip").num_trials == 2


def test_window_that_shares_a_session_is_the_same_window(registry: TrialRegistry):
    registry.record(trial())
    registry.record(trial(sessions=("SPY 2024-01-03", "SPY 2024-01-04")))  # the same model, another window
    registry.record(trial("b", sessions=("SPY 2024-01-04", "SPY 2024-01-05")))
    assert registry.count(WINDOW, "round_trip").num_trials == 2
    assert registry.count(["SPY 2024-01-04"], "round_trip").num_trials == 2
    assert registry.count(["SPY 2024-01-03", "SPY 2024-01-05"], "round_trip").num_trials == 3


def test_disjoint_window_has_trials_of_its_own(registry: TrialRegistry):
    registry.record(trial())
    for session in ("SPY 2024-01-04", "QQQ 2024-01-02", "SPY 2024-01-02 another market"):
        assert registry.count([session], "round_trip").num_trials == 0, session


def test_checkpoint_that_is_judged_as_a_model_is_one_trial(registry: TrialRegistry):
    registry.record_all([trial("a", kind=CHECKPOINT, round_trip_sharpe=0.5), trial("b", kind=CHECKPOINT)])
    assert registry.count(WINDOW, "round_trip") == Count(0, 2, pytest.approx(0.08))
    registry.record(trial("a", round_trip_sharpe=0.3, run="later"))
    assert registry.count(WINDOW, "round_trip") == Count(1, 1, pytest.approx(0.02))
    registry.record(trial("a", kind=CHECKPOINT, round_trip_sharpe=0.9))
    assert registry.count(WINDOW, "round_trip") == Count(1, 1, pytest.approx(0.02))


def test_trials_are_added_all_or_none(registry: TrialRegistry):
    with pytest.raises(TrackingError, match="cannot be used"):
        registry.record_all([trial("a"), trial("b", costs=None)])
    assert registry.count(WINDOW, "round_trip").num_trials == 0
    registry.record(trial("a"))  # it goes on
    assert registry.count(WINDOW, "round_trip").num_trials == 1


def test_registry_is_found_again(tmp_path: Path):
    for model in ("a", "b"):
        with TrialRegistry(tmp_path) as registry:
            registry.record(trial(model))
    with TrialRegistry(tmp_path) as registry:
        assert registry.count(WINDOW, "round_trip").num_trials == 2
    assert not list(tmp_path.glob("*creating*"))


# --- many processes -------------------------------------------------------------------------------------------------

fork = multiprocessing.get_context("fork")


def write_many(folder: Path, number: int, together: Any) -> None:
    """Record EACH trials of its own, and EACH that all processes record, one by one."""
    together.wait()
    with TrialRegistry(folder) as registry:
        for k in range(EACH):
            registry.record(trial(f"{number}-{k}", sessions=(f"day {k}", "shared"), run=f"{number}"))
            registry.record(trial(f"all-{k}", sessions=("shared",)))


def test_eight_processes_that_begin_at_once_lose_nothing(tmp_path: Path):
    together = fork.Barrier(PROCESSES)
    writers = [fork.Process(target=write_many, args=(tmp_path / "new", n, together)) for n in range(PROCESSES)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60.0)
    assert [writer.exitcode for writer in writers] == [0] * PROCESSES
    with TrialRegistry(tmp_path / "new") as registry:
        assert registry.count(["shared"], "round_trip").num_trials == PROCESSES * EACH + EACH
        assert registry.count(["day 7"], "round_trip").num_trials == PROCESSES


def write_until_killed(folder: Path, told: Any) -> None:
    """Record trials for ever; the number of those that are recorded is told."""
    with TrialRegistry(folder) as registry:
        for k in range(10**9):
            registry.record(trial(f"{k}"))
            told.value = k + 1


def test_killed_process_loses_nothing_that_it_recorded(tmp_path: Path):
    told = fork.Value("q", 0)
    writer = fork.Process(target=write_until_killed, args=(tmp_path, told))
    writer.start()
    while told.value < 50:
        assert writer.is_alive()
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    with TrialRegistry(tmp_path) as registry:
        assert told.value <= registry.count(WINDOW, "round_trip").num_trials <= told.value + 1
        registry.record(trial("after"))


# --- what cannot be used --------------------------------------------------------------------------------------------


def test_place_that_cannot_be_written_is_refused_in_a_line(tmp_path: Path):
    (tmp_path / "store").write_text("a file")
    with pytest.raises(TrackingError) as refusal:
        TrialRegistry(tmp_path / "store")
    assert str(tmp_path / "store" / FILE) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_file_of_another_kind_is_refused(tmp_path: Path):
    (tmp_path / FILE).write_text("no database, but a text that is long enough to be looked at" * 10)
    with pytest.raises(TrackingError, match="cannot be used"):
        TrialRegistry(tmp_path)


def test_file_of_another_version_is_refused(registry: TrialRegistry):
    with sqlite3.connect(registry.file) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(TrackingError, match="must be of version 1, was 2; move it away"):
        TrialRegistry(registry.file.parent)


def test_writing_waits_for_others_no_longer_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.05)
    with TrialRegistry(tmp_path) as registry:
        other = sqlite3.connect(registry.file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TrackingError, match="database is locked"):
            registry.record(trial())
        assert registry.count(WINDOW, "round_trip").num_trials == 0  # reading waits for nobody
        other.execute("COMMIT")
        other.close()
        registry.record(trial())
        assert registry.count(WINDOW, "round_trip").num_trials == 1
