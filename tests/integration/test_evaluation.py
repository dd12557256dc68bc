"""Judging a saved run again: the same to the last digit, on other sessions, on other data."""

import base64
import json
import pickletools
import shutil
import zipfile

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.app.make import make_env
from intraday_rl.core.errors import BundleError
from tests.support.bundles import write_manifest
from tests.support.runs import SMALL, evaluation_of, files_of, judge_again, quick, run_small

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


# --- judged again ---------------------------------------------------------------------------------------------------


def test_evaluate_reproduces_the_run_to_the_last_digit(copy_of_run):
    metrics, said = judge_again(f"run={copy_of_run}")
    folder = evaluation_of(copy_of_run)
    assert metrics == json_of(copy_of_run / "metrics.json")
    for name in ("metrics.json", "trades.parquet", "fills.parquet", "equity.parquet"):
        assert (folder / name).read_bytes() == (copy_of_run / name).read_bytes(), name
    assert "reproduces the run's own test metrics to the last digit" in said
    assert files_of(folder) >= {"metrics.json", "gates.json", "report.html", "report.png"}


def test_evaluate_twice_gives_equal_bytes(copy_of_run):
    folders = []
    for _ in range(2):
        judge_again(f"run={copy_of_run}")
        folders.append(evaluation_of(copy_of_run))
    assert folders[0] != folders[1]
    for name in ("metrics.json", "gates.json", "trades.parquet", "fills.parquet", "equity.parquet"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


def test_evaluate_leaves_run_and_bundle_as_they_were(copy_of_run):
    before = {name: (copy_of_run / name).read_bytes() for name in files_of(copy_of_run)}
    judge_again(f"run={copy_of_run}")
    after = {name for name in files_of(copy_of_run) if not name.startswith("evaluations/")}
    assert after == set(before)
    assert all((copy_of_run / name).read_bytes() == content for name, content in before.items())
    load_bundle(copy_of_run)


def test_evaluate_takes_a_bundle_that_was_copied_elsewhere(run, tmp_path):
    folder = shutil.copytree(run / "bundle", tmp_path / "mail" / "policy of a friend")
    metrics, said = judge_again(f"run={folder}")
    assert metrics == json_of(run / "metrics.json")
    assert "nothing to compare with" in said
    load_bundle(folder)  # nothing was written into it


def test_evaluate_says_when_the_metrics_differ(copy_of_run):
    metrics = json_of(copy_of_run / "metrics.json")
    changed = metrics["net_pnl_usd"] + 1e-9
    (copy_of_run / "metrics.json").write_text(json.dumps(metrics | {"net_pnl_usd": changed}))
    _, said = judge_again(f"run={copy_of_run}")
    assert "does NOT reproduce" in said
    assert "net_pnl_usd" in said


def test_evaluate_on_other_sessions_of_the_run(copy_of_run):
    validation, _ = judge_again(f"run={copy_of_run}", "sessions=validation")
    everything, _ = judge_again(f"run={copy_of_run}", "sessions=all")
    assert validation["num_sessions"] == 2
    assert everything["num_sessions"] == 9  # the first is the features' warm-up


def test_evaluate_on_other_data(copy_of_run):
    metrics, said = judge_again(f"run={copy_of_run}", "data.source.seed=77", "data.source.num_sessions=6")
    assert metrics["num_sessions"] == 5
    assert "other data than the run's" in said
    again, _ = judge_again(f"run={copy_of_run}", "data.source.seed=77", "data.source.num_sessions=6")
    assert again == metrics


def test_evaluate_recognises_the_runs_sessions_in_other_data(copy_of_run, tmp_path):
    """Without the last session the data are not the run's, but its training and validation sessions are among them."""
    frame = build_plan(compose(SMALL)).markets[0].source.load().to_frame()
    frame = frame[frame["session"] != frame["session"].max()].drop(columns="symbol")
    frame.to_parquet(tmp_path / "RENAMED.parquet")
    historical = ("data=historical", f"data.path={tmp_path}", "data.symbols=[RENAMED]")
    _, said = judge_again(f"run={copy_of_run}", *historical)
    words = "counted by symbol, the policy was trained on 4 of 8 and chosen on 2: no fresh test"
    assert words in " ".join(said.split())
    assert words in (evaluation_of(copy_of_run) / "report.html").read_text()


@pytest.mark.parametrize("seen", [None, 3, {}, {"training": 3, "validation": ""}, {"training": "ab"}])
def test_seen_sessions_of_a_wrong_kind_are_refused(copy_of_run, seen):
    manifest = json_of(copy_of_run / "bundle" / "manifest.json")
    write_manifest(copy_of_run / "bundle", manifest | {"seen_sessions": seen})
    with pytest.raises(BundleError, match="seen_sessions cannot be used"):
        judge_again(f"run={copy_of_run}", "data.source.num_sessions=6")


def test_evaluate_on_a_few_other_sessions(copy_of_run):
    """One new week is enough to be judged on: there is nothing to split."""
    metrics, said = judge_again(f"run={copy_of_run}", "data.source.seed=77", "data.source.num_sessions=3")
    assert metrics["num_sessions"] == 2  # the first is warm-up
    assert "other data than the run's" in said


def test_evaluate_does_not_call_training_sessions_test_sessions(copy_of_run):
    _, said = judge_again(f"run={copy_of_run}", "sessions=all")
    assert "test sessions" not in said.lower()
    page = (evaluation_of(copy_of_run) / "report.html").read_text().lower()
    assert "over 9 test sessions" not in page


def test_evaluate_on_the_runs_data_named_again_is_the_runs_data(copy_of_run):
    metrics, said = judge_again(f"run={copy_of_run}", "data=simulated", "data.source.num_sessions=10")
    assert metrics == json_of(copy_of_run / "metrics.json")
    assert "the run's own data" in said


def test_sb3_exports_act_as_the_bundle_does(run):
    """PPO.load and VecNormalize.load, as any other tool would call them."""
    bundle = load_bundle(run)
    width = len(bundle.parts["observation.json"]["names"])
    model = PPO.load(run / "sb3" / "model.zip", device="cpu")
    normalize = VecNormalize.load(str(run / "sb3" / "vecnormalize.pkl"), DummyVecEnv([lambda: make_env(SMALL)]))
    normalize.training, normalize.norm_reward = False, False
    spread = np.sqrt(bundle.policy.scaler.variance) + 0.1
    raw = bundle.policy.scaler.mean + 2.0 * spread * np.random.default_rng(0).standard_normal((500, width))
    raw = raw.astype(np.float32)
    expected, _ = model.predict(normalize.normalize_obs(raw), deterministic=True)
    actions, _ = bundle.predict(raw)
    assert len(np.unique(actions)) > 1
    assert list(actions) == list(expected)
    for name, tensor in model.policy.state_dict().items():
        assert tensor.numpy().tobytes() == bundle.policy.network.state_dict()[name].numpy().tobytes()


def test_sb3_exports_need_nothing_of_this_package(run):
    """Other tools load them where the package is not installed: no class of ours is named in their pickles."""
    named = globals_of((run / "sb3" / "vecnormalize.pkl").read_bytes())
    with zipfile.ZipFile(run / "sb3" / "model.zip") as file:
        data = json.loads(file.read("data"))
    pickles = [value[":serialized:"] for value in data.values() if isinstance(value, dict) and ":serialized:" in value]
    assert len(pickles) > 3
    for text in pickles:
        named |= globals_of(base64.b64decode(text))
    assert any("stable_baselines3" in name for name in named)
    assert not [name for name in named if "intraday_rl" in name]


def globals_of(content):
    """Return every text in a pickle: names of modules and classes are among them."""
    return {str(argument) for _, argument, _ in pickletools.genops(content) if isinstance(argument, str)}
