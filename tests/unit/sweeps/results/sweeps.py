"""Made-up sweeps: run folders with a few sessions of few bars, and what their trials came to."""

import json
from datetime import datetime, timedelta

import numpy as np
import optuna
import pandas as pd

from intraday_rl.sweeps.definition import Constraint, Objective
from intraday_rl.sweeps.results.records import (
    COMPLETE,
    FAILED,
    INFEASIBLE,
    RUNNING,
    STOPPED_EARLY,
    Candidate,
    TrialRecord,
)
from intraday_rl.sweeps.results.summary import SweepResults

CAPITAL = 10_000.0
OBJECTIVES = (
    Objective("profit_factor", "maximize", 10.0, 0.0),
    Objective("max_drawdown", "minimize", None, 0.05),
    Objective("tail_drawdown", "minimize", None, 0.05),
)
CONSTRAINTS = (Constraint("num_round_trips", 20, None),)
DIMENSIONS = {
    "algo.learning_rate": optuna.distributions.FloatDistribution(5e-5, 3e-4, log=True),
    "algo.parameters.gamma": optuna.distributions.FloatDistribution(0.95, 0.999),
    "algo.parameters.hidden_layers": optuna.distributions.CategoricalDistribution(["[64,64]", "[128,128]"]),
    "reward.turnover.weight": optuna.distributions.FloatDistribution(0.0, 1.0),
}


def write_run(folder, paths, trades, symbol="SPY", first=datetime(2024, 10, 15)):
    """Write a judged run: of each session the P&L path of its bars in USD, and the results of its round trips."""
    bars, rows = [], []
    for number, (path, results) in enumerate(zip(paths, trades, strict=True)):
        date = pd.Timestamp(first + timedelta(days=number))
        for minute, pnl in enumerate(path):
            time = date.tz_localize("UTC") + pd.Timedelta(minutes=810 + minute)
            bars.append((140 + number, date, symbol, time, CAPITAL + pnl))
        rows += [(140 + number, date, float(result)) for result in results]
    write_frames(folder, bars, rows, CAPITAL, 1, sum(path[-1] for path in paths) / CAPITAL)


def write_frames(folder, bars, trades, capital, accounts, net_return):
    folder.mkdir(parents=True)
    pd.DataFrame(bars, columns=["session", "date", "symbol", "time", "nav"]).to_parquet(folder / "equity.parquet")
    frame = pd.DataFrame(trades, columns=["session", "date", "net_pnl"])
    frame.astype({"date": "datetime64[ns]", "net_pnl": float}).to_parquet(folder / "trades.parquet")
    metrics = {"initial_nav_usd": capital, "num_accounts": accounts, "net_return": net_return}
    (folder / "metrics.json").write_text(json.dumps(metrics))


def record(number, values, state=COMPLETE, folders=(), params=None, reason="", violations=None):
    return TrialRecord(number, state, params or {}, values, violations or {}, 31.5, tuple(folders), reason)


def study_of(records, objectives, dimensions):
    study = optuna.create_study(directions=[objective.direction for objective in objectives])
    states = {
        FAILED: optuna.trial.TrialState.FAIL,
        STOPPED_EARLY: optuna.trial.TrialState.PRUNED,
        RUNNING: optuna.trial.TrialState.RUNNING,
    }
    for one in records:
        study.add_trial(
            optuna.trial.create_trial(
                state=states.get(one.state, optuna.trial.TrialState.COMPLETE),
                params=one.params,
                distributions={key: dimensions[key] for key in one.params},
                values=None if one.values is None else list(one.values),
            )
        )
    return study


def results_of(records, objectives=OBJECTIVES, dimensions=DIMENSIONS, **changes):
    fields = {
        "study_name": "spy front",
        "objectives": tuple(objectives),
        "constraints": CONSTRAINTS if tuple(objectives) == OBJECTIVES else (),
        "records": tuple(records),
        "candidates": (),
        "study": study_of(records, objectives, dimensions),
        "replay_commands": {one.number: f"python train.py --replay {one.number}" for one in records},
        "member_commands": (),
        "num_counted": None,
        "num_counted_on_test": None,
        "deflated_sharpe": None,
        "ensemble_validation": None,
        "ensemble_test": None,
        "verdict": "",
    }
    return SweepResults(**{**fields, **changes})


def sweep(folder, num_trials=30, num_sessions=24, num_bars=60, seed=3):
    """Return the results of a sweep over policies that lose a little, with every kind of trial and three candidates."""
    rng = np.random.default_rng(seed)
    market = rng.normal(0, 12, (num_sessions, num_bars))
    records = [_trial(folder / str(number), number, market, rng) for number in range(num_trials)]
    best = [one for one in records if one.state == COMPLETE][:4]
    candidates = tuple(_candidate(one, rng, chosen=place < 3) for place, one in enumerate(best))
    return results_of(
        records,
        candidates=candidates,
        num_counted=212,
        deflated_sharpe=0.04,
        ensemble_validation=_metrics((0.97, 0.021, 0.011), -0.004),
        ensemble_test=_metrics((0.88, 0.029, 0.012), -0.011),
    )


def _trial(folder, number, market, rng):
    params = {
        "algo.learning_rate": float(np.exp(rng.uniform(np.log(5e-5), np.log(3e-4)))),
        "algo.parameters.gamma": float(rng.uniform(0.95, 0.999)),
        "algo.parameters.hidden_layers": str(rng.choice(["[64,64]", "[128,128]"])),
        "reward.turnover.weight": float(rng.uniform()),
    }
    if number % 11 == 7:
        return record(number, None, FAILED, params=params, reason="exit status 1: the loss was not finite at step 8192")
    if number % 9 == 5:
        return record(number, None, STOPPED_EARLY, params=params, reason="no round trip in 3 evaluations")
    size = 1.2 - params["reward.turnover.weight"]
    edge = 0.3 - 400 * abs(params["algo.learning_rate"] - 1.5e-4) / 0.15 * 0.01
    bars = size * (0.6 * market + rng.normal(edge - 0.35, 8, market.shape))
    paths = bars.cumsum(axis=1)
    trades = [np.diff(path[[0, 20, 40, -1]]) + path[0] / 3 for path in paths]
    write_run(folder, paths, trades)
    pnl = np.concatenate(trades)
    equity = np.concatenate([[CAPITAL], CAPITAL + bars.ravel().cumsum()])
    peak = np.maximum.accumulate(equity)
    falls = [np.max(np.maximum.accumulate(np.append(0, path)) - np.append(0, path)) / CAPITAL for path in paths]
    values = (pnl[pnl > 0].sum() / -pnl[pnl < 0].sum(), ((peak - equity) / peak).max(), np.sort(falls)[-2:].mean())
    state = INFEASIBLE if number % 8 == 6 else COMPLETE
    violations = {"num_round_trips": 4.0 if state == INFEASIBLE else -52.0}
    return record(number, tuple(map(float, values)), state, [folder], params, violations=violations)


def _candidate(trial, rng, *, chosen):
    worse = np.array([0.9, 1.1, 1.08])
    validation, test = (
        tuple(
            _metrics(trial.values * factor * rng.uniform(0.93, 1.07, 3), level + rng.normal(0, 0.003)) for _ in range(3)
        )
        for factor, level in ((worse, -0.003), (worse**2, -0.012))
    )
    values = tuple(float(np.mean([one[o.name] for one in validation])) for o in OBJECTIVES)
    return Candidate(trial.number, trial.params, values, True, validation, test, trial.folders, chosen)


def _metrics(values, net_return):
    named = {objective.name: float(value) for objective, value in zip(OBJECTIVES, values, strict=True)}
    return {**named, "pf_undefined": False, "net_return": float(net_return), "num_round_trips": 72}
