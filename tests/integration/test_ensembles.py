"""Ensembles and several seeds from the command line's side: trained, combined, judged."""

import json
import shutil

import pytest

from intraday_rl.app.combining.ensemble import combine_runs
from intraday_rl.core.errors import BundleError, ConfigError
from tests.support.bundles import change_manifest
from tests.support.runs import SMALL, evaluation_of, judge_again, quick, run_small

pytestmark = pytest.mark.slow

SAME_DATA = "data.source.seed=0"  # which otherwise follows the seed
RECURRENT = ("algo=recurrent_ppo", "algo.parameters.lstm_size=8")
HEADS = ("algo.parameters.regime_heads=true", "features=full51_regime")
SMALL_SAC = (
    *(each for each in SMALL if not each.startswith(("algo.parameters.rollout", "algo.parameters.num_epochs"))),
    "algo=sac",
    "algo.parameters.learning_starts=64",
    "algo.parameters.buffer_size=1000",
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of PPO and one of RecurrentPPO, by name."""
    root = tmp_path_factory.mktemp("members")
    with quick():
        run_small(root / "one", SAME_DATA)
        run_small(root / "two", SAME_DATA, "seed=1")
        run_small(root / "recurrent", SAME_DATA, *RECURRENT, "seed=2")
    return root


@pytest.fixture(autouse=True)
def in_haste():
    """Leave out pictures."""
    with quick():
        yield


def json_of(path):
    return json.loads(path.read_text())


def test_three_identical_models_are_the_model(runs, tmp_path):
    """D3.12: action by action and metric by metric."""
    twins = [shutil.copytree(runs / "one" / "bundle", tmp_path / name) for name in ("first", "second", "third")]
    for twin in twins:  # of a run of its own, with other packages
        change_manifest(twin, "packages", {"made": twin.name})
    combine_runs([str(twin) for twin in twins], str(tmp_path / "three"))
    metrics, said = judge_again(f"run={tmp_path / 'three'}")
    assert metrics == json_of(runs / "one" / "metrics.json")
    for name in ("trades.parquet", "fills.parquet", "equity.parquet"):
        mine = (evaluation_of(tmp_path / "three") / name).read_bytes()
        assert mine == (runs / "one" / name).read_bytes(), name
    assert "judged on 3 sessions (test) of the run's own data" in " ".join(said.split())
    assert "trained on" not in said


def test_ensemble_of_kinds_is_judged_like_a_run(runs, tmp_path):
    out = tmp_path / "mixed"
    combine_runs([str(runs / name) for name in ("one", "two", "recurrent")], str(out))
    metrics, said = judge_again(f"run={out}", "seeds=3")
    assert metrics["num_sessions"] == 3
    assert metrics != json_of(runs / "one" / "metrics.json")
    assert "ensemble" in (evaluation_of(out) / "report.html").read_text()
    assert "Under 3 seeds" in said
    assert judge_again(f"run={out}", "stress=costs_x2")[0]["costs_usd"] > metrics["costs_usd"]
    other, said = judge_again(f"run={out}", "data.source.seed=77", "data.source.num_sessions=6")
    assert other["num_sessions"] == 5
    assert "other data than the run's" in said


def test_ensemble_tells_test_sessions_that_a_member_was_chosen_on(runs, tmp_path):
    """Two of the first one's three test sessions were validation sessions of the other: no fresh test any more."""
    metrics = run_small(tmp_path / "later", SAME_DATA, "evaluation.split.validation_fraction=0.4")
    assert metrics["num_sessions"] == 1
    combine_runs([str(runs / "one"), str(tmp_path / "later")], str(tmp_path / "both"))
    _, said = judge_again(f"run={tmp_path / 'both'}")
    assert "trained on 0 of 3 and chosen on 2: no fresh test" in " ".join(said.split())


def test_first_seed_of_several_is_the_judgement(runs):
    metrics, _ = judge_again(f"run={runs / 'one'}", "seeds=4")
    found = json_of(evaluation_of(runs / "one") / "seeds.json")["metrics"]
    assert {name: row["values"][0] for name, row in found.items()} == {name: metrics[name] for name in found}
    assert len(found["net_return"]["values"]) == 4


def test_regime_heads_are_trained_kept_and_judged_again(tmp_path):
    metrics = run_small(tmp_path / "heads", *HEADS)
    assert json_of(tmp_path / "heads" / "bundle" / "policy.json")["network"] == "RegimeHeadsPolicy"
    again, said = judge_again(f"run={tmp_path / 'heads'}")
    assert again == metrics
    assert "reproduces the run's own test metrics" in said


def test_regime_heads_without_regimes_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"algo\.parameters\.regime_heads needs features=full51_regime"):
        run_small(tmp_path / "heads", HEADS[0])


def test_sac_and_ppo_of_sizes_act_together_and_not_with_codes(runs, tmp_path):
    run_small(tmp_path / "sac", SAME_DATA, small=SMALL_SAC)
    run_small(tmp_path / "sizes", SAME_DATA, "env/actions=continuous")
    combine_runs([str(tmp_path / "sac"), str(tmp_path / "sizes")], str(tmp_path / "both"))
    assert judge_again(f"run={tmp_path / 'both'}")[0]["num_sessions"] == 3
    with pytest.raises(BundleError, match="sac differs from one in actions"):
        combine_runs([str(runs / "one"), str(tmp_path / "sac")], str(tmp_path / "never"))
