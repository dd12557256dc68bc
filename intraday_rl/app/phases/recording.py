"""Keep of a training what the criteria of a phase are judged on, in `training.csv`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from intraday_rl.app.market_data import MarketData
from intraday_rl.evaluation.phases.evidence import flat_minutes
from intraday_rl.evaluation.phases.training_measures import (
    EARLY_END,
    ENTROPY_LOSS,
    EPISODE_REWARD,
    EXPLAINED_VARIANCE,
    PENALTY_SHARE,
    REPLACED,
    STAGE,
    STEP_REWARD,
)
from intraday_rl.evaluation.phases.training_record import FILE, RecordWriter

LOGGED = (ENTROPY_LOSS, EXPLAINED_VARIANCE, STAGE)


def phase_recorders(stack: ExitStack, data: MarketData, run_folder: Path) -> list[PhaseRecorder]:
    """Return who records the training for the criteria of its phase, nobody where it has none."""
    return [stack.enter_context(PhaseRecorder(run_folder, data))] if data.plan.criteria else []


class PhaseRecorder:
    """A listener that writes what each episode and each update showed."""

    def __init__(self, run_folder: Path, data: MarketData) -> None:
        """Begin the run folder's record."""
        self._writer = RecordWriter(run_folder / FILE)
        self._tape, self._flat_minutes = data.tape, flat_minutes(data.rules)
        days = self._tape.dates.astype(str).tolist()
        names = [self._tape.symbols[place] for place in self._tape.symbol_of.tolist()]
        self._session = {key: session for session, key in enumerate(zip(names, days, strict=True))}
        self._ended: list[dict[str, float]] = []

    def __enter__(self) -> Self:
        """Return the recorder itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._writer.close()

    def on_step(self, step: int) -> None:
        """Write the episodes that ended in this step: they are told of before the step is."""
        for numbers in self._ended:
            for metric, value in numbers.items():
                self._writer.add(step, metric, value)
        self._ended.clear()

    def on_episode(self, info: Mapping[str, Any]) -> None:
        """Keep the episode until its step is known."""
        reward, steps = info["episode"]["r"], info["episode"]["l"]
        self._ended.append(
            {
                EPISODE_REWARD: reward,
                STEP_REWARD: reward / steps,
                PENALTY_SHARE: info["penalty_frequency"],
                EARLY_END: float(self._ended_early(info["symbol"], info["session"], steps)),
            }
        )

    def on_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Write those of the logged numbers that criteria read."""
        for metric in LOGGED:
            if metric in metrics:
                self._writer.add(step, metric, metrics[metric])
        self._writer.flush()

    def state(self) -> dict[str, Any]:
        """Return the record's state; between two steps no episode waits."""
        return self._writer.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the recorder was when it gave that state."""
        self._writer.restore(state)

    def finish(self, model: Any, step: int) -> None:
        """Write how many numbers the environment of the trained model had to replace; the record is then whole."""
        self._writer.add(step, REPLACED, float(model.env.get_attr("batch")[0].replaced))
        self._writer.flush()

    def _ended_early(self, symbol: str, day: str, steps: int) -> bool:
        """Say whether the episode was over before the minutes in which a session has to be flat."""
        session = self._session[symbol, day]
        last = min(int(self._tape.first_row[session]) + steps, int(self._tape.last_row[session]))
        return int(self._tape.rows["minutes_to_close"][last]) > self._flat_minutes
