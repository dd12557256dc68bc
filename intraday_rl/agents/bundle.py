"""A bundle: a trained policy with all that it must be used with, as a folder that verifies itself.

Contents: policy.npz (weights), policy.json (network), scaler.npz (observation scaler, absent if none), features.json,
observation.json, actions.json, costs.json (execution models), config.json (the composed configuration), judging.json
(what was frozen for judging it) and manifest.json (sha256 of every other file). Only npz and JSON: loading a bundle
runs none of its maker's code. The manifest repeats the small JSON files, so that a change can be named.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from intraday_rl.agents.policy import NetworkPolicy, ObservationScaler, build_network
from intraday_rl.agents.snapshot import PolicySnapshot
from intraday_rl.core import hashing
from intraday_rl.core.differences import first_difference
from intraday_rl.core.errors import BundleError
from intraday_rl.env.batch_env import TradingRules

FORMAT = 1
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
        """Return deterministic actions (N,) for raw observations (N, F), and the state to hand back."""
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
                    f"bundle {self.path}: trained with another {name.removesuffix('.json')}: in the environment "
                    f"{difference}; use the bundle's own configuration"
                )


def describe(rules: TradingRules, features: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON files that tie a policy to its environment: features, observation, actions, costs."""
    layout = rules.layout
    return {
        "features.json": _jsonable(features),
        "observation.json": {
            "names": list(layout.names),
            "num_market": len(layout.market),
            "daily_loss_unit": layout.daily_loss_unit,
            "drawdown_unit": layout.drawdown_unit,
        },
        "actions.json": {"map": type(rules.actions).__name__, "space": str(rules.actions.space())},
        "costs.json": {
            name: {"model": type(part).__name__, **part._asdict()} for name, part in rules.execution._asdict().items()
        },
    }


def _jsonable(value: Any) -> Any:
    return json.loads(json.dumps(value))


def save_bundle(
    path: Path,
    snapshot: PolicySnapshot,
    *,
    rules: TradingRules,
    features: Mapping[str, Any],
    config: Mapping[str, Any],
    hidden_layers: tuple[int, ...],
    judging: Mapping[str, Any],
    origin: Mapping[str, Any],
) -> None:
    """Write a bundle; its manifest comes last, so that an interrupted writing is seen.

    Args:
        path: folder, made if absent.
        snapshot: weights and scaler.
        rules: the environment's rules.
        features: name, parameters and sources of the features.
        config: the composed configuration, plain JSON values.
        hidden_layers: widths of the network's trunks.
        judging: what is frozen with the policy for judging it, plain JSON values.
        origin: facts for the manifest (data fingerprint, versions, seeds ...), plain JSON values.
    """
    path.mkdir(parents=True, exist_ok=True)
    (path / MANIFEST).unlink(missing_ok=True)
    parts = describe(rules, features)
    parts["policy.json"] = {"network": "ActorCriticPolicy", "hidden_layers": list(hidden_layers)}
    parts["judging.json"] = _jsonable(judging)
    for name, content in {**parts, CONFIG: config}.items():
        (path / name).write_text(json.dumps(content, indent=1) + "\n")
    np.savez(path / WEIGHTS, **snapshot.weights)  # type: ignore[arg-type]
    if snapshot.scaler is not None:
        scaler = snapshot.scaler
        np.savez(path / SCALER, mean=scaler.mean, variance=scaler.variance, limits=[scaler.epsilon, scaler.clip])
    files = sorted(file for file in path.iterdir() if file.name != MANIFEST)
    manifest = {
        "format": FORMAT,
        "files": {file.name: hashing.hash_file(file) for file in files},
        "contents": {name: parts[name] for name in REPEATED},
        **_jsonable(origin),
    }
    (path / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def load_bundle(path: str | Path) -> Bundle:
    """Verify and load a bundle, or the bundle inside a run folder.

    Raises:
        BundleError: no bundle is there, its format is unknown, or a file is missing, changed or added; the message
            names the file and, for the small ones, the difference.
    """
    folder = Path(path)
    if (folder / "bundle" / MANIFEST).is_file():
        folder = folder / "bundle"
    if not (folder / MANIFEST).is_file():
        raise BundleError(f"bundle {folder}: no {MANIFEST} there; give a run folder or a bundle folder")
    manifest = _read_json(folder, MANIFEST)
    if manifest.get("format") != FORMAT:
        raise BundleError(f"bundle {folder}: format must be {FORMAT}, was {manifest.get('format')!r}")
    _verify(folder, manifest)
    parts = {name: _read_json(folder, name) for name in REPEATED}
    config = _read_json(folder, CONFIG)
    return Bundle(folder, _read_policy(folder, parts), config, parts, manifest)


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        value = json.loads((folder / name).read_text())
    except (OSError, ValueError) as error:
        raise BundleError(f"bundle {folder}: {name} cannot be read ({error}); copy the bundle anew") from error
    if not isinstance(value, dict):
        raise BundleError(f"bundle {folder}: {name} must hold a JSON object; copy the bundle anew")
    return value


def _verify(folder: Path, manifest: dict[str, Any]) -> None:
    expected = manifest.get("files", {})
    present = {file.name for file in folder.iterdir()} - {MANIFEST}
    for name in (*expected, *REPEATED, WEIGHTS, CONFIG):
        if name not in present or name not in expected:
            raise BundleError(f"bundle {folder}: {name} is missing; copy the bundle anew")
    strangers = sorted(present - set(expected))
    if strangers:
        raise BundleError(f"bundle {folder}: {strangers[0]} does not belong to it; remove it")
    for name, digest in expected.items():
        if hashing.hash_file(folder / name) != digest:
            change = None
            if name in manifest.get("contents", {}):
                change = first_difference(manifest["contents"][name], _read_json(folder, name))
            raise BundleError(
                f"bundle {folder}: {name} was changed after it was saved"
                f"{f': {change}' if change else ''}; copy the bundle anew"
            )


def _read_policy(folder: Path, parts: dict[str, Any]) -> NetworkPolicy:
    import gymnasium

    names = parts["observation.json"]["names"]
    space = gymnasium.spaces.Box(-np.inf, np.inf, (len(names),), dtype=np.float32)
    continuous = parts["actions.json"]["map"] == "Continuous"
    actions: gymnasium.Space[Any] = (
        gymnasium.spaces.Box(-1.0, 1.0, (1,)) if continuous else gymnasium.spaces.Discrete(3)
    )
    network = build_network(space, actions, tuple(parts["policy.json"]["hidden_layers"]))
    try:
        with np.load(folder / WEIGHTS, allow_pickle=False) as weights:
            network.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights.files})
    except (ValueError, RuntimeError, OSError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0]
        raise BundleError(f"bundle {folder}: {WEIGHTS} does not hold this network's weights ({reason})") from error
    network.eval()
    return NetworkPolicy(network, _read_scaler(folder / SCALER))


def _read_scaler(file: Path) -> ObservationScaler | None:
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as arrays:
        epsilon, clip = arrays["limits"]
        return ObservationScaler(arrays["mean"], arrays["variance"], float(epsilon), float(clip))
