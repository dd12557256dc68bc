"""Whole runs on a few sessions: what is written, what comes out again, and what may not have an influence."""

import dataclasses
import json
import shutil
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.app import judging
from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.app.listeners import MonitorListener
from intraday_rl.app.make import make_env
from intraday_rl.core.errors import AccountingError
from intraday_rl.data.sources import SimulatedMarket
from intraday_rl.metrics import METRICS
from tests.support.mlflow_store import new_store, runs_of
from tests.support.real_data import data_folder
from tests.support.runs import SMALL, WRITTEN, files_of, judge_again, quick, run_small

ONCE = ("evaluation.every_steps=100000",)  # one evaluation, at the end: best and last are the same policy


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One complete run."""
    folder = tmp_path_factory.mktemp("training") / "run"
    run_small(folder)
    return folder


@pytest.fixture(autouse=True)
def in_haste():
    """Leave out pictures; the module's first run, made before, has all."""
    with quick():
        yield


@pytest.fixture
def copy_of_run(run, tmp_path):
    return shutil.copytree(run, tmp_path / "copy")


def json_of(path):
    return json.loads(path.read_text())


# --- what is written ------------------------------------------------------------------------------------------------


def test_run_folder_is_complete(run):
    assert files_of(run) >= WRITTEN
    assert any(name.startswith("checkpoints/") for name in files_of(run))


def test_run_folder_holds_nothing_half_written(run):
    assert not [name for name in files_of(run) if name.endswith((".tmp", ".part", "~"))]
    assert all((run / name).stat().st_size for name in files_of(run))


def test_metrics_are_flat_named_as_in_the_summary_and_plain(run):
    metrics = json_of(run / "metrics.json")
    assert list(metrics) == list(METRICS)
    assert all(value is None or type(value) in (int, float, bool) for value in metrics.values())
    assert "NaN" not in (run / "metrics.json").read_text()
    assert "Infinity" not in (run / "metrics.json").read_text()
    assert metrics["num_sessions"] == 3


def test_metrics_hold_nothing_of_the_number_of_trials(run):
    names = " ".join(json_of(run / "metrics.json"))
    for word in ("trial", "deflated", "dsr", "date", "time", "verdict", "gate"):
        assert word not in names


def test_gates_state_the_number_of_trials_and_its_date(run):
    gates = json_of(run / "gates.json")
    assert gates["num_trials"] == 1
    assert 0 <= (datetime.now(UTC).date() - date.fromisoformat(gates["trials_counted_on"])).days <= 1
    assert gates["verdict"] in ("fail", "not enough evidence")  # three sessions are never enough to pass
    assert gates["slippage_budget_bps"] == json_of(run / "bundle" / "judging.json")["slippage_budget_bps"] > 0


def test_run_tables_agree_with_its_metrics(run):
    metrics = json_of(run / "metrics.json")
    trades, bars = pd.read_parquet(run / "trades.parquet"), pd.read_parquet(run / "equity.parquet")
    assert len(trades) == metrics["num_round_trips"]
    assert bars["equity"].iloc[-1] - 50_000 == pytest.approx(metrics["net_pnl_usd"], abs=1e-6)
    assert trades["net_pnl"].sum() == pytest.approx(metrics["net_pnl_usd"], abs=1e-6)
    assert bars["session"].nunique() == metrics["num_sessions"]


def test_run_judges_the_sessions_after_validation(run):
    """Ten sessions: five to train on, two to choose by, three to be judged on."""
    bars = pd.read_parquet(run / "equity.parquet")
    plan = build_plan(compose(SMALL))
    dates = plan.markets[0].source.load().sessions.date
    assert list(bars["date"].unique()) == list(dates[7:].astype("datetime64[ns]"))


def test_manifest_names_data_seed_and_overrides(run):
    manifest = json_of(run / "manifest.json")
    assert manifest["seeds"] == {"seed": 0}
    assert manifest["overrides"] == list(SMALL)
    assert manifest["data_fingerprint"] == build_plan(compose(SMALL)).markets[0].source.load().fingerprint
    assert json_of(run / "bundle" / "manifest.json")["data_fingerprint"] == manifest["data_fingerprint"]


def test_bundle_holds_the_configuration_of_the_run(run):
    assert load_bundle(run).config == compose(SMALL)


# --- the same again -------------------------------------------------------------------------------------------------


def test_same_seed_gives_the_same_run_to_the_last_digit(run, tmp_path):
    run_small(tmp_path / "again")
    for name in ("metrics.json", "bundle/judging.json", "bundle/features.json"):
        assert (run / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    for name in ("trades.parquet", "fills.parquet", "equity.parquet"):
        assert (run / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    assert contents_of(run, "bundle/policy.npz") == contents_of(tmp_path / "again", "bundle/policy.npz")
    assert contents_of(run, "bundle/scaler.npz") == contents_of(tmp_path / "again", "bundle/scaler.npz")


def contents_of(folder, name):
    with np.load(folder / name) as arrays:
        return {key: arrays[key].tobytes() for key in arrays.files}


def test_another_seed_gives_another_run(run, tmp_path):
    run_small(tmp_path / "other", "seed=1")
    assert contents_of(run, "bundle/policy.npz") != contents_of(tmp_path / "other", "bundle/policy.npz")
    assert (run / "metrics.json").read_bytes() != (tmp_path / "other" / "metrics.json").read_bytes()


def test_another_seed_on_the_same_market_gives_another_policy(run, tmp_path):
    """The market's own seed is a value of its own: the training's seed can change without it."""
    run_small(tmp_path / "other", "seed=1", "data.source.seed=0")
    ours, theirs = (json_of(folder / "manifest.json")["data_fingerprint"] for folder in (run, tmp_path / "other"))
    assert ours == theirs
    assert contents_of(run, "bundle/policy.npz") != contents_of(tmp_path / "other", "bundle/policy.npz")


# --- what may have no influence -------------------------------------------------------------------------------------


@pytest.fixture
def perturbed(monkeypatch):
    """Make the simulated market load with other bars from a session on."""

    def perturb(first_session):
        load = SimulatedMarket.load

        def changed(self):
            bars = load(self)
            start = int(bars.sessions.first[first_session])
            rng = np.random.default_rng(9)
            factor = np.ones(len(bars))
            factor[start:] = np.exp(0.02 * rng.standard_normal(len(bars) - start))
            columns = {name: getattr(bars, name) * factor for name in ("open", "close", "vwap", "bid")}
            columns["ask"] = columns["bid"] + 0.05 * (factor != 1) + (bars.ask - bars.bid) * (factor == 1)
            columns["high"] = np.maximum.reduce([bars.high * factor, columns["open"], columns["close"]])
            columns["low"] = np.minimum.reduce([bars.low * factor, columns["open"], columns["close"]])
            columns["volume"] = bars.volume * np.where(factor == 1, 1.0, 10.0)
            return dataclasses.replace(bars, **columns)

        monkeypatch.setattr(SimulatedMarket, "load", changed)

    return perturb


def learned(folder):
    """Return all that was fitted: weights, scaler, statistics of the rewards, and the slippage budget."""
    statistics = VecNormalize.load(str(folder / "sb3" / "vecnormalize.pkl"), DummyVecEnv([lambda: make_env(SMALL)]))
    return {
        "weights": contents_of(folder, "bundle/policy.npz"),
        "scaler": contents_of(folder, "bundle/scaler.npz"),
        "rewards": (float(statistics.ret_rms.var), float(statistics.ret_rms.count)),
        "budget": json_of(folder / "bundle" / "judging.json"),
    }


@pytest.fixture(scope="module")
def judged_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("once") / "run"
    with quick():
        run_small(folder, *ONCE)
    return folder


def test_fits_see_training_sessions_only(judged_once, perturbed, tmp_path):
    """Other bars in validation and test: not a bit of what was learned moves."""
    perturbed(5)
    run_small(tmp_path / "other", *ONCE)
    assert learned(tmp_path / "other") == learned(judged_once)
    assert (tmp_path / "other" / "metrics.json").read_bytes() != (judged_once / "metrics.json").read_bytes()


def test_fits_do_see_the_training_sessions(judged_once, perturbed, tmp_path):
    """The comparison has teeth: other bars in the later training sessions move everything."""
    perturbed(2)
    run_small(tmp_path / "other", *ONCE)
    ours, theirs = learned(judged_once), learned(tmp_path / "other")
    for name in ("weights", "scaler", "rewards", "budget"):
        assert ours[name] != theirs[name], name


@pytest.mark.slow
def test_fits_do_not_depend_on_how_often_they_are_judged(judged_once, tmp_path):
    """Evaluation touches neither the statistics of the observations nor the weights: the last ones are the same."""
    run_small(tmp_path / "often", "evaluation.every_steps=32")
    last = "checkpoints/last/policy.npz"
    assert contents_of(tmp_path / "often", last) == contents_of(judged_once, last)
    assert learned(tmp_path / "often")["rewards"] == learned(judged_once)["rewards"]


# --- interruption and failure ---------------------------------------------------------------------------------------


class Stop:
    """Raises KeyboardInterrupt at the n-th call that a condition holds for."""

    def __init__(self, nth, condition):
        self.left, self.condition = nth, condition

    def __call__(self, _, *arguments):
        self.left -= bool(self.condition(*arguments))
        if self.left <= 0:
            raise KeyboardInterrupt


STOPS = {
    "first evaluation": ("on_metrics", 1, lambda metrics, step: "validation/net_return" in metrics),
    "second evaluation": ("on_metrics", 2, lambda metrics, step: "validation/net_return" in metrics),
    "between": ("on_step", 1, lambda step: step >= 300),
    "an episode": ("on_episode", 1, lambda info: True),
}


@pytest.mark.parametrize("moment", ["first evaluation", "second evaluation", "between"])
def test_interrupted_run_leaves_a_bundle_that_can_be_judged(tmp_path, monkeypatch, moment):
    method, nth, condition = STOPS[moment]
    stop = Stop(nth, condition)
    monkeypatch.setattr(MonitorListener, method, lambda self, *arguments: stop(self, *arguments))
    with pytest.raises(KeyboardInterrupt):
        run_small(tmp_path / "run")
    monkeypatch.undo()
    load_bundle(tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.json").exists()
    metrics, said = judge_again(f"run={tmp_path / 'run'}")
    assert metrics["num_sessions"] == 3
    assert "nothing to compare with" in said


def test_run_interrupted_while_judging_leaves_its_bundle(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(judging, "audit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_small(tmp_path / "run")
    monkeypatch.undo()
    assert judge_again(f"run={tmp_path / 'run'}")[0]["num_sessions"] == 3


def test_run_whose_ledger_is_a_cent_off_fails_and_writes_no_result(tmp_path, monkeypatch):
    build = judging.build_ledger

    def off_by_a_cent(recording):
        ledger = build(recording)
        ledger.bars.loc[10, "nav"] += 0.0101
        return ledger

    monkeypatch.setattr(judging, "build_ledger", off_by_a_cent)
    with pytest.raises(AccountingError, match="nav"):
        run_small(tmp_path / "run")
    written = files_of(tmp_path / "run")
    assert not written & {"metrics.json", "gates.json", "report.html"}


# --- around it ------------------------------------------------------------------------------------------------------


def test_run_is_tracked_in_its_store(tmp_path):
    store = new_store(tmp_path / "project")
    tracking = ("tracking=mlflow", f"tracking.store={store.database.parent}", "tracking.tensorboard=false")
    parent = "0123456789abcdef0123456789abcdef"
    below = (f'tracking.parent="{parent}"', "tracking.run_name=3", "+tracking.tags.trial=3")
    run_small(tmp_path / "run", *tracking, *below)
    (tracked,) = runs_of(store)
    assert (tracked.info.status, tracked.info.run_name) == ("FINISHED", "3")
    assert tracked.data.tags["mlflow.parentRunId"] == parent
    assert (tracked.data.tags["trial"], tracked.data.tags["judged_on"]) == ("3", "test")
    assert not [name for name in tracked.data.params if name.startswith("tracking.")]
    metrics = json_of(tmp_path / "run" / "metrics.json")
    assert tracked.data.metrics["test/net_pnl_usd"] == pytest.approx(metrics["net_pnl_usd"], rel=1e-12)
    assert tracked.data.tags["verdict"] == json_of(tmp_path / "run" / "gates.json")["verdict"]
    assert "validation/net_return" in tracked.data.metrics
    assert tracked.data.params["algo.parameters.num_epochs"] == "2"


@pytest.mark.slow
def test_run_with_continuous_actions_reproduces_itself(tmp_path):
    run_small(tmp_path / "run", "env/actions=continuous")
    metrics, said = judge_again(f"run={tmp_path / 'run'}")
    assert metrics == json_of(tmp_path / "run" / "metrics.json")
    assert "to the last digit" in said


@pytest.mark.slow
def test_run_without_normalisation_has_no_scaler_and_reproduces_itself(tmp_path):
    run_small(tmp_path / "run", "algo.parameters.normalize=false", "env/actions=target")
    assert files_of(tmp_path / "run") >= WRITTEN - {"bundle/scaler.npz", "sb3/vecnormalize.pkl"}
    assert not (tmp_path / "run" / "bundle" / "scaler.npz").exists()
    assert not (tmp_path / "run" / "sb3" / "vecnormalize.pkl").exists()
    assert judge_again(f"run={tmp_path / 'run'}")[0] == json_of(tmp_path / "run" / "metrics.json")


def test_run_on_real_sessions(tmp_path):
    """SPY without vwap, trade counts and quotes; its own open-to-close return is the benchmark."""
    path = data_folder() / "bars-1m" / "spy-2024"
    small = tuple(override for override in SMALL if not override.startswith("data."))
    run_small(
        tmp_path / "run",
        "data=historical",
        f"data.path={path}",
        "data.symbols=[SPY]",
        "data.end=2024-04-09",
        small=small,
    )
    metrics = json_of(tmp_path / "run" / "metrics.json")
    assert metrics["num_sessions"] == 3
    assert metrics["information_ratio"] is not None
    sources = json_of(tmp_path / "run" / "bundle" / "features.json")["sources"]
    assert sources["spread_bps"] == "proxy"
    again, said = judge_again(f"run={tmp_path / 'run'}")
    assert again == metrics
    later, said = judge_again(f"run={tmp_path / 'run'}", "data.start=2024-05-01", "data.end=2024-05-06")
    assert later["num_sessions"] == 3
    assert "other data than the run's" in said
