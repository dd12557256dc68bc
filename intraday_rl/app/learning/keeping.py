"""What is kept of a training: bundles as it goes on, and the best policy in the formats of Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from intraday_rl.app.market_data import MarketData

Config = dict[str, Any]


def make_keeper(
    run_folder: Path, data: MarketData, config: Config, manifest: Mapping[str, Any]
) -> Callable[[Any, str], None]:
    """Return what keeps snapshots during training: the best as `bundle/`, others by name in `checkpoints/`."""
    from intraday_rl.agents.bundle import save_bundle

    origin = {key: manifest[key] for key in ("data_fingerprint", "packages", "seeds", "overrides")}
    origin["git"] = {key: value for key, value in manifest["git"].items() if key != "diff"}
    parts = {"training": data.split.train, "validation": data.split.validation}
    own = {name: data.session_digests(part) for name, part in parts.items()}

    def keep(snapshot: Any, name: str) -> None:
        save_bundle(
            run_folder / "bundle" if name == "best" else run_folder / "checkpoints" / name,
            snapshot,
            rules=data.rules,
            features=data.features,
            config=config,
            judging=data.frozen.to_json(),
            origin=origin | {"seen_sessions": _with_earlier(own, manifest.get("seen_before", {}))},
        )

    return keep


def _with_earlier(own: Mapping[str, list[str]], before: Mapping[str, str]) -> dict[str, str]:
    """Return the digests of the sessions that the run sees, then those that the policy it began with had seen."""
    return {name: " ".join(dict.fromkeys([*digests, *before.get(name, "").split()])) for name, digests in own.items()}


def kept_policy(run_folder: Path, name: str) -> dict[str, Any]:
    """Return the policy that was kept in `checkpoints/` under a name, by that name; nothing where none was."""
    from intraday_rl.agents.bundle_reading import load_bundle

    folder = run_folder / "checkpoints" / name
    return {name: load_bundle(folder).policy} if folder.is_dir() else {}


def export_sb3(folder: Path, result: Any) -> None:
    """Write the best policy in SB3's own formats, for other tools; nothing here reads them back."""
    import torch

    from intraday_rl.env.normalize import RunningNormalize

    folder.mkdir(exist_ok=True)
    model = result.model
    model.policy.load_state_dict({name: torch.from_numpy(value) for name, value in result.best.weights.items()})
    model.save(folder / "model.zip")
    if isinstance(model.env, RunningNormalize) and result.best.scaler is not None:
        plain = model.env.as_vec_normalize()
        moments: Any = plain.obs_rms
        kept, shape = result.best.scaler, moments.mean.shape
        moments.mean, moments.var = kept.mean.reshape(shape), kept.variance.reshape(shape)
        plain.save(str(folder / "vecnormalize.pkl"))
