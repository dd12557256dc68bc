"""Ensembles as bundles: what they keep of their members, that they verify themselves, and who cannot be a member."""

import json
import shutil

import numpy as np
import pytest

from intraday_rl.agents import load_bundle
from intraday_rl.agents.ensembles import save_ensemble
from intraday_rl.core.errors import BundleError
from intraday_rl.env.actions import Continuous
from intraday_rl.market.latency import UniformLatency
from tests.support.bundles import (
    CONFIG,
    FEATURES,
    JUDGING,
    ORIGIN,
    assert_refused,
    bundle_rules,
    change_json,
    change_manifest,
    observations,
    save_example,
    sign_again,
)
from tests.support.networks import ACTOR_CRITIC, RECURRENT, SAC
from tests.support.tapes import COSTLY, make_execution

SEEN = ({"training": "aa bb", "validation": "cc"}, {"training": "bb dd", "validation": "aa"})


@pytest.fixture
def member(tmp_path):
    """Make a run with a bundle and return it, loaded."""

    def make(name, rules=None, seen=SEEN[0], **snapshot):
        folder = tmp_path / name / "bundle"
        folder.parent.mkdir()
        save_example(folder, rules, **snapshot)
        change_json(folder / "config.json", "algo", value={"name": "ppo", "parameters": {"num_envs": 8}})
        sign_again(folder)
        change_manifest(folder, "seen_sessions", seen)
        return load_bundle(folder.parent)

    return make


@pytest.fixture
def two(member, tmp_path):
    """The folder of an ensemble of two."""
    save_ensemble(tmp_path / "both" / "bundle", [member("one"), member("other", seed=1, seen=SEEN[1], scaled=False)])
    return tmp_path / "both"


def predictions(bundle):
    raw = observations()
    return bundle.predict(raw, None, np.ones(len(raw), dtype=bool))[0]


def test_ensemble_of_three_identical_bundles_acts_as_the_bundle(member, tmp_path):
    one, *others = (member(name, seen={"training": name, "validation": ""}) for name in ("one", "two", "three"))
    save_ensemble(tmp_path / "all", [one, *others])
    loaded = load_bundle(tmp_path / "all")
    assert len(set(predictions(one))) == 3
    assert predictions(loaded).tobytes() == predictions(one).tobytes()


def test_ensemble_keeps_every_member_to_the_last_bit(two, tmp_path):
    loaded = load_bundle(two)
    assert loaded.parts["policy.json"]["network"] == "Ensemble"
    for name, mine in zip(("one", "other"), loaded.policy.members, strict=True):
        own = load_bundle(tmp_path / name).policy
        pairs = zip(own.network.state_dict().values(), mine.network.state_dict().values(), strict=True)
        assert all(theirs.numpy().tobytes() == kept.numpy().tobytes() for theirs, kept in pairs)
        assert (own.scaler is None) == (mine.scaler is None) == (name == "other")
    scaler, kept = load_bundle(tmp_path / "one").policy.scaler, loaded.policy.members[0].scaler
    assert kept.mean.tobytes() == scaler.mean.tobytes()
    assert kept.variance.tobytes() == scaler.variance.tobytes()
    assert (kept.epsilon, kept.clip) == (scaler.epsilon, scaler.clip)


def test_ensemble_is_of_npz_and_json_only(two):
    suffixes = {file.suffix for file in (two / "bundle").iterdir()}
    assert suffixes == {".npz", ".json"}
    with np.load(two / "bundle" / "policy.npz", allow_pickle=False) as arrays:
        assert {name.split(".")[1] for name in arrays.files} == {"0", "1"}


def test_ensemble_takes_after_its_first_member_and_names_all(two, tmp_path):
    loaded, one, other = load_bundle(two), load_bundle(tmp_path / "one"), load_bundle(tmp_path / "other")
    assert loaded.config["algo"] == {"name": "ensemble", "parameters": {"num_envs": 8}}
    assert loaded.config["warm_start"] == {"name": "none"}
    assert {key: loaded.config[key] for key in CONFIG} == CONFIG
    assert {key: loaded.manifest[key] for key in ORIGIN} == ORIGIN
    assert loaded.manifest["members"] == [
        {"run": "one", "fingerprint": one.manifest["fingerprint"]},
        {"run": "other", "fingerprint": other.manifest["fingerprint"]},
    ]
    assert loaded.manifest["fingerprint"] not in (one.manifest["fingerprint"], other.manifest["fingerprint"])


def test_ensemble_has_seen_what_any_member_has(two):
    assert load_bundle(two).seen_sessions() == {"training": ["aa", "bb", "dd"], "validation": ["cc", "aa"]}


def test_ensemble_fits_where_its_members_do(two):
    loaded = load_bundle(two)
    loaded.check_fits(bundle_rules(), FEATURES)
    with pytest.raises(BundleError, match="actions"):
        loaded.check_fits(bundle_rules(actions=Continuous()), FEATURES)


def test_ensemble_of_different_kinds(member, tmp_path):
    rules = bundle_rules(actions=Continuous())
    members = [member(d["network"], rules, description=d, seed=i) for i, d in enumerate((ACTOR_CRITIC, RECURRENT, SAC))]
    save_ensemble(tmp_path / "all", members)
    mean = sum(predictions(each).astype(float) for each in members) / 3
    assert predictions(load_bundle(tmp_path / "all")) == pytest.approx(mean, abs=1e-6)


# --- tampering ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["policy.npz", "policy.json", "judging.json"])
def test_changed_file_of_an_ensemble_is_refused(two, name):
    file = two / "bundle" / name
    file.write_bytes(file.read_bytes()[:-1] + b" ")
    assert_refused(two / "bundle", name)


def test_ensemble_that_does_not_describe_its_weights_is_refused(two):
    """Signed anew, as a hostile maker would."""
    policy = two / "bundle" / "policy.json"
    members = json.loads(policy.read_text())["members"]
    for changed in (members[:1], members[::-1], [*members, members[0]]):
        change_json(policy, "members", value=changed)
        sign_again(two / "bundle")
        assert_refused(two / "bundle")


@pytest.mark.parametrize(("name", "value"), [("variance", -1.0), ("limits", 0.0), ("mean", np.nan)])
def test_ensemble_with_moments_that_cannot_be_is_refused(two, name, value):
    file = two / "bundle" / "policy.npz"
    with np.load(file) as arrays:
        changed = dict(arrays)
    changed[f"members.0.{name}"][0] = value
    np.savez(file, **changed)
    sign_again(two / "bundle")
    assert_refused(two / "bundle", "policy.npz")


# --- members --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rules": {"actions": Continuous()}}, ("actions", "map", "Continuous", "DiscreteTarget")),
        (
            {"rules": {"execution": make_execution(**COSTLY | {"latency": UniformLatency(50.0, 151.0)})}},
            ("costs", "latency.high_ms", "151.0", "150.0"),
        ),
        ({"file": ("features.json", "base_spread", 0.02)}, ("features", "base_spread", "0.02", "0.01")),
        ({"file": ("judging.json", "slippage_budget_bps", 2.0)}, ("judging", "slippage_budget_bps", "2.0", "1.25")),
        ({"file": ("observation.json", "drawdown_unit", 0.5)}, ("observation", "drawdown_unit", "0.5")),
        (
            {"file": ("config.json", "env", CONFIG["env"] | {"initial_capital_usd": 2.0})},
            ("env: env.initial_capital_usd should not be there, is 2.0",),
        ),
        ({"file": ("config.json", "risk", {"limit": 2.0})}, ("risk: risk is {'limit': 2.0}, should be None",)),
        ({"file": ("config.json", "market", {"bps": 2.0})}, ("market: market is {'bps': 2.0}, should be None",)),
    ],
)
def test_members_that_differ_are_refused(member, tmp_path, change, words):
    first = member("first")
    second = member("second", bundle_rules(**change.get("rules", {})))
    if "file" in change:
        name, key, value = change["file"]
        change_json(second.path / name, key, value=value)
        sign_again(second.path)
        second = load_bundle(second.path)
    with pytest.raises(BundleError) as caught:
        save_ensemble(tmp_path / "both" / "bundle", [first, second])
    message = str(caught.value)
    assert "\n" not in message
    for word in ("second differs from first in", *words):
        assert word in message
    assert not (tmp_path / "both").exists()


def test_run_that_is_given_twice_is_refused(member, tmp_path):
    """Also as a copy: it would have two votes."""
    one, other = member("one"), member("other", seed=1)
    copy = shutil.copytree(one.path, tmp_path / "copy")
    with pytest.raises(BundleError) as caught:
        save_ensemble(tmp_path / "all" / "bundle", [one, other, load_bundle(copy)])
    assert str(caught.value) == "an ensemble's members must differ: one and copy are one; leave one out"
    assert not (tmp_path / "all").exists()


def test_one_member_is_too_few(member, tmp_path):
    with pytest.raises(BundleError, match="needs 2 or more runs, was 1"):
        save_ensemble(tmp_path / "one" / "ensemble", [member("one")])


def test_ensemble_in_an_ensemble_is_refused(two, tmp_path):
    with pytest.raises(BundleError, match="both is an ensemble itself"):
        save_ensemble(tmp_path / "more", [load_bundle(tmp_path / "one"), load_bundle(two)])


@pytest.mark.parametrize("seen", [None, 3, {}, {"training": 3, "validation": ""}])
def test_member_that_does_not_say_what_it_has_seen_is_refused(member, tmp_path, seen):
    with pytest.raises(BundleError, match="seen_sessions cannot be used"):
        save_ensemble(tmp_path / "both", [member("one"), member("other", seen=seen)])


@pytest.mark.parametrize("algo", [None, 3, "ppo"])
def test_member_without_an_algorithm_is_refused(member, tmp_path, algo):
    one = member("one")
    change_json(one.path / "config.json", "algo", value=algo)
    sign_again(one.path)
    with pytest.raises(BundleError, match=r"config\.json lacks algo"):
        save_ensemble(tmp_path / "both", [load_bundle(one.path), member("other", seed=1)])


def test_judging_of_members_is_kept(two):
    assert load_bundle(two).parts["judging.json"] == JUDGING
