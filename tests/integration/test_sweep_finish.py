"""A small sweep from its first trial to its ensemble, on the command line, tracked in a store of its own."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.tracking.store import Store, open_client
from tests.support.runs import SMALL
from tests.support.sweep_runs import run, study_folder

pytestmark = pytest.mark.slow

SEARCHED = ("learning_rate", "batch_size", "rollout_steps")
LIMITS = ("hparams.constraints.num_round_trips.min=0", "hparams.constraints.mean_notional_in_market.min=0")


def test_sweep_ends_in_a_front_and_an_ensemble_that_is_judged(tmp_path: Path):
    fixed = [text for text in SMALL if text != "tracking=none" and not any(name in text for name in SEARCHED)]
    store = tmp_path / "mlflow"
    with study_folder() as folder:
        arguments = [
            "-m",
            "hparams=pareto_sweep",
            f"hparams.study={folder.name}",
            *fixed,
            *LIMITS,
            "algo.parameters.rollout_steps=256",
            "hparams.space={algo.parameters.batch_size: 'choice(32,64)'}",
            "algo.parameters.clip_range=0.2",
            "algo.parameters.entropy_start=0.01",
            "hparams.early_stop.min_finished=9",
            "hparams.n_trials=3",
            "hparams.best=2",
            f"tracking.store={store}",
        ]
        run(arguments, tmp_path / "log")
        first = dict(_judged_on_test(folder))
        summary = json.loads((folder / "sweep.json").read_text())
        _check_results(folder, summary)
        _check_mlflow(store, folder)
        run(arguments, tmp_path / "log")  # nothing is left but to judge the ensemble by today's count
        again = dict(_judged_on_test(folder))
        assert {name: count for name, count in again.items() if name != "ensemble"} == {
            name: count for name, count in first.items() if name != "ensemble"
        }
        assert json.loads((folder / "sweep.json").read_text()) == summary


def _judged_on_test(folder: Path) -> Counter[str]:
    """Return how many judgements on the test sessions each policy has; none is allowed to a trial."""
    counts: Counter[str] = Counter()
    for file in folder.rglob("evaluations/*/gates.json"):
        if json.loads(file.read_text())["judged_on"] == "test sessions":
            counts[file.parents[2].relative_to(folder).as_posix()] += 1
    return counts


def _check_results(folder: Path, summary: dict) -> None:
    with (folder / "pareto.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["0", "1", "2"]
    for row in rows:
        metrics = json.loads((folder / row["number"] / "metrics.json").read_text()) if not row["reason"] else None
        if metrics is not None:
            assert float(row["max_drawdown"]) == metrics["max_drawdown"]
            assert not (folder / row["number"] / "evaluations").exists()
    candidates = summary["candidates"]
    assert len({Path(each).name.rpartition("_")[2] for one in candidates for each in one["folders"]}) == 3 * len(
        candidates
    )
    judged = _judged_on_test(folder)
    assert set(judged) == {f"best/{Path(each).name}" for one in candidates for each in one["folders"]} | {"ensemble"}
    assert set(judged.values()) == {1}
    assert summary["judged_on_test"] == len(judged)  # the ensemble's verdict allows for every model judged there
    assert load_bundle(folder / "ensemble").parts["policy.json"]["network"]
    page = (folder / "pareto.html").read_text()
    assert summary["verdict_on_test"].partition(":")[0] in page


def _check_mlflow(store: Path, folder: Path) -> None:
    client = open_client(Store(store))
    experiment = client.get_experiment_by_name(folder.name)
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    parent = runs.pop(folder.name)
    assert {run.data.tags["mlflow.parentRunId"] for run in runs.values()} == {parent.info.run_id}
    assert {run.info.status for run in runs.values()} | {parent.info.status} == {"FINISHED"}
    metrics = json.loads((folder / "0" / "metrics.json").read_text())
    told = runs["0"].data.metrics
    assert told["objective/max_drawdown"] == metrics["max_drawdown"]
    assert told["validation_best/net_return"] == metrics["net_return"]
    assert not any(name.startswith("test/") for name in told)
    best = [run for name, run in runs.items() if name.startswith("best/")]
    assert best
    assert all(run.data.tags["role"] == "candidate" and "test/net_return" in run.data.metrics for run in best)
    assert "test/net_return" in parent.data.metrics
    artifacts = {item.path for item in client.list_artifacts(parent.info.run_id)}
    assert {"pareto.html", "pareto.csv", "sweep.json", "ensemble"} <= artifacts
