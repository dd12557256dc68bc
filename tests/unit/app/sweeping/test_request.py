import pytest

from intraday_rl.app.sweeping.request import NOT_SEARCHED, read_request
from intraday_rl.core.errors import ConfigError, IntradayError
from intraday_rl.sweeps.space import Choice, Interval

COMMAND = (
    "hparams=command",
    "hparams.command=[program,argument]",
    "+hparams.objectives.f={direction: minimize, cap: null, reference: 1.0}",
)
PARETO = ("hparams=pareto_sweep", "algo.parameters.clip_range=0.2", "algo.parameters.batch_size=64")
RATE, STEPS, ENTROPY = (f"algo.parameters.{key}" for key in ("learning_rate", "rollout_steps", "entropy_start"))


def keys(request):
    return [dimension.key for dimension in request.space]


def refusal(*overrides):
    with pytest.raises(IntradayError) as caught:
        read_request(overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_override_with_one_value_takes_a_dimension_out():
    request = read_request(PARETO)
    assert keys(request) == [RATE, STEPS, ENTROPY]
    assert request.fixed[:2] == PARETO[1:]
    assert request.config["algo"]["parameters"]["clip_range"] == 0.2


def test_plus_signs_do_not_make_another_key():
    request = read_request([*PARETO, f"++{RATE}=1e-4"])
    assert keys(request) == [STEPS, ENTROPY]
    assert request.config["algo"]["parameters"]["learning_rate"] == 1e-4


def test_override_with_several_values_takes_the_place_of_the_presets():
    request = read_request([*PARETO, f"{RATE}=interval(1e-5,1e-3)", "algo.parameters.gae_lambda=0.9,0.95"])
    assert set(keys(request)) == {RATE, STEPS, ENTROPY, "algo.parameters.gae_lambda"}
    assert Interval(RATE, 1e-5, 1e-3, False, False, None) in request.space
    assert Choice("algo.parameters.gae_lambda", (0.9, 0.95)) in request.space


def test_simulated_market_is_the_same_for_every_seed_of_the_training():
    assert read_request([*PARETO, "seed=5,6"]).fixed[-1] == "data.source.seed=0"
    assert read_request([*PARETO, "seed=5"]).fixed[-1] == "data.source.seed=5"
    assert read_request([*PARETO, "data.source.seed=9"]).fixed.count("data.source.seed=9") == 1


@pytest.mark.parametrize(
    ("overrides", "seeds"),
    [
        ((), (0,)),
        (("seed=0,1,2",), (0, 1, 2)),
        (("seed=7,3",), (7, 3)),
        (("seeds=3",), (0, 1, 2)),
        (("seed=5", "seeds=2"), (5, 6)),
        (("hparams.seeds=2",), (0, 1)),
        (("seed=9",), (9,)),
    ],
)
def test_seeds_are_repetitions_and_no_dimension(overrides, seeds):
    request = read_request([*COMMAND, "x=1,2", *overrides])
    assert request.seeds == seeds
    assert keys(request) == ["x"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("seed=0,0",), "seeds of repetitions must differ and be 0 to 4294967295, were 0, 0"),
        (("seed=-1,0",), "were -1, 0"),
        (("seed=4294967296,1",), "were 4294967296, 1"),
        (("seed=4294967295", "seeds=2"), "were 4294967295, 4294967296"),
        (("seed=0,1", "seeds=2"), "seed=0,1: give the seeds, or their number with seeds=N, not both"),
        (("seed=0,1", "hparams.seeds=2"), "not both"),
        (("seed=range(0,3)",), "seeds are whole numbers, seed=0,1,2; they are not searched"),
        (("seed=interval(0,3)",), "they are not searched"),
        (("seed=a,b",), "they are not searched"),
        (("seeds=2,3",), "seeds=2,3: seeds must be one whole number >= 1 (repetitions of each trial)"),
        (("seeds=0",), "seeds=0: seeds must be one whole number >= 1"),
        (("seeds=1.5",), "seeds=1.5: seeds must be one whole number >= 1"),
        (("+hparams.space.seed='choice(1,2)'",), "seed cannot be searched: a trial is repeated with other seeds"),
        (("+hparams.space.seeds='choice(1,2)'",), "seeds cannot be searched"),
    ],
)
def test_seeds_that_cannot_be_are_refused(overrides, words):
    assert words in refusal(*COMMAND, "x=1,2", *overrides)


@pytest.mark.parametrize("owner", NOT_SEARCHED)
def test_costs_data_and_judgement_are_not_searched(owner):
    name = owner if "." in owner else f"{owner}.x"  # one key, or any of a group
    words = f"{name} cannot be searched: {NOT_SEARCHED[owner]}; give it one value"
    for key in (name, f"+{name}", f"++{name}"):
        assert refusal(*COMMAND, f"{key}=1,2") == words
    for key in (name, f"+{name}"):
        assert words in refusal(*COMMAND, f"+hparams.space={{{key}: 'choice(1,2)'}}")


@pytest.mark.parametrize("key", ["data", "market.stress", "experiment"])
def test_they_are_refused_by_the_preset_of_trainings_too(key):
    choices = {"data": "simulated,spy-2024", "experiment": "phase4,quickstart"}.get(key, "1,2")
    assert key in refusal(*PARETO, f"{key}={choices}")


@pytest.mark.parametrize("key", ["tracking", "checkpoint.keep", "name", "progress", "resume"])
def test_what_is_no_setting_of_a_policy_is_not_searched(key):
    assert f"{key} cannot be searched: it is no setting of a policy" in refusal(*COMMAND, f"{key}=none,mlflow")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ((), "hparams.space has no dimension"),
        (("x=1,2", "algo.parameters.clip_range=0.1"), "hparams.command takes dimensions alone"),
        (("x=1,2", "y=3"), "unknown key y"),
        (("x=interval(3,1)",), "x: an interval needs low < high"),
        (("x=1,2", "hparams.n_trials=0"), "hparams.n_trials must be >= 1, was 0"),
        (("x=1,2", "hparams.n_trials=5,6"), "hparams.n_trials=5,6: several values"),
        (("x=1,2", "hparams/sampler=grid", "hparams.n_trials=3"), "hparams.n_trials must be <= 2"),
        (("x=interval(0,1)", "hparams/sampler=grid"), "x: a grid needs countable values"),
        (("x=1,2", "hparams/sampler=nsga2", "hparams.n_trials=9"), "two generations of NSGA-II"),
        (("x=1,2", "hparams.nope=1"), "unknown key hparams.nope"),
        (("x=1,2", "+hparams.space.y=3"), "hparams.space: y must be choice"),
    ],
)
def test_impossible_sweep_of_a_command_is_refused_in_one_line(overrides, words):
    assert words in refusal(*COMMAND, *overrides)


def test_command_may_have_what_any_sweep_has():
    request = read_request([*COMMAND, "x=1,2", "seed=3", "progress=false", "tracking=none", "name=mine"])
    assert request.settings.study == "command_mine"
    assert request.config["progress"] is False


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ((f"{RATE}=1e-4,abc",), f"{RATE}=abc: "),
        ((f"{RATE}=-1,1e-4",), "learning_rate"),
        (("algo.parameters.num_epochs=interval(1,4)",), "; write algo.parameters.num_epochs='int(interval(…))'"),
        (("algo.parameters.nope=1,2",), "unknown key algo.parameters.nope"),
        (("algo.parameters.nope=1",), "unknown key algo.parameters.nope"),
        (("hparams/early_stop=median",), "hparams/early_stop=median prunes by one objective, and there are 3"),
    ],
)
def test_value_that_a_trial_would_be_refused_for_is_refused_before(overrides, words):
    assert words in refusal(*PARETO, *overrides)


def test_values_within_the_ends_are_checked_too():
    assert read_request([*PARETO, "algo.parameters.num_epochs=int(interval(1,4))"])
    words = refusal(*PARETO, f"{RATE}=choice(1e-4,x,3e-4)")
    assert words.startswith(f"{RATE}=x: ")


def test_definition_leaves_out_what_trials_of_one_study_may_differ_in():
    base = read_request(PARETO).definition().to_json()
    same = read_request([*PARETO, "tracking=none", "progress=false", "checkpoint.keep=3", "hparams.n_workers=3"])
    assert same.definition().to_json() == base
    other = read_request([*PARETO, "market/stress=costs_x2"]).definition().to_json()
    assert other != base


def test_definition_of_a_command_is_the_command():
    facts = read_request([*COMMAND, "x=1,2"]).definition().to_json()
    assert facts["command"] == ["program", "argument"]
    assert "config" not in facts
    assert list(facts["space"]) == ["x"]


def test_unknown_preset_is_refused():
    with pytest.raises(ConfigError, match="hparams has no choice nope"):
        read_request(["hparams=nope"])
