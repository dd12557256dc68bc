"""Bundles: what goes in comes out to the last bit, everything else is refused by name, and nothing of it is run."""

import json
import pickle
import shutil
import zipfile

import numpy as np
import pytest

from intraday_rl.agents import bundle as bundle_module
from intraday_rl.agents.bundle import save_bundle
from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.core.errors import BundleError
from intraday_rl.env.actions import Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.market.impact import SquareRootImpact
from intraday_rl.market.rows import Contract
from tests.support.bundles import (
    CONFIG,
    FEATURES,
    LAYERS,
    ORIGIN,
    Bomb,
    bundle_rules,
    change_json,
    change_manifest,
    example_snapshot,
    save_example,
    sign_again,
)

JSON_FILES = (
    "actions.json",
    "config.json",
    "costs.json",
    "features.json",
    "judging.json",
    "observation.json",
    "policy.json",
)
ARRAY_FILES = ("policy.npz", "scaler.npz")
FILES = sorted((*JSON_FILES, *ARRAY_FILES))
MAPS = [pytest.param(rule, id=type(rule).__name__) for rule in (DiscreteStep(), DiscreteTarget(), Continuous())]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "bundle"
    save_example(path)
    return path


def observations(count=200, seed=0):
    return (3.0 * np.random.default_rng(seed).standard_normal((count, 9))).astype(np.float32)


def assert_refused(folder, *words):
    """The bundle is refused in one line that holds the folder and the words."""
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(folder), *words):
        assert word in message, message


# --- round trip -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("actions", MAPS)
def test_bundle_returns_the_policy_to_the_last_bit(tmp_path, actions, scaled):
    snapshot = save_example(tmp_path / "b", bundle_rules(actions=actions), scaled=scaled)
    loaded = load_bundle(tmp_path / "b")
    state = loaded.policy.network.state_dict()
    assert list(state) == list(snapshot.weights)
    for name, value in snapshot.weights.items():
        assert state[name].numpy().tobytes() == value.tobytes(), name
        assert state[name].numpy().dtype == value.dtype
    raw = observations()
    live, again = snapshot.live_policy.predict(raw)[0], loaded.predict(raw)[0]
    assert len(np.unique(live)) >= 3
    assert again.tobytes() == live.tobytes()
    assert again.dtype == live.dtype


def test_bundle_returns_the_scaler_to_the_last_bit(tmp_path):
    scaler = save_example(tmp_path / "b").scaler
    loaded = load_bundle(tmp_path / "b").policy.scaler
    assert loaded.mean.tobytes() == scaler.mean.tobytes()
    assert loaded.variance.tobytes() == scaler.variance.tobytes()
    assert (loaded.epsilon, loaded.clip) == (scaler.epsilon, scaler.clip)


def test_bundle_without_scaler_has_none(tmp_path):
    save_example(tmp_path / "b", scaled=False)
    assert load_bundle(tmp_path / "b").policy.scaler is None
    assert not (tmp_path / "b" / "scaler.npz").exists()


def test_bundle_keeps_configuration_judging_and_origin(folder):
    loaded = load_bundle(folder)
    assert loaded.config == CONFIG
    assert loaded.parts["judging.json"] == {"slippage_budget_bps": 1.25}
    assert loaded.parts["features.json"] == FEATURES
    assert {key: loaded.manifest[key] for key in ORIGIN} == ORIGIN


def test_bundle_predict_hands_the_state_back(folder):
    actions, state = load_bundle(folder).predict(observations(5), "state", np.ones(5, dtype=bool))
    assert (actions.shape, state) == ((5,), "state")


def test_bundle_is_nothing_but_json_and_plain_arrays(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted((*FILES, "manifest.json"))
    for name in (*JSON_FILES, "manifest.json"):
        assert isinstance(json.loads((folder / name).read_text()), dict)
    for name in ARRAY_FILES:
        with np.load(folder / name, allow_pickle=False) as arrays:
            assert all(arrays[key].dtype.kind in "fi" for key in arrays.files)


def test_bundle_is_found_inside_its_run_folder_and_under_any_name(folder, tmp_path):
    assert load_bundle(tmp_path).path == folder
    assert load_bundle(str(folder)).path == folder
    moved = shutil.copytree(folder, tmp_path / "elsewhere" / "of my own")
    shutil.rmtree(folder)
    assert load_bundle(moved).predict(observations())[0].tobytes() == example_actions()


def example_actions():
    return example_snapshot(bundle_rules()).live_policy.predict(observations())[0].tobytes()


def test_bundle_loads_from_a_folder_that_may_only_be_read(folder):
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    try:
        load_bundle(folder)
        assert sorted(path.name for path in folder.iterdir()) == sorted((*FILES, "manifest.json"))
    finally:
        folder.chmod(0o755)


def test_bundle_saved_twice_is_the_same_to_the_last_byte(tmp_path):
    save_example(tmp_path / "one")
    save_example(tmp_path / "two")
    for name in (*FILES, "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_bundle_saved_over_another_is_the_new_one(folder):
    snapshot = save_example(folder, seed=1)
    assert (
        load_bundle(folder).predict(observations())[0].tobytes()
        == snapshot.live_policy.predict(observations())[0].tobytes()
    )


def test_bundle_saved_over_another_leaves_nothing_of_it(folder):
    """A policy of raw observations, saved where one with a scaler was."""
    snapshot = save_example(folder, scaled=False)
    assert load_bundle(folder).policy.scaler is None
    assert (
        load_bundle(folder).predict(observations())[0].tobytes()
        == snapshot.live_policy.predict(observations())[0].tobytes()
    )


@pytest.mark.parametrize("after", range(11))
def test_bundle_whose_saving_is_interrupted_still_loads(folder, monkeypatch, after):
    """Ctrl-C while a better policy is written: the run has the one before, or the new one already, but never none."""
    calls = []

    def interrupt(original):
        def call(*args, **kwargs):
            calls.append(1)
            if len(calls) > after:
                raise KeyboardInterrupt
            return original(*args, **kwargs)

        return call

    monkeypatch.setattr(bundle_module.np, "savez", interrupt(np.savez))
    monkeypatch.setattr(bundle_module.hashing, "hash_file", interrupt(bundle_module.hashing.hash_file))
    new = example_snapshot(bundle_rules(), seed=1).live_policy.predict(observations())[0].tobytes()
    try:
        save_example(folder, seed=1)
    except KeyboardInterrupt:
        new = example_actions()
    monkeypatch.undo()
    assert load_bundle(folder).predict(observations())[0].tobytes() == new
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]  # nothing half-written beside it


# --- missing, changed, added ----------------------------------------------------------------------------------------


def test_bundle_that_is_not_there(tmp_path):
    assert_refused(tmp_path / "nowhere", "manifest.json")
    (tmp_path / "file").write_text("no folder")
    assert_refused(tmp_path / "file", "manifest.json")


def test_bundle_of_a_run_that_was_never_judged(tmp_path):
    """A run folder has a manifest of its own, which is no bundle's."""
    (tmp_path / "manifest.json").write_text('{"started": "2024-11-04", "config": {}}')
    assert_refused(tmp_path, "no bundle")


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_bundle_with_a_missing_file(folder, name):
    (folder / name).unlink()
    assert_refused(folder, name)


@pytest.mark.parametrize("name", FILES)
def test_bundle_with_a_changed_byte(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(content))
    assert_refused(folder, name)


@pytest.mark.parametrize("name", FILES)
def test_bundle_with_a_file_cut_short_or_emptied(folder, name):
    whole = (folder / name).read_bytes()
    for content in (whole[:-1], whole[: len(whole) // 2], b"", whole + b" "):
        (folder / name).write_bytes(content)
        assert_refused(folder, name)


@pytest.mark.parametrize(
    ("name", "place", "value", "words"),
    [
        ("features.json", ("base_spread",), 0.02, ("base_spread", "0.02", "0.01")),
        ("features.json", ("names",), ["feature1", "feature0", "feature2"], ("names[0]", "feature1", "feature0")),
        ("features.json", ("sources", "feature1"), "proxy", ("sources.feature1", "proxy", "quotes")),
        ("features.json", ("families", "KnownState", "level"), 99.0, ("KnownState.level", "99.0", "100.0")),
        ("observation.json", ("drawdown_unit",), 0.01, ("drawdown_unit", "0.01", "0.006")),
        ("actions.json", ("map",), "DiscreteStep", ("map", "DiscreteStep", "DiscreteTarget")),
        ("costs.json", ("commission", "per_unit_usd"), 0.0, ("commission.per_unit_usd", "0.0", "0.005")),
        ("judging.json", ("slippage_budget_bps",), 99.0, ("slippage_budget_bps", "99.0", "1.25")),
        ("policy.json", ("hidden_layers",), [8, 8], ("hidden_layers[1]", "8", "4")),
    ],
)
def test_bundle_with_a_changed_value_names_it_and_both_values(folder, name, place, value, words):
    change_json(folder / name, *place, value=value)
    assert_refused(folder, name, *words)


def test_bundle_with_a_changed_configuration(folder):
    change_json(folder / "config.json", "seed", value=4)
    assert_refused(folder, "config.json")


@pytest.mark.parametrize("name", ["data_fingerprint", "overrides", "seeds", "packages", "files", "contents", "new"])
def test_bundle_with_a_changed_manifest(folder, name):
    """The manifest is a file of the bundle too: it says on which data the policy was trained."""
    change_json(folder / "manifest.json", name, value={"other": "x"})
    assert_refused(folder, "manifest.json", "changed")


def test_bundle_whose_manifest_lost_its_fingerprint(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["fingerprint"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert_refused(folder, "manifest.json")


@pytest.mark.parametrize("name", ["notes.txt", ".DS_Store", "policy.pkl", "__pycache__/x.pyc", "sub/policy.npz"])
def test_bundle_with_an_added_file(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("added")
    assert_refused(folder, name.split("/")[0])


@pytest.mark.parametrize("version", [0, 2, "1", None, 1.5])
def test_bundle_of_another_format(folder, version):
    change_json(folder / "manifest.json", "format", value=version)
    assert_refused(folder, "format", repr(version))


@pytest.mark.parametrize("text", ["", "not json", "[]", '"text"', "null", "{", "\x00", "[" * 100_000])
def test_bundle_whose_manifest_is_no_manifest(folder, text):
    (folder / "manifest.json").write_text(text)
    assert_refused(folder, "manifest.json")


def test_bundle_whose_manifest_is_not_text(folder):
    (folder / "manifest.json").write_bytes(b"\xff\xfe\x00\x80")
    assert_refused(folder, "manifest.json")


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
        bundle_rules(layout=type(LAYOUT)(LAYOUT.market, LAYOUT.account, 0.007, LAYOUT.drawdown_unit)),
        FEATURES,
        ("observation", "daily_loss_unit", "0.007", "0.006"),
    ),
    "account features swapped": (
        bundle_rules(layout=type(LAYOUT)(LAYOUT.market, LAYOUT.account[::-1], 0.006, 0.006)),
        FEATURES,
        ("observation", "names[3]", "cooldown_left", "position"),
    ),
    "an account feature less": (
        bundle_rules(layout=type(LAYOUT)(LAYOUT.market, LAYOUT.account[:-1], 0.006, 0.006)),
        FEATURES,
        ("observation", "names", "8", "9"),
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
    ],
    ids=["shape", "missing", "added", "text", "times"],
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
            hidden_layers=LAYERS,
            judging={},
            origin=ORIGIN,
        )
    with pytest.raises(BundleError):
        load_bundle(tmp_path / "b")
