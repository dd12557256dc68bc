"""`python train.py`: load, train, judge on sessions never seen, report, track."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from intraday_rl.app.build import PROJECT, Plan, build_plan, resolve_path
from intraday_rl.app.market_data import MarketData, load_market_data
from intraday_rl.core.jit import cache_is_cold
from intraday_rl.core.protocols import TrainingListener

Config = dict[str, Any]

LOG = logging.getLogger(__name__)

TEST_SESSIONS = "test sessions"


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
    return _run(config, plan, data, run_folder, list(overrides), console)


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


def _run(
    config: Config, plan: Plan, data: MarketData, run_folder: Path, overrides: list[str], console: Console
) -> dict[str, Any]:
    from intraday_rl.agents.bundle_reading import load_bundle
    from intraday_rl.agents.trainer import TrainingTask
    from intraday_rl.agents.trainer import train as train_agent
    from intraday_rl.app.data_tools.feature_report import feature_report_of
    from intraday_rl.app.judging import cost_words, judge_bundle, report_data, write_judgement
    from intraday_rl.app.listeners import MonitorListener, ProgressListener, TrackerListener
    from intraday_rl.app.phases.recording import phase_recorders
    from intraday_rl.app.phases.reporting import PhasePlaces, report_phase
    from intraday_rl.app.summary import print_summary
    from intraday_rl.evaluation.feature_report import write_feature_report
    from intraday_rl.evaluation.report import write_report
    from intraday_rl.evaluation.validation import make_validator
    from intraday_rl.tracking import collect_manifest, write_manifest
    from intraday_rl.tracking.monitor_csv import MonitorCsv

    manifest = collect_manifest(PROJECT, config, {"seed": config["seed"]}, data.fingerprint)
    manifest |= {"overrides": overrides, "filled_gaps": data.gaps()}
    write_manifest(manifest, run_folder / "manifest.json")
    task = TrainingTask(
        tape=data.tape,
        rules=data.rules,
        sessions=data.split.train,
        parameters=plan.parameters,
        seed=config["seed"],
        every_steps=config["evaluation"]["every_steps"],
        tensorboard=run_folder / "tensorboard" if config["tracking"]["tensorboard"] else None,
        curriculum=plan.curriculum,
        session_regimes=regimes_of(data),
    )
    validate = make_validator(data.tape, data.rules, data.split.validation, config["seed"])
    with ExitStack() as stack:
        tracker = stack.enter_context(open_tracker(config, run_folder, manifest))
        monitor = stack.enter_context(MonitorCsv(run_folder / "monitor.csv"))
        listeners: list[TrainingListener] = [MonitorListener(monitor)]
        listeners += curriculum_listeners(stack, plan, run_folder / f"metrics_{config['name']}.csv", console)
        listeners += (recorders := phase_recorders(stack, data, run_folder))
        if tracker is not None:
            listeners.append(TrackerListener(tracker))
        with ProgressListener(console, plan.parameters.total_timesteps) as progress:
            keep = make_keeper(run_folder, data, config, manifest)
            result = train_agent(task, validate, keep, [*listeners, progress])
        for recorder in recorders:
            recorder.finish(result.model, plan.parameters.total_timesteps)
        with console.status("judging on the test sessions, writing the report"):
            export_sb3(run_folder / "sb3", result)
            judged = judge_bundle(load_bundle(run_folder), data, data.split.test, config)
            write_judgement(run_folder, judged)
            report = report_data(
                judged,
                title=run_folder.name,
                algorithm=config["algo"]["name"],
                description=data.describe(cost_words(plan), TEST_SESSIONS, data.part_sizes()),
                curve=pd.DataFrame(result.curve),
                manifest=manifest,
                commands=[" ".join(["python train.py", *overrides]), f"python evaluate.py run={run_folder}"],
            )
            write_report(report, run_folder / "report.html", run_folder / "report.png")
            write_feature_report(feature_report_of(data, run_folder.name), run_folder / "features.html")
        if tracker is not None:
            tracker.log_metrics(
                {f"test/{key}": value for key, value in judged.metrics.items() if value is not None},
                plan.parameters.total_timesteps,
            )
            tracker.set_tags({"verdict": judged.judgement.verdict})
            track_files(tracker, run_folder)
    print_summary(console, judged, report, run_folder)
    report_phase(console, judged, data, config, PhasePlaces(TEST_SESSIONS, run_folder, run_folder))
    return dict(judged.metrics)


def regimes_of(data: MarketData) -> Any:
    """Return the regimes by which the training sessions are drawn, None where they are not."""
    from intraday_rl.app.loading.session_regimes import tape_regimes

    if data.rules.episode_order != "weighted":
        return None
    return tape_regimes(data.tape, [(symbol.bars, symbol.table) for symbol in data.symbols])


def curriculum_listeners(stack: ExitStack, plan: Plan, path: Path, console: Console) -> list[TrainingListener]:
    """Return who follows the curriculum, nobody where there is none; a row for each episode is written to `path`."""
    from intraday_rl.app.listeners import CurriculumListener
    from intraday_rl.tracking.episodes_csv import EpisodesCsv

    if plan.curriculum is None:
        return []
    rows = stack.enter_context(EpisodesCsv(path))
    return [CurriculumListener(rows, [stage.name for stage in plan.curriculum.stages], console)]


def make_keeper(
    run_folder: Path, data: MarketData, config: Config, manifest: Mapping[str, Any]
) -> Callable[[Any, str], None]:
    """Return what keeps snapshots during training: the best as `bundle/`, others by name in `checkpoints/`."""
    from intraday_rl.agents.bundle import save_bundle

    origin = {key: manifest[key] for key in ("data_fingerprint", "packages", "seeds", "overrides")}
    origin["git"] = {key: value for key, value in manifest["git"].items() if key != "diff"}
    parts = {"training": data.split.train, "validation": data.split.validation}
    origin["seen_sessions"] = {name: " ".join(data.session_digests(part)) for name, part in parts.items()}

    def keep(snapshot: Any, name: str) -> None:
        save_bundle(
            run_folder / "bundle" if name == "best" else run_folder / "checkpoints" / name,
            snapshot,
            rules=data.rules,
            features=data.features,
            config=config,
            hidden_layers=data.plan.parameters.hidden_layers,
            judging=data.frozen.to_json(),
            origin=origin,
        )

    return keep


def export_sb3(folder: Path, result: Any) -> None:
    """Write the best policy in SB3's own formats, for other tools; nothing here reads them back."""
    import torch

    from intraday_rl.env.normalize import RunningNormalize

    folder.mkdir(exist_ok=True)
    model = result.model
    model.policy.load_state_dict({name: torch.from_numpy(value) for name, value in result.best.weights.items()})
    model.save(folder / "model.zip")
    if isinstance(model.env, RunningNormalize) and result.best.scaler is not None:
        plain = model.env.as_vec_normalize()
        moments: Any = plain.obs_rms
        kept, shape = result.best.scaler, moments.mean.shape
        moments.mean, moments.var = kept.mean.reshape(shape), kept.variance.reshape(shape)
        plain.save(str(folder / "vecnormalize.pkl"))


def open_tracker(config: Config, run_folder: Path, manifest: Mapping[str, Any]) -> AbstractContextManager[Any]:
    """Return the MLflow tracker of the configuration, or a context that gives None."""
    tracking = config["tracking"]
    if not tracking["enabled"]:
        return nullcontext()
    from intraday_rl.tracking import MlflowTracker, Store

    git = manifest.get("git", {})
    tags = {
        "algo": config["algo"]["name"],
        "data_source": config["data"]["name"],
        "git_commit": str(git.get("commit") or ""),
        "data_fingerprint": manifest["data_fingerprint"],
        "run_folder": str(run_folder),
    }
    store = Store(resolve_path(tracking["store"]))
    return MlflowTracker(store, tracking["study"], run_folder.name, config, tags)


def track_files(tracker: Any, run_folder: Path) -> None:
    """Log reports, judgement, manifest, training episodes and bundle as artifacts."""
    names = ("report.html", "report.png", "features.html", "metrics.json", "gates.json", "manifest.json", "monitor.csv")
    extra = (
        path.name for pattern in ("metrics_*.csv", "phase.json", "training.csv") for path in run_folder.glob(pattern)
    )
    for name in (*names, "risk_events.csv", *extra):
        tracker.log_artifacts(run_folder / name, None)
    tracker.log_artifacts(run_folder / "bundle", "bundle")
