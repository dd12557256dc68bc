"""Whole runs and the registry: what is counted behind a verdict, and on which sessions it is given."""

from __future__ import annotations

import json
import logging
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.app.listeners import MonitorListener
from intraday_rl.app.train import train
from intraday_rl.app.trials.places import FOLDER_VARIABLE
from intraday_rl.app.trials.registrar import Registrar
from intraday_rl.evaluation import validation
from intraday_rl.evaluation.ledger import Ledger
from tests.support.mlflow_store import new_store, runs_of
from tests.support.runs import SMALL, composed, evaluation_of, judge_again, quick, run_small

MARKET = ("data.source.seed=0",)  # the market of seed 0, whatever the training's seed is


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave out pictures, and take the ratios of few round trips for known: runs here are small."""
    monkeypatch.setattr(validation, "FEWEST_ROUND_TRIPS", 2)
    with quick():
        yield


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of the test's own, not there yet."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "registry"))
    return tmp_path / "registry" / "trials.db"


def rows_of(registry: Path) -> list[dict[str, Any]]:
    """Return all trials, each with the days of its sessions."""
    with closing(sqlite3.connect(registry)) as connection:
        connection.row_factory = sqlite3.Row
        query = "SELECT *, (SELECT group_concat(session, '|') FROM sessions s WHERE s.window = t.window) AS names"
        rows = [dict(row) for row in connection.execute(f"{query} FROM trials t")]
    return [{**row, "days": sorted(name.split()[1] for name in row.pop("names").split("|"))} for row in rows]


def gates_of(folder: Path) -> dict[str, Any]:
    gates: dict[str, Any] = json.loads((folder / "gates.json").read_text())
    return gates


def deflated_sharpe(folder: Path) -> float:
    """Return what the judgement says of E2."""
    value: float = next(gate for gate in gates_of(folder)["stages"][1]["gates"] if gate["id"] == "E2")["value"]
    return value


def fractions_of(folder: Path) -> np.ndarray:
    """Return net P&L / session-start NAV of each round trip, from the tables of a run of one account."""
    trades, bars = pd.read_parquet(folder / "trades.parquet"), pd.read_parquet(folder / "equity.parquet")
    daily = trades.groupby("session")["net_pnl"].sum().reindex(bars["session"].unique(), fill_value=0.0)
    start = 50_000.0 + 0.0 * daily  # every session begins with the same capital
    return (trades["net_pnl"] / trades["session"].map(start)).to_numpy()


def expected_deflated_sharpe(fractions: np.ndarray, num_trials: int, variance: float) -> float:
    """Return the probability by SPEC C4, with scipy's moments and quantiles."""
    sharpe, n = fractions.mean() / fractions.std(ddof=1), len(fractions)
    expected_most = 0.0
    if num_trials > 1:
        quantiles = stats.norm.ppf([1 - 1 / num_trials, 1 - 1 / (num_trials * math.e)])
        expected_most = math.sqrt(variance) * np.dot([1 - np.euler_gamma, np.euler_gamma], quantiles)
    skewness, kurtosis = stats.skew(fractions), stats.kurtosis(fractions, fisher=False)
    error = math.sqrt((1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2) / (n - 1))
    return float(stats.norm.cdf((sharpe - expected_most) / error))


# --- what stands behind a verdict -----------------------------------------------------------------------------------


def test_second_model_on_the_same_sessions_lowers_the_deflated_sharpe_ratio(registry: Path, tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    run_small(first, *MARKET)
    assert gates_of(first)["num_trials"] == 1
    assert gates_of(first)["trials_sharpe_variance"] is None
    run_small(second, *MARKET, "seed=1")
    gates = gates_of(second)
    ratios = [fractions.mean() / fractions.std(ddof=1) for fractions in map(fractions_of, (first, second))]
    assert gates["num_trials"] == 2
    assert gates["trials_sharpe_variance"] == pytest.approx((ratios[0] - ratios[1]) ** 2 / 2, rel=1e-9)
    assert str(registry) in gates["trials_counted"]
    assert "2 models, 0 checkpoints" in gates["trials_counted"]
    judge_again(f"run={first}")
    variance = gates["trials_sharpe_variance"]
    for folder, number in ((first, 1), (evaluation_of(first), 2), (second, 2)):
        expected = expected_deflated_sharpe(fractions_of(folder), number, variance)
        assert deflated_sharpe(folder) == pytest.approx(expected, rel=1e-9), folder
    assert deflated_sharpe(evaluation_of(first)) < deflated_sharpe(first)


@pytest.mark.slow
def test_judging_again_adds_nothing_and_other_costs_do(registry: Path, tmp_path: Path):
    run_small(tmp_path / "run")
    before = rows_of(registry)
    for arguments, number in (((), 1), ((), 1), (("stress=costs_x2",), 2), ((), 2)):
        judge_again(f"run={tmp_path / 'run'}", *arguments)
        assert gates_of(evaluation_of(tmp_path / "run"))["num_trials"] == number
    assert len(rows_of(registry)) == len(before) + 1


def test_every_checkpoint_is_counted_on_the_validation_sessions(registry: Path, tmp_path: Path):
    """Ten sessions: five to train on, two to choose by, three to be judged on; 512 steps, judged every 256."""
    run_small(tmp_path / "run")
    days = build_plan(compose(SMALL)).markets[0].source.load().sessions.date.astype(str).tolist()
    rows = rows_of(registry)
    assert sorted((row["kind"], *row["days"]) for row in rows) == [
        ("checkpoint", *days[5:7]),
        ("checkpoint", *days[5:7]),
        ("model", *days[7:]),
    ]
    assert {(row["algorithm"], row["run"]) for row in rows} == {("ppo", "run")}
    model = next(row for row in rows if row["kind"] == "model")
    assert model["model"] in {row["model"] for row in rows if row["kind"] == "checkpoint"}  # the best one
    fractions = fractions_of(tmp_path / "run")
    assert model["round_trip_sharpe"] == pytest.approx(fractions.mean() / fractions.std(ddof=1), rel=1e-9)
    judge_again(f"run={tmp_path / 'run'}", "sessions=validation")
    assert len(rows_of(registry)) == 3  # that checkpoint is the model
    gates = gates_of(evaluation_of(tmp_path / "run"))
    assert (gates["num_trials"], gates["judged_on"].split()[0]) == (2, "validation")
    assert "1 models, 1 checkpoints" in gates["trials_counted"]


@pytest.mark.slow
def test_another_market_has_trials_of_its_own(registry: Path, tmp_path: Path):
    run_small(tmp_path / "run")
    judge_again(f"run={tmp_path / 'run'}", "data.source.seed=77", "data.source.num_sessions=6")
    assert gates_of(evaluation_of(tmp_path / "run"))["num_trials"] == 1
    judge_again(f"run={tmp_path / 'run'}", "data.source.num_sessions=9")  # the run's market, cut: a window shared
    assert gates_of(evaluation_of(tmp_path / "run"))["num_trials"] == 4  # two checkpoints, one model twice


def stop_at_500(monkeypatch: pytest.MonkeyPatch, folder: Path, small: tuple[str, ...]) -> None:
    """Begin a run that is stopped by a signal when it passes step 500."""
    on_step = MonitorListener.on_step

    def stopping(self: MonitorListener, now: int) -> None:
        on_step(self, now)
        if now >= 500:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MonitorListener, "on_step", stopping)
        with pytest.raises(KeyboardInterrupt):
            run_small(folder, small=small)


def test_resumed_training_that_repeats_an_evaluation_adds_nothing(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Judged every 128 steps, stopped at 500, gone on with from the checkpoint at 256: 384 is judged twice."""
    small = (*SMALL, "evaluation.every_steps=128", "checkpoint.every_seconds=0")
    run, told = tmp_path / "run", []
    stop_at_500(monkeypatch, run, small)
    assert pd.read_csv(run / "validation.csv")["step"].tolist() == [128, 256, 384]  # as they came
    assert [row["kind"] for row in rows_of(registry)] == ["checkpoint"] * 3
    judged = Registrar._record
    monkeypatch.setattr(Registrar, "_record", lambda self, trial: told.append(trial.model) or judged(self, trial))
    train(json.loads(composed(*small)) | {"resume": str(run)}, run, [])
    resumed = [{**row, "recorded": ""} for row in rows_of(registry)]
    assert (len(told), len(resumed)) == (3, 5)  # told of 384, 512 and the model; 3 checkpoints were there
    run_small(tmp_path / "whole", small=small)
    assert [{**row, "recorded": ""} for row in rows_of(registry)] == resumed
    for name in ("validation.csv", "gates.json"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_registry_that_cannot_be_used_is_a_warning(registry: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    registry.parent.write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        run_small(tmp_path / "run")
    (warning,) = [record.message for record in caplog.records if "registry" in record.message]
    assert str(registry) in warning
    assert "is not counted with other trials" in warning
    gates = gates_of(tmp_path / "run")
    assert gates["trials_counted"].startswith(f"unknown: registry of trials {registry}")
    assert gates["num_trials"] is None


# --- which sessions -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_judged_on_validation_leaves_the_test_sessions_untouched(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    traded: set[str] = set()
    days = Ledger.frames.fget

    def noting(self: Ledger) -> Any:
        traded.update(self.sessions["date"].astype(str))
        return days(self)

    monkeypatch.setattr(Ledger, "frames", property(noting))
    store, run = new_store(tmp_path), tmp_path / "run"
    tracking = ("tracking=mlflow", f"tracking.store={store.folder}", "tracking.tensorboard=false")
    metrics = run_small(run, "evaluation.judge_on=validation", *tracking)
    validation = build_plan(compose(SMALL)).markets[0].source.load().sessions.date[5:7].astype(str).tolist()
    assert sorted(traded) == validation
    assert sorted(pd.read_parquet(run / "equity.parquet")["date"].astype(str).unique()) == validation
    assert {tuple(row["days"]) for row in rows_of(registry)} == {tuple(validation)}
    words = "validation sessions (the checkpoint was chosen on them)"
    assert gates_of(run)["judged_on"] == words
    assert words in (run / "report.html").read_text()
    (tracked,) = runs_of(store)
    assert tracked.data.metrics["validation_best/net_pnl_usd"] == pytest.approx(metrics["net_pnl_usd"], rel=1e-12)
    assert not [name for name in tracked.data.metrics if name.startswith("test/")]


@pytest.mark.slow
def test_run_judged_on_validation_is_judged_again_on_either(registry: Path, tmp_path: Path):
    run = tmp_path / "run"
    metrics = run_small(run, "evaluation.judge_on=validation")
    again, said = judge_again(f"run={run}", "sessions=validation")
    assert again == metrics
    assert "reproduces the run's own validation metrics to the last digit" in said
    tested, said = judge_again(f"run={run}")
    assert tested["num_sessions"] == 3
    assert "reproduce" not in said
    assert gates_of(evaluation_of(run))["judged_on"] == "test sessions"
    assert gates_of(evaluation_of(run))["num_trials"] == 1
