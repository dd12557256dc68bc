"""Bundles: what goes in comes out to the last bit, everything else is refused by name, and nothing of it is run."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.agents import bundle as bundle_module
from intraday_rl.agents.bundle_reading import load_bundle
from tests.support.bundles import (
    ARRAY_FILES,
    CONFIG,
    FEATURES,
    FILES,
    JSON_FILES,
    JUDGING,
    MAPS,
    ORIGIN,
    assert_refused,
    bundle_rules,
    change_json,
    example_snapshot,
    observations,
    save_example,
)

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
    assert (loaded.epsilon, loaded.clip, loaded.count) == (scaler.epsilon, scaler.clip, scaler.count)


def test_bundle_without_scaler_has_none(tmp_path):
    save_example(tmp_path / "b", scaled=False)
    assert load_bundle(tmp_path / "b").policy.scaler is None
    assert not (tmp_path / "b" / "scaler.npz").exists()


def test_bundle_keeps_configuration_judging_and_origin(folder):
    loaded = load_bundle(folder)
    assert loaded.config == CONFIG
    assert loaded.parts["judging.json"] == JUDGING
    assert loaded.parts["features.json"] == FEATURES
    assert {key: loaded.manifest[key] for key in ORIGIN} == ORIGIN


def test_bundle_of_windows_says_so_and_takes_rows_and_windows(tmp_path):
    plain = bundle_rules().layout
    rules = bundle_rules(layout=replace(plain, stacked=plain.current, frames=2))
    snapshot = save_example(tmp_path / "b", rules)
    loaded = load_bundle(tmp_path / "b")
    observation = loaded.parts["observation.json"]
    assert (observation["shape"], observation["frames"], observation["num_market"]) == ([2, 9], 2, 3)
    assert observation["stacked"] == observation["names"][:9] == list(plain.names)
    assert observation["names"][9:] == [f"{name}_lag1" for name in plain.names]
    rows = observations(400).reshape(200, 18)
    expected = snapshot.live_policy.predict(rows)[0].tobytes()
    assert loaded.predict(rows)[0].tobytes() == loaded.predict(rows.reshape(200, 2, 9))[0].tobytes() == expected
    loaded.check_fits(rules, FEATURES)


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


@pytest.mark.parametrize("version", [0, 1, "2", None, 2.5])
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
