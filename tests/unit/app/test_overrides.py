import re

import pytest

from intraday_rl.app.command_line.overrides import (
    asks_for_sweep,
    check_choices,
    parse,
    refuse_sweeps,
    single_runs,
)
from intraday_rl.core.errors import ConfigError

REFUSED = {
    "foo": "'foo' must be written as key=value or group=choice",
    "=1": "must name a key before the =",
    "data.path=~/bars": "quote special characters: 'data.path=\"~/bars\"'",
    "algo.hidden=[64": "cannot be read as key=value",
}
REFUSED_CHOICES = {
    "algo=pp0": "algo has no choice pp0 (did you mean ppo?); choose algo=bc|ppo|recurrent_ppo|sac",
    "algo=5": "algo has no choice 5; choose algo=",
    "algo=null": "algo cannot be left out; choose algo=",
    "experiment=null": "experiment is left out unless experiment=… is given; choose experiment=",
    "~algo": "algo cannot be left out",
    "+algo=ppo": "algo has a choice already; write it without +",
    "++algo=ppo": "algo has a choice already; write it without +",
    "env/actions=steps": "env/actions has no choice steps (did you mean step?); choose env/actions=continuous|",
    "env/action=step": "there is no group env/action (did you mean env/actions?); the groups are algo, cloning, ",
    "experiment=[ou_oracle,nothing]": "experiment has no choice nothing",
    "data=simulated,ou_markt": "data has no choice ou_markt (did you mean ou_market?)",
}
ALLOWED = (
    "algo=ppo",
    "experiment=ou_oracle",
    "data=simulated,ou_market",
    "data=glob(*)",
    "seed=range(0,3)",
    "hydra.run.dir=x",
    "hydra/launcher=whatever",
    "algo={name: ppo}",
)


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=REFUSED)
def test_parse_refuses_what_is_no_override(text: str, message: str):
    with pytest.raises(ConfigError) as refusal:
        parse([text])
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("text", "message"), REFUSED_CHOICES.items(), ids=REFUSED_CHOICES)
def test_check_choices_names_the_nearest_and_what_there_is(text: str, message: str):
    with pytest.raises(ConfigError) as refusal:
        check_choices(parse([text]))
    assert message in str(refusal.value)


@pytest.mark.parametrize("text", ALLOWED)
def test_check_choices_lets_pass_what_hydra_can_use(text: str):
    check_choices(parse([text]))


def test_refuse_sweeps_tells_two_ways_out():
    with pytest.raises(ConfigError, match=r"several values need -m .* brackets for a list: seed=\[…\]"):
        refuse_sweeps(parse(["name=x", "seed=1,2"]))
    refuse_sweeps(parse(["data.symbols=[SPY,QQQ]"]))


def test_single_runs_hold_every_value_once_without_the_product():
    runs = single_runs(parse(["name=x", "seed=1,2,3", "algo.parameters.discount=0.9,0.99", "+a.b=range(0,2)"]))
    assert runs == [
        ["name=x", "seed=1", "algo.parameters.discount=0.9", "+a.b=0"],
        ["name=x", "seed=2", "algo.parameters.discount=0.9", "+a.b=0"],
        ["name=x", "seed=3", "algo.parameters.discount=0.9", "+a.b=0"],
        ["name=x", "seed=1", "algo.parameters.discount=0.99", "+a.b=0"],
        ["name=x", "seed=1", "algo.parameters.discount=0.9", "+a.b=1"],
    ]


def test_single_runs_leave_out_intervals():
    assert single_runs(parse(["algo.parameters.learning_rate=interval(0.1,0.2)", "seed=1"])) == [["seed=1"]]


def test_sweep_is_asked_for_by_its_preset_with_m():
    assert asks_for_sweep(["algo=ppo", "hparams=grid", "hparams.n_trials=3"], multirun=True)
    assert not asks_for_sweep(["algo=ppo", "seed=0,1"], multirun=True)
    assert not asks_for_sweep(["algo=ppo"], multirun=False)


@pytest.mark.parametrize(
    ("overrides", "multirun", "words"),
    [
        (["hparams=grid"], False, "hparams=grid is a sweep of many runs and needs -m"),
        (["hparams.n_trials=3"], True, "hparams.n_trials=3 is a setting of a sweep; give the sweep too"),
        (["+hparams/sampler=gp"], False, "is a setting of a sweep"),
        (["hydra/sweeper=study"], True, "hydra/sweeper=study: a sweeper comes with hparams="),
    ],
)
def test_half_a_sweep_is_refused(overrides, multirun, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        asks_for_sweep(overrides, multirun)
