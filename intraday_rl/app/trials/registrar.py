"""Who registers what a run judges, and says how many trials stand behind it.

The registry lies in the folder of the MLflow store, whether the run is tracked or not. Where it cannot be used the run
goes on: one warning says so, and the number of trials is unknown, which no verdict takes for one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from intraday_rl.agents.policies.actor_critic import NetworkPolicy
from intraday_rl.app.judging import Counted, Metrics
from intraday_rl.app.market_data import MarketData
from intraday_rl.app.trials.identity import costs_digest, model_digest, rules_digest, session_names
from intraday_rl.core.errors import TrackingError
from intraday_rl.core.protocols import Policy, Rule
from intraday_rl.evaluation.gates import Trials, deflated_unit
from intraday_rl.evaluation.validation import SharpeRatios, TrialWatcher, known_ratios
from intraday_rl.tracking.trials import CHECKPOINT, MODEL, Trial, TrialRegistry

LOG = logging.getLogger(__name__)


class Registrar:
    """Registers what a run judges."""

    def __init__(self, folder: Path, config: Mapping[str, Any], run: str) -> None:
        """Open the registry.

        Args:
            folder: of the registry.
            config: of the run, plain JSON values.
            run: name of its folder.
        """
        self._folder, self._config, self._run = folder, config, run
        self._registry: TrialRegistry | None = None
        self._problem = ""
        try:
            self._registry = TrialRegistry(folder)
        except TrackingError as error:
            self._give_up(error)

    def watch_checkpoints(self, data: MarketData) -> TrialWatcher:
        """Return what registers each policy that is judged on the validation sessions while a model is in training."""
        sessions, costs = session_names(data, data.split.validation), costs_digest(data)
        rules = rules_digest(data, self._config)

        def watch(policy: Policy | Rule, ratios: SharpeRatios) -> None:
            if isinstance(policy, NetworkPolicy):  # a rule that trades beside it is not chosen from
                name = self._config["algo"]["name"]
                self._record(Trial(model_digest(policy, rules), sessions, costs, CHECKPOINT, *ratios, name, self._run))

        return watch

    def count(
        self,
        policy: NetworkPolicy,
        data: MarketData,
        sessions: npt.NDArray[np.int64],
        metrics: Metrics,
    ) -> Counted:
        """Register a finished model, then count all trials on a window that shares a session with this one.

        Args:
            policy: the model.
            data: what it was judged on.
            sessions: indices on the tape.
            metrics: the summary of what it did there.
        """
        names = session_names(data, sessions)
        of_trip, of_session = (_number(metrics[f"{unit}_sharpe"]) for unit in ("round_trip", "session"))
        ratios = known_ratios(of_trip, of_session, int(metrics["num_round_trips"] or 0))
        model = model_digest(policy, rules_digest(data, self._config))
        self._record(Trial(model, names, costs_digest(data), MODEL, *ratios, self._config["algo"]["name"], self._run))
        try:
            if self._registry is not None:
                counted = self._registry.count(names, deflated_unit(metrics))
                words = (
                    f"trials in {self._registry.file} on windows that share a session with this one, under any costs: "
                    f"{counted.models} models, {counted.checkpoints} checkpoints"
                )
                return Counted(_trials(counted.num_trials, counted.sharpe_variance), words)
        except TrackingError as error:
            self._give_up(error)
        return Counted(_trials(None, None), f"unknown: {self._problem}")

    def _record(self, trial: Trial) -> None:
        try:
            if self._registry is not None:
                self._registry.record(trial)
        except TrackingError as error:
            self._give_up(error)

    def _give_up(self, error: TrackingError) -> None:
        """Warn once, and go on without the registry."""
        self._problem = str(error)
        LOG.warning("%s: what is judged here is not counted with other trials", error)
        self.close()

    def close(self) -> None:
        """Close the registry."""
        if self._registry is not None:
            self._registry.close()
            self._registry = None

    def __enter__(self) -> Self:
        """Return the registrar itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Close the registry."""
        self.close()


def _trials(num_trials: int | None, variance: float | None) -> Trials:
    return Trials(num_trials=num_trials, sharpe_variance=variance, counted_on=datetime.now(UTC).date().isoformat())


def _number(value: float | int | None) -> float:
    return float("nan") if value is None else float(value)
