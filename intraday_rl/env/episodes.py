"""Episodes: which session of which symbol each account trades next, and where it reads the pre-drawn noise.

Account n draws from its own branch of the seed, so what it meets depends neither on N nor on the other accounts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks, seeding, structs
from intraday_rl.env.step_kernel import EpisodeRow
from intraday_rl.market.tape import Tape

NOISE_SIZE = 16_384  # a power of two: uniform draws shared by all accounts, each read from the episode's own cursor
EPISODES_AHEAD = 64
ORDERS = ("mixed", "sequential")


def draw_noise(seed: int) -> npt.NDArray[np.float64]:
    """Return the uniform draws in [0, 1) of a seed, (NOISE_SIZE,)."""
    return seeding.generator(seed, "noise").random(NOISE_SIZE)


@dataclass
class RandomEpisodes:
    """Shuffled passes over the sessions: every account meets every session of every symbol once before any twice.

    In `mixed` order a pass shuffles the sessions of all symbols together, so that the symbol switches from episode to
    episode; a symbol with more sessions comes up more often. In `sequential` order a pass goes through the shuffled
    sessions of the first symbol, then those of the second, and so on.
    """

    tape: Tape
    sessions: npt.NDArray[np.int64]
    seed: int
    num_envs: int
    order: str

    def __post_init__(self) -> None:
        """Start one stream per account."""
        checks.at_least("episodes", "sessions", len(self.sessions), 1, "usable sessions")
        checks.one_of("episodes", "order", self.order, ORDERS)
        symbol = self.tape.symbol_of[self.sessions]
        by_symbol = [self.sessions[symbol == k] for k in np.unique(symbol)]
        self._groups = [self.sessions] if self.order == "mixed" else by_symbol
        self._streams = [seeding.generator(self.seed, "episodes", n) for n in range(self.num_envs)]
        self._waiting: list[npt.NDArray[np.int64]] = [np.empty(0, dtype=np.int64) for _ in self._streams]

    def draw(self, n: int) -> structs.Records:
        """Return the next EPISODES_AHEAD episodes of account n."""
        stream = self._streams[n]
        while len(self._waiting[n]) < EPISODES_AHEAD:
            shuffled = [stream.permutation(group) for group in self._groups]
            self._waiting[n] = np.concatenate([self._waiting[n], *shuffled])
        chosen, self._waiting[n] = self._waiting[n][:EPISODES_AHEAD], self._waiting[n][EPISODES_AHEAD:]
        return episode_rows(self.tape, chosen, stream.integers(NOISE_SIZE, size=EPISODES_AHEAD))


def episode_rows(tape: Tape, sessions: npt.NDArray[np.int64], noise_cursors: npt.NDArray[np.int64]) -> structs.Records:
    """Return the EpisodeRow records of the sessions, in order."""
    rows = structs.empty(EpisodeRow, len(sessions))
    rows["first_bar"] = tape.first_row[sessions]
    rows["last_bar"] = tape.last_row[sessions]
    rows["symbol"] = tape.symbol_of[sessions]
    rows["noise_cursor"] = noise_cursors
    return rows
