"""No look-ahead in the simulator (SPEC D3.5): what comes after minute t changes nothing up to the close of minute t.

After row t the tape's bars and features are replaced by NaN, by noise times ten, by another day, or shuffled. Accounts
that decide from their observations must show the same bits up to t: observations, fills, rewards, accounts. The
calendar (minutes to the close, the session's last row) is known beforehand and stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from intraday_rl.env.actions import Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.env.observation import ACCOUNT_FEATURES
from intraday_rl.env.risk import FlatBeforeClose, MaxNotional, RiskPerTrade
from intraday_rl.env.risk.layers import OFF
from intraday_rl.market.rows import BarRow
from intraday_rl.market.tape import Tape
from tests.support.exact import assert_same_bits
from tests.support.full_rules import full_batch
from tests.support.tapes import COSTLY, make_execution, make_layout, random_tape

NUM_ENVS = 6
MINUTES = 40
SESSION = 1  # of three: there are data before and after it
FIRST = SESSION * MINUTES
ROWS = [FIRST + minute for minute in (1, 2, 17, 36, 38)]  # the second, and two around the forced exit among them
PERTURBED = [name for name in BarRow._fields if name != "minutes_to_close"]
STACKED = ("feature1", "spread_to_budget", "pending")
MAPS = [DiscreteTarget(), DiscreteStep(), Continuous()]
TAPE = random_tape(num_sessions=3, minutes=MINUTES, num_features=6, seed=2)
OTHER_DAY = random_tape(num_sessions=3, minutes=MINUTES, num_features=6, seed=99)
OTHER_DAY.rows["atr"] = 0.17  # random tapes share one ATR

Change = Callable[[Any, Any], Any]  # (values after t, the same rows of another day) -> what takes their place


def _nan(values: Any, _other: Any) -> Any:
    return np.full_like(values, np.nan if values.dtype.kind == "f" else 0)


def _noise(values: Any, _other: Any) -> Any:
    noise = 10.0 * np.random.default_rng(4).standard_normal(values.shape)
    return values * noise if values.dtype.kind == "f" else (noise > 0).astype(values.dtype)


def _other_day(_values: Any, other: Any) -> Any:
    return other


def _shuffled(values: Any, _other: Any) -> Any:
    return np.random.default_rng(5).permutation(values)


CHANGES = {"nan": _nan, "noise": _noise, "other_day": _other_day, "shuffled": _shuffled}


def change_after(tape: Tape, row: int, change: Change) -> Tape:
    """Return the tape with all that is not calendar changed in the rows after `row`."""
    rows, features = tape.rows.copy(), tape.features.copy()
    for name in PERTURBED:
        rows[name][row + 1 :] = change(rows[name][row + 1 :], OTHER_DAY.rows[name][row + 1 :])
    features[row + 1 :] = change(features[row + 1 :], OTHER_DAY.features[row + 1 :])
    return replace(tape, rows=rows, features=features)


def decide(observations: Any, actions: Any) -> Any:
    """Return actions that depend on every number observed, and differently in each account."""
    weights = np.random.default_rng(6).standard_normal((NUM_ENVS, observations.shape[1]))
    wish = np.tanh((weights * observations).sum(axis=1))
    if isinstance(actions, Continuous):
        return wish.astype(np.float32)
    return np.digitize(wish, [-0.4, 0.4])


def play_until(tape: Tape, row: int, actions: Any) -> dict[str, Any]:
    """Trade the session from its first row up to the close of `row`; return all that was seen on the way."""
    batch = full_batch(
        tape,
        NUM_ENVS,
        actions=actions,
        execution=make_execution(**COSTLY),
        limits={"notional": MaxNotional(0.3), "risk_per_trade": RiskPerTrade(0.0003, 0.03)},
        exits={"session_close": FlatBeforeClose(2)},
        layers=OFF._replace(daily_loss=0.01),
        layout=make_layout(tape.feature_names, account=ACCOUNT_FEATURES, stacked=STACKED, frames=4),
    )
    batch.assign(np.full(NUM_ENVS, SESSION), 100 * np.arange(NUM_ENVS))
    observations = batch.reset()
    seen: dict[str, list[Any]] = {name: [] for name in ("observations", "accounts", "fills", "parts", "ends")}
    for _ in range(FIRST, row):
        chosen = decide(observations, actions)
        batch.step(chosen, observations)
        over = (batch.terminated + batch.truncated) > 0
        accounts, shown = batch.accounts.copy(), observations.copy()
        accounts[over], shown[over] = batch.finished[over], batch.final_observations[over]
        columns = (shown, accounts, batch.fills.copy(), batch.reward_parts.copy(), over)
        for values, column in zip(seen.values(), columns, strict=True):
            values.append(column)
    return {name: np.stack(values) for name, values in seen.items()}


def check_no_look_ahead(row: int, change: Change, actions: Any, build: Callable[[Tape], Tape]) -> None:
    """Fail if the changed future shows before its time; `build` makes the tape that is traded from the raw one."""
    honest = play_until(build(TAPE), row, actions)
    changed = play_until(build(change_after(TAPE, row, change)), row, actions)
    for name, value in honest.items():
        assert_same_bits(value, changed[name], name)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("actions", MAPS, ids=lambda a: type(a).__name__)
def test_the_future_changes_nothing_before_its_time(actions, change):
    for row in ROWS:
        check_no_look_ahead(row, change, actions, lambda tape: tape)


def leak_features(tape: Tape) -> Tape:
    """Plant a leak: each row shows the features of the next one."""
    return replace(tape, features=np.roll(tape.features, -1, axis=0))


def leak_one_column(tape: Tape) -> Tape:
    """Plant a leak in one feature of six."""
    features = tape.features.copy()
    features[:, 3] = np.roll(features[:, 3], -1)
    return replace(tape, features=features)


def leak_scale(tape: Tape) -> Tape:
    """Plant a leak behind the features: positions are sized by the next minute's ATR."""
    rows = tape.rows.copy()
    rows["atr"] = np.roll(rows["atr"], -1)
    return replace(tape, rows=rows)


@pytest.mark.parametrize("change", [_nan, _noise, _other_day], ids=["nan", "noise", "other_day"])
@pytest.mark.parametrize("leak", [leak_features, leak_one_column, leak_scale], ids=lambda leak: leak.__name__)
def test_a_planted_leak_is_found(leak, change):
    with pytest.raises(AssertionError, match="not the same bits"):
        check_no_look_ahead(FIRST + 17, change, DiscreteTarget(), leak)


def test_the_test_trades_and_sees_ends():
    """Guard of the guard: the accounts trade on both sides, meet partial fills and reach the session's end."""
    seen = play_until(TAPE, ROWS[-1], DiscreteTarget())
    assert (seen["accounts"]["position"] > 0).any()
    assert (seen["accounts"]["position"] < 0).any()
    fills = seen["fills"]
    assert ((fills["quantity"] != 0) & (np.abs(fills["quantity"]) < np.abs(fills["ordered"]))).any()
    assert seen["ends"].any()
