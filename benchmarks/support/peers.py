"""The peers, on the same bars and with observations of the same width."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.market.tape import Tape

GYM_TRADING_ENV_OWN = 2  # columns that gym-trading-env adds to an observation: two ways to state the position
FEE = 1e-4  # of the traded value


def gym_trading_env(tape: Tape, width: int, episode_bars: int) -> Any:
    """Return gym-trading-env: short, flat or long, fees, episodes of so many bars from random starts.

    Raises:
        ImportError: it is not installed.
    """
    with warnings.catch_warnings():  # it turns all warnings into errors when it is imported
        from gym_trading_env.environments import TradingEnv

    features = _widened(tape, width - GYM_TRADING_ENV_OWN)
    frame = pd.DataFrame(features, index=pd.to_datetime(tape.end_ns)).add_prefix("feature_")
    for name in ("open", "high", "low", "close", "volume"):
        frame[name] = np.asarray(tape.rows[name])
    return TradingEnv(
        frame, positions=[-1, 0, 1], trading_fees=FEE, max_episode_duration=episode_bars, verbose=0, render_mode=None
    )


def gym_anytrading(tape: Tape, width: int) -> Any:
    """Return gym-anytrading: short or long, window 1, one episode of all bars.

    Raises:
        ImportError: it is not installed.
    """
    from gym_anytrading.envs import StocksEnv

    features = _widened(tape, width)

    class WideStocksEnv(StocksEnv):  # type: ignore[misc, unused-ignore]
        """StocksEnv with the tape's features in place of its own two columns."""

        def _process_data(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
            return self.df["Close"].to_numpy(dtype=np.float32), features

    closes = pd.DataFrame({"Close": np.asarray(tape.rows["close"])})
    return WideStocksEnv(closes, 1, (1, len(closes)))


def _widened(tape: Tape, width: int) -> npt.NDArray[np.float32]:
    """Return the tape's features with columns of zeros added, (T, width)."""
    wide = np.zeros((len(tape.features), width), dtype=np.float32)
    wide[:, : tape.features.shape[1]] = tape.features
    return wide
