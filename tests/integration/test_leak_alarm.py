"""A feature that knows the future raises the leak alarm in a training of seconds; without it there is none."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from intraday_rl.agents.callbacks.guards.limits import REAL, AlarmLimits
from intraday_rl.agents.trainer import TrainingTask, train
from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.app.market_data import load_market_data
from intraday_rl.app.planning.data_kind import data_kind
from intraday_rl.evaluation.validation import make_validator
from tests.support.training import tiny_task

DISCOUNT = 0.3
PARAMETERS = {
    "total_timesteps": 4096,
    "rollout_steps": 1024,
    "num_epochs": 10,
    "learning_rate": 3e-3,
    "discount": DISCOUNT,
    "hidden_layers": (32, 32),
}
ONLY_LEAKS = AlarmLimits(
    kl_max=1e9,
    early_entropy_min=0.0,
    early_fraction=0.2,
    entropy_min=0.0,
    explained_variance_max=0.2,
    martingale_t_max=3.0,
    action_share_max=1.0,
)


def moves_ahead(close: npt.NDArray[np.float64], bars: int) -> npt.NDArray[np.float64]:
    """Return how far each close will have moved so many bars later."""
    ahead = np.zeros(len(close))
    ahead[:-bars] = close[bars:] - close[:-bars]
    return ahead


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_critic_that_foresees_too_much_is_found(seed: int) -> None:
    """With a short horizon the critic explains what a feature tells it of the next bars."""
    task = tiny_task(parameters=PARAMETERS, seed=seed, every_steps=10**6)
    task = replace(task, alarms=ONLY_LEAKS, data_kind=REAL)

    def names() -> set[str]:
        result = train(task, lambda policy: {"net_return": 0.0}, lambda snapshot, name: None, [])
        return {alarm.name for alarm in result.alarms}

    assert names() == set()
    close = task.tape.rows["close"]
    task.tape.features[:, 0] = sum(DISCOUNT**k * moves_ahead(close, k + 1) for k in range(3))
    assert names() == {"leak"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_policy_that_earns_on_a_martingale_is_found(seed: int) -> None:
    """Five bars of foresight earn hundreds of standard errors while the critic explains next to nothing."""
    small = ["data.source.num_sessions=300", "algo.parameters.total_timesteps=12288", "algo.parameters.num_epochs=5"]
    plan = build_plan(compose(["experiment=martingale_oracle", f"seed={seed}", *small]))
    data = load_market_data(plan)
    sessions = data.all_sessions()
    task = TrainingTask(data.tape, data.rules, sessions[1:200], plan.parameters, seed, 4096, None, None, None)
    task = replace(task, alarms=plan.alarms, data_kind=data_kind(plan.markets))
    validate = make_validator(data.tape, data.rules, sessions[200:260], seed)

    def leaks() -> list[float]:
        result = train(task, validate, lambda snapshot, name: None, [])
        return [alarm.value for alarm in result.alarms if alarm.name == "leak"]

    assert leaks() == []
    data.tape.features[:, 0] = moves_ahead(data.tape.rows["close"], 5) / 0.1
    assert leaks()[0] > 10.0
