"""Whatever a user can get wrong: one line that starts with the key and says the law, the value and the remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from intraday_rl.app.compose import compose, precheck, show
from intraday_rl.core.errors import ConfigError, IntradayError

REFUSED = {
    # keys
    "seeed=1": "unknown key seeed (did you mean seed?)",
    "+seeed=1": "unknown key seeed (did you mean seed?)",
    "foo=1": "unknown key foo; --cfg job shows all keys",
    "+foo={a: {b: 1}}": "unknown key foo.a",
    "learning_rate=1": "(did you mean algo.parameters.learning_rate or cloning.learning_rate?)",
    "algo.parameters.lerning_rate=1": "(did you mean algo.parameters.learning_rate?)",
    "+algo.parameters.foo=1": "unknown key algo.parameters.foo",
    "algo={parameters: {foo: 1}}": "unknown key algo.parameters.foo",
    "+algo={parameters: {foo: 1}}": "unknown key algo.parameters.foo",
    "reward.terms.profits.weight=1": "(did you mean reward.terms.profit.weight?)",
    "+reward.terms.mine.weight=1": "a new member of reward.terms needs a _target_",
    "+market.execution.mine={_target_: intraday_rl.env.rewards.Profit}": "unknown key market.execution.mine",
    "+seed=1": "+seed=1: seed exists already; write it without +",
    "~seed": "seed cannot be left out",
    "~reward.terms.turnover": "unknown key reward.terms.turnover",
    "hydra.foo=1": "Could not override 'hydra.foo'",
    # groups and choices
    "algo=pp0": "algo has no choice pp0 (did you mean ppo?); choose algo=",
    "dta=simulated": "unknown key dta (did you mean data?)",
    "env/action=step": "there is no group env/action (did you mean env/actions?)",
    "hydra/launcher=foo": "Could not find 'hydra/launcher/foo'",
    # syntax
    "foo": "'foo' must be written as key=value or group=choice",
    "name=~x": "quote special characters: 'name=\"~x\"'",
    "seed=1,2": "seed=1,2: several values need -m",
    # kinds
    "seed=abc": "seed must be a whole number, was 'abc'",
    "seed=null": "seed must be a whole number, was None",
    "algo.parameters=5": "algo.parameters must be a group of keys, was 5",
    "algo.parameters.batch_size=many": "algo.parameters: PpoParameters.batch_size must be a whole number, was 'many'",
    "algo.parameters.batch_size=1.5": "PpoParameters.batch_size must be a whole number, was 1.5",
    "features.account=[1]": "features.account[0] must be a text, was 1",
    "features.stacked=position": "features.stacked must be a list, was 'position'",
    "features.stacked=[1]": "features: ObservationLayout.stacked[0] must be a text, was 1",
    "features.frames=many": "features.frames must be a whole number, was 'many'",
    "env.initial_capital_usd=rich": "env.initial_capital_usd must be a number, was 'rich'",
    "market.execution.spread=5": "market.execution.spread must be a group of keys, was 5",
    # laws
    "seed=-1": "seed must be in [0, 4294967296), was -1",
    "name=a/b": "name must be of letters, digits",
    "evaluation.every_steps=0": "evaluation.every_steps must be >= 1 (training steps), was 0",
    "env.initial_capital_usd=-1": "env.initial_capital_usd must be > 0 (USD), was -1.0",
    "env.account.drawdown_unit=0": "env.account: observation.drawdown_unit must be > 0 (fraction of session-start NAV)",
    "features.account=[positon]": "no account feature positon (did you mean position?)",
    "features.account=[position,position]": "features: observation: each feature may stand once, position stands twice",
    "features.stacked=[spread_bp]": "observation.stacked: spread_bp is not observed (did you mean spread_bps?)",
    "features.frames=0": "features: observation.frames must be >= 1 (bars shown), was 0",
    "features.frames=4": "observation.stacked must name the features of which 4 frames are shown, was empty",
    "features.preset=full48": "features.preset must be one of full47",
    "risk.exits.session_close.minutes=0": "session_close: FlatBeforeClose.minutes must be >= 1 (minutes), was 0",
    "~risk.exits.session_close": "risk.exits must name at least one rule, was empty",
    "~reward.terms.profit": "reward.terms must name at least one rule, was empty",
    "evaluation.split.train_fraction=0.9": "train_fraction + validation_fraction must be < 1, was 1.05",
    "market.execution.latency.low_ms=-1": "market.execution.latency: UniformLatency.low_ms must be",
    "data.source.num_sessions=0": "data.source: SimulatedMarket.num_sessions must be",
    "algo.parameters.rollout_steps=2049": "PpoParameters.rollout_steps must be a multiple of num_envs (8), was 2049",
    "evaluation.gates.hit_rate_min=2": "evaluation.gates: GateLimits.hit_rate_min must be in (0, 1]",
    # targets
    "reward.terms.profit._target_=os.system": "_target_ must name a struct of intraday_rl, or of a module",
    "+risk.limits.mine={_target_: intraday_rl.env.risk.MaxUnit}": "_target_ must name an existing struct",
    "+risk.limits.mine={_target_: intraday_rl.env.risk.MaxUnits, unit: 1}": "MaxUnits has no parameter unit",
    # references
    "seed=${sed}": "Interpolation key 'sed' not found",
    # data
    "data=historical": "not given, but needed: data.path=… (a Parquet file, or a folder that holds SYMBOL.parquet; ",
}
HISTORICAL = {
    "data.path=nowhere/bars data.symbols=[SPY]": "nowhere/bars: no such file or folder; correct the path",
    "data.path={folder} data.symbols=[SPX]": "has no file SPX.parquet (did you mean SPY?); it holds SPY",
    "data.path={folder} data.symbols=SPY": "data.symbols must be a list of symbols, such as [SPY]",
    "data.path={folder} data.symbols=[SPY,QQQ]": "data.symbols=[QQQ]: {folder}: has no file QQQ.parquet",
    "data.path={folder} data.symbols=[SPY,SPY]": "data.symbols must name each symbol once, was ['SPY', 'SPY']",
    "data.path={folder} data.symbols=[]": "data.symbols",
    "data.path={folder} data.symbols=[5]": "such as [SPY] or [SPY,QQQ], was [5]",
    "data.path=5 data.symbols=[SPY]": "data.source: HistoricalFiles.path must be a path, was 5",
    "data.path={folder} data.symbols=[SPY] data.start=soon": "HistoricalFiles.start must be",
    "data.path={folder} data.symbols=[SPY] data.start=2024-02-01 data.end=2024-01-01": "start must be <= end",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file that is there; nobody opens it."""
    (tmp_path / "SPY.parquet").touch()
    return tmp_path


@pytest.mark.parametrize(("override", "message"), REFUSED.items(), ids=REFUSED)
def test_precheck_refuses_in_one_line(override: str, message: str):
    with pytest.raises(IntradayError) as refusal:
        precheck([override])
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("overrides", "message"), HISTORICAL.items(), ids=HISTORICAL)
def test_precheck_refuses_data_that_are_not_there(overrides: str, message: str, folder: Path):
    with pytest.raises(IntradayError) as refusal:
        precheck(["data=historical", *overrides.format(folder=folder).split()])
    assert message.format(folder=folder) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["reward=[profit]"],
        ["algo={parameters: {batch_size: 64}}"],
        ["seed=7", "name=x", "algo.parameters.target_kl=null", "env/actions=target", "market=mes"],
        ["reward=turnover_averse", "reward.terms.turnover.limit=0.03"],
        ["reward=turnover_averse", "~reward.terms.turnover"],
        ["+risk.limits.mine={_target_: intraday_rl.env.risk.MaxUnits, units: 5}"],
        ["+risk.limits.mine._target_=intraday_rl.env.risk.MaxUnits", "+risk.limits.mine.units=5"],
        ["+reward.terms.second={_target_: intraday_rl.env.rewards.Profit, weight: 2}", "reward.terms.second.weight=3"],
        ["++seed=3", "hydra.run.dir=elsewhere"],
        ["features.stacked=[spread_bps,position]", "features.frames=4"],
        ["features.stacked=[all]", "features.frames=3", "features.account=[position]"],
    ],
    ids=" ".join,
)
def test_precheck_lets_what_is_right_pass(overrides: list[str]):
    precheck(overrides)


def test_precheck_of_a_multirun_checks_every_value():
    precheck(["seed=1,2", "algo.parameters.batch_size=64,128"], multirun=True)
    with pytest.raises(IntradayError, match=r"seed must be in .*, was -2"):
        precheck(["seed=1,-2", "algo.parameters.batch_size=64,128"], multirun=True)
    with pytest.raises(IntradayError, match=r"batch_size must be"):
        precheck(["seed=1,2", "algo.parameters.batch_size=64,0"], multirun=True)
    with pytest.raises(IntradayError, match="algo has no choice pp0"):
        precheck(["algo=ppo,pp0"], multirun=True)


def test_compose_takes_over_choices_and_values():
    config = compose(["reward=turnover_averse", "reward.terms.turnover.limit=0.5", "seed=9"])
    assert config["reward"]["terms"]["turnover"]["limit"] == 0.5
    assert config["data"]["source"]["seed"] == 9  # ${seed} is resolved
    assert "hydra" not in config


def test_compose_takes_one_text_for_one_override():
    assert compose("seed=4")["seed"] == 4


def test_compose_does_not_depend_on_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    here = compose()
    monkeypatch.chdir(tmp_path)
    assert compose() == here
    assert list(tmp_path.iterdir()) == []


def test_show_prints_all_or_a_part_and_asks_for_nothing_that_is_missing():
    whole = yaml.safe_load(show(["data=historical", "seed=5", "name=a,b"], None, False))
    assert whole["data"]["path"] == "???"
    assert whole["data"]["source"]["path"] == "${data.path}"
    assert (whole["seed"], "hydra" in whole) == (5, False)
    assert yaml.safe_load(show(["seed=5"], "data.source", True))["seed"] == 5
    assert yaml.safe_load(show(["data=historical"], None, True))["data"]["source"]["path"] == "???"
    assert show(["seed=5"], "seed", False) == "5\n"
    assert show(["data=historical"], "data.start", False) == "None\n"


@pytest.mark.parametrize(
    ("overrides", "package", "resolve", "message"),
    [
        (["+seeed=1"], None, False, "unknown key seeed (did you mean seed?)"),
        ([], "algo.parametres", False, "unknown key algo.parametres (did you mean algo.parameters?)"),
        (["seed=${sed}"], None, True, "Interpolation key 'sed' not found"),
    ],
)
def test_show_refuses_in_one_line(overrides: list[str], package: str | None, resolve: bool, message: str):
    with pytest.raises(ConfigError) as refusal:
        show(overrides, package, resolve)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_unique_ids_differ_between_configurations():
    from omegaconf import OmegaConf

    from intraday_rl.app.compose import register_resolvers

    register_resolvers()
    configs = [OmegaConf.create({"a": "${unique_id:}", "b": "${unique_id:}"}) for _ in range(100)]
    assert all(re.fullmatch("[0-9a-f]{8}", config.a) and config.a == config.b for config in configs)
    assert len({config.a for config in configs}) == 100
