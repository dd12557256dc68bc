"""Episodes: which session of which symbol each account trades next, and where it reads the pre-drawn noise.

Account n draws from its own branch of the seed, so what it meets depends neither on N nor on the other accounts.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks, seeding, structs
from intraday_rl.core.errors import ParameterError
from intraday_rl.core.persistence.arrays import fill
from intraday_rl.core.persistence.generators import generator_state, set_generator
from intraday_rl.env.step_kernel import EpisodeRow
from intraday_rl.market.tape import Tape

NOISE_SIZE = 16_384  # a power of two: uniform draws shared by all accounts, each read from the episode's own cursor
SEED_STRIDE = 2 * NOISE_SIZE  # cells between two seeds' draws where those of several stand in one array
CURSOR_STRIDE = 977  # noise cells between two trading days' cursors; odd, so that days spread over all cells
EPISODES_AHEAD = 64
ORDERS = ("mixed", "sequential", "weighted")


def draw_noise(seed: int) -> npt.NDArray[np.float64]:
    """Return the uniform draws in [0, 1) of a seed, (NOISE_SIZE,)."""
    return seeding.generator(seed, "noise").random(NOISE_SIZE)


def draw_noise_of(seeds: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return the draws of several seeds side by side, (M,), M a power of two.

    Those of the k-th seed begin at k * SEED_STRIDE and stand there twice in a row: an episode that begins in the first
    copy reads on in the second, which is what it would meet at the wrap of that seed's own array.
    """
    draws = np.concatenate([np.tile(draw_noise(seed), 2) for seed in seeds])
    noise = np.zeros(1 << (len(draws) - 1).bit_length())
    noise[: len(draws)] = draws
    return noise


@dataclass
class RandomEpisodes:
    """What each account trades next: passes over all sessions, or single draws by weight.

    In `mixed` and `sequential` order every account meets every session of every symbol once before any twice. In
    `mixed` order a pass shuffles the sessions of all symbols together, so that the symbol switches from episode to
    episode; a symbol with more sessions comes up more often. In `sequential` order a pass goes through the shuffled
    sessions of the first symbol, then those of the second, and so on.

    In `weighted` order each episode is a draw with replacement, a session's probability in proportion to its weight;
    all weights are 1 until `set_weights`.
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
        self._groups = by_symbol if self.order == "sequential" else [self.sessions]
        self.set_weights(np.ones(len(self.sessions)))
        self._streams = [seeding.generator(self.seed, "episodes", n) for n in range(self.num_envs)]
        self._waiting: list[npt.NDArray[np.int64]] = [np.empty(0, dtype=np.int64) for _ in self._streams]

    def set_weights(self, weights: npt.NDArray[np.float64]) -> None:
        """Have the sessions drawn in proportion to these weights, (S,), one for each of `sessions`.

        Raises:
            ParameterError: there are not as many weights as sessions, one is negative or not finite, or all are 0.
        """
        if weights.shape != self.sessions.shape:
            raise ParameterError(
                f"episodes.weights must be one for each session {self.sessions.shape}, had the shape {weights.shape}"
            )
        if not (np.isfinite(weights).all() and (weights >= 0.0).all() and weights.any()):
            raise ParameterError(
                f"episodes.weights must be finite, >= 0 and not all 0, were {weights.min()} to {weights.max()}"
            )
        self._probabilities = weights / weights.sum()

    def draw(self, n: int) -> structs.Records:
        """Return the next EPISODES_AHEAD episodes of account n."""
        stream = self._streams[n]
        if self.order == "weighted":
            chosen = stream.choice(self.sessions, size=EPISODES_AHEAD, p=self._probabilities)
        else:
            chosen = self._next_of_passes(n)
        return episode_rows(self.tape, chosen, stream.integers(NOISE_SIZE, size=EPISODES_AHEAD))

    def state(self) -> dict[str, Any]:
        """Return where the streams stand, what waits in each account's pass, and the probabilities."""
        return {
            "streams": [generator_state(stream) for stream in self._streams],
            "waiting": np.concatenate(self._waiting),
            "waiting_sizes": [len(sessions) for sessions in self._waiting],
            "probabilities": self._probabilities,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the episodes were when they gave that state.

        Raises:
            CheckpointError: the state is of other sessions.
        """
        fill(self._probabilities, state["probabilities"], "RandomEpisodes.probabilities")
        for stream, saved in zip(self._streams, state["streams"], strict=True):
            set_generator(stream, saved)
        ends = np.cumsum(state["waiting_sizes"])
        self._waiting = np.split(np.asarray(state["waiting"]), ends[:-1])

    def _next_of_passes(self, n: int) -> npt.NDArray[np.int64]:
        """Return the next EPISODES_AHEAD sessions of account n's passes."""
        while len(self._waiting[n]) < EPISODES_AHEAD:
            shuffled = [self._streams[n].permutation(group) for group in self._groups]
            self._waiting[n] = np.concatenate([self._waiting[n], *shuffled])
        chosen, self._waiting[n] = self._waiting[n][:EPISODES_AHEAD], self._waiting[n][EPISODES_AHEAD:]
        return chosen


def episode_rows(tape: Tape, sessions: npt.NDArray[np.int64], noise_cursors: npt.NDArray[np.int64]) -> structs.Records:
    """Return the EpisodeRow records of the sessions, in order."""
    rows = structs.empty(EpisodeRow, len(sessions))
    rows["first_bar"] = tape.first_row[sessions]
    rows["last_bar"] = tape.last_row[sessions]
    rows["symbol"] = tape.symbol_of[sessions]
    rows["noise_cursor"] = noise_cursors
    return rows


def noise_cursors(tape: Tape, sessions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return where each session reads the noise when it is traded once: a function of its date and symbol's name."""
    days = tape.dates[sessions].astype("datetime64[D]").astype(np.int64)
    places = np.array([zlib.crc32(symbol.encode()) for symbol in tape.symbols], dtype=np.int64)
    return (days * CURSOR_STRIDE + places[tape.symbol_of[sessions]]) % NOISE_SIZE
