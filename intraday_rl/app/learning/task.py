"""What a run trains on."""

from __future__ import annotations

from typing import Any

from intraday_rl.agents.checkpoints.checkpointing import CheckpointPlan
from intraday_rl.agents.trainer import TrainingTask
from intraday_rl.agents.warm_start import WarmStart
from intraday_rl.app.learning.run import Run
from intraday_rl.app.loading.session_regimes import tape_regimes
from intraday_rl.app.market_data import MarketData
from intraday_rl.app.planning.data_kind import data_kind
from intraday_rl.app.resuming.origin import note_resumption
from intraday_rl.app.resuming.places import RESUME


def training_task(run: Run, start: WarmStart | None) -> TrainingTask:
    """Return what the run trains on, from `start` on; None = from random weights."""
    return TrainingTask(
        tape=run.data.tape,
        rules=run.data.rules,
        sessions=run.data.split.train,
        parameters=run.plan.parameters,
        seed=run.config["seed"],
        every_steps=run.config["evaluation"]["every_steps"],
        tensorboard=run.folder / "tensorboard" if run.config["tracking"]["tensorboard"] else None,
        curriculum=run.plan.curriculum,
        session_regimes=regimes_of(run.data),
        warm_start=start,
        value_warmup_steps=run.plan.warm_start.value_warmup_steps,
        checkpoints=_checkpoints(run),
        alarms=run.plan.alarms,
        data_kind=data_kind(run.plan.markets),
        layouts={"the evaluation": run.data.rules.layout},
    )


def _checkpoints(run: Run) -> CheckpointPlan:
    """Return where the run is set aside, and whether it goes on from there."""

    def on_resume(step: int) -> None:
        run.say(f"going on from step {step:,}")
        note_resumption(run.manifest, run.folder, step)

    plan = run.config["checkpoint"]
    return CheckpointPlan(run.folder / RESUME, plan["every_seconds"], plan["keep"], run.resumes, on_resume)


def regimes_of(data: MarketData) -> Any:
    """Return the regimes by which the training sessions are drawn, None where they are not."""
    if data.rules.episode_order != "weighted":
        return None
    return tape_regimes(data.tape, [(symbol.bars, symbol.table) for symbol in data.symbols])
