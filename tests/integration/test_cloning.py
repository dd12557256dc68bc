"""A clone does what its expert does, on days that it was not fitted to."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.agents.cloning.acceptance import judge_clone
from intraday_rl.agents.cloning.demonstrations import demonstrate
from intraday_rl.agents.cloning.fitting import fit_clone
from intraday_rl.agents.policies.networks import as_policy, build_policy
from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.app.loading.expert_signals import expert_signals
from intraday_rl.app.market_data import load_market_data
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.evaluation.validation import make_validator

pytestmark = pytest.mark.slow

MARKETS = {
    "ou": ("experiment=ou_oracle", "expert=threshold", "data.source.num_sessions=300"),
    "simulated": ("risk=inverse_volatility", "data.source.num_sessions=250"),
}


def returns_of(data, sessions, trader):
    final = roll_out(data.tape, data.rules, sessions, trader, seed=1).final
    return final["nav"] / final["start_nav"] - 1.0


@pytest.mark.parametrize("market", ["ou", "simulated"])
@pytest.mark.parametrize("actions", ["step", "target"])
def test_clone_is_accepted_and_earns_what_the_expert_earns(market, actions):
    plan = build_plan(compose([*MARKETS[market], f"env/actions={actions}", "tracking=none"]))
    data = load_market_data(plan)
    sessions = data.tape.usable(data.all_sessions())
    fitted, fresh = sessions[:-60], sessions[-60:]
    rule = plan.expert.rule(expert_signals(plan.expert, data))
    shown = demonstrate(rule, data.tape, data.rules, fitted, seed=0)
    description = {"network": "ActorCriticPolicy", "hidden_layers": [128, 128]}
    network = build_policy(description, data.rules.layout.space(), data.rules.actions.space())
    parameters = replace(plan.cloning, num_epochs=25, batch_size=1024)
    clone = fit_clone(network, shown, parameters, 10.0, 0, lambda numbers: None)
    later = demonstrate(rule, data.tape, data.rules, fresh, seed=0)
    judged = judge_clone(network, clone.scaler, later, plan.cloning.acceptance, 1.0)
    assert judged.skill > 0.8
    assert judged.macro_recall > 0.8
    expert, copy = returns_of(data, fresh, rule), returns_of(data, fresh, as_policy(network, clone.scaler))
    assert np.corrcoef(expert, copy)[0, 1] > 0.5
    if market == "ou":
        assert copy.mean() > 0.95 * expert.mean() > 0.0


def test_expert_loses_where_nothing_can_be_earned():
    """The negative control of SPEC D3: on a martingale its profit factor is below 1."""
    overrides = ["data=martingale", "data.source.num_sessions=250", "risk=inverse_volatility", "tracking=none"]
    plan = build_plan(compose(overrides))
    data = load_market_data(plan)
    rule = plan.expert.rule(expert_signals(plan.expert, data))
    numbers = make_validator(data.tape, data.rules, data.all_sessions(), seed=0)(rule)
    assert numbers["round_trips_per_session"] > 5.0
    assert numbers["profit_factor"] < 1.0
    assert numbers["net_pnl_usd"] < 0.0
