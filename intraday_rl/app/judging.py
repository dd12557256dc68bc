"""Judge a bundle on sessions: ledger, audit, metrics, gates, baselines, report. Shared by train.py and evaluate.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.agents.bundle import Bundle
from intraday_rl.app.build import Plan
from intraday_rl.app.market_data import MarketData
from intraday_rl.core import seeding
from intraday_rl.core.protocols import Policy, Rule
from intraday_rl.evaluation.audit import audit
from intraday_rl.evaluation.baselines import baselines
from intraday_rl.evaluation.gates import FAIL, Judgement, Trials, first_sessions, judge
from intraday_rl.evaluation.ledger import Frames, Ledger, build_ledger
from intraday_rl.evaluation.portfolio import combine_by_date
from intraday_rl.evaluation.report import DataDescription, ReportData
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.market.advance import Execution
from intraday_rl.market.tape import Tape
from intraday_rl.metrics import summarize

Metrics = Mapping[str, float | int | None]
OWN_SESSIONS = {  # part of the run's own data -> the judged sessions in words
    "test": "test sessions",
    "validation": "validation sessions (the checkpoint was chosen on them)",
    "all": "sessions (training sessions among them)",
}
BENCHMARK = "SPY"  # its open-to-close return is the benchmark of the information ratio (SPEC C4)


class Counted(NamedTuple):
    """The trials that a judgement allows for."""

    trials: Trials
    words: str  # where they were counted


@dataclass(frozen=True)
class Judged:
    """A judged policy.

    Attributes:
        metrics: the table of `metrics.summary` over all judged sessions; of several symbols, over the trading days of
            the portfolio that gives each the same capital.
        judgement: gates and guards.
        trials_counted: where the trials were counted that the judgement allows for, in words.
        ledger: what it did, account by account.
        portfolio: sessions, trades, fills and bars by trading day; of one symbol, the ledger's.
        by_symbol: the same table for each of several symbols by itself; empty for one.
        baselines: the same table for what traded beside it.
        baseline_bars: their bars, for the equity plot.
    """

    metrics: Metrics
    judgement: Judgement
    trials_counted: str
    ledger: Ledger
    portfolio: Frames
    by_symbol: dict[str, Metrics]
    baselines: dict[str, Metrics]
    baseline_bars: dict[str, pd.DataFrame]


def judge_bundle(
    bundle: Bundle,
    data: MarketData,
    sessions: npt.NDArray[np.int64],
    config: Mapping[str, Any],
    comparisons: Mapping[str, Policy | Rule],
    count: Callable[[Metrics], Counted],
) -> Judged:
    """Let the bundle trade the sessions once and judge what came of it.

    Args:
        bundle: the policy.
        data: what it trades on.
        sessions: indices on the tape.
        config: seeds of noise and bootstrap.
        comparisons: what trades the same sessions beside it, by name, after the policies that need nothing.
        count: told what the bundle did on all sessions, returns how many trials stand behind it, this one included.

    Raises:
        AccountingError: the audit finds a difference of a cent.
        ParameterError: no session is usable.
    """
    limits, bootstrap = data.plan.gates, int(config["evaluation"]["bootstrap_seed"])

    def trade(policy: Policy | Rule) -> Ledger:
        seed = seeding.integer(int(config["seed"]), "evaluation")
        ledger = build_ledger(roll_out(data.tape, data.rules, sessions, policy, seed))
        audit(ledger)
        return ledger

    symbols = data.tape.symbols if len(data.tape.symbols) > 1 else ()

    def summary(frames: Frames, ledger: Ledger | None = None) -> Metrics:
        rng = seeding.generator(bootstrap, "bootstrap")
        accounts = [] if ledger is None else [_account(ledger, symbol, frames[0]) for symbol in symbols]
        benchmark = benchmark_returns(data.tape, frames[0])
        return summarize(*frames, rng=rng, benchmark_returns=benchmark, accounts=[a for a in accounts if len(a[0])])

    ledger = trade(bundle)
    portfolio = combine_by_date(ledger)
    metrics = summary(portfolio, ledger)
    counted = count(metrics)
    judgement = judge(
        summary(first_sessions(portfolio, limits.first_stage_sessions), ledger),
        metrics,
        limits=limits,
        trials=counted.trials,
        slippage_budget_bps=data.frozen.slippage_budget_bps,
    )
    others = {name: trade(policy) for name, policy in {**baselines(data.rules.actions), **comparisons}.items()}
    combined = {name: combine_by_date(other) for name, other in others.items()}
    return Judged(
        metrics,
        judgement,
        counted.words,
        ledger,
        portfolio,
        {symbol: summary(_only(ledger.frames, symbol)) for symbol in symbols},
        {name: summary(combined[name], other) for name, other in others.items()},
        {name: frames[3] for name, frames in combined.items() if name != "flat"},
    )


def refused(judged: Judged, reason: str) -> Judged:
    """Return the same with the verdict "fail", whatever the gates say."""
    judgement = replace(judged.judgement, verdict=FAIL, explanation=f"{FAIL}: {reason}")
    return replace(judged, judgement=judgement)


def _only(frames: Frames, symbol: str) -> Frames:
    """Return the rows of one symbol; its equity chains its own sessions."""
    sessions, trades, fills, bars = (frame[frame["symbol"] == symbol] for frame in frames)
    earned = (sessions["net_pnl"].cumsum() - sessions["net_pnl"]).set_axis(sessions["session"])
    return sessions, trades, fills, bars.assign(equity=bars["nav"] + bars["session"].map(earned))


def _account(ledger: Ledger, symbol: str, days: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return sessions and bars of the symbol's account on the days of the portfolio's sessions."""
    sessions, bars = (f[(f["symbol"] == symbol) & f["date"].isin(days["date"])] for f in (ledger.sessions, ledger.bars))
    return sessions, bars


def benchmark_returns(tape: Tape, sessions: pd.DataFrame) -> npt.NDArray[np.float64] | None:
    """Return the benchmark's return from its first trade to its close on the day of each session, (S,).

    None where the tape does not hold the benchmark on all of these days.
    """
    if BENCHMARK not in tape.symbols:
        return None
    own = np.flatnonzero(tape.symbol_of == tape.symbols.index(BENCHMARK))
    days = sessions["date"].to_numpy().astype("datetime64[D]")
    if not np.isin(days, tape.dates[own]).all():
        return None
    chosen = own[np.searchsorted(tape.dates[own], days)]
    traded = np.flatnonzero(tape.rows["traded"])
    opens = tape.rows["open"][traded[np.searchsorted(traded, tape.session_starts[chosen])]]
    return np.asarray(tape.rows["close"][tape.last_row[chosen]] / opens - 1.0)


def write_judgement(folder: Path, judged: Judged, judged_on: str) -> None:
    """Write metrics.json, baselines.json, gates.json, risk_events.csv and trades, fills and equity as .parquet.

    Of several symbols, symbols.json too. Trades, fills, equity and risk events are those of single accounts; `symbol`
    tells whose a row is.

    Args:
        folder: made if needed.
        judged: the judged policy.
        judged_on: the judged sessions in words, for gates.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(judged.metrics, indent=1) + "\n")
    (folder / "baselines.json").write_text(json.dumps(judged.baselines, indent=1) + "\n")
    gates = {**judged.judgement.to_json(), "trials_counted": judged.trials_counted, "judged_on": judged_on}
    (folder / "gates.json").write_text(json.dumps(gates, indent=1) + "\n")
    if judged.by_symbol:
        (folder / "symbols.json").write_text(json.dumps(judged.by_symbol, indent=1) + "\n")
    judged.ledger.trades.to_parquet(folder / "trades.parquet")
    judged.ledger.fills.to_parquet(folder / "fills.parquet")
    judged.ledger.bars.to_parquet(folder / "equity.parquet")
    judged.ledger.interventions.to_csv(folder / "risk_events.csv", index=False)


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
    sessions, trades, fills, bars = judged.portfolio
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
        sessions=sessions,
        trades=trades,
        fills=fills,
        bars=bars,
        account_frames=judged.ledger.frames,
        training_curve=curve,
        manifest=facts,
        commands=commands,
    )


def cost_words(plan: Plan) -> str:
    """Return the cost model in words, every parameter with its value."""
    words = [f"{plan.markets[0].instrument.name}: {_execution_words(plan.rules.execution)}"]
    words += [f"{symbol}: {_execution_words(execution)}" for symbol, execution in plan.rules.executions.items()]
    return " | ".join(words)


def _execution_words(execution: Execution) -> str:
    parts = [part for name, part in execution._asdict().items() if name != "contract"]
    words = [f"{type(part).__name__}({', '.join(f'{k} {v:g}' for k, v in part._asdict().items())})" for part in parts]
    return "; ".join(words)
