"""`python -m intraday_rl study FOLDER`: run what is missing of a study, then write and print its table."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table as ShownTable
from rich.text import Text

from intraday_rl.app.studies import records
from intraday_rl.app.studies.planning import DONE, RUNS, PlannedRun, arguments_of, plan_runs, state_of
from intraday_rl.app.studies.progress import StudyProgress
from intraday_rl.app.studies.results import Absent, Result, read_result
from intraday_rl.app.studies.running import Trainings, Work, carry_out, locked
from intraday_rl.app.studies.study import Study, read_study
from intraday_rl.app.studies.table import Table, main_table, notes, optimum_table
from intraday_rl.app.studies.writing import HOW, RESULT, RUNS_CSV, write_results
from intraday_rl.core.errors import ConfigError
from intraday_rl.core.processes import ONE_THREAD


def study(arguments: Namespace) -> int:
    """Carry out what the arguments ask for and return the exit status: 1 where a run failed.

    Raises:
        ConfigError: the study, or a run of it, cannot be used.
    """
    if arguments.jobs < 1:
        raise ConfigError(f"--jobs must be >= 1, was {arguments.jobs}")
    chosen = read_study(arguments.folder)
    seeds = _seeds(arguments.seeds)
    console = Console()
    failed = 0
    if not arguments.table:
        work = find_work(plan_runs(chosen, seeds, arguments.only))
        if arguments.dry_run:
            return _print_commands(work)
        failed = run_all(chosen, work, arguments.jobs, console)
    show_results(chosen, plan_runs(chosen, seeds), console)
    return int(failed > 0)


def find_work(runs: Sequence[PlannedRun]) -> list[Work]:
    """Return the runs with something left to do, in order; whatever train.py would refuse is refused here.

    Raises:
        IntradayError: a run cannot be made like that, or its folder holds another one.
    """
    from intraday_rl.app.compose import precheck

    found = [Work(run, state_of(run)) for run in runs]
    work = [one for one in found if one.state != DONE]
    checked = set()
    for run in (one.run for one in work):
        if (run.row, run.fold) not in checked:  # seeds differ in nothing that could be wrong
            checked.add((run.row, run.fold))
            try:
                precheck(run.overrides)
            except ConfigError as error:
                raise ConfigError(f"row {run.row}, fold {run.fold}: {error}") from error
    return work


def run_all(chosen: Study, work: Sequence[Work], jobs: int, console: Console) -> int:
    """Carry out the runs, show how they get on, and return how many failed.

    Raises:
        ConfigError: runs of the study are at work already.
    """
    from intraday_rl.tracking.signals import sigterm_interrupts

    if not work:
        return 0
    durations: dict[str, list[float]] = {}
    for run in plan_runs(chosen):
        record = records.read_record(run.record)
        if record is not None and record.status == records.FINISHED and record.wall_seconds is not None:
            durations.setdefault(run.row, []).append(record.wall_seconds)
    progress = StudyProgress(console, [one.run for one in work], durations, jobs)
    with locked(chosen.folder / RUNS) as lock, sigterm_interrupts(), progress:
        return carry_out(work, jobs, Trainings(lock), progress)


def show_results(chosen: Study, runs: Sequence[PlannedRun], console: Console) -> None:
    """Write the table of the runs that are there, and print it.

    Raises:
        ConfigError: there is no result yet.
    """
    found = [read_result(run) for run in runs]
    results = [one for one in found if isinstance(one, Result)]
    absent = [one for one in found if isinstance(one, Absent)]
    if not results:
        raise ConfigError(f"no run of {chosen.folder} has a result yet; run the study without --table")
    write_results(chosen, results, absent)
    console.print(chosen.question, style="bold", markup=False)
    console.print(_shown(main_table(chosen, results, absent)))
    if chosen.optimum is not None:
        console.print(f"known optimum: {chosen.optimum.value:g} {chosen.optimum.unit}", markup=False)
        console.print(_shown(optimum_table(chosen.optimum, results)))
    for line in (*notes(chosen, results, absent), HOW):
        console.print(line, markup=False, highlight=False)
    console.print(f"written to {chosen.folder / RESULT} and {RUNS_CSV}", soft_wrap=True, markup=False)


def _seeds(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"--seeds must be whole numbers, such as 0,1,2, was {text}") from error


def _print_commands(work: Sequence[Work]) -> int:
    variables = " ".join(f"{name}={value}" for name, value in ONE_THREAD.items())
    for one in work:
        print(f"{variables} python train.py {shlex.join(arguments_of(one.run, one.state))}")
    return 0


def _shown(table: Table) -> ShownTable:
    shown = ShownTable(box=box.SIMPLE)
    for number, header in enumerate(table.headers):
        shown.add_column(header, justify="right" if number else "left", overflow="fold", no_wrap=number == 0)
    for row in table.rows:
        shown.add_row(*(Text(cell.replace(" [", "\n[")) for cell in row))  # the interval below its mean
    return shown
