"""Frozen baselines: a run's bundle, configuration, packages and metrics in a folder that verifies itself.

Conventions: `baselines/NAME/` below the project, not kept in git. It is put together beside its place and renamed when
it is whole; nothing is ever overwritten. Text files are ASCII.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.command_line.settings import NAME
from intraday_rl.core.errors import ConfigError
from intraday_rl.core.hashing import hash_file
from intraday_rl.evaluation.phases.training_record import FILE
from intraday_rl.tracking.manifest import package_versions

BASELINES = PROJECT / "baselines"
SUMS = "SHA256SUMS"
METRICS = "metrics.txt"
COPIED = ("phase.json", FILE)  # of the run folder, where they are there
CONDA_SECONDS = 120.0
GIT_SECONDS = 10.0
TAG = "baseline_{name}"


def freeze(run: Path, name: str, tag: bool = False) -> Path:
    """Freeze a run as the baseline of that name.

    Args:
        run: the run folder.
        name: of the baseline.
        tag: whether the present commit is tagged `baseline_NAME` in git.

    Returns:
        The baseline's folder.

    Raises:
        ConfigError: the name is impossible or taken, the run is no run folder, or git cannot tag.
        BundleError: the run's bundle does not verify.
    """
    from intraday_rl.agents.bundle_reading import load_bundle

    place = place_of(name)
    if place.exists():
        raise ConfigError(f"baseline {name} exists already ({place}); a baseline is never overwritten: choose a name")
    for needed in ("bundle", "metrics.json"):
        if not (run / needed).exists():
            raise ConfigError(f"{run} is no run folder: {needed} is not there; give a folder of experiments/runs")
    if tag:
        _check_tag(name)
    bundle = load_bundle(run)
    new = BASELINES / f".{name}.{os.getpid()}.new"
    shutil.rmtree(new, ignore_errors=True)
    try:
        _write(new, run, bundle.path, bundle.config)
        new.rename(place)
    except OSError as error:
        raise ConfigError(f"baseline {name} cannot be written: {error}; free the place and freeze again") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    if tag:
        _git("tag", TAG.format(name=name))
    return place


def check(name: str) -> list[str]:
    """Return what is wrong with a baseline's files, one line each; none where all are as they were frozen.

    Later judgements by evaluate.py, which go into `evaluations/`, are not part of it.

    Raises:
        ConfigError: there is no such baseline.
    """
    place = place_of(name)
    if not (place / SUMS).is_file():
        known = ", ".join(names()) or "none"
        raise ConfigError(f"there is no baseline {name} with {SUMS} in {BASELINES}; there are: {known}")
    wrong = []
    expected = {}
    for line in (place / SUMS).read_text(encoding="utf-8").splitlines():
        digest, _, path = line.partition("  ")
        expected[path] = digest
    later = place / "evaluations"
    present = {file.relative_to(place).as_posix(): file for file in _files(place) if later not in file.parents}
    for path in sorted({*expected, *present} - {SUMS}):
        if path not in present:
            wrong.append(f"{path} is missing")
        elif path not in expected:
            wrong.append(f"{path} was added")
        elif hash_file(present[path]) != expected[path]:
            wrong.append(f"{path} was changed")
    return wrong


def names() -> list[str]:
    """Return the names of all baselines, in order."""
    return sorted(path.parent.name for path in BASELINES.glob(f"[!.]*/{SUMS}"))


def place_of(name: str) -> Path:
    """Return the folder of a baseline.

    Raises:
        ConfigError: the name cannot be one.
    """
    if not NAME.fullmatch(name) or not name.isascii() or re.search(r"^[.-]|\.$|\.\.|\.lock$", name):
        raise ConfigError(
            f"a baseline's name must be of letters, digits and . _ + - (it names a folder and a tag), was {name!r}"
        )
    return BASELINES / name


def metrics_text(metrics: Mapping[str, float | int | bool | None]) -> str:
    """Return metrics as ASCII lines `key: value`.

    A positive return beside a negative Sharpe ratio is impossible at a risk-free rate of 0 (SPEC B5): such a table
    ends in `inconsistent: true`.
    """
    lines = [f"{key}: {_plain(value)}" for key, value in metrics.items()]
    earned, sharpe = metrics.get("net_return"), metrics.get("sharpe_ratio")
    if earned is not None and sharpe is not None and earned > 0 and sharpe < 0:
        lines.append("inconsistent: true")
    return "\n".join(lines) + "\n"


def _plain(value: float | int | bool | None) -> str:
    if value is None:
        return "undefined"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _write(new: Path, run: Path, bundle: Path, config: Mapping[str, Any]) -> None:
    new.mkdir(parents=True)
    shutil.copytree(bundle, new / "bundle")
    for name in COPIED:
        if (run / name).is_file():
            shutil.copyfile(run / name, new / name)
    (new / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(dict(config))), encoding="utf-8")
    packages = [f"{name}=={version}" for name, version in package_versions().items()]
    (new / "requirements_baseline.txt").write_text("\n".join(packages) + "\n", encoding="ascii")
    environment = _conda_environment()
    if environment is not None:
        (new / "environment.yaml").write_text(environment, encoding="utf-8")
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    (new / METRICS).write_text(metrics_text(metrics), encoding="ascii")
    lines = [f"{hash_file(file)}  {file.relative_to(new).as_posix()}" for file in _files(new)]
    (new / SUMS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _conda_environment() -> str | None:
    """Return conda's description of its environment, None where there is no conda or it does not answer."""
    conda = shutil.which("conda")
    if conda is None:
        return None
    try:
        done = subprocess.run(
            [conda, "env", "export"], capture_output=True, text=True, timeout=CONDA_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _check_tag(name: str) -> None:
    """Refuse a tag where there is no git repository, or where the tag exists."""
    tag = TAG.format(name=name)
    try:
        _git("rev-parse", "--verify", "HEAD")
    except ConfigError as error:
        raise ConfigError(f"--tag needs a git repository with a commit in {PROJECT}: {error}") from error
    if _git("tag", "--list", tag).strip():
        raise ConfigError(f"git has a tag {tag} already; choose another name, or leave --tag out")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(PROJECT), *arguments],
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip() or f"status {error.returncode}").splitlines()[0]
        raise ConfigError(f"git {arguments[0]}: {reason}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigError(f"git {arguments[0]}: {error}") from error
    return done.stdout
