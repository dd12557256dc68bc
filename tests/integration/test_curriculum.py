"""A run whose stages change: what its episodes, its tracker, its log and its checkpoints say about it."""

import csv
import logging

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from intraday_rl.agents.bundle_reading import load_bundle
from tests.support.mlflow_store import new_store, runs_of
from tests.support.runs import quick, run_small

STAGES = "curriculum.stages"
NAMES = ("conservative", "balanced", "professional")
THRESHOLDS = [f"{STAGES}.{name}.promote_above={value}" for name, value in zip(NAMES, (-3e9, -2e9, -1e9), strict=True)]
EAGER = (
    "curriculum=sharpe_gated",
    "curriculum.gate.promotion_episodes=4",
    *THRESHOLDS,
    *(f"{STAGES}.{name}.min_episodes=4" for name in NAMES),
    "algo.parameters.total_timesteps=8192",  # four accounts, five episodes of 384 decisions each
    "evaluation.every_steps=4096",
    "name=phase4",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return new_store(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def run(tmp_path_factory, store):
    """Return the folder and the log of one run."""
    folder = tmp_path_factory.mktemp("curriculum") / "run"
    lines = Lines()
    logger = logging.getLogger("intraday_rl.agents")
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    with quick():
        run_small(folder, *EAGER, "tracking=mlflow", f"tracking.store={store.database.parent}")
    logger.removeHandler(lines)
    logger.setLevel(logging.NOTSET)
    return folder, lines.said


class Lines(logging.Handler):
    def __init__(self):
        super().__init__(logging.INFO)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


def rows_of(folder):
    with (folder / "metrics_phase4.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_run_writes_a_row_for_each_training_episode(run):
    rows = rows_of(run[0])
    assert len(rows) == 20
    assert [int(row["episode"]) for row in rows] == list(range(1, 21))
    steps = [int(row["timestep"]) for row in rows]
    assert steps == sorted(steps)
    assert all(step % 4 == 0 for step in steps)
    assert [row["stage"] for row in rows] == ["conservative"] * 4 + ["balanced"] * 4 + ["professional"] * 12
    returns = np.array([float(row["session_return"]) for row in rows])
    assert np.isfinite(returns).all()
    assert len(set(returns)) > 10
    assert len({row["session"] for row in rows}) == 4  # the training sessions but the first, which is warm-up


def test_run_keeps_the_policies_that_leave_a_stage(run):
    kept = sorted(path.name for path in (run[0] / "checkpoints").iterdir())
    assert kept == ["last", "stage_1_conservative", "stage_2_balanced"]
    first, second = (load_bundle(run[0] / "checkpoints" / name) for name in kept[1:])
    assert first.config == second.config == load_bundle(run[0]).config


def test_run_says_its_stages_in_the_log(run):
    said = [line.split(", step")[0] for line in run[1] if "tage" in line]
    cap = "entries.hourly_turnover.nav_multiple"
    assert said[0] == "Stage conservative - begun"
    assert said[1] == f"Stage Upgrade - set {cap} from 24.62 % to 46.15 %, conservative to balanced"
    assert said[2] == f"Stage Upgrade - set {cap} from 46.15 % to 61.54 %, balanced to professional"
    assert any(line.startswith("Curriculum completed, step ") for line in run[1])


def test_run_tracks_its_stages_in_both_places(run, store):
    (tracked,) = runs_of(store)
    assert tracked.data.metrics["curriculum/stage"] == 2.0
    keys = ("turnover_ratio", "penalty", "penalty_frequency", "pattern_frequency", "shaped_minus_true")
    names = {"curriculum/sharpe", "reward/profit", *(f"rollout/{key}" for key in keys)}
    assert names <= set(tracked.data.metrics)
    events = EventAccumulator(str(run[0] / "tensorboard"))
    events.Reload()
    written = [(event.step, event.value) for event in events.Scalars("curriculum/stage")]
    assert written[0] == (0, 0.0)
    assert [value for _, value in written] == sorted(value for _, value in written)
    changes = sorted({int(row["timestep"]) for row in rows_of(run[0])})[:2]
    assert {(changes[0], 1.0), (changes[1], 2.0)} <= set(written)


def test_run_caps_what_is_traded_by_the_stage(run):
    """Seven clock hours of a session at 24.62 % of NAV each, and what is held has to be sold again."""
    first = [float(row["turnover"]) for row in rows_of(run[0]) if row["stage"] == "conservative"]
    assert 0.0 < max(first) <= 2 * 7 * 0.2462
