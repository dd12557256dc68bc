"""From a policy to a ledger: every session once, all sessions side by side, deterministic.

Every session starts from the initial capital (profits are not carried over), so sessions are independent and run as
one batch; the equity curve chains their net results. A session's latency noise depends on the seed, its date and its
symbol's name alone: judging fewer or other sessions, symbols or seeds beside it changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import ParameterError
from intraday_rl.core.protocols import Policy, Rule
from intraday_rl.core.structs import dtype_of
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.episodes import SEED_STRIDE, draw_noise_of, noise_cursors
from intraday_rl.env.rules import TradingRules
from intraday_rl.market.rows import AccountRow, FillRow
from intraday_rl.market.tape import Tape


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


def roll_out(
    tape: Tape, rules: TradingRules, sessions: npt.NDArray[np.int64], trader: Policy | Rule, seed: int
) -> Recording:
    """Let the trader trade each usable session of `sessions` once.

    Args:
        tape: the market.
        rules: the environment.
        sessions: indices on the tape.
        trader: what trades; asked for all sessions at once.
        seed: of the latency noise.

    Raises:
        ParameterError: no session is usable, or an action lies outside the action space.
    """
    return roll_out_seeds(tape, rules, sessions, trader, [seed])[0]


def roll_out_seeds(
    tape: Tape, rules: TradingRules, sessions: npt.NDArray[np.int64], trader: Policy | Rule, seeds: Sequence[int]
) -> list[Recording]:
    """Let the trader trade each usable session of `sessions` once under the latency noise of each seed, side by side.

    Args:
        tape: the market.
        rules: the environment.
        sessions: indices on the tape.
        trader: what trades; asked for all sessions under all seeds at once.
        seeds: of the latency noise, one or more.

    Returns:
        For each seed what `roll_out` returns for it.

    Raises:
        ParameterError: as `roll_out`.
    """
    usable = tape.usable(sessions)
    batch = BatchEnv(tape, rules, usable, max(len(usable) * len(seeds), 1), seeds[0])
    cursors = noise_cursors(tape, usable) + SEED_STRIDE * np.arange(len(seeds))[:, None]
    batch.assign(np.tile(usable, len(seeds)), cursors.ravel(), draw_noise_of(seeds))
    policy = trader.bind(batch) if isinstance(trader, Rule) else trader
    steps = int((tape.last_row[usable] - tape.first_row[usable]).max())
    columns = _trade(batch, policy, steps)

    def recording(k: int) -> Recording:
        own = {name: np.split(values, len(seeds), axis=-1)[k] for name, values in columns.items()}
        own["final"]["noise_cursor"] -= k * SEED_STRIDE  # as in the seed's own array
        replaced = int(own["final"]["replaced"].sum())
        return Recording(tape, rules, usable, tape.first_row[usable], replaced=replaced, **own)

    return [recording(k) for k in range(len(seeds))]


def _trade(batch: BatchEnv, policy: Policy, steps: int) -> dict[str, npt.NDArray[Any]]:
    """Return what N accounts went through in one episode each, (N,) or (B, N), under the names of `Recording`."""
    count = batch.num_envs
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
    return {"length": length, "fills": fills, "final": final, **kept}


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
