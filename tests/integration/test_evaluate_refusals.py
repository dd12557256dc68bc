"""Judging what someone else made: misfits are named, and nothing of a hostile bundle is run."""

import json
import shutil

import pytest

from intraday_rl.core.errors import BundleError, ConfigError, IntradayError
from tests.support.bundles import change_json, change_manifest, sign_again, write_manifest
from tests.support.runs import files_of, judge_again, quick, run_small


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusals") / "run"
    with quick():
        run_small(folder)
    return folder


@pytest.fixture(autouse=True)
def in_haste():
    """Leave out pictures."""
    with quick():
        yield


@pytest.fixture
def stranger(run, tmp_path):
    """A copy of the run, to be tampered with."""
    return shutil.copytree(run, tmp_path / "stranger")


def assert_refused(*arguments, words=(), error=IntradayError):
    with pytest.raises(error) as caught:
        judge_again(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


# --- misfits --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_data_without_the_trained_quotes_are_refused(run):
    """The simulated market has quotes, a random walk has none: the same feature names would mean other things."""
    assert_refused(f"run={run}", "data=martingale", error=BundleError, words=("features", "proxy", "quotes"))
    assert not (run / "evaluations").exists()


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("market", "execution", "commission", "per_unit_usd"), 0.0, ("costs", "commission.per_unit_usd")),
        (("market", "execution", "latency", "high_ms"), 100.0, ("costs", "latency.high_ms")),
        (("market", "execution", "spread", "base_spread"), 0.005, ("base_spread",)),
        (("env", "actions", "_target_"), "intraday_rl.env.actions.DiscreteTarget", ("actions", "map")),
        (("env", "account", "drawdown_unit"), 0.01, ("observation", "drawdown_unit")),
        (("market", "instrument", "multiplier"), 5.0, ("costs", "contract.multiplier")),
    ],
)
def test_configuration_that_does_not_fit_the_policy_is_refused(stranger, place, value, words):
    change_json(stranger / "bundle" / "config.json", *place, value=value)
    sign_again(stranger / "bundle")
    assert_refused(f"run={stranger}", words=words)
    assert not (stranger / "evaluations").exists()


def test_changed_costs_are_refused_by_name(stranger):
    change_json(stranger / "bundle" / "costs.json", "commission", "order_minimum_usd", value=0.0)
    assert_refused(f"run={stranger}", words=("costs.json", "commission.order_minimum_usd", "1.0", "0.0"))


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("sessions=test",),
        ("run=x", "sessions=everything"),
        ("run=x", "seed=3"),
        ("run=x", "market.execution.commission.per_unit_usd=0"),
        ("run=x", "algo=ppo"),
        ("run=x", "+data.source.seed"),
        ("rum=x",),
    ],
)
def test_requests_that_are_not_understood_are_refused(arguments):
    assert_refused(*arguments, error=ConfigError)


def test_run_that_is_not_there_is_refused(tmp_path):
    assert_refused(f"run={tmp_path / 'nowhere'}", error=BundleError, words=("manifest.json",))


def test_misspelt_data_are_refused_before_anything_is_written(stranger):
    before = files_of(stranger)
    assert_refused(f"run={stranger}", "data.source.sed=3", words=("data.source.sed",))
    assert_refused(f"run={stranger}", "data=simulate", words=("simulate",))
    assert files_of(stranger) == before


# --- nothing of it is run -------------------------------------------------------------------------------------------

TARGETS = (
    "os.system",
    "subprocess.Popen",
    "builtins.exec",
    "pathlib.Path.touch",
    "intraday_rl.core.hashing.hash_file",
    "intraday_rl.app.train.train",
    "intraday_rl.data.sources.files.Path",
    "intraday_rl.app.evaluate.np.save",
    "intraday_rl..os.system",
    "intraday_rl.app.evaluate.sys",
    "intraday_rl",
    "",
    None,
    3,
    ["os.system"],
)
NODES = (
    ("data", "source"),
    ("market", "execution", "commission"),
    ("market", "instrument"),
    ("risk", "limits", "units"),
    ("env", "actions"),
    ("reward", "terms", "profit"),
    ("features", "families", "momentum"),
    ("algo", "parameters"),
    ("evaluation", "gates"),
)


@pytest.mark.parametrize("node", NODES, ids=".".join)
def test_foreign_targets_are_refused_and_not_called(stranger, tmp_path, node):
    evidence = tmp_path / "ran"
    config = stranger / "bundle" / "config.json"
    whole = config.read_text()
    for target in TARGETS:
        config.write_text(whole)
        content = {"_target_": target, "command": f"touch {evidence}", "args": ["touch", str(evidence)]}
        change_json(config, *node, value=content)
        sign_again(stranger / "bundle")
        assert_refused(f"run={stranger}", words=(".".join(node),))
    assert not evidence.exists()
    assert not (stranger / "evaluations").exists()


@pytest.mark.parametrize("node", NODES, ids=".".join)
def test_targets_of_the_wrong_kind_are_refused(stranger, node):
    """A struct of this package in a place where it means nothing."""
    request = {"_target_": "intraday_rl.app.evaluate.Request", "run": "x", "sessions": None, "data_overrides": []}
    change_json(stranger / "bundle" / "config.json", *node, value=request)
    sign_again(stranger / "bundle")
    assert_refused(f"run={stranger}")


@pytest.mark.parametrize("group", [("risk", "limits"), ("risk", "exits"), ("reward", "terms")], ids=".".join)
def test_names_of_rules_are_not_run(stranger, tmp_path, group):
    """Names of members become part of compiled code: a name that is code is refused."""
    evidence = tmp_path / "ran"
    config = stranger / "bundle" / "config.json"
    nodes = json.loads(config.read_text())[group[0]][group[1]]
    rule = next(iter(nodes.values()))
    name = f"x), __import__('pathlib').Path('{evidence}').touch(), (group.{next(iter(nodes))}"
    change_json(config, *group, value={**nodes, name: rule})
    sign_again(stranger / "bundle")
    assert_refused(f"run={stranger}")
    assert not evidence.exists()


@pytest.mark.parametrize(
    "override",
    [
        "+hydra.launcher._target_=os.system",
        "hydra/launcher=joblib",
        "hydra.searchpath=[file:///nowhere]",
        "data=../../../etc/passwd",
        "+data.source.extra={_target_:os.system,command:ls}",
        "data.source._target_=os.system",
        "--config-dir=/nowhere",
        "data.source.seed=${oc.env:HOME}",
        "--multirun",
        "",
        "=",
        "seed=",
    ],
)
def test_hostile_overrides_of_a_bundle_do_nothing(stranger, override):
    """The bundle's own overrides are composed anew when other data are asked for."""
    overrides = json.loads((stranger / "bundle" / "manifest.json").read_text())["overrides"]
    change_manifest(stranger / "bundle", "overrides", [*overrides, override])
    assert_refused(f"run={stranger}", "data.source.num_sessions=6")


@pytest.mark.parametrize("key", ["seed", "data", "market", "env", "evaluation", "risk", "features", "algo", "reward"])
def test_configuration_without_a_part_is_refused_in_one_line(stranger, key):
    config = json.loads((stranger / "bundle" / "config.json").read_text())
    del config[key]
    (stranger / "bundle" / "config.json").write_text(json.dumps(config))
    sign_again(stranger / "bundle")
    assert_refused(f"run={stranger}", words=(key,))


@pytest.mark.parametrize("key", ["data_fingerprint", "overrides", "packages", "seeds", "git", "seen_sessions"])
def test_manifest_without_a_part_is_refused_in_one_line(stranger, key):
    manifest = json.loads((stranger / "bundle" / "manifest.json").read_text())
    del manifest[key]
    write_manifest(stranger / "bundle", manifest)
    assert_refused(f"run={stranger}", "data.source.num_sessions=6", words=("manifest.json", key))
