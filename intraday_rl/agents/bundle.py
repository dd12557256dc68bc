"""A bundle: a trained policy with all that it must be used with, as a folder that verifies itself.

Contents: policy.npz (weights), policy.json (network), scaler.npz (observation scaler, absent if none), features.json,
observation.json, actions.json, costs.json (execution models), config.json (the composed configuration), judging.json
(what was frozen for judging it) and manifest.json (sha256 of every other file and of itself). Only npz and JSON:
loading a bundle runs none of its maker's code. The manifest repeats the small JSON files, so that a change can be
named.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from intraday_rl.agents.policies.actor_critic import NetworkPolicy
from intraday_rl.agents.snapshot import PolicySnapshot
from intraday_rl.core import hashing
from intraday_rl.core.differences import first_difference
from intraday_rl.core.errors import BundleError
from intraday_rl.env.rules import TradingRules
from intraday_rl.market.advance import Execution

FORMAT = 3
REPEATED = ("policy.json", "features.json", "observation.json", "actions.json", "costs.json", "judging.json")
WEIGHTS, SCALER, CONFIG, MANIFEST = "policy.npz", "scaler.npz", "config.json", "manifest.json"


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle.

    Attributes:
        path: its folder.
        policy: the trained policy; takes raw observations.
        config: the configuration it was trained with.
        parts: the JSON files of `REPEATED`, by file name.
        manifest: the manifest.
    """

    path: Path
    policy: NetworkPolicy
    config: dict[str, Any]
    parts: dict[str, Any]
    manifest: dict[str, Any]

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None) -> tuple[Any, Any]:
        """Return deterministic actions (N,) for raw observations, and the state to hand back.

        Observations are rows (N, F), or of the environment's shape where that is a window (N, bars, features).
        """
        return self.policy.predict(observation, state, episode_start)

    def check_fits(self, rules: TradingRules, features: Mapping[str, Any]) -> None:
        """Refuse an environment that this policy was not trained for.

        Args:
            rules: the environment's rules.
            features: names, families, base spread and sources, as they were saved.

        Raises:
            BundleError: something differs; the message names the first difference.
        """
        found = describe(rules, features)
        for name, content in found.items():
            difference = first_difference(self.parts[name], content)
            if difference is not None:
                raise BundleError(
                    f"bundle {self.path}: not what it was trained with ({name.removesuffix('.json')}): {difference}; "
                    "judge it on data and settings like its own"
                )

    def seen_sessions(self) -> dict[str, list[str]]:
        """Return the digests of the sessions that the policy was trained on (`training`) and chosen on (`validation`).

        Raises:
            BundleError: the manifest does not tell.
        """
        parts = self.manifest.get("seen_sessions")
        try:
            return {name: parts[name].split() for name in ("training", "validation")}  # type: ignore[index]
        except (KeyError, TypeError, AttributeError) as error:
            raise BundleError(
                f"bundle {self.path}: manifest.json: seen_sessions cannot be used; copy the bundle anew"
            ) from error


def describe(rules: TradingRules, features: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON files that tie a policy to its environment: features, observation, actions, costs."""
    layout = rules.layout
    return {
        "features.json": _jsonable(features),
        "observation.json": {
            "names": list(layout.names),
            "num_market": len(layout.market),
            "stacked": list(layout.stacked),
            "frames": layout.frames,
            "shape": list(layout.shape),
            "daily_loss_unit": layout.daily_loss_unit,
            "drawdown_unit": layout.drawdown_unit,
        },
        "actions.json": {"map": type(rules.actions).__name__, "space": str(rules.actions.space())},
        "costs.json": {
            **_costs(rules.execution),
            "by_symbol": {symbol: _costs(execution) for symbol, execution in sorted(rules.executions.items())},
        },
    }


def _costs(execution: Execution) -> dict[str, Any]:
    return {name: {"model": type(part).__name__, **part._asdict()} for name, part in execution._asdict().items()}


def _jsonable(value: Any) -> Any:
    return json.loads(json.dumps(value))


def save_bundle(
    path: Path,
    snapshot: PolicySnapshot,
    *,
    rules: TradingRules,
    features: Mapping[str, Any],
    config: Mapping[str, Any],
    judging: Mapping[str, Any],
    origin: Mapping[str, Any],
) -> None:
    """Write a bundle beside its place, then put it there whole: an interruption leaves the former one.

    Args:
        path: folder; a former bundle there is replaced.
        snapshot: network, weights and scaler.
        rules: the environment's rules.
        features: name, parameters and sources of the features.
        config: the composed configuration, plain JSON values.
        judging: what is frozen with the policy for judging it, plain JSON values.
        origin: facts for the manifest (data fingerprint, versions, seeds ...), plain JSON values.
    """
    contents = {**describe(rules, features), "judging.json": _jsonable(judging), CONFIG: config}
    write_bundle(path, snapshot, contents, origin)


def write_bundle(path: Path, snapshot: PolicySnapshot, contents: Mapping[str, Any], origin: Mapping[str, Any]) -> None:
    """Do as `save_bundle` does with the JSON files, all but policy.json, that are given by name."""
    new, old = path.with_name(path.name + ".new"), path.with_name(path.name + ".old")
    shutil.rmtree(new, ignore_errors=True)
    try:
        _write(new, snapshot, {**contents, "policy.json": _jsonable(snapshot.network)}, origin)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    new.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def _write(folder: Path, snapshot: PolicySnapshot, contents: Mapping[str, Any], origin: Mapping[str, Any]) -> None:
    """Write all files of a bundle into a new folder, the manifest last."""
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")
    np.savez(folder / WEIGHTS, **snapshot.weights)  # type: ignore[arg-type]
    if snapshot.scaler is not None:
        np.savez(folder / SCALER, **snapshot.scaler.arrays())  # type: ignore[arg-type]
    manifest = {
        "format": FORMAT,
        "files": {file.name: hashing.hash_file(file) for file in sorted(folder.iterdir())},
        "contents": {name: contents[name] for name in REPEATED},
        **_jsonable(origin),
    }
    manifest["fingerprint"] = hashing.hash_json(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
