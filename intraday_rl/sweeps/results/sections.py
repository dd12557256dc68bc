"""The page's texts and tables: what the sweep came to in words, validation beside test, selection bias, all trials.

Conventions: functions named for a section return HTML in which text from outside is escaped. A gain is never called a
profit: the best of many trials is large by the choice alone.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from intraday_rl.sweeps.definition import Metrics
from intraday_rl.sweeps.results.figures.parts import groups, label, number_text, parameter_text
from intraday_rl.sweeps.results.figures.uncertainty import compared_measures, measured
from intraday_rl.sweeps.results.records import (
    COMPLETE,
    FAILED,
    INFEASIBLE,
    RUNNING,
    STOPPED_EARLY,
    Candidate,
    TrialRecord,
)
from intraday_rl.sweeps.results.resampling import NOISE_SHARE, RESAMPLES, TAIL_SESSIONS
from intraday_rl.sweeps.results.summary import NET_RETURN, SweepResults, mean_and_range

SIGNS = {"circle": "●", "circle-open": "○", "square": "■"}
STYLES = {COMPLETE: "pass", INFEASIBLE: "open", STOPPED_EARLY: "open", FAILED: "fail", RUNNING: "open"}
MAX_SHOWN_REASON = 300


def headline(results: SweepResults) -> str:
    """Return the first line: how many trials, how large the front is, and a loss plainly where there is one."""
    return f"{plural(len(results.records), 'trial')}, {len(results.front)} on the front: {_outcome(results)}"


def counts(results: SweepResults) -> str:
    """Return how many trials are in each state, in words."""
    words = [(state, sum(record.state == state for record in results.records)) for state in STYLES]
    told = [f"{count} {'feasible' if state == COMPLETE else state}" for state, count in words if count]
    return ", ".join(told) or "no trial"


def plural(count: int, noun: str) -> str:
    """Return '1 trial', '2 trials'."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _outcome(results: SweepResults) -> str:
    if not results.front:
        return "no trial is complete and feasible"
    words = _validation_words(results)
    test = None if results.ensemble_test is None else results.ensemble_test.get(NET_RETURN)
    if test is not None:
        words += f"; the ensemble {'lost' if test < 0 else 'had a net return of'} {abs(test):.2%} on test"
    return f"{words}: {results.verdict.partition(':')[0]}" if results.verdict else words


def _validation_words(results: SweepResults) -> str:
    if not results.net_returns:
        best = results.front[0]
        values = zip(results.objectives, best.values or (), strict=False)
        if len(results.objectives) > 1:
            return "the result is the front below"
        return "the best has " + ", ".join(f"{o.name} {number_text(o.name, value)}" for o, value in values)
    best_return = max(results.net_returns.values())
    if best_return < 0:
        return f"a loss on validation, the best net return is {best_return:+.2%}"
    return f"the best net return on validation is {best_return:+.2%}, before the bias of choosing it"


def tiles(results: SweepResults) -> str:
    """Return the numbers at the top."""
    shown = [
        (f"{len(results.records):,}", "trials"),
        (f"{len(results.front)}", "on the front"),
    ]
    if len(results.objectives) > 1:
        shown.append((f"{results.hypervolume:.4g}", "hypervolume"))
    if results.net_returns:
        shown.append((f"{max(results.net_returns.values()):+.2%}", "best net return on validation"))
    chosen = [candidate.number for candidate in results.candidates if candidate.chosen]
    if chosen:
        shown.append((", ".join(f"#{number}" for number in chosen), "trials in the ensemble"))
    return "".join(f"<div class='tile'><b>{value}</b><span>{html.escape(words)}</span></div>" for value, words in shown)


def legend(results: SweepResults) -> str:
    """Return the marks of the groups, for figures that stand side by side."""
    marks = [(SIGNS[group.symbol], group.colour, group.name) for group in groups(results)]
    marks += [("◇", "$short", "candidate, fresh seeds")] if results.candidates else []
    keys = (f"<span><b style='color:var(--{colour[1:]})'>{sign}</b> {name}</span>" for sign, colour, name in marks)
    return f"<p class='legend'>{''.join(keys)}</p>"


def box_rule(results: SweepResults) -> str:
    """Return how the boxes were made and what they say, in words."""
    boxes = results.boxes
    if not boxes.by_number:
        return f"The boxes are left out: {html.escape(boxes.reason)}."
    noise = sum(box.is_noise for box in boxes.by_number.values())
    dominated = sum(box.free_share is not None for box in boxes.by_number.values())
    left_out = f" Left out: {html.escape(boxes.reason)}." if boxes.reason else ""
    return (
        f"The {boxes.num_sessions} validation sessions were drawn {RESAMPLES} times with replacement, the same draws "
        "for all trials. Boxes hold the middle half of the draws, whiskers nine tenths, the diamond is the trial as it "
        f"was. The tail drawdown of a draw rests on {TAIL_SESSIONS} sessions put together from its blocks. "
        "<b>The rule:</b> these sessions do not tell a trial apart from the front if in at least "
        f"{NOISE_SHARE:.0%} of the draws no trial of the front dominates it: {noise} of the {dominated} shown. It may "
        f"be worse all the same.{left_out}"
    )


def comparison(results: SweepResults) -> str:
    """Return the table of the candidates' validation beside their test."""
    if not results.candidates:
        return "<p class='empty'>No trial has been trained again with fresh seeds yet: there is nothing to compare.</p>"
    measures = compared_measures(results)
    rows = "".join(_candidate_rows(candidate, measures, results) for candidate in results.candidates)
    if results.ensemble_validation is not None:
        test = () if results.ensemble_test is None else (results.ensemble_test,)
        rows += _measure_rows("ensemble", (results.ensemble_validation,), test, measures, results)
    verdict = f"<p><b>Ensemble on the test sessions:</b> {html.escape(results.verdict)}</p>" if results.verdict else ""
    head = (
        "<th>Candidate</th><th>Measure</th><th class='number'>Validation</th><th class='number'>range</th>"
        "<th class='number'>Test</th><th class='number'>range</th><th class='number'>Test / validation</th>"
    )
    return _table(head, rows) + verdict


def _table(head: str, bodies: str) -> str:
    return f"<div class='scroll tall'><table class='spaced'><thead><tr>{head}</tr></thead>{bodies}</table></div>"


def _candidate_rows(candidate: Candidate, measures: Sequence[str], results: SweepResults) -> str:
    words = f"#{candidate.number}, {plural(len(candidate.validation), 'seed')}"
    words += "" if candidate.is_feasible else ", infeasible"
    name = html.escape(words) + (" <span class='verdict pass'>chosen</span>" if candidate.chosen else "")
    return _measure_rows(name, candidate.validation, candidate.test, measures, results)


def _measure_rows(
    name: str, validation: Sequence[Metrics], test: Sequence[Metrics], measures: Sequence[str], results: SweepResults
) -> str:
    rows = []
    for place, key in enumerate(measures):
        first = f"<th scope='rowgroup' rowspan='{len(measures)}'>{name}</th>" if place == 0 else ""
        before, after = (mean_and_range([measured(m, key, results) for m in part]) for part in (validation, test))
        cells = "".join(f"<td class='number'>{cell}</td>" for part in (before, after) for cell in _cells(key, part))
        share = shrinkage(before[0], after[0])
        rows.append(f"<tr>{first}<td>{label(key)}</td>{cells}<td class='number own'>{share}</td></tr>")
    return f"<tbody>{''.join(rows)}</tbody>"


def _cells(key: str, triple: tuple[float, float, float]) -> tuple[str, str]:
    mean, low, high = triple
    if math.isnan(mean):
        return "n/a", ""
    return number_text(key, mean), "" if low == high else f"{number_text(key, low)} to {number_text(key, high)}"


def shrinkage(validation: float, test: float) -> str:
    """Return test / validation as text; 'n/a' where validation is not above zero, since a ratio then says nothing."""
    return f"{test / validation:.2f}" if validation > 0 and math.isfinite(test) else "n/a"


def selection_bias(results: SweepResults) -> str:
    """Return the numbers that say how much of a result the choice alone explains."""
    found = results.overfitting
    if found.probability is None:
        odds = f"not known: {found.reason}"
    else:
        odds = (
            f"{found.probability:.0%} over {found.num_trials} feasible trials, {found.num_sessions} sessions in "
            f"{found.num_splits} blocks, ranked by Sharpe ratio. Trials without any edge have more than 50%, since the "
            "checkpoint of each was chosen on these sessions"
        )
        odds += f"; left out: {found.reason}" if found.reason else ""
    counted, on_test = (
        "not counted" if count is None else f"{count:,} models and checkpoints"
        for count in (results.num_counted, results.num_counted_on_test)
    )
    deflated = "not known"
    if results.deflated_sharpe is not None and math.isfinite(results.deflated_sharpe):
        deflated = (
            f"{results.deflated_sharpe:.3f}: on the validation sessions, the confidence that the ensemble's Sharpe "
            "ratio is above what the best of so many shows without an edge"
        )
    rows = {
        "Ever judged on the validation sessions": counted,
        "Ever judged on the test sessions": on_test,
        "Deflated Sharpe ratio": deflated,
        "Probability of backtest overfitting": odds,
    }
    parts = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in rows.items())
    return f"<dl>{parts}</dl>"


def front_table(results: SweepResults) -> str:
    """Return the front with the command that runs each of its trials again."""
    if not results.front:
        return "<p class='empty'>No trial is on the front.</p>"
    ranked = sorted(results.front, key=lambda record: -results.contributions[record.number])
    members = "".join(_front_member(record, results) for record in ranked)
    if not results.member_commands:
        return members
    commands = html.escape("\n".join(results.member_commands))
    head = "<p><b>The ensemble</b>, its members first</p>"
    return f"{members}<div class='member'>{head}<pre>{commands}</pre></div>"


def _front_member(record: TrialRecord, results: SweepResults) -> str:
    values = zip(results.objectives, record.values or (), strict=False)
    numbers = " · ".join(f"{label(o.name)} {number_text(o.name, value)}" for o, value in values)
    command = results.replay_commands.get(record.number, "No command was recorded.")
    share = _share(results.contributions[record.number], results)
    return (
        f"<div class='member'><p><b>#{record.number}</b> {numbers} · {share} of the hypervolume is its alone</p>"
        f"<pre>{html.escape(command)}</pre></div>"
    )


def trial_table(results: SweepResults) -> str:
    """Return the table of all trials."""
    if not results.records:
        return "<p class='empty'>The study has no trial.</p>"
    front = {record.number for record in results.front}
    heads = "".join(f"<th class='number'>{label(objective.name)}</th>" for objective in results.objectives)
    rows = "".join(
        _trial_row(record, results, record.number in front)
        for record in sorted(results.records, key=lambda r: r.number)
    )
    head = (
        f"<th class='number'>Trial</th><th>State</th>{heads}<th class='number'>Alone</th>"
        "<th class='number'>Net return</th><th class='number'>Seconds</th>"
        "<th>Parameters, and why it failed or was stopped</th>"
    )
    return _table(head, f"<tbody>{rows}</tbody>")


def _trial_row(record: TrialRecord, results: SweepResults, is_on_front: bool) -> str:
    values = record.values or (None,) * len(results.objectives)
    cells = [
        number_text(o.name, value) if record.values else "" for o, value in zip(results.objectives, values, strict=True)
    ]
    alone, net = results.contributions.get(record.number), results.net_returns.get(record.number)
    cells += [
        "" if alone is None else _share(alone, results),
        "" if net is None else f"{net:+.2%}",
        "" if record.seconds is None else f"{record.seconds:,.0f}",
    ]
    numbers = "".join(f"<td class='number'>{cell}</td>" for cell in cells)
    state = "front" if is_on_front else record.state
    return (
        f"<tr><th class='number' scope='row'>{record.number}</th>"
        f"<td><span class='verdict {STYLES.get(record.state, 'open')}'>{html.escape(state)}</span></td>"
        f"{numbers}<td class='why'>{_details(record, results)}</td></tr>"
    )


def _share(contribution: float, results: SweepResults) -> str:
    return f"{contribution / results.hypervolume:.1%}" if results.hypervolume > 0 else "0%"


def _details(record: TrialRecord, results: SweepResults) -> str:
    parts = [f"{key}={parameter_text(value)}" for key, value in record.params.items()]
    text = html.escape(", ".join(parts))
    broken = [
        f"{constraint.name} outside its limits by {record.violations[constraint.name]:.4g}"
        for constraint in results.constraints
        if record.violations.get(constraint.name, 0.0) > 0
    ]
    reason = record.reason if len(record.reason) <= MAX_SHOWN_REASON else f"{record.reason[:MAX_SHOWN_REASON]}..."
    told = html.escape("; ".join([*broken, *([reason] if reason else [])]))
    return f"{text}<br><span class='reason'>{told}</span>" if told else text
