"""From a policy to a ledger: every session once, all sessions side by side, deterministic.

Every session starts from the initial capital (profits are not carried over), so sessions are independent and run as
one batch; the equity curve chains their net results. A session's latency noise depends on the seed, its date and its
symbol's name alone: judging fewer or other sessions or symbols beside it changes nothing.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import ParameterError
from intraday_rl.core.protocols import Policy
from intraday_rl.core.structs import dtype_of
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.episodes import NOISE_SIZE
from intraday_rl.env.rules import TradingRules
from intraday_rl.market.rows import AccountRow, FillRow
from intraday_rl.market.tape import Tape

CURSOR_STRIDE = 977  # noise cells between two trading days' cursors; odd, so that days spread over all cells


@dataclass(frozen=True)
class Recording:
    """What S sessions' accounts went through.

    Attributes:
        tape: the market.
        rules: the environment.
        sessions: their indices on the tape, (S,).
        first_bar: tape row of each session's first decision, (S,).
        length: bars each account was run for, (S,).
        nav: after each bar, USD, (B, S); NaN after the session's end.
        cash: the same.
        position: the same, signed units.
        fills: FillRow records, (B, S); quantity 0 where nothing was filled.
        closing: why the account was closing when it traded, codes of `env.risk.base`, (B, S).
        wanted: what the agent's decision asked for, signed units, (B, S).
        target: what risk rules left of it, the same.
        rule: which rule changed the decision, codes of `RiskManager.rule_names`, 0 = none, (B, S).
        final: AccountRow at the end of each session, (S,).
        replaced: rewards and first observations that were not finite.
    """

    tape: Tape
    rules: TradingRules
    sessions: npt.NDArray[np.int64]
    first_bar: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    nav: npt.NDArray[np.float64]
    cash: npt.NDArray[np.float64]
    position: npt.NDArray[np.float64]
    fills: npt.NDArray[np.void]
    closing: npt.NDArray[np.int64]
    wanted: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]
    rule: npt.NDArray[np.int64]
    final: npt.NDArray[np.void]
    replaced: int


def roll_out(tape: Tape, rules: TradingRules, sessions: npt.NDArray[np.int64], policy: Policy, seed: int) -> Recording:
    """Let the policy trade each usable session of `sessions` once.

    Args:
        tape: the market.
        rules: the environment.
        sessions: indices on the tape.
        policy: what trades; asked for all sessions at once.
        seed: of the latency noise.

    Raises:
        ParameterError: no session is usable, or an action lies outside the action space.
    """
    usable = tape.usable(sessions)
    batch = BatchEnv(tape, rules, usable, max(len(usable), 1), seed)
    batch.assign(usable, noise_cursors(tape, usable))
    first, last = tape.first_row[usable], tape.last_row[usable]
    steps, count = int((last - first).max()), len(usable)
    kept = {name: np.full((steps, count), np.nan) for name in ("nav", "cash", "position", "wanted", "target")}
    kept |= {name: np.zeros((steps, count), dtype=np.int64) for name in ("closing", "rule")}
    fills = np.zeros((steps, count), dtype=dtype_of(FillRow))
    final = np.zeros(count, dtype=dtype_of(AccountRow))
    length = np.zeros(count, dtype=np.int64)
    alive = np.ones(count, dtype=np.bool_)
    start = np.ones(count, dtype=np.bool_)
    observations, state = batch.reset(), None
    for step in range(steps):
        actions, state = policy.predict(observations, state, start)
        ended = batch.step(_checked(actions, count, batch.action_space), observations)
        start = (batch.terminated + batch.truncated) > 0
        rows = np.where(start, batch.finished, batch.accounts) if ended else batch.accounts
        for name, values in kept.items():
            values[step, alive] = rows[name][alive]
        fills[step, alive] = batch.fills[alive]
        if ended:
            over = start & alive
            final[over], length[over] = batch.finished[over], step + 1
            alive &= ~over
            if not alive.any():
                break
    return Recording(tape, rules, usable, first, length, fills=fills, final=final, replaced=batch.replaced, **kept)


def _checked(actions: Any, count: int, space: gymnasium.Space[Any]) -> npt.NDArray[Any]:
    """Return the actions, (S,), or refuse them: a network that diverged must not be judged as if it had traded."""
    given = np.asarray(actions)
    low, high = (0, 2) if isinstance(space, gymnasium.spaces.Discrete) else (-1, 1)
    whole = low == -1 or bool((given == np.round(given)).all())
    if given.size != count or not whole or not bool(((given >= low) & (given <= high)).all()):
        raise ParameterError(
            f"roll-out: actions must be {count} inside the action space {space}, was {str(given)[:60]}"
        )
    return given.reshape(count)


def noise_cursors(tape: Tape, sessions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return where each session reads the noise: a function of its date and its symbol's name."""
    days = tape.dates[sessions].astype("datetime64[D]").astype(np.int64)
    places = np.array([zlib.crc32(symbol.encode()) for symbol in tape.symbols], dtype=np.int64)
    return (days * CURSOR_STRIDE + places[tape.symbol_of[sessions]]) % NOISE_SIZE
