"""The end of a sweep: the best trials trained again with fresh seeds, the best of these as one ensemble, judged once.

Conventions: a trial that was the best of many was lucky too; its parameters are chosen by seeds that no trial has used.
Everything is chosen on the validation sessions. The test sessions are looked at last, by the models of the candidates
and by the ensemble. What is there already is not made again; an earlier ensemble is kept beside a new one, with its
judgements.
"""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from intraday_rl.app.sweeping.judgements import TEST, VALIDATION, Verdict, Wanted, judge_all
from intraday_rl.app.sweeping.request import SweepRequest
from intraday_rl.app.sweeping.tasks import LOGS, Trainings
from intraday_rl.core.errors import BundleError, SweepError
from intraday_rl.sweeps.batch import carry_out
from intraday_rl.sweeps.definition import Metrics
from intraday_rl.sweeps.executors.base import Command, Executor
from intraday_rl.sweeps.outcomes import outcome_of
from intraday_rl.sweeps.results.front import best_by_contribution, contributions
from intraday_rl.sweeps.results.records import Candidate, TrialRecord
from intraday_rl.sweeps.runner import Part, last_lines

BEST, ENSEMBLE, MEMBERS = "best", "ensemble", "members.json"
NET_RETURN = "net_return"


class Finish:
    """What follows when a study has all of its trials."""

    def __init__(self, request: SweepRequest, tasks: Trainings, executor: Executor, console: Console) -> None:
        """Take what the steps share."""
        self._request, self._tasks, self._executor, self._console = request, tasks, executor, console
        self._folder = request.settings.folder

    def candidates(self, records: Sequence[TrialRecord]) -> list[Candidate]:
        """Train the best trials again with fresh seeds and return what they came to on the validation sessions.

        A candidate of which a seed failed is left out, and said so.
        """
        settings = self._request.settings
        numbers = best_by_contribution(records, settings.objectives, settings.best)
        params = {record.number: record.params for record in records}
        parts = {number: self._parts(number) for number in numbers}
        self._train([part for number in numbers for part in parts[number]], params)
        found = []
        for number in numbers:
            results = [self._result(part) for part in parts[number]]
            lost = [part for part, result in zip(parts[number], results, strict=True) if result is None]
            if lost:
                self._say(f"trial {number} is no candidate: a seed failed, see {lost[0].log}")
                continue
            try:
                found.append(self._candidate(params[number], parts[number], [result for result in results if result]))
            except SweepError as error:
                self._say(f"trial {number} is no candidate: {error}")
        return found

    def chosen(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates, the members of the ensemble marked: those that hold most of the front alone."""
        settings = self._request.settings
        able = [candidate for candidate in candidates if candidate.is_feasible]
        held = contributions([candidate.values for candidate in able], settings.objectives)
        order = sorted(range(len(able)), key=lambda place: -held[place])
        members = {able[place].number for place in order[: settings.ensemble] if held[place] > 0}
        return [replace(candidate, chosen=candidate.number in members) for candidate in candidates]

    def ensemble(self, candidates: Sequence[Candidate]) -> tuple[Sequence[Candidate], Path | None]:
        """Build the ensemble of the chosen candidates.

        One candidate that dominates all others is an ensemble of its seeds. So is the first where the chosen cannot act
        as one, because they see other features or trade by other rules.

        Returns:
            The candidates, those marked that are in it, and its folder; None where there is none.
        """
        chosen = [candidate for candidate in candidates if candidate.chosen]
        if not chosen:
            self._say("no ensemble: no candidate keeps the constraints and is better than the reference")
            return candidates, None
        if len(chosen) == 1:
            self._say(f"the candidate of trial {chosen[0].number} dominates all others: its seeds make the ensemble")
            return candidates, self._built(chosen)
        try:
            return candidates, self._built(chosen)
        except BundleError as error:
            first = chosen[0]
            self._say(f"the chosen cannot act as one ({error}): the seeds of trial {first.number} make the ensemble")
            marked = [replace(candidate, chosen=candidate is first) for candidate in candidates]
            return marked, self._built([first])

    def _built(self, chosen: Sequence[Candidate]) -> Path:
        """Return the folder of the ensemble of these candidates, which is built unless it is there."""
        from intraday_rl.app.combining.ensemble import combine_runs

        members = [str(folder) for candidate in chosen for folder in members_of(candidate, len(chosen))]
        place = self._folder / ENSEMBLE
        names = [str(Path(member).relative_to(self._folder)) for member in members]
        if _members_of(place) != names:
            building = self._folder / f".{ENSEMBLE}.new"
            shutil.rmtree(building, ignore_errors=True)
            combine_runs(members, str(building))
            (building / MEMBERS).write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
            if place.exists():
                place.rename(_next_name(self._folder))
            building.rename(place)
        return place

    def judge(self, candidates: Sequence[Candidate], ensemble: Path | None) -> tuple[list[Candidate], list[Verdict]]:
        """Judge the candidates' models and the ensemble on the test sessions.

        Returns:
            The candidates with what they came to, and the ensemble's judgements on validation and test; none without.
        """
        wanted = [Wanted(folder, TEST) for candidate in candidates for folder in candidate.folders]
        own = [Wanted(ensemble, VALIDATION), Wanted(ensemble, TEST)] if ensemble is not None else []
        plugins = self._request.config["plugins"]
        with self._console.status(f"judging {len(wanted) + len(own)} models on the test sessions"):
            verdicts = judge_all(wanted, self._folder, self._executor, plugins=plugins)
            verdicts |= judge_all(own, self._folder, self._executor, plugins=plugins, again=True)
        tested = [
            replace(candidate, test=tuple(verdicts[Wanted(folder, TEST)].metrics for folder in candidate.folders))
            for candidate in candidates
        ]
        return tested, [verdicts[one] for one in own]

    def _parts(self, number: int) -> list[Part]:
        """Return the runs of a candidate: its seeds are those of no trial and of no other candidate."""
        count = self._request.settings.best_seeds
        first = max(self._request.seeds) + 1 + number * count
        seeds = range(first, first + count)
        names = [f"{number}_seed_{seed}" for seed in seeds]
        return [
            Part(number, seed, self._folder / BEST / name, self._folder / LOGS / f"{BEST}_{name}.log")
            for seed, name in zip(seeds, names, strict=True)
        ]

    def _result(self, part: Part) -> Metrics | None:
        """Return what a run came to; None if it has no result that can be read."""
        try:
            return self._tasks.result(part)
        except SweepError:
            return None

    def _train(self, parts: Sequence[Part], params: dict[int, dict[str, Any]]) -> None:
        missing = [part for part in parts if self._result(part) is None]
        if not missing:
            return
        done = 0

        def command(index: int) -> Command:
            return self._tasks.command(missing[index], params[missing[index].number])

        with self._console.status("") as status:

            def show() -> None:
                status.update(f"training the best again with fresh seeds: {done} of {len(missing)} runs done")

            def ended(index: int, code: int) -> None:
                nonlocal done
                done += 1
                part = missing[index]
                words = "done" if code == 0 else f"failed: {_last(part)}"
                self._say(f"best trial {part.number}, seed {part.seed}: {words}")
                show()

            show()
            carry_out(len(missing), command, self._executor, ended)

    def _candidate(self, params: dict[str, Any], parts: Sequence[Part], results: Sequence[Metrics]) -> Candidate:
        settings = self._request.settings
        outcome = outcome_of(results, settings.objectives, settings.constraints)
        return Candidate(
            number=parts[0].number,
            params=params,
            values=outcome.values,
            is_feasible=outcome.is_feasible,
            validation=tuple(results),
            test=(),
            folders=tuple(part.folder for part in parts),
            chosen=False,
        )

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def members_of(candidate: Candidate, num_chosen: int) -> tuple[Path, ...]:
    """Return the runs by which a chosen candidate stands in the ensemble: all of its seeds if it is the only one."""
    return candidate.folders if num_chosen == 1 else (middle_model(candidate),)


def middle_model(candidate: Candidate) -> Path:
    """Return the run whose net return on the validation sessions is the middle one of the candidate's seeds.

    The best of them would be lucky again.
    """
    returns = [float(metrics[NET_RETURN] or 0.0) for metrics in candidate.validation]
    return candidate.folders[returns.index(statistics.median_low(returns))]


def _next_name(folder: Path) -> Path:
    """Return where an ensemble that another one follows is kept, such as `ensemble_1`."""
    taken = [path.name.rpartition("_")[2] for path in folder.glob(f"{ENSEMBLE}_*")]
    return folder / f"{ENSEMBLE}_{max((int(number) for number in taken if number.isdecimal()), default=0) + 1}"


def _members_of(place: Path) -> list[str] | None:
    """Return the runs, below the study's folder, that the ensemble there was made of; None where there is none."""
    try:
        return list(json.loads((place / MEMBERS).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _last(part: Part) -> str:
    lines = last_lines(part.log).splitlines()
    return lines[-1] if lines else "it said nothing"
