"""Where training starts from: a clone of the expert, the policy of another run; and a clone by itself."""

import json
from pathlib import Path

import pandas as pd
import pytest

from intraday_rl.agents import load_bundle
from intraday_rl.core.errors import ConfigError
from tests.support.runs import SMALL, judge_again, run_small

CLONING = ("cloning.num_epochs=3", "cloning.batch_size=128")
BC = (*tuple(o for o in SMALL if not o.startswith("algo.")), "algo=bc", "algo.parameters.hidden_layers=[8,8]", *CLONING)
WARM = (*SMALL, "warm_start=bc", "warm_start.value_warmup_steps=257", "algo.parameters.normalize=false", *CLONING)


def first_validation(run: Path) -> dict[str, float]:
    row = pd.read_csv(run / "validation.csv").iloc[0]
    assert row["step"] == 0
    return {name.removeprefix("validation/"): value for name, value in row.items() if name != "step"}


def clone_facts(run: Path) -> dict:
    return json.loads((run / "clone.json").read_text())


@pytest.mark.slow
def test_a_clone_is_a_run_like_others(tmp_path):
    metrics = run_small(tmp_path / "run", small=BC)
    again, said = judge_again(f"run={tmp_path / 'run'}")
    assert again == metrics
    assert "expert" in said
    facts = clone_facts(tmp_path / "run")
    judged = facts["validation_sessions"]
    assert first_validation(tmp_path / "run") == pytest.approx(judged["clone"], nan_ok=True)
    assert judged["expert"]["round_trips_per_session"] > 1
    assert [row["epoch"] for row in facts["curve"]] == [1, 2, 3]
    assert facts["acceptance"]["is_accepted"] is False  # three epochs are no training
    assert not (tmp_path / "run" / "sb3").exists()
    assert json.loads((tmp_path / "run" / "baselines.json").read_text()).keys() == {"flat", "buy_and_hold", "expert"}


@pytest.mark.slow
def test_training_goes_on_from_the_clone_and_the_warm_up_leaves_its_profit_as_it_is(tmp_path):
    run_small(tmp_path / "run", small=WARM)
    run, curve = tmp_path / "run", pd.read_csv(tmp_path / "run" / "validation.csv")
    judged = clone_facts(run)["validation_sessions"]["clone"]
    assert first_validation(run) == pytest.approx(judged, nan_ok=True)
    assert list(curve["step"]) == [0, 256, 512]
    assert curve["validation/net_return"].nunique() == 1  # both updates are warm-up
    clone, last = load_bundle(run / "checkpoints" / "clone"), load_bundle(run / "checkpoints" / "last")
    before, after = clone.policy.network.state_dict(), last.policy.network.state_dict()
    moved = {name: bool((before[name] != after[name]).any()) for name in before}
    assert {name for name, is_moved in moved.items() if is_moved} == {name for name in moved if "value_net" in name}
    assert "clone" in json.loads((run / "baselines.json").read_text())


@pytest.mark.slow
def test_training_goes_on_from_another_run(tmp_path):
    run_small(tmp_path / "first")
    best = pd.read_csv(tmp_path / "first" / "validation.csv")["validation/net_return"].max()
    start = ("warm_start=run", f"warm_start.path={tmp_path / 'first'}")
    run_small(tmp_path / "second", *start)
    assert first_validation(tmp_path / "second")["net_return"] == best
    with pytest.raises(ConfigError, match=r"warm_start\.path=.*: another network than this run's: hidden_layers"):
        run_small(tmp_path / "third", *start, "algo.parameters.hidden_layers=[8]")
    with pytest.raises(ConfigError, match="another observation than this run's"):
        run_small(tmp_path / "fourth", *start, "features=market41")
