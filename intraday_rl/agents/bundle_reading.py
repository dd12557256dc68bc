"""Read a bundle, trusting nothing in it: whatever is wrong becomes one BundleError that names the file.

Every file is checked against the manifest before it is opened, and the manifest against its own fingerprint. What
agrees with the manifest may still have been made by anyone: contents are checked for kind, size and meaning, and
nothing that is read is ever executed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from intraday_rl.agents.bundle import CONFIG, FORMAT, MANIFEST, REPEATED, SCALER, WEIGHTS, Bundle
from intraday_rl.agents.policies.networks import as_policy, build_policy
from intraday_rl.agents.policies.scaler import ObservationScaler
from intraday_rl.core import hashing
from intraday_rl.core.differences import first_difference
from intraday_rl.core.errors import BundleError
from intraday_rl.env.actions import target_position
from intraday_rl.features.fitted.training import TrainingFit

REMEDY = "copy the bundle anew"


def load_bundle(path: str | Path) -> Bundle:
    """Verify and load a bundle, or the bundle inside a run folder.

    Raises:
        BundleError: no bundle is there, its format is unknown, or a file is missing, changed, added or unusable; the
            message names the file and, for the small ones, the difference.
    """
    folder = _find(Path(path))
    with _reading(folder, MANIFEST):
        manifest = _read_json(folder, MANIFEST)
        if manifest.get("format") != FORMAT:
            raise BundleError(f"bundle {folder}: format must be {FORMAT}, was {manifest.get('format')!r}")
        _verify(folder, manifest)
    parts = {}
    for name in REPEATED:
        with _reading(folder, name):
            parts[name] = _read_json(folder, name)
    with _reading(folder, CONFIG):
        config = _read_json(folder, CONFIG)
    with _reading(folder, "judging.json"):
        _check_judging(parts["judging.json"])
    with _reading(folder, "observation.json"):
        width = _check_columns(parts["observation.json"])
    with _reading(folder, "actions.json"):
        actions = _action_space(parts["actions.json"]["map"])
    with _reading(folder, SCALER):
        scaler = _read_scaler(folder / SCALER, width)
    with _reading(folder, "policy.json"):
        space = gymnasium.spaces.Box(-np.inf, np.inf, (width,), dtype=np.float32)
        network = build_policy(parts["policy.json"], space, actions)
    with _reading(folder, WEIGHTS):
        with np.load(folder / WEIGHTS, allow_pickle=False) as weights:
            arrays = {name: weights[name] for name in weights.files}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("weights must be finite numbers")
        network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        network.eval()
        policy = as_policy(network, scaler)
    return Bundle(folder, policy, config, parts, manifest)


@contextmanager
def _reading(folder: Path, name: str) -> Iterator[None]:
    """Turn whatever goes wrong inside into a BundleError about the file: the file is to blame."""
    try:
        yield
    except BundleError:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BundleError(f"bundle {folder}: {name} cannot be used ({reason}); {REMEDY}") from error


def _find(path: Path) -> Path:
    for folder in (path / "bundle", path):
        if (folder / MANIFEST).is_file() and (folder / WEIGHTS).exists():
            return folder
    if (path / "bundle").is_dir():
        raise BundleError(f"bundle {path / 'bundle'}: {MANIFEST} or {WEIGHTS} is missing; {REMEDY}")
    if (path / WEIGHTS).exists() or path.name == "bundle":
        raise BundleError(f"bundle {path}: {MANIFEST} or {WEIGHTS} is missing; {REMEDY}")
    raise BundleError(f"bundle {path}: no bundle is there (no {MANIFEST}); give a run judged at least once")


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    value = json.loads((folder / name).read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise BundleError(f"bundle {folder}: {name} must hold a JSON object; {REMEDY}")
    return value


def _verify(folder: Path, manifest: Mapping[str, Any]) -> None:
    facts = {key: value for key, value in manifest.items() if key != "fingerprint"}
    if manifest.get("fingerprint") != hashing.hash_json(facts):
        raise BundleError(f"bundle {folder}: {MANIFEST} was changed after it was saved; {REMEDY}")
    expected, contents = manifest["files"], manifest["contents"]
    present = {file.name: file for file in folder.iterdir() if file.name != MANIFEST}
    for name in (*expected, *REPEATED, WEIGHTS, CONFIG):
        if name not in present or name not in expected:
            raise BundleError(f"bundle {folder}: {name} is missing; {REMEDY}")
    for name, file in sorted(present.items()):
        if name not in expected:
            raise BundleError(f"bundle {folder}: {name} does not belong to it; remove it")
        if file.is_symlink() or not file.is_file():
            raise BundleError(f"bundle {folder}: {name} must be a regular file; {REMEDY}")
        if hashing.hash_file(file) != expected[name]:
            change = _change(folder, name, contents)
            raise BundleError(f"bundle {folder}: {name} was changed after it was saved{change}; {REMEDY}")


def _change(folder: Path, name: str, contents: Mapping[str, Any]) -> str:
    """Return ': ' and the first difference to what the manifest repeats, '' where that cannot be told."""
    if name not in contents:
        return ""
    try:
        difference = first_difference(contents[name], _read_json(folder, name))
    except (ValueError, BundleError):
        return ""
    return f": {difference}" if difference else ""


def _check_judging(judging: Mapping[str, Any]) -> None:
    budget = judging["slippage_budget_bps"]
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 <= budget < float("inf"):
        raise ValueError(f"slippage_budget_bps must be a number >= 0, was {budget!r}")
    TrainingFit.from_json(judging["training_fit"])


def _check_columns(observation: Mapping[str, Any]) -> int:
    names, shape = observation["names"], observation["shape"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"names must be a list of texts, was {str(names)[:60]!r}")
    whole = isinstance(shape, list) and all(type(size) is int and size > 0 for size in shape)
    if not whole or math.prod(shape) != len(names):
        raise ValueError(f"shape must be a list of sizes for {len(names)} names, was {str(shape)[:60]!r}")
    return len(names)


def _action_space(name: Any) -> gymnasium.Space[Any]:
    """Return the space of the action map of that name."""
    maps = {kind.__name__: kind for kind in target_position.model.implementations}
    if name not in maps:
        raise ValueError(f"map must be one of {', '.join(maps)}, was {name!r}")
    space: gymnasium.Space[Any] = maps[name]().space()
    return space


def _read_scaler(file: Path, width: int) -> ObservationScaler | None:
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as arrays:
        return ObservationScaler.from_arrays(arrays, width)
