"""What one needs to repeat a run: code, packages, machine, seeds, data and configuration, as one JSON value.

Conventions: git is asked through its command line with short time limits; where there is no git, no repository or no
answer, the fields are null and `problem` says why. Times are UTC in ISO 8601. Nothing of the environment variables
is kept, since they may hold secrets.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

GIT_SECONDS = 5.0
MAX_DIFF_CHARACTERS = 1_000_000
MAX_UNTRACKED_FILES = 1000


def collect_manifest(
    project_root: Path, config: Mapping[str, Any], seeds: Mapping[str, int], data_fingerprint: str | None
) -> dict[str, Any]:
    """Return the manifest of a run that starts now.

    Args:
        project_root: folder whose git state is recorded.
        config: the resolved configuration as plain dicts, lists and scalars.
        seeds: the run's seeds by name.
        data_fingerprint: sha256 of the bars, None where it is not known yet.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "command": list(sys.argv),
        "git": git_state(project_root),
        "packages": package_versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "host": platform.node(),
        "pid": os.getpid(),
        "seeds": dict(seeds),
        "data_fingerprint": data_fingerprint,
        "config": dict(config),
    }


def write_manifest(manifest: Mapping[str, Any], path: Path) -> None:
    """Write the manifest as indented JSON, whole or not at all; what JSON does not know (paths, dates) becomes text."""
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(manifest, indent=2, default=str, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)


def package_versions() -> dict[str, str]:
    """Return the version of every package installed in this environment, by name in alphabetical order."""
    found = {str(dist.metadata["Name"]): dist.version for dist in metadata.distributions() if dist.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def git_state(project_root: Path) -> dict[str, Any]:
    """Return commit, branch, uncommitted diff and untracked files of the project folder.

    `dirty` is true with changed tracked files or untracked files. The diff is against the commit, staged or not; it
    is cut after MAX_DIFF_CHARACTERS (`diff_cut`), the list after MAX_UNTRACKED_FILES (`untracked_count` is the
    whole number).
    """
    try:
        commit = _git(project_root, "rev-parse", "--verify", "HEAD").strip()
        branch = _git(project_root, "rev-parse", "--abbrev-ref", "HEAD").strip()
        diff = _git(project_root, "diff", "HEAD", "--no-color", "--no-ext-diff", "--", ".")
        listing = _git(project_root, "ls-files", "--others", "--exclude-standard", "-z")
    except (OSError, subprocess.SubprocessError) as error:
        return {**_no_git(), "problem": _reason(error)}
    untracked = [name for name in listing.split("\0") if name]
    return {
        "commit": commit,
        "branch": branch,
        "dirty": bool(diff or untracked),
        "diff": diff[:MAX_DIFF_CHARACTERS],
        "diff_cut": len(diff) > MAX_DIFF_CHARACTERS,
        "untracked": untracked[:MAX_UNTRACKED_FILES],
        "untracked_count": len(untracked),
        "problem": None,
    }


def _no_git() -> dict[str, Any]:
    return {
        "commit": None,
        "branch": None,
        "dirty": None,
        "diff": None,
        "diff_cut": False,
        "untracked": None,
        "untracked_count": None,
    }


def _git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}  # read only: eight runs may start at once
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        timeout=GIT_SECONDS,
        check=True,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.decode("utf-8", errors="replace")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "git is not installed"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"git did not answer within {GIT_SECONDS:g} s"
    if isinstance(error, subprocess.CalledProcessError):
        lines = error.stderr.decode("utf-8", errors="replace").strip().splitlines()
        return lines[0] if lines else f"git ended with status {error.returncode}"
    return str(error)
