"""`doctor`: what is wrong with a machine, one finding for each thing that a run depends on.

Conventions: nothing is changed and nothing heavy is imported here; torch is asked in a process of its own, so that a
broken installation is a finding and not a crash. A check that fails itself becomes a finding too. Levels: `ok`,
`warning` (runs, but slower or with something missing), `problem` (runs will fail). A remedy says what to do.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import metadata, util
from pathlib import Path
from subprocess import PIPE
from typing import Any, Literal, NamedTuple

from rich.console import Group
from rich.table import Table
from rich.text import Text

Level = Literal["ok", "warning", "problem"]

GIB = 1024**3
MEMORY_LOW_GIB = 2.0
DISK_LOW_GIB = 5.0
DISK_FULL_GIB = 1.0
TORCH_SECONDS = 30.0  # a cold disk; usually 1.5 s
LOCK_SECONDS = 0.5
MAX_NAMED = 8
DATA_VARIABLE = "INTRADAY_RL_DATA"
TORCH_PROBE = "import json, torch; print(json.dumps([torch.__version__, torch.get_num_threads()]))"
COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        level: ok, warning or problem.
        subject: what was looked at.
        text: what was found.
        remedy: what to do, empty where nothing need be done.
    """

    level: Level
    subject: str
    text: str
    remedy: str


def diagnose(project_root: Path) -> list[Finding]:
    """Return the findings about this machine and the project in `project_root`; never raises, takes about 2 s."""
    root = project_root.resolve()
    checks: dict[str, Callable[[Path], Iterator[Finding]]] = {
        "python": _python,
        "packages": _packages,
        "cores": _cores,
        "memory": _memory,
        "disk": _disk,
        "experiments": _experiments,
        "MLflow store": _store,
        "data": _data,
        "compiled kernels": _kernels,
        "git": _git,
    }
    torch = _start_torch()
    findings = [finding for name, check in checks.items() for finding in _guarded(name, check, root)]
    return [*findings, *_guarded("torch", lambda _: _torch(torch), root)]


def render(findings: list[Finding]) -> Group:
    """Return the findings as a table with a closing line, for rich to print."""
    table = Table(box=None, pad_edge=False)
    for column in ("", "subject", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for level, subject, text, remedy in findings:
        table.add_row(Text(level, style=COLOURS[level]), Text(subject), Text(text), Text(remedy))
    counts = [sum(finding.level == level for finding in findings) for level in ("problem", "warning")]
    verdict = f"{counts[0]} problems, {counts[1]} warnings" if any(counts) else "nothing is wrong"
    return Group(table, Text(verdict, style="bold"))


def _guarded(name: str, check: Callable[[Path], Iterator[Finding]], root: Path) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check(root))
    except Exception as error:
        found.append(Finding("warning", name, f"could not be checked: {type(error).__name__}: {error}", ""))
    return found


def _python(root: Path) -> Iterator[Finding]:
    from packaging.specifiers import SpecifierSet

    version = ".".join(map(str, sys.version_info[:3]))
    law = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    if version in SpecifierSet(law):
        yield Finding("ok", "python", f"{version} in {sys.prefix}", "")
    else:
        yield Finding("problem", "python", f"{version}, but the project needs {law}", "make setup with such a Python")


def _packages(root: Path) -> Iterator[Finding]:
    needed = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    pins = dict(re.findall(r"(?m)^([\w.\-]+)==([^\s;#]+)", (root / "constraints.txt").read_text(encoding="utf-8")))
    pins = {_canonical(name): version for name, version in pins.items()}
    installed = {_canonical(str(dist.metadata["Name"])): dist.version for dist in metadata.distributions()}
    names = [_canonical(re.split(r"[^\w.\-]", line, maxsplit=1)[0]) for line in needed]
    if missing := [name for name in names if name not in installed]:
        yield Finding("problem", "packages", f"missing: {_some(missing)}", "make setup")
    # torch may carry a build mark (2.13.0+cpu), which the pin leaves open
    other = [
        f"{name} {installed[name]} (pinned {pin})"
        for name, pin in pins.items()
        if name in installed and installed[name].split("+")[0] != pin.split("+")[0]
    ]
    if other:
        yield Finding("warning", "packages", _some(other), "make setup installs the versions that were run together")
    if not missing and not other:
        yield Finding("ok", "packages", f"{len(names)} needed, all as pinned in constraints.txt", "")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _cores(_: Path) -> Iterator[Finding]:
    import psutil

    from intraday_rl.core.processes import usable_cores

    usable = usable_cores()
    text = f"{usable} usable of {psutil.cpu_count()} ({psutil.cpu_count(logical=False)} physical)"
    quota = _cpu_quota()
    if quota is not None and quota < usable:
        yield Finding("warning", "cores", f"{text}, but the container grants {quota:g}", "start at most that many runs")
    else:
        yield Finding("ok", "cores", text, "")
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads is not None and threads != "1":
        remedy = "unset it or set it to 1: a run uses one thread, and several runs use the cores better"
        yield Finding("warning", "threads", f"OMP_NUM_THREADS={threads}", remedy)
    else:
        yield Finding("ok", "threads", f"OMP_NUM_THREADS {'is not set' if threads is None else '= 1'}", "")


def _cpu_quota() -> float | None:
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _memory(_: Path) -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    free, total = memory.available / GIB, memory.total / GIB
    text = f"{free:.1f} of {total:.1f} GiB available"
    if free < MEMORY_LOW_GIB:
        yield Finding("warning", "memory", text, f"end other programs: a run needs up to {MEMORY_LOW_GIB:g} GiB")
    else:
        yield Finding("ok", "memory", text, "")


def _disk(root: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(root).free / GIB
    level: Level = "problem" if free < DISK_FULL_GIB else "warning" if free < DISK_LOW_GIB else "ok"
    remedy = "" if level == "ok" else "make room: python -m intraday_rl prune removes old runs"
    yield Finding(level, "disk", f"{free:.1f} GiB free in {root}", remedy)


def _experiments(root: Path) -> Iterator[Finding]:
    folder = root / "experiments"
    while not folder.is_dir():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            yield Finding("ok", "experiments", f"{folder} is writable", "")
    except OSError as error:
        yield Finding("problem", "experiments", f"{folder} is not writable: {error.strerror}", "change its rights")


def _store(root: Path) -> Iterator[Finding]:
    from intraday_rl.tracking.store import process_is_gone, project_store

    database = project_store(root).database
    if not database.exists():
        yield Finding("ok", "MLflow store", "not there yet; the first run creates it", "")
        return
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=LOCK_SECONDS)) as connection:
            connection.execute("BEGIN IMMEDIATE")  # shows a store that another process holds, or that is read-only
            version = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
            runs = connection.execute("SELECT count(*) FROM runs").fetchone()[0]
            running = _running_runs(connection)
    except (sqlite3.Error, TypeError) as error:
        remedy = "end what holds it; if it is damaged, move it away and the next run creates a new one"
        yield Finding("problem", "MLflow store", f"{database}: {error}", remedy)
        return
    yield _schema(database, version, runs)
    stale = [run for run, tags in running.items() if process_is_gone(tags)]
    if stale:
        text = f"{len(stale)} runs are marked as running but their process is gone"
        yield Finding("warning", "MLflow runs", text, "the next run sets them to KILLED")


def _running_runs(connection: sqlite3.Connection) -> dict[str, dict[str, str]]:
    query = (
        "SELECT r.run_uuid, t.key, t.value FROM runs r JOIN tags t ON t.run_uuid = r.run_uuid "
        "WHERE r.status = 'RUNNING' AND r.lifecycle_stage = 'active'"
    )
    runs: dict[str, dict[str, str]] = {}
    for run, key, value in connection.execute(query):
        runs.setdefault(run, {})[key] = value
    return runs


def _schema(database: Path, version: str, runs: int) -> Finding:
    heads = _newest_schemas()
    if not heads or version in heads:
        return Finding("ok", "MLflow store", f"{runs} runs in {database}", "")
    remedy = f"copy the file, then: mlflow db upgrade sqlite:///{database.as_posix()}"
    return Finding("problem", "MLflow store", f"schema {version} is not that of the installed MLflow", remedy)


def _newest_schemas() -> set[str]:
    """Return the newest schema versions that the installed MLflow knows, read from its migrations' text."""
    spec = util.find_spec("mlflow")
    if spec is None or spec.origin is None:
        return set()
    known, former = set(), set()
    for migration in (Path(spec.origin).parent / "store" / "db_migrations" / "versions").glob("*.py"):
        fields = dict(re.findall(r'(?m)^(revision|down_revision)\s*=\s*"(\w+)"', migration.read_text(encoding="utf-8")))
        known.add(fields.get("revision", ""))
        former.add(fields.get("down_revision", ""))
    return known - former


def _data(_: Path) -> Iterator[Finding]:
    value = os.environ.get(DATA_VARIABLE)
    if not value:
        yield Finding("ok", "data", f"{DATA_VARIABLE} is not set", "set it to use market data of your own")
        return
    folder = Path(value)
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        remedy = "set it to a readable folder, as an absolute path"
        yield Finding("problem", "data", f"{DATA_VARIABLE}={value} is not a readable folder", remedy)
        return
    candidates = [p for p in (*folder.iterdir(), *folder.glob("*/*")) if p.is_dir() and p.name != "raw-samples"]
    held = sorted(str(p.relative_to(folder)) for p in candidates if "bars" in str(p) and _holds_parquet(p))
    text = f"{folder}: {_some(held)}" if held else f"{folder} holds no folder of bars (*.parquet)"
    yield Finding("ok" if held else "warning", "data", text, "" if held else f"check {DATA_VARIABLE}")


def _holds_parquet(folder: Path) -> bool:
    return next(folder.glob("*.parquet"), None) is not None


def _kernels(_: Path) -> Iterator[Finding]:
    from intraday_rl.core import jit

    if jit.JIT_DISABLED:
        yield Finding("warning", "compiled kernels", "NUMBA_DISABLE_JIT=1: plain Python", "unset it for training")
    elif not os.access(jit.CACHE_FOLDER, os.W_OK):
        text = f"{jit.CACHE_FOLDER} is not writable"
        yield Finding("warning", "compiled kernels", text, "change its rights, or every start compiles anew")
    elif jit.cache_is_cold():
        yield Finding("ok", "compiled kernels", "none yet: the next start compiles for some seconds", "")
    else:
        yield Finding("ok", "compiled kernels", f"ready in {jit.CACHE_FOLDER}", "")


def _git(root: Path) -> Iterator[Finding]:
    from intraday_rl.tracking.manifest import git_state

    state = git_state(root)
    if state["problem"]:
        text = f"{state['problem']}: runs will not name the code they ran"
        yield Finding("warning", "git", text, "install git and keep the project in a repository")
    else:
        dirty = ", with uncommitted changes (kept with each run)" if state["dirty"] else ""
        yield Finding("ok", "git", f"{state['commit'][:12]} on {state['branch']}{dirty}", "")


def _start_torch() -> subprocess.Popen[bytes] | None:
    try:
        return subprocess.Popen(
            [sys.executable, "-c", TORCH_PROBE], stdout=PIPE, stderr=PIPE, cwd=tempfile.gettempdir()
        )
    except OSError:
        return None


def _torch(process: subprocess.Popen[bytes] | None) -> Iterator[Finding]:
    if process is None:
        yield Finding("warning", "torch", "no process could be started to ask it", "")
        return
    try:
        answer, complaint = process.communicate(timeout=TORCH_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        yield Finding("warning", "torch", f"its import took over {TORCH_SECONDS:g} s", "look at the disk's load")
        return
    if process.returncode != 0:
        lines = complaint.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"status {process.returncode}"
        yield Finding("problem", "torch", f"does not import: {reason}", "make setup")
        return
    version, threads = _parse(answer)
    text = f"{version}, {threads} threads by default; training sets one per process"
    yield Finding("ok", "torch", text, "")


def _parse(answer: bytes) -> tuple[Any, Any]:
    version, threads = json.loads(answer.splitlines()[-1])
    return version, threads


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more
