"""Bundles for tests: a small policy saved with its rules, and ways to tamper with the folder."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intraday_rl.agents.bundle import save_bundle
from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.agents.policies.networks import as_policy, describe_network
from intraday_rl.agents.policies.scaler import ObservationScaler
from intraday_rl.agents.snapshot import PolicySnapshot
from intraday_rl.core.errors import BundleError
from intraday_rl.core.hashing import hash_file, hash_json
from intraday_rl.env.actions import Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.env.rules import TradingRules
from tests.support.networks import ACTOR_CRITIC, lively_network
from tests.support.tapes import random_tape
from tests.support.training import noisy_rules

FEATURES = {
    "names": ["feature0", "feature1", "feature2"],
    "families": {"Momentum": {}, "KnownState": {"level": 100.0, "scale": 0.5}},
    "base_spread": 0.01,
    "sources": {"feature0": "bars", "feature1": "quotes", "feature2": "proxy"},
}
MOMENTS = {"mean": [0.0, 1.0, 2.0], "deviation": [1.0, 1.0, 1.0]}
JUDGING = {
    "slippage_budget_bps": 1.25,
    "training_fit": {"names": FEATURES["names"], "symbols": {"TEST": MOMENTS}},
}
CONFIG = {"seed": 3, "env": {"actions": {"_target_": "intraday_rl.env.actions.DiscreteTarget"}}}
ORIGIN = {"data_fingerprint": "abc", "packages": {"numpy": "2.0"}, "seeds": {"seed": 3}, "overrides": ["seed=3"]}
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


def bundle_rules(**changes: Any) -> TradingRules:
    """Return the rules that the bundles of `save_example` are made for."""
    return noisy_rules(random_tape(num_sessions=2, minutes=5, num_features=3), **changes)


def example_snapshot(
    rules: TradingRules, seed: int = 0, scaled: bool = True, description: Any = ACTOR_CRITIC
) -> PolicySnapshot:
    """Return an untrained policy whose actions differ from one observation to the next."""
    network = lively_network(description, rules.layout.space(), rules.actions.space(), seed=seed)
    rng = np.random.default_rng(seed)
    width = len(rules.layout.names)
    scaler = None
    if scaled:
        scaler = ObservationScaler(rng.standard_normal(width), rng.uniform(0.5, 2.0, width), 1e-8, 10.0, 1000.0)
    weights = {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}
    return PolicySnapshot(weights, scaler, describe_network(network), as_policy(network, scaler))


def save_example(path: Path, rules: TradingRules | None = None, **snapshot: Any) -> PolicySnapshot:
    """Save an example policy as a bundle and return its snapshot."""
    chosen = rules or bundle_rules()
    taken = example_snapshot(chosen, **snapshot)
    save_bundle(
        path,
        taken,
        rules=chosen,
        features=FEATURES,
        config=CONFIG,
        judging=JUDGING,
        origin=ORIGIN,
    )
    return taken


def change_json(file: Path, *place: str, value: Any) -> None:
    """Set the value at the place in a JSON file."""
    content = json.loads(file.read_text())
    node = content
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    file.write_text(json.dumps(content, indent=1) + "\n")


def sign_again(folder: Path) -> None:
    """Make the manifest agree with the folder, as a maker of hostile bundles would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != "manifest.json")
    manifest["files"] = {str(file.relative_to(folder)): hash_file(file) for file in files}
    for name in manifest["contents"]:
        with contextlib.suppress(ValueError):  # a file that is no JSON any more
            manifest["contents"][name] = json.loads((folder / name).read_text())
    write_manifest(folder, manifest)


def change_manifest(folder: Path, key: str, value: Any) -> None:
    """Set a value of the manifest and make its own fingerprint agree."""
    write_manifest(folder, json.loads((folder / "manifest.json").read_text()) | {key: value})


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest with the fingerprint that agrees with it."""
    manifest["fingerprint"] = hash_json({key: value for key, value in manifest.items() if key != "fingerprint"})
    (folder / "manifest.json").write_text(json.dumps(manifest))


class Bomb:
    """An object whose unpickling makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self.target,)


def observations(count: int = 200, seed: int = 0) -> np.ndarray:
    """Return observations for the example policy, (count, 9)."""
    return (3.0 * np.random.default_rng(seed).standard_normal((count, 9))).astype(np.float32)


def assert_refused(folder: Path, *words: str) -> None:
    """The bundle is refused in one line that holds the folder and the words."""
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(folder), *words):
        assert word in message, message
