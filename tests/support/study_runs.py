"""Studies and the files that finished runs leave, without any training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from intraday_rl.app.studies.planning import PlannedRun
from intraday_rl.app.studies.study import Study, read_study

SETTINGS: dict[str, Any] = {
    "question": "Which one?",
    "shared": ["data=simulated"],
    "folds": {"spring": ["data.source.seed=1"], "autumn": ["data.source.seed=2"]},
    "seeds": [0, 1],
    "rows": {"ppo": ["algo=ppo"], "small": ["algo=ppo", "algo.parameters.num_envs=4"]},
    "columns": ["profit_factor", "net_return", "num_round_trips"],
}
COSTS = {
    "contract": {"model": "Contract", "multiplier": 1.0},
    "spread": {"model": "QuotedSpread", "base_spread": 0.02, "multiple": 1.0},
    "by_symbol": {},
}
METRICS = {"net_pnl_usd": 10.0, "net_return": 0.01, "profit_factor": 1.5, "num_round_trips": 7, "num_sessions": 2}
FLAT = {"net_pnl_usd": 0.0, "net_return": 0.0, "profit_factor": None, "num_round_trips": 0, "num_sessions": 2}


def make_study(folder: Path, **changes: Any) -> Study:
    """Write a study.yaml with the settings, some of them changed (None = left out), and read it."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {key: value for key, value in (SETTINGS | changes).items() if value is not None}
    (folder / "study.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return read_study(folder)


def leave_run(
    run: PlannedRun,
    metrics: Mapping[str, Any] | None = None,
    *,
    baselines: Mapping[str, Mapping[str, Any]] | None = None,
    verdict: str = "fail",
    steps: int = 512,
    clone: tuple[int, int] | None = None,
    **manifest: Any,
) -> None:
    """Write what the table reads of a finished run.

    Args:
        run: whose folder.
        metrics: changed ones.
        baselines: instead of `flat` alone.
        verdict: of the gates.
        steps: of the environment; 0 = the algorithm has none.
        clone: epochs and decisions of a run that cloned an expert.
        manifest: entries that are changed.
    """
    leave_overrides(run.folder, run.overrides)
    parameters = {"total_timesteps": steps} if steps else {"num_epochs": 50}
    facts = {
        "config": {"algo": {"parameters": parameters}},
        "data_fingerprint": f"bars of {run.fold}",
        "git": {"commit": "0123456789abcdef", "dirty": False},
    } | manifest
    _write(run.folder / "manifest.json", facts)
    _write(run.folder / "metrics.json", METRICS | dict(metrics or {}))
    _write(run.folder / "baselines.json", baselines if baselines is not None else {"flat": FLAT})
    _write(run.folder / "gates.json", {"verdict": verdict})
    if clone is not None:
        _write(run.folder / "clone.json", {"epochs": clone[0], "decisions": clone[1]})
    _write(run.folder / "bundle" / "manifest.json", {"seen_sessions": {"training": "aa bb cc"}})
    _write(run.folder / "bundle" / "costs.json", COSTS)
    days = pd.to_datetime(["2024-05-02", "2024-05-02", "2024-05-03"])
    pd.DataFrame({"date": days, "nav": [1.0, 2.0, 3.0]}).to_parquet(run.folder / "equity.parquet")


def leave_overrides(folder: Path, overrides: Sequence[str]) -> None:
    """Write the overrides as Hydra does."""
    _write(folder / ".hydra" / "overrides.yaml", list(overrides))


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
