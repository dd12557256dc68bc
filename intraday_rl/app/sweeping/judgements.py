"""Judgements of the chosen policies by evaluate.py.

Conventions: what is there is read, not made again, but where the number of trials that a verdict allows for has to be
that of today: the trades are the same then, to the last digit.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.judging import OWN_SESSIONS
from intraday_rl.app.resuming.places import METRICS
from intraday_rl.app.sweeping.tasks import LOGS
from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps.batch import carry_out
from intraday_rl.sweeps.definition import Metrics
from intraday_rl.sweeps.executors.base import Command, Executor
from intraday_rl.sweeps.runner import last_lines

EVALUATIONS, GATES = "evaluations", "gates.json"
TEST, VALIDATION = "test", "validation"


class Wanted(NamedTuple):
    """A judgement: of the policy in a folder, on one part of the sessions."""

    folder: Path
    part: str  # "test" or "validation"


class Verdict(NamedTuple):
    """A judgement that was made."""

    metrics: Metrics
    gates: dict[str, Any]


def judge_all(
    wanted: Sequence[Wanted],
    study_folder: Path,
    executor: Executor,
    *,
    plugins: Sequence[str],
    again: bool = False,
) -> dict[Wanted, Verdict]:
    """Return the judgements, those that are missing made by processes of evaluate.py.

    Args:
        wanted: what is to be judged.
        study_folder: of the study, for logs.
        executor: carries the processes out.
        plugins: modules that the policies need.
        again: whether those that are there are made again.

    Raises:
        SweepError: one of them failed; its last words are in the message.
    """
    missing = [one for one in wanted if again or read_verdict(one) is None]
    failed: dict[int, int] = {}
    modules = (f"plugins=[{','.join(plugins)}]",) if plugins else ()

    def log(index: int) -> Path:
        one = missing[index]
        name = "_".join(one.folder.relative_to(study_folder).parts)
        return study_folder / LOGS / f"judge_{name}_{one.part}.log"

    def command(index: int) -> Command:
        one = missing[index]
        arguments = (f"run={one.folder}", f"sessions={one.part}", *modules)
        return Command((sys.executable, str(PROJECT / "evaluate.py"), *arguments), {}, log(index))

    def ended(index: int, status: int) -> None:
        if status != 0:
            failed[index] = status

    carry_out(len(missing), command, executor, ended)
    for index in failed:
        words = last_lines(log(index)).splitlines()
        raise SweepError(f"{missing[index].folder} could not be judged: {words[-1] if words else 'it said nothing'}")
    return {one: _made(one) for one in wanted}


def read_verdict(wanted: Wanted) -> Verdict | None:
    """Return the newest judgement of that kind, None where there is none."""
    for folder in sorted((wanted.folder / EVALUATIONS).glob("*"), reverse=True):
        try:
            gates = json.loads((folder / GATES).read_text(encoding="utf-8"))
            metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # it was interrupted
        if gates["judged_on"].startswith(OWN_SESSIONS[wanted.part]):  # what may follow says what the policy had seen
            return Verdict(metrics, gates)
    return None


def _made(wanted: Wanted) -> Verdict:
    verdict = read_verdict(wanted)
    if verdict is None:
        raise SweepError(f"{wanted.folder} was judged, but its judgement on the {wanted.part} sessions is not there")
    return verdict
