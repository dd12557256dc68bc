"""Bundles: what goes in comes out to the last bit, everything else is refused by name, and nothing of it is run."""

import json
import pickle
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.agents import bundle as bundle_module
from intraday_rl.agents.bundle import save_bundle
from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.core.errors import BundleError
from intraday_rl.env.actions import Continuous, DiscreteStep
from intraday_rl.market.impact import SquareRootImpact
from intraday_rl.market.rows import Contract
from tests.support.bundles import (
    ARRAY_FILES,
    FEATURES,
    JSON_FILES,
    MAPS,
    ORIGIN,
    Bomb,
    assert_refused,
    bundle_rules,
    change_json,
    change_manifest,
    example_snapshot,
    save_example,
    sign_again,
)

# --- does it fit? ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actions", MAPS)
def test_bundle_fits_its_own_environment(tmp_path, actions):
    rules = bundle_rules(actions=actions)
    save_example(tmp_path / "b", rules)
    load_bundle(tmp_path / "b").check_fits(bundle_rules(actions=actions), json.loads(json.dumps(FEATURES)))


def features(**changes):
    return json.loads(json.dumps(FEATURES)) | changes


def execution(**parts):
    return bundle_rules().execution._replace(**parts)


COMMISSION = bundle_rules().execution.commission
LAYOUT = bundle_rules().layout
MISFITS = {
    "features swapped": (
        bundle_rules(),
        features(names=["feature1", "feature0", "feature2"]),
        ("features", "names[0]"),
    ),
    "a feature less": (bundle_rules(), features(names=["feature0", "feature1"]), ("features", "names", "2", "3")),
    "a feature more": (bundle_rules(), features(names=[*FEATURES["names"], "x"]), ("features", "names", "4", "3")),
    "another spread": (bundle_rules(), features(base_spread=0.02), ("features", "base_spread", "0.02", "0.01")),
    "a proxy": (
        bundle_rules(),
        features(sources=FEATURES["sources"] | {"feature1": "proxy"}),
        ("features", "sources.feature1", "proxy", "quotes"),
    ),
    "another level": (
        bundle_rules(),
        features(families={"Momentum": {}, "KnownState": {"level": 101.0, "scale": 0.5}}),
        ("features", "KnownState.level", "101.0", "100.0"),
    ),
    "a family less": (bundle_rules(), features(families={"Momentum": {}}), ("features", "KnownState")),
    "another action map": (
        bundle_rules(actions=DiscreteStep()),
        FEATURES,
        ("actions", "DiscreteStep", "DiscreteTarget"),
    ),
    "another action space": (bundle_rules(actions=Continuous()), FEATURES, ("actions", "Continuous")),
    **{
        f"commission {name}": (
            bundle_rules(execution=execution(commission=COMMISSION._replace(**{name: 0.5}))),
            FEATURES,
            ("costs", f"commission.{name}", "0.5"),
        )
        for name in COMMISSION._fields
    },
    "another latency": (
        bundle_rules(execution=execution(latency=bundle_rules().execution.latency._replace(high_ms=151.0))),
        FEATURES,
        ("costs", "latency.high_ms", "151.0", "150.0"),
    ),
    "another spread cost": (
        bundle_rules(execution=execution(spread=bundle_rules().execution.spread._replace(base_spread=0.011))),
        FEATURES,
        ("costs", "spread.base_spread", "0.011"),
    ),
    "no impact": (
        bundle_rules(execution=execution(impact=SquareRootImpact(coefficient=0.0))),
        FEATURES,
        ("costs", "impact.coefficient", "0.0", "1.0"),
    ),
    "another fill model": (
        bundle_rules(execution=execution(fill=bundle_rules().execution.fill._replace(max_carried_bars=3))),
        FEATURES,
        ("costs", "fill.max_carried_bars", "3", "2"),
    ),
    "another multiplier": (
        bundle_rules(execution=execution(contract=Contract(multiplier=5.0))),
        FEATURES,
        ("costs", "contract.multiplier", "5.0", "1.0"),
    ),
    "another loss unit": (
        bundle_rules(layout=replace(LAYOUT, daily_loss_unit=0.007)),
        FEATURES,
        ("observation", "daily_loss_unit", "0.007", "0.006"),
    ),
    "account features swapped": (
        bundle_rules(layout=replace(LAYOUT, account=LAYOUT.account[::-1])),
        FEATURES,
        ("observation", "names[3]", "cooldown_left", "position"),
    ),
    "an account feature less": (
        bundle_rules(layout=replace(LAYOUT, account=LAYOUT.account[:-1])),
        FEATURES,
        ("observation", "names", "8", "9"),
    ),
    "another history": (
        bundle_rules(layout=replace(LAYOUT, stacked=LAYOUT.account[:1], frames=3)),
        FEATURES,
        ("observation", "names", "11", "9"),
    ),
    "other stacked features of one frame": (
        bundle_rules(layout=replace(LAYOUT, stacked=LAYOUT.account[:1])),
        FEATURES,
        ("observation", "stacked", "1", "0"),
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_bundle_refuses_an_environment_it_was_not_trained_for(folder, case):
    rules, given, words = MISFITS[case]
    with pytest.raises(BundleError) as caught:
        load_bundle(folder).check_fits(rules, given)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(folder), *words):
        assert word in message, message


# --- made by someone else -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARRAY_FILES)
def test_hostile_object_array_is_refused_and_not_unpickled(folder, tmp_path, name):
    evidence = tmp_path / "ran"
    with np.load(folder / name) as arrays:
        content = {key: arrays[key] for key in arrays.files}
    content[next(iter(content))] = np.array([Bomb(evidence)], dtype=object)
    np.savez(folder / name, **content)
    sign_again(folder)
    assert_refused(folder, name)
    assert not evidence.exists()


def test_object_array_of_the_test_does_make_its_file(tmp_path):
    """The bomb is live: whoever unpickles it finds the file."""
    np.savez(tmp_path / "x.npz", a=np.array([Bomb(tmp_path / "ran")], dtype=object))
    np.load(tmp_path / "x.npz", allow_pickle=True)["a"]
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ARRAY_FILES)
def test_hostile_pickle_under_an_array_files_name_is_not_unpickled(folder, tmp_path, name):
    evidence = tmp_path / "ran"
    (folder / name).write_bytes(pickle.dumps(Bomb(evidence)))
    sign_again(folder)
    assert_refused(folder, name)
    assert not evidence.exists()


@pytest.mark.parametrize("name", ARRAY_FILES)
def test_hostile_pickle_inside_an_array_file_is_not_unpickled(folder, tmp_path, name):
    """A zip whose member is named as an array but holds a pickle, and one that has it beside the arrays."""
    evidence = tmp_path / "ran"
    with np.load(folder / name) as arrays:
        key = arrays.files[0]
    with zipfile.ZipFile(folder / name, "w") as file:
        file.writestr(f"{key}.npy", pickle.dumps(Bomb(evidence)))
        file.writestr("data.pkl", pickle.dumps(Bomb(evidence)))
    sign_again(folder)
    assert_refused(folder, name)
    assert not evidence.exists()


@pytest.mark.parametrize("name", [*ARRAY_FILES, *JSON_FILES])
def test_hostile_file_cut_short_is_refused_in_one_line(folder, name):
    whole = (folder / name).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:20], b"", b"PK\x03\x04"):
        (folder / name).write_bytes(content)
        sign_again(folder)
        assert_refused(folder, name)


def rewrite(folder, name, **changes):
    with np.load(folder / name) as arrays:
        content = {key: arrays[key] for key in arrays.files}
    content = {key: value for key, value in (content | changes).items() if value is not None}
    np.savez(folder / name, **content)
    sign_again(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"action_net.weight": np.zeros((3, 5), dtype=np.float32)},
        {"action_net.weight": None},
        {"stranger": np.zeros(3, dtype=np.float32)},
        {"action_net.weight": np.array(["a"])},
        {"action_net.weight": np.zeros((3, 4), dtype="datetime64[ns]")},
        {"action_net.weight": np.full((3, 4), np.nan, dtype=np.float32)},
    ],
    ids=["shape", "missing", "added", "text", "times", "nan"],
)
def test_hostile_weights_of_another_network_are_refused(folder, changes):
    rewrite(folder, "policy.npz", **changes)
    assert_refused(folder, "policy.npz")


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": np.zeros(4)},
        {"mean": np.zeros(1)},
        {"variance": np.zeros((2, 9))},
        {"variance": None},
        {"limits": np.zeros(3)},
        {"limits": np.array(["a", "b"])},
        {"variance": -np.ones(9)},
        {"mean": np.full(9, np.nan)},
    ],
    ids=["width", "broadcast", "rows", "missing", "limits", "text", "negative", "nan"],
)
def test_hostile_scaler_of_another_observation_is_refused(folder, changes):
    rewrite(folder, "scaler.npz", **changes)
    assert_refused(folder, "scaler.npz")


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("policy.json", ("hidden_layers",), "text"),
        ("policy.json", ("hidden_layers",), [-1]),
        ("policy.json", ("hidden_layers",), None),
        ("policy.json", ("network",), "os.system"),
        ("observation.json", ("names",), 7),
        ("observation.json", ("shape",), 9),
        ("observation.json", ("shape",), [-9, -1]),
        ("observation.json", ("shape",), [2, 5]),
        ("observation.json", ("shape",), ["9"]),
        ("actions.json", ("map",), "Stranger"),
        ("judging.json", ("slippage_budget_bps",), "much"),
    ],
)
def test_hostile_description_is_refused_in_one_line(folder, name, place, value):
    change_json(folder / name, *place, value=value)
    sign_again(folder)
    assert_refused(folder, name)


@pytest.mark.parametrize("name", ["policy.json", "observation.json", "actions.json", "judging.json"])
def test_hostile_description_without_its_keys_is_refused_in_one_line(folder, name):
    (folder / name).write_text("{}")
    sign_again(folder)
    assert_refused(folder, name)


@pytest.mark.parametrize(
    "name", ["../outside.txt", "/etc/hostname", "./policy.npz", "sub/../policy.npz", "", ".", ".."]
)
def test_hostile_manifest_cannot_name_files_outside(folder, name):
    (folder.parent / "outside.txt").write_text("secret")
    files = json.loads((folder / "manifest.json").read_text())["files"]
    for digest in ("0" * 64, bundle_module.hashing.hash_file(folder / "policy.npz")):
        change_manifest(folder, "files", files | {name: digest})
        assert_refused(folder, f"{name} is missing")


@pytest.mark.parametrize("content", [[], ["policy.npz"], "text", None, 3, {"policy.npz": None}])
@pytest.mark.parametrize("key", ["files", "contents"])
def test_hostile_manifest_of_other_kinds_is_refused(folder, key, content):
    change_manifest(folder, key, content)
    change_json(folder / "features.json", "base_spread", value=7.0)
    assert_refused(folder)


def test_hostile_folder_under_a_files_name_is_refused(folder):
    (folder / "scaler.npz").unlink()
    (folder / "scaler.npz").mkdir()
    assert_refused(folder, "scaler.npz")


def test_hostile_link_out_of_the_folder_is_refused(folder, tmp_path):
    """What a bundle holds is inside it: a link would read another file of this machine."""
    outside = tmp_path / "features.json"
    shutil.move(folder / "features.json", outside)
    (folder / "features.json").symlink_to(outside)
    assert_refused(folder, "features.json")


def test_save_refuses_values_that_json_does_not_know(tmp_path):
    """Nothing half-written: neither a manifest nor a bundle that loads."""
    rules = bundle_rules()
    with pytest.raises((TypeError, ValueError)):
        save_bundle(
            tmp_path / "b",
            example_snapshot(rules),
            rules=rules,
            features=FEATURES,
            config={"x": object()},
            judging={},
            origin=ORIGIN,
        )
    with pytest.raises(BundleError):
        load_bundle(tmp_path / "b")
