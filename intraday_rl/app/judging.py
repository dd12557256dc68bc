"""Judge a bundle on sessions: ledger, audit, metrics, gates, baselines, report. Shared by train.py and evaluate.py."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.agents.bundle import Bundle
from intraday_rl.app.build import Plan
from intraday_rl.core import seeding
from intraday_rl.core.protocols import Policy
from intraday_rl.evaluation.audit import audit
from intraday_rl.evaluation.baselines import baselines
from intraday_rl.evaluation.gates import Judgement, Trials, first_sessions, judge
from intraday_rl.evaluation.ledger import Ledger, build_ledger
from intraday_rl.evaluation.report import DataDescription, ReportData
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.market.tape import Tape
from intraday_rl.metrics import summarize

Metrics = Mapping[str, float | int | None]
BENCHMARK = "SPY"  # its open-to-close return is the benchmark of the information ratio (SPEC C4)


@dataclass(frozen=True)
class Judged:
    """A judged policy.

    Attributes:
        metrics: the table of `metrics.summary` over all judged sessions.
        judgement: gates and guards.
        ledger: what it did.
        baselines: the same table for policies that need no training.
        baseline_bars: their bars, for the equity plot.
    """

    metrics: Metrics
    judgement: Judgement
    ledger: Ledger
    baselines: dict[str, Metrics]
    baseline_bars: dict[str, pd.DataFrame]


def judge_bundle(
    bundle: Bundle, tape: Tape, plan: Plan, sessions: npt.NDArray[np.int64], config: Mapping[str, Any]
) -> Judged:
    """Let the bundle trade the sessions once and judge what came of it.

    Raises:
        AccountingError: the audit finds a difference of a cent.
        ParameterError: no session is usable.
    """
    seed = int(config["seed"])
    bootstrap = int(config["evaluation"]["bootstrap_seed"])
    ledger = _trade(bundle, tape, plan, sessions, seed)
    metrics = _summary(ledger, tape, bootstrap)
    sessions_, trades, fills, bars = first_sessions(ledger.frames, plan.gates.first_stage_sessions)
    first = Ledger(sessions_, trades, fills, bars, ledger.multipliers)
    judgement = judge(
        _summary(first, tape, bootstrap),
        metrics,
        limits=plan.gates,
        trials=Trials(num_trials=1, sharpe_variance=None, counted_on=datetime.now(UTC).date().isoformat()),
        slippage_budget_bps=bundle.parts["judging.json"]["slippage_budget_bps"],
    )
    others = {name: _trade(p, tape, plan, sessions, seed) for name, p in baselines(plan.rules.actions).items()}
    return Judged(
        metrics,
        judgement,
        ledger,
        {name: _summary(other, tape, bootstrap) for name, other in others.items()},
        {name: other.bars for name, other in others.items() if name != "flat"},
    )


def _trade(policy: Policy, tape: Tape, plan: Plan, sessions: npt.NDArray[np.int64], seed: int) -> Ledger:
    ledger = build_ledger(roll_out(tape, plan.rules, sessions, policy, seeding.integer(seed, "evaluation")))
    audit(ledger)
    return ledger


def _summary(ledger: Ledger, tape: Tape, bootstrap_seed: int) -> Metrics:
    benchmark = None
    if tape.symbols == (BENCHMARK,):
        sessions = ledger.sessions["session"].to_numpy()
        benchmark = _open_to_close(tape, sessions)
    rng = seeding.generator(bootstrap_seed, "bootstrap")
    return summarize(*ledger.frames, rng=rng, benchmark_returns=benchmark)


def _open_to_close(tape: Tape, sessions: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the return of each session from its first trade to its close, (S,)."""
    first = np.concatenate([[0], tape.last_row + 1])[sessions]
    traded = np.flatnonzero(tape.rows["traded"])
    opens = tape.rows["open"][traded[np.searchsorted(traded, first)]]
    return np.asarray(tape.rows["close"][tape.last_row[sessions]] / opens - 1.0)


def write_judgement(folder: Path, judged: Judged) -> None:
    """Write metrics.json, gates.json, trades.parquet, fills.parquet and equity.parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(judged.metrics, indent=1) + "\n")
    gates = judged.judgement.to_json()
    gates["trials_counted"] = "this run alone; other runs judged on the same sessions are not counted"
    (folder / "gates.json").write_text(json.dumps(gates, indent=1) + "\n")
    judged.ledger.trades.to_parquet(folder / "trades.parquet")
    judged.ledger.fills.to_parquet(folder / "fills.parquet")
    judged.ledger.bars.to_parquet(folder / "equity.parquet")


def report_data(
    judged: Judged,
    *,
    title: str,
    algorithm: str,
    description: DataDescription,
    curve: pd.DataFrame,
    manifest: Mapping[str, Any],
    commands: Sequence[str],
) -> ReportData:
    """Return what the report shows of a judged policy; the manifest goes in without its long texts."""
    ledger = judged.ledger
    facts = {key: value for key, value in manifest.items() if key not in ("config", "git")}
    facts["git"] = {key: value for key, value in manifest["git"].items() if key != "diff"}
    return ReportData(
        title=title,
        algorithm=algorithm,
        description=description,
        metrics=judged.metrics,
        gates=judged.judgement.stages[1].gates,
        verdict=judged.judgement.verdict,
        explanation=judged.judgement.explanation,
        baselines=judged.baselines,
        baseline_bars=judged.baseline_bars,
        sessions=ledger.sessions,
        trades=ledger.trades,
        fills=ledger.fills,
        bars=ledger.bars,
        training_curve=curve,
        manifest=facts,
        commands=commands,
    )


def cost_words(plan: Plan) -> str:
    """Return the cost model in words, every parameter with its value."""
    parts = [part for name, part in plan.rules.execution._asdict().items() if name != "contract"]
    words = [f"{type(part).__name__}({', '.join(f'{k} {v:g}' for k, v in part._asdict().items())})" for part in parts]
    return f"{plan.instrument.name}: {'; '.join(words)}"
