"""All phases in order: each trains in a process of its own, and the first one that is not met stops the sequence.

Conventions: a phase N is `experiment=phaseN` (SPEC R180). Its run is frozen as `phaseN_<time>` when its verdict is
met. Nothing is ever reverted: the baseline of the phase before stays, and what happens next is a person's decision
(SPEC R181).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.command_line.processes import start_training
from intraday_rl.app.phases import baselines
from intraday_rl.app.phases.reporting import PHASE_FILE
from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import ConfigError
from intraday_rl.core.processes import stop
from intraday_rl.evaluation.phases.verdicts import MET, NOT_DECIDABLE

PHASES = tuple(f"phase{number}" for number in range(7))
RUNS = PROJECT / "experiments" / "runs"
OWN = ("experiment", "hydra.run.dir")  # overrides that the sequence itself gives

Trainer = Callable[[Sequence[str]], int]


class Outcome(NamedTuple):
    """What a phase came to: its verdict, and the line that explains it."""

    verdict: str
    explanation: str


def chosen_phases(first: str, last: str) -> tuple[str, ...]:
    """Return the phases from the first to the last.

    Raises:
        ConfigError: one of them is no phase, or the last comes before the first.
    """
    for phase in (first, last):
        if phase not in PHASES:
            raise ConfigError(f"there is no phase {phase}{nearest(phase, PHASES)}; the phases are {', '.join(PHASES)}")
    chosen = PHASES[PHASES.index(first) : PHASES.index(last) + 1]
    if not chosen:
        raise ConfigError(f"--to must not come before --from ({first}), was {last}")
    return chosen


def run_phases(
    phases: Sequence[str], overrides: Sequence[str], accept_undecided: bool, console: Console, train: Trainer
) -> int:
    """Train, judge and freeze the phases in order, and return the exit status: 0 where all of them went through.

    Args:
        phases: names, in order.
        overrides: of every run, as train.py takes them.
        accept_undecided: whether a phase that is not decidable lets the next one begin.
        console: where it is told.
        train: runs train.py with overrides and returns its exit status.

    Raises:
        ConfigError: the overrides cannot be used with one of the phases, or a phase has no criteria.
    """
    check_phases(phases, overrides)
    for phase in phases:
        folder = RUNS / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{phase}_{secrets.token_hex(4)}"
        console.rule(phase)
        status = train([f"experiment={phase}", *overrides, f"hydra.run.dir={folder}"])
        if status != 0:
            return _stop(console, phase, f"train.py ended with status {status}")
        outcome = read_outcome(folder)
        if outcome.verdict == MET:
            place = baselines.freeze(folder, f"{phase}_{folder.name[:19]}")
            console.print(f"{phase} is met; frozen as {place}", soft_wrap=True, markup=False)
        elif outcome.verdict == NOT_DECIDABLE and accept_undecided:
            console.print(f"{phase} is {outcome.explanation}; accepted, not frozen", soft_wrap=True, markup=False)
        else:
            return _stop(console, phase, f"the phase is {outcome.explanation}; its run is {folder}")
    return 0


def check_phases(phases: Sequence[str], overrides: Sequence[str]) -> None:
    """Refuse before the first training what any of the runs would be refused for, and phases without criteria."""
    from intraday_rl.app.compose import compose, precheck
    from intraday_rl.evaluation.phases.criteria import DECIDES

    for override in overrides:
        if override.lstrip("+~").partition("=")[0] in OWN:
            raise ConfigError(f"{override}: phases chooses experiment and run folder itself; leave it out")
    for phase in phases:
        given = [f"experiment={phase}", *overrides]
        precheck(given)
        if not any(criterion["role"] == DECIDES for criterion in compose(given)["criteria"].values()):
            raise ConfigError(f"experiment={phase} has no criterion that decides: nothing could say whether it is met")


def read_outcome(folder: Path) -> Outcome:
    """Return the verdict that a run left in its folder.

    Raises:
        ConfigError: it left none.
    """
    try:
        written = json.loads((folder / PHASE_FILE).read_text(encoding="utf-8"))
        return Outcome(written["verdict"], written["explanation"])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{folder / PHASE_FILE} has no verdict ({error}); judge the run again: evaluate.py"
        ) from error


def train_in_process(overrides: Sequence[str]) -> int:
    """Run train.py in a process of its own, which ends with this one, and return its exit status."""
    from intraday_rl.tracking.signals import sigterm_interrupts

    with sigterm_interrupts():
        child = start_training(overrides)
        try:
            return child.wait()
        finally:
            stop([child])


def previous_baseline(phase: str) -> str | None:
    """Return the newest baseline of the nearest phase before that has one."""
    for former in reversed(PHASES[: PHASES.index(phase)]):
        found = [name for name in baselines.names() if name.startswith(f"{former}_")]
        if found:
            return found[-1]
    return None


def _stop(console: Console, phase: str, why: str) -> int:
    """Say why the sequence ends here and which baseline stays, and return the status of a failure."""
    former = previous_baseline(phase)
    kept = f"baseline {former} is kept" if former else "there is no baseline of a phase before"
    console.print(
        f"stopped at {phase}: {why}. {kept}; what happens next is yours to decide", soft_wrap=True, markup=False
    )
    return 1
