"""`python train.py`: load, train, judge on the sessions of `evaluation.judge_on`, report, track."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from intraday_rl.app.build import build_plan
from intraday_rl.app.market_data import MarketData, load_market_data
from intraday_rl.app.resuming.places import drop_checkpoints, refuse_other_folder, refuse_taken
from intraday_rl.core.jit import cache_is_cold

Config = dict[str, Any]

LOG = logging.getLogger(__name__)

TRACKED_AS = {"test": "test", "validation": "validation_best"}  # evaluation.judge_on -> where MLflow has the metrics
ALARMS = "alarms.json"
COLLAPSED = (
    "training ended in a single action, and no checkpoint earned more on the validation sessions than doing nothing"
)


def train(config: Config, run_folder: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Train, judge and report one run.

    Args:
        config: the composed configuration, resolved, plain values.
        run_folder: where everything is written; made by the caller.
        overrides: the command line, for the manifest and the report's commands.

    Returns:
        The table of `metrics.json`.

    Raises:
        IntradayError: configuration, data or accounting are wrong.
    """
    refuse_other_folder(config["resume"], run_folder)
    if config["resume"] is None:
        refuse_taken(run_folder)
    console = Console(quiet=not config["progress"])
    plan = build_plan(config)
    for line in plan.rules.risk.active().layers.warnings():
        LOG.warning(line)
    if cache_is_cold():
        console.print("compiling the simulator (first start for these sources, some seconds) ...")
    with console.status("loading bars and features"):
        data = load_market_data(plan)
        parts = data.part_sizes()  # refuses too few sessions before anything is written
    symbols = ", ".join(data.tape.symbols)
    console.print(f"{symbols}: {parts[0]} sessions to train on, {parts[1]} to validate, {parts[2]} to test")
    for line in gap_lines(data):
        console.print(line)
    from intraday_rl.app.learning.run import Run
    from intraday_rl.app.resuming.lock import sole_process
    from intraday_rl.app.resuming.origin import begin_manifest, read_manifest

    resumes = config["resume"] is not None
    config = config | {"resume": None}  # of the run: it is not another one for having been interrupted
    with sole_process(run_folder, resumes):
        manifest = read_manifest(data, run_folder) if resumes else begin_manifest(config, data, run_folder, overrides)
        metrics = _run(Run(config, plan, data, run_folder, manifest["overrides"], console, manifest, resumes))
        drop_checkpoints(run_folder)
    return metrics


def gap_lines(data: MarketData) -> list[str]:
    """Return a line for each symbol whose features had gaps after a session's first decision."""
    lines = []
    for symbol in data.symbols:
        if symbol.filled:
            worst = max(symbol.filled, key=lambda name: symbol.filled[name])
            lines.append(
                f"{symbol.bars.symbol}: {len(symbol.filled)} features had gaps, filled with their training means; most "
                f"in {worst}: {symbol.filled[worst]:,} of {len(symbol.table.valid):,} minutes"
            )
    return lines


def _run(run: Any) -> dict[str, Any]:
    from intraday_rl.app.judging import OWN_SESSIONS
    from intraday_rl.app.learning.checklist import checklist_table
    from intraday_rl.app.learning.learn import learn
    from intraday_rl.app.learning.tracker import open_tracker, track_files
    from intraday_rl.app.phases.reporting import PhasePlaces, report_phase
    from intraday_rl.app.summary import print_summary
    from intraday_rl.app.trials.places import registry_folder
    from intraday_rl.app.trials.registrar import Registrar

    part = run.config["evaluation"]["judge_on"]
    registrar = Registrar(registry_folder(run.config), run.config, run.folder.name)
    with registrar, open_tracker(run) as tracker:
        learned = learn(run, tracker, registrar.watch_checkpoints(run.data))
        with run.console.status(f"judging on the {part} sessions, writing the report"):
            judged, report = _judge(run, learned, registrar)
        if tracker is not None:
            tracker.log_metrics(
                {f"{TRACKED_AS[part]}/{key}": value for key, value in judged.metrics.items() if value is not None},
                learned.steps,
            )
            tracker.set_tags({"verdict": judged.judgement.verdict, "alarms": alarm_names(learned.alarms)})
            track_files(tracker, run.folder)
    print_summary(run.console, judged, report, run.folder)
    if learned.alarms:
        run.console.print(f"alarms while training: {alarm_names(learned.alarms)} ({run.folder / ALARMS})", style="red")
    report_phase(run.console, judged, run.data, run.config, PhasePlaces(OWN_SESSIONS[part], run.folder, run.folder))
    if learned.checklist:
        run.console.print(checklist_table(learned.checklist))
    return dict(judged.metrics)


def alarm_names(alarms: Sequence[Any]) -> str:
    """Return the names of the alarms that began, each once, in order; "none" where there were none."""
    return ", ".join(dict.fromkeys(alarm.name for alarm in alarms)) or "none"


def _judge(run: Any, learned: Any, registrar: Any) -> tuple[Any, Any]:
    """Judge the best policy on the sessions that are asked for and write all that shows it.

    Returns:
        The judgement and the report.
    """
    from intraday_rl.agents.bundle_reading import load_bundle
    from intraday_rl.app.data_tools.feature_report import feature_report_of
    from intraday_rl.app.judging import OWN_SESSIONS, cost_words, judge_bundle, refused, report_data, write_judgement
    from intraday_rl.app.learning.keeping import export_sb3
    from intraday_rl.evaluation.feature_report import write_feature_report
    from intraday_rl.evaluation.report import write_report

    data, folder = run.data, run.folder
    if learned.model is not None:
        export_sb3(folder / "sb3", learned)
    curve = pd.DataFrame(learned.curve)
    (folder / ALARMS).write_text(json.dumps([alarm._asdict() for alarm in learned.alarms], indent=1) + "\n")
    part = run.config["evaluation"]["judge_on"]
    bundle, sessions = load_bundle(folder), getattr(data.split, part)
    count = partial(registrar.count, bundle.policy, data, sessions)
    judged = judge_bundle(bundle, data, sessions, run.config, learned.comparisons, count)
    if learned.has_collapsed and curve["validation/net_return"].max() <= 0.0:
        judged = refused(judged, COLLAPSED)
    write_judgement(folder, judged, OWN_SESSIONS[part])
    report = report_data(
        judged,
        title=folder.name,
        algorithm=run.config["algo"]["name"],
        description=data.describe(cost_words(run.plan), OWN_SESSIONS[part], data.part_sizes()),
        curve=curve,
        manifest=run.manifest | {"alarms": alarm_names(learned.alarms)},
        commands=[
            shlex.join(["python", "train.py", *run.overrides]),
            shlex.join(["python", "evaluate.py", f"run={folder}", *([] if part == "test" else [f"sessions={part}"])]),
        ],
    )
    is_final = part == "test"  # of many runs beside each other, such as a sweep's trials, the page is enough
    write_report(report, folder / "report.html", folder / "report.png" if is_final else None)
    if is_final:
        write_feature_report(feature_report_of(data, folder.name), folder / "features.html")
    return judged, report
