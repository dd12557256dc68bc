"""Draw training sessions by regime: rare regimes, and those in which the policy fares badly, come up more often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.callbacks import BaseCallback

from intraday_rl.agents.callbacks.finished_episodes import finished_episodes
from intraday_rl.env.curriculum.regime_weights import regime_weights
from intraday_rl.env.vec_env import TradingVecEnv
from intraday_rl.features import REGIMES
from intraday_rl.market.tape import Tape
from intraday_rl.metrics import sharpe_ratio


class RegimeSampling(BaseCallback):
    """Keep the returns of the training episodes by regime, and set the sessions' weights whenever `update` is called.

    The weights follow from the number of training sessions of each regime and the Sharpe ratio of all its episodes
    since the start of training. Sessions of unknown regime have the weight 1, which is the mean of all.
    """

    def __init__(self, tape: Tape, session_regimes: npt.NDArray[np.int64]) -> None:
        """Prepare the regimes.

        Args:
            tape: the market.
            session_regimes: place in REGIMES of each of its sessions, (S,); -1 = unknown.
        """
        super().__init__()
        self._regimes = session_regimes
        symbols = [tape.symbols[k] for k in tape.symbol_of]
        sessions = zip(symbols, tape.dates.astype(str).tolist(), session_regimes.tolist(), strict=True)
        self._regime_of = {(symbol, date): regime for symbol, date, regime in sessions}
        self._returns: list[list[float]] = [[] for _ in REGIMES]

    def update(self) -> None:
        """Set the weights from what is known now, and hand them with the Sharpe ratios to the logger."""
        batch = cast("TradingVecEnv", self.training_env.unwrapped).batch
        regimes = self._regimes[batch.sessions]
        counts = np.bincount(regimes[regimes >= 0], minlength=len(REGIMES))
        sharpes = [sharpe_ratio(returns) for returns in self._returns]
        weights = regime_weights(counts, sharpes)
        batch.set_session_weights(np.where(regimes >= 0, weights[regimes], 1.0))
        for name, weight, sharpe in zip(REGIMES, weights.tolist(), sharpes, strict=True):
            self.logger.record(f"sampling/{name}_weight", weight)
            self.logger.record(f"sampling/{name}_sharpe", sharpe)

    def state(self) -> dict[str, Any]:
        """Return the returns by regime; the sessions' weights are the environment's."""
        return {"returns": [np.array(returns) for returns in self._returns]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the callback was when it gave that state."""
        self._returns = [returns.tolist() for returns in state["returns"]]

    def _on_step(self) -> bool:
        for info in finished_episodes(self.locals):
            regime = self._regime_of[info["symbol"], info["session"]]
            if regime >= 0:
                self._returns[regime].append(info["session_return"])
        return True
