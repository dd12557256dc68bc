"""Tiny whole runs for tests: a composed configuration that trains in a second, and the files that come out."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from intraday_rl.app.compose import compose
from intraday_rl.app.evaluate import evaluate, parse
from intraday_rl.app.train import train
from intraday_rl.evaluation import feature_report
from intraday_rl.evaluation.report import page
from intraday_rl.tracking import manifest

SMALL = (
    "data.source.num_sessions=10",
    "evaluation.split.train_fraction=0.5",
    "evaluation.split.validation_fraction=0.2",
    "evaluation.split.embargo_sessions=0",
    "evaluation.every_steps=256",
    "algo.parameters.total_timesteps=512",
    "algo.parameters.rollout_steps=256",
    "algo.parameters.batch_size=64",
    "algo.parameters.num_envs=4",
    "algo.parameters.num_epochs=2",
    "algo.parameters.learning_rate=1e-3",
    "algo.parameters.hidden_layers=[8,8]",
    "tracking=none",
    "progress=false",
)
WRITTEN = {
    "bundle/actions.json",
    "bundle/config.json",
    "bundle/costs.json",
    "bundle/features.json",
    "bundle/judging.json",
    "bundle/manifest.json",
    "bundle/observation.json",
    "bundle/policy.json",
    "bundle/policy.npz",
    "bundle/scaler.npz",
    "sb3/model.zip",
    "sb3/vecnormalize.pkl",
    "metrics.json",
    "gates.json",
    "trades.parquet",
    "equity.parquet",
    "monitor.csv",
    "report.html",
    "report.png",
    "features.html",
    "manifest.json",
}


package_versions = functools.cache(manifest.package_versions)


@functools.cache
def composed(*overrides: str) -> str:
    """Return the configuration as JSON text; composing takes longer than training here."""
    return json.dumps(compose(overrides))


@contextmanager
def quick() -> Iterator[None]:
    """Leave out what takes time and is tested elsewhere: the picture, the page on features, asking for versions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "write_picture", lambda report, path: path.write_bytes(b"no picture"))
        patch.setattr(feature_report, "write_feature_report", lambda data, path: path.write_text("no page"))
        patch.setattr(manifest, "package_versions", package_versions)
        yield


def run_small(folder: Path, *overrides: str, small: tuple[str, ...] = SMALL) -> dict[str, Any]:
    """Train, judge and report into the folder, and return the metrics."""
    folder.mkdir(parents=True)
    chosen = [*small, *overrides]
    return train(json.loads(composed(*chosen)), folder, chosen)


def judge_again(*arguments: str) -> tuple[dict[str, Any], str]:
    """Run evaluate.py's work and return the metrics and what was said."""
    said = io.StringIO()
    metrics = evaluate(parse(arguments), Console(file=said, width=200))
    return metrics, said.getvalue()


def evaluation_of(run: Path) -> Path:
    """Return the newest evaluation folder of a run."""
    return max((run / "evaluations").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def files_of(folder: Path) -> set[str]:
    """Return the files below the folder, by relative path."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
