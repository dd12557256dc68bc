"""The regime of each session, by which training sessions are drawn where `env.episode_order` is `weighted`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import ConfigError
from intraday_rl.data import Bars
from intraday_rl.env.curriculum.regime_weights import session_regimes
from intraday_rl.features import REGIMES, FeatureTable, regime_codes
from intraday_rl.market.tape import Tape


def check_order(episode_order: str, features: tuple[str, ...]) -> None:
    """Refuse sessions drawn by regime where no feature tells it.

    Raises:
        ConfigError: the order is `weighted`, and a column of the regime is missing.
    """
    if episode_order == "weighted" and not set(REGIMES) <= set(features):
        raise ConfigError(
            f"env.episode_order must be mixed or sequential without the features {', '.join(REGIMES)}, was 'weighted'; "
            "choose a preset that has them, such as features=full51_regime"
        )


def tape_regimes(tape: Tape, symbols: Iterable[tuple[Bars, FeatureTable]]) -> npt.NDArray[np.int64]:
    """Return the regime of each session of the tape, its place in REGIMES, (S,); -1 where it is unknown.

    Args:
        tape: sessions of all symbols.
        symbols: bars and raw features of each, in the order of the tape's symbols.
    """
    regimes = np.full(len(tape.dates), -1, dtype=np.int64)
    for k, (bars, table) in enumerate(symbols):
        columns = [table.names.index(name) for name in REGIMES]
        first = bars.sessions.first
        codes = regime_codes(table.values[:, columns])
        regimes[tape.symbol_of == k] = session_regimes(codes, first[:-1], first[1:] - 1)  # both are in order of dates
    return regimes
