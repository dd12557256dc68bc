import dataclasses

import pytest

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.compose import compose
from intraday_rl.app.sweeping.settings import read_settings
from intraday_rl.core.errors import IntradayError
from intraday_rl.sweeps.definition import Constraint, Objective
from intraday_rl.sweeps.runner import FailureLimit
from intraday_rl.sweeps.samplers import Gp, Grid, Nsga2, Nsga3, Tpe
from intraday_rl.sweeps.stopping import BelowQuantile, Median, Never

WHOLE = ("n_trials", "seeds", "ensemble", "n_workers")


def settings(*overrides, preset="pareto_sweep"):
    return read_settings(compose([f"hparams={preset}", *overrides])["hparams"])


def test_pareto_sweep_is_over_three_objectives_with_two_constraints():
    found = settings()
    assert found.objectives == (
        Objective("profit_factor", "maximize", 10.0, 0.0),
        Objective("max_drawdown", "minimize", None, 0.05),
        Objective("tail_drawdown", "minimize", None, 0.05),
    )
    assert found.constraints == (
        Constraint("num_round_trips", 30.0, None),
        Constraint("mean_notional_in_market", 0.1, None),
    )
    assert found.sampler == Tpe(0, 10)
    assert isinstance(found.early_stop, BelowQuantile)
    assert found.failure_limit == FailureLimit(5, 0.5)
    assert found.n_trials == 40
    assert found.n_workers is None
    assert found.storage is None


@pytest.mark.parametrize(
    ("preset", "sampler", "early_stop"),
    [("screening", Tpe, Median), ("grid", Grid, Never), ("pareto_recurrent", Tpe, BelowQuantile)],
)
def test_presets_differ_in_sampler_and_early_stopping(preset, sampler, early_stop):
    found = settings(preset=preset)
    assert isinstance(found.sampler, sampler)
    assert isinstance(found.early_stop, early_stop)


def test_every_sampler_can_be_chosen():
    for name, kind in (("tpe", Tpe), ("gp", Gp), ("nsga2", Nsga2), ("nsga3", Nsga3), ("grid", Grid)):
        assert isinstance(settings(f"hparams/sampler={name}").sampler, kind)


def test_folder_is_named_by_the_study():
    found = settings("hparams.study=mine-1.2_a+b")
    assert found.folder == PROJECT / "multirun" / "mine-1.2_a+b"
    assert settings("name=spy").study == "pareto_sweep_spy"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        *((f"hparams.{key}=0", f"hparams.{key} must be >= 1") for key in WHOLE),
        ("hparams.best_seeds=1", "hparams.best_seeds must be >= 3"),
        ("hparams.best_seeds=4", "hparams.best_seeds must be odd"),
        ("hparams.best=-1", "hparams.best must be >= 0"),
        ("hparams.n_trials=abc", "hparams.n_trials must be a whole number, was 'abc'"),
        ("hparams.n_trials=1.5", "hparams.n_trials must be a whole number, was 1.5"),
        ("hparams.heartbeat_seconds=1.5", "hparams.heartbeat_seconds must be >= 2"),
        ("hparams.study=a/b", "hparams.study must be of letters, digits"),
        ("hparams.study=..", "hparams.study must be of letters, digits"),
        ("hparams.study=.", "hparams.study must be of letters, digits"),
        ("hparams.study=''", "hparams.study must be of letters, digits"),
        ("hparams.sampler.startup_trials=0", "startup_trials must be >= 1"),
        ("hparams.sampler.seed=-1", r"seed must be in \[0, 4294967295\]"),
        ("hparams.sampler.seed=4294967296", r"seed must be in \[0, 4294967295\]"),
        ("hparams.failure_limit.share=2", "hparams.failure_limit"),
        ("hparams.early_stop.quantile=2", "quantile must be in"),
        ("+hparams.objectives.f=3", "hparams.objectives must be a mapping"),
        ("+hparams.objectives.f={direction: up, cap: null, reference: 1}", "direction must be one of maximize"),
        ("+hparams.objectives.f={direction: maximize}", "hparams.objectives.f: Objective needs cap, reference"),
        ("hparams.objectives.max_drawdown.cap=abc", "hparams.objectives.max_drawdown"),
        ("+hparams.constraints.c={min: null, max: null}", "hparams.constraints.c must have min or max"),
        ("+hparams.constraints.c={min: 2, max: 1}", "hparams.constraints.c: min must be <= max"),
        ("hparams.command=abc", "hparams.command must be a list"),
        ("hparams.command=[1,2]", r"hparams.command must be a list of texts, such as \[a,b\]"),
        ("hparams.overrides=[1]", "hparams.overrides must be a list of texts"),
        ("hparams/early_stop=median", "prunes by one objective, and there are 3"),
    ],
)
def test_impossible_setting_is_refused_by_its_key(overrides, words):
    with pytest.raises(IntradayError, match=words) as refusal:
        settings(overrides)
    assert "\n" not in str(refusal.value)


def test_sweep_without_objectives_is_refused():
    with pytest.raises(IntradayError, match=r"hparams.objectives must have one objective or more"):
        settings("hparams.command=[a]", preset="command")


def test_every_key_of_the_presets_is_a_setting():
    node = compose(["hparams=pareto_sweep"])["hparams"]
    assert set(node) == {field.name for field in dataclasses.fields(type(settings()))} | {"space"}
