"""Every algorithm learns on a market whose optimum is known: short versions of the studies ou_oracle and lq_oracle.

Conventions: USD per share and session, or of utility per share of a lot. Each limit is far above what the policy earns
that it starts from, and no policy may earn more than the optimum plus three standard errors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from intraday_rl.agents import load_bundle
from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.app.learning.learn import learn
from intraday_rl.app.learning.run import Run
from intraday_rl.app.market_data import load_market_data
from intraday_rl.evaluation.rollout import Recording, roll_out
from tests.support.lq_oracle import MARKET
from tests.support.lq_oracle import solve as solve_lq
from tests.support.oracle_policies import mean_and_error
from tests.support.ou_oracle import MARKET_A, solve

SMALL = (
    "data.source.num_sessions=1600",
    "evaluation.split.train_fraction=0.5",
    "evaluation.split.validation_fraction=0.1",
    "tracking=none",
    "progress=false",
)
SHARES = 100.0


def learn_small(folder: Path, *overrides: str) -> dict[str, Recording]:
    """Learn, and return what the kept policy, and the clone where there is one, do on 639 test sessions."""
    chosen = [*overrides, *SMALL]
    config = compose(chosen)
    plan = build_plan(config)
    data = load_market_data(plan)
    manifest = {"data_fingerprint": "", "packages": {}, "seeds": {}, "overrides": chosen, "git": {}}
    run = Run(config, plan, data, folder, chosen, Console(quiet=True), manifest, False)
    learn(run, None, lambda policy, ratios: None)
    bundles = {"best": folder / "bundle", "clone": folder / "checkpoints" / "clone"}
    return {
        name: roll_out(data.tape, data.rules, data.split.test, load_bundle(path), seed=0)
        for name, path in bundles.items()
        if path.exists()
    }


def earned(recording: Recording) -> np.ndarray:
    return np.asarray((recording.final["nav"] - recording.final["start_nav"]) / SHARES)


@pytest.mark.slow
def test_recurrent_ppo_learns(tmp_path: Path) -> None:
    steps = "algo.parameters.total_timesteps=24576"
    done = learn_small(tmp_path, "experiment=ou_oracle", "algo=recurrent_ppo", steps, "evaluation.every_steps=8192")
    (mean, error), optimum = mean_and_error(earned(done["best"])), solve(MARKET_A, nodes=601).value_usd
    assert mean >= 0.70 * optimum
    assert mean <= optimum + 3 * error


@pytest.mark.slow
def test_ppo_goes_on_from_the_clone_of_a_rule_and_leaves_it_behind(tmp_path: Path) -> None:
    cloning = ("warm_start=bc", "expert=threshold", "cloning.num_epochs=3", "warm_start.value_warmup_steps=2048")
    steps = ("algo.parameters.total_timesteps=20480", "evaluation.every_steps=4096")
    done = learn_small(tmp_path, "experiment=ou_oracle", *cloning, *steps)
    optimum, clone = solve(MARKET_A, nodes=601).value_usd, earned(done["clone"])
    assert abs(clone.mean() - 2.126) < 0.05  # SPEC D2: what the rule earns
    gain, error = mean_and_error(earned(done["best"]) - clone)
    assert gain > 5 * error
    assert earned(done["best"]).mean() >= 0.90 * optimum


@pytest.mark.slow
def test_sac_learns_the_linear_quadratic_market(tmp_path: Path) -> None:
    steps = ("algo.parameters.total_timesteps=16000", "evaluation.every_steps=16000")
    done = learn_small(tmp_path, "experiment=lq_oracle", *steps)
    utility = done["best"].final["episode_reward"] * 5.0 / SHARES  # a basis point of 50,000 USD is 5 USD
    (mean, error), optimum = mean_and_error(utility), solve_lq(MARKET).value_usd
    assert mean >= 0.75 * optimum
    assert mean <= optimum + 3 * error
