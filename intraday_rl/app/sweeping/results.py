"""What came of a sweep, written to its folder and said in the terminal."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from intraday_rl.app.sweeping.finish import NET_RETURN, members_of
from intraday_rl.app.sweeping.judgements import Verdict
from intraday_rl.app.sweeping.request import SweepRequest
from intraday_rl.app.sweeping.tasks import RESULT_VARIABLE, SEED_VARIABLE, Commands, Trainings
from intraday_rl.metrics import format_metric
from intraday_rl.metrics.summary import METRICS
from intraday_rl.sweeps.results.page import write_page
from intraday_rl.sweeps.results.records import Candidate, TrialRecord
from intraday_rl.sweeps.results.summary import SweepResults, mean_and_range, objective_value
from intraday_rl.sweeps.results.table import write_table
from intraday_rl.sweeps.study import SweepStudy

TABLE, PAGE, SUMMARY = "pareto.csv", "pareto.html", "sweep.json"
DEFLATED_SHARPE = "E2"


def collect(
    request: SweepRequest,
    study: SweepStudy,
    records: Sequence[TrialRecord],
    candidates: Sequence[Candidate],
    verdicts: Sequence[Verdict],
) -> SweepResults:
    """Return all that the sweep came to.

    Args:
        request: what the sweep was to do.
        study: its study.
        records: every trial.
        candidates: the best trials, trained again; empty where none were.
        verdicts: of the ensemble on the validation and the test sessions; empty where there is none.
    """
    on_validation, on_test = verdicts or (None, None)
    trainings = Trainings(request, None)
    return SweepResults(
        study_name=request.settings.study,
        objectives=request.settings.objectives,
        constraints=request.settings.constraints,
        records=tuple(records),
        candidates=tuple(candidates),
        study=study.study,
        replay_commands=replay_commands(request, records),
        member_commands=member_commands(request, trainings, candidates),
        num_counted=None if on_validation is None else on_validation.gates["num_trials"],
        num_counted_on_test=None if on_test is None else on_test.gates["num_trials"],
        deflated_sharpe=None if on_validation is None else _deflated_sharpe(on_validation.gates),
        ensemble_validation=None if on_validation is None else on_validation.metrics,
        ensemble_test=None if on_test is None else on_test.metrics,
        verdict="" if on_test is None else str(on_test.gates["explanation"]),
    )


def replay_commands(request: SweepRequest, records: Sequence[TrialRecord]) -> dict[int, str]:
    """Return the command that runs each trial again, by its number; with several seeds, the first of them."""
    seed = request.seeds[0]
    if request.settings.command:
        command, variables = list(request.settings.command), f"{SEED_VARIABLE}={seed} {RESULT_VARIABLE}=/dev/stdout"
        overrides = Commands(request).overrides
        return {r.number: f"{variables} {shlex.join([*command, *overrides(r.params, seed)])}" for r in records}
    trainings = Trainings(request, None)
    return {r.number: shlex.join(["python", "train.py", *trainings.overrides(r.params, seed)]) for r in records}


def member_commands(request: SweepRequest, trainings: Trainings, candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Return the commands that train the ensemble's members again, in folders of their own, and combine them."""
    chosen = [candidate for candidate in candidates if candidate.chosen]
    members = [(candidate, folder) for candidate in chosen for folder in members_of(candidate, len(chosen))]
    if not members:
        return ()
    commands, folders = [], []
    for candidate, folder in members:
        folders.append(f"experiments/runs/{request.settings.study}_{folder.name}")
        overrides = trainings.overrides(candidate.params, int(folder.name.rpartition("_")[2]))
        commands.append(shlex.join(["python", "train.py", *overrides, f"hydra.run.dir=${{project:}}/{folders[-1]}"]))
    out = f"experiments/runs/{request.settings.study}_ensemble"
    return (*commands, shlex.join(["python", "-m", "intraday_rl", "ensemble", *folders, "--out", out]))


def write(folder: Path, results: SweepResults) -> None:
    """Write pareto.csv, pareto.html and sweep.json."""
    write_table(results, folder / TABLE)
    write_page(results, folder / PAGE)
    new = folder / f".{SUMMARY}.new"
    new.write_text(json.dumps(_summary(results), indent=1) + "\n", encoding="utf-8")
    new.replace(folder / SUMMARY)


def show(console: Console, folder: Path, results: SweepResults) -> None:
    """Print the front, the candidates beside the ensemble, and where everything is."""
    if results.candidates:
        console.print(_candidates_table(results))
    for record in results.front:
        console.print(f"trial {record.number} again: {results.replay_commands[record.number]}", **_PLAIN)
    for command in results.member_commands:
        console.print(f"the ensemble again: {command}", **_PLAIN)
    if results.verdict:
        console.print(_counts(results), **_PLAIN)
        console.print(f"ensemble on the test sessions: {results.verdict}", **_PLAIN)
    console.print(f"front        {folder / PAGE}\ntrials       {folder / TABLE}", **_PLAIN)


def _counts(results: SweepResults) -> str:
    """Return how often the sessions were looked at, and what the Sharpe ratio is worth after that."""
    validation, test = (
        "an unknown number of" if count is None else f"{count:,}"
        for count in (results.num_counted, results.num_counted_on_test)
    )
    deflated = "n/a" if results.deflated_sharpe is None else f"{results.deflated_sharpe:.3f}"
    return (
        f"ever judged: {validation} models and checkpoints on the validation sessions, {test} on the test sessions; "
        f"the ensemble's deflated Sharpe ratio on validation: {deflated}"
    )


_PLAIN: dict[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}


def _candidates_table(results: SweepResults) -> Table:
    table = Table(title="The best, trained again with fresh seeds: mean on validation → test", title_justify="left")
    table.add_column("trial")
    for objective in results.objectives:
        table.add_column(objective.name, justify="right")
    table.add_column(NET_RETURN, justify="right")
    for candidate in results.candidates:
        name = f"{candidate.number}{' *' if candidate.chosen else ''}{'' if candidate.is_feasible else ' (infeasible)'}"
        table.add_row(name, *_beside(results, candidate.validation, candidate.test))
    if results.ensemble_validation is not None and results.ensemble_test is not None:
        table.add_row("ensemble of *", *_beside(results, [results.ensemble_validation], [results.ensemble_test]))
    return table


def _beside(results: SweepResults, validation: Sequence[Any], test: Sequence[Any]) -> list[str]:
    """Return each objective and the net return as `validation → test`, means over the seeds."""
    cells = []
    for objective in results.objectives:
        pair = [mean_and_range([objective_value(m, objective) for m in part])[0] for part in (validation, test)]
        cells.append(" → ".join(_metric(objective.name, value) for value in pair))
    pair = [mean_and_range([float(m[NET_RETURN]) for m in part])[0] for part in (validation, test)]
    return [*cells, " → ".join(_metric(NET_RETURN, value) for value in pair)]


def _metric(name: str, value: float) -> str:
    return format_metric(name, value) if name in METRICS else f"{value:.4g}"


def _deflated_sharpe(gates: dict[str, Any]) -> float | None:
    whole = gates["stages"][-1]["gates"]
    return next((gate["value"] for gate in whole if gate["id"] == DEFLATED_SHARPE), None)


def _summary(results: SweepResults) -> dict[str, Any]:
    states = [record.state for record in results.records]
    return {
        "study": results.study_name,
        "trials": {state: states.count(state) for state in sorted(set(states))},
        "front": [record.number for record in results.front],
        "hypervolume": results.hypervolume,
        "candidates": [
            {
                "trial": candidate.number,
                "params": candidate.params,
                "chosen": candidate.chosen,
                "feasible": candidate.is_feasible,
                "folders": [str(folder) for folder in candidate.folders],
            }
            for candidate in results.candidates
        ],
        "judged_on_validation": results.num_counted,
        "judged_on_test": results.num_counted_on_test,
        "deflated_sharpe": results.deflated_sharpe,
        "probability_of_overfitting": results.overfitting.probability,
        "verdict_on_test": results.verdict or None,
        "ensemble_again": results.member_commands,
    }
