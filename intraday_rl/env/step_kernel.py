"""The batch loop: every account advances by one bar. It reads like the rules of a trading day.

Decision at the close of bar t, with what was known then -> exit rules and target -> order -> fill inside bar t + 1
-> settle at its close -> reward terms -> end of session? -> observation of bar t + 1. Only this loop touches arrays.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core.jit import every, njit, prefetch
from intraday_rl.env.actions import target_position
from intraday_rl.env.observation import write_lags, write_observation
from intraday_rl.env.rewards import StepRow, reward_term
from intraday_rl.env.risk import exit_reason, position_limit
from intraday_rl.market.advance import execute, settle, store_fill
from intraday_rl.market.fills import carry_limit
from intraday_rl.market.rows import AccountRow, BarRow

Array = np.ndarray[Any, Any]

position_limits = every(position_limit)
exit_reasons = every(exit_reason)
reward_terms = every(reward_term, per_member=("memory",))

ACCOUNTS_AHEAD = 4  # so many accounts before its turn an account's next bar is fetched from memory
STEP, EPISODE, FINISHED = 0, 1, 2  # planes of `parts`: of this step, of the running episode, of the finished one
FINAL, BEFORE, SOURCE = 0, 1, 2  # planes of `shown`: one array is handed over faster than three


class EpisodeRow(NamedTuple):
    """One episode to come: where on the tape it starts and ends, what it trades, and where it reads the noise."""

    first_bar: int
    last_bar: int
    symbol: int
    noise_cursor: int


class AccountUnit(NamedTuple):
    """What an account begins with, and how its USD become reward."""

    capital_usd: float  # NAV at a session's start
    reward_scale: float  # applied last, once, to rewards in basis points of the session-start NAV


@njit
def allowed_size(account: AccountRow, bar: BarRow, limits: Any, multiplier: float) -> float:
    """Return the smallest answer of all limits, in whole units, >= 0."""
    size = math.inf
    for limit in position_limits(limits, account, bar, multiplier):
        size = min(size, limit)
    return float(max(0.0, np.floor(size)))


@njit
def begin_episode(account: AccountRow, episode: EpisodeRow, capital: float) -> None:
    """Reset the account to `capital` at the episode's first closed bar; `episode` counts on."""
    account.bar = episode.first_bar
    account.last_bar = episode.last_bar
    account.symbol = episode.symbol
    account.noise_cursor = episode.noise_cursor
    account.episode += 1
    account.cash = capital
    account.position = 0.0
    account.target = 0.0
    account.asked = np.nan
    account.carried = 0
    account.entry_price = 0.0
    account.bars_held = 0
    account.closing = 0
    account.nav = capital
    account.start_nav = capital
    account.high_water_mark = capital
    account.drawdown = 0.0
    account.max_drawdown = 0.0
    account.drawdown_bars = 0
    account.fills = 0
    account.slippage_bps = 0.0
    account.slippage_before_bps = 0.0
    account.slippage_third_bps = 0.0
    account.traded_notional = 0.0
    account.round_trips = 0
    account.in_market_bars = 0
    account.steps = 0
    account.episode_reward = 0.0


@njit
def choose_order(account: AccountRow, action: float, decision: BarRow, rules: Any) -> float:
    """Return the order in signed units: exit rules first, then the agent's target, then what is still unfilled."""
    for reason in exit_reasons(rules.exits, account, decision):
        account.closing = max(account.closing, reason)
    target = 0.0
    if account.closing == 0:
        target = cap(target_position(rules.actions, action, account), account)
    account.asked = action
    remainder = account.target - account.position
    order = target - account.position
    account.carried = account.carried + 1 if order * remainder > 0.0 else 0
    if account.carried > carry_limit(rules.execution.fill) and account.closing == 0:
        target, order = account.position, 0.0
    account.target = target
    return order


@njit
def cap(target: float, account: AccountRow) -> float:
    """Return the target cut to the size allowed now; what is held already may stay."""
    held = abs(account.position) if account.position * target > 0.0 else 0.0
    return math.copysign(min(abs(target), max(account.size, held)), target)


@njit
def clear_memory(memory: Array, n: int) -> None:
    """Zero the reward terms' memories of account n."""
    for k in range(memory.shape[1]):
        memory[n, k].first = 0.0
        memory[n, k].second = 0.0
        memory[n, k].third = 0.0
        memory[n, k].fourth = 0.0


@njit
def begin_next(accounts: Array, n: int, market: Any, rules: Array, restart: Any, observation: Array) -> None:
    """Begin account n's next episode, which may be of another symbol, and write its first observation."""
    episodes, memory, _, shown = restart
    account = accounts[n]
    begin_episode(account, episodes[n, (account.episode + 1) % episodes.shape[1]], rules[0].unit.capital_usd)
    clear_memory(memory, n)
    look(account, market, rules[account.symbol], observation)
    look_back(account, n, shown, rules[account.symbol], observation)


@njit
def look(account: AccountRow, market: Any, rules: Any, observation: Array) -> None:
    """Set the size allowed for the next entry and write the observation, both as of the last closed bar."""
    tape, features, _ = market
    bar = tape[account.bar]
    account.size = allowed_size(account, bar, rules.limits, rules.execution.contract.multiplier)
    write_observation(observation, features[account.bar], account, bar, rules.columns, rules.execution)


@njit
def look_back(account: AccountRow, n: int, shown: Array, rules: Any, observation: Array) -> None:
    """Write what account n saw in earlier bars, where the layout shows it, and remember what it sees now."""
    if observation.shape[0] > rules.columns.current:
        write_lags(observation, shown[BEFORE, n], shown[SOURCE, 0], rules.columns.current, account.steps == 0)


@njit
def trade(account: AccountRow, action: float, market: Any, rules: Any, fill_row: Any) -> StepRow:
    """Take one account from its decision to the close of the next bar; return what happened."""
    tape, _, noise = market
    multiplier = rules.execution.contract.multiplier
    decision = tape[account.bar]
    order = choose_order(account, action, decision, rules)
    draw = noise[(account.noise_cursor + account.steps) & (noise.shape[0] - 1)]
    account.bar += 1
    account.steps += 1
    bar = tape[account.bar]
    fill = execute(order, account.closing > 0, draw, decision, bar, rules.execution)
    nav_before = account.nav
    settle(account, fill, bar, multiplier)
    store_fill(fill_row, fill)
    traded = abs(fill.quantity) * fill.price * multiplier
    return StepRow(nav_before, account.nav, account.start_nav, traded, account.drawdown, account.position)


@njit
def fetch_ahead(accounts: Array, n: int, market: Any) -> None:
    """Have the bar that account n + ACCOUNTS_AHEAD will meet on its way from memory: sessions are scattered in it."""
    tape, features, _ = market
    if n + ACCOUNTS_AHEAD < accounts.shape[0]:
        row = accounts[n + ACCOUNTS_AHEAD].bar + 1
        prefetch(tape, row)
        prefetch(features, row)


@njit
def reset_batch(accounts: Array, market: Any, rules: Array, observations: Array, restart: Any) -> None:
    """Begin a new episode in every account and write its first observation; arguments as in `step_batch`."""
    for n in range(accounts.shape[0]):
        begin_next(accounts, n, market, rules, restart, observations[n])


@njit
def step_batch(accounts: Array, actions: Array, market: Any, rules: Array, outputs: Any, restart: Any) -> int:
    """Advance every account by one bar and return how many episodes ended.

    Args:
        accounts: AccountRow records, (N,).
        actions: (N,) float64 actions inside the action space.
        market: (tape (T,) BarRow, features (T, F_market), noise (M,), M a power of two).
        rules: records that hold the groups of `TradingRules.pack`, one for each symbol of the tape, (K,).
        outputs: (observations (N, F), parts (3, N, K) reward by term, fills (N,) FillRow): written.
        restart: (episodes (N, E), memory (N, K), finished (N,) AccountRow, shown (3, N, F)): an account whose episode
            ends is copied to `finished`, its last observation to the plane FINAL, and begins the next of its
            `episodes`. The plane BEFORE holds the observations of the bar before, SOURCE `ObservationLayout.sources`.
    """
    observations, parts, fills = outputs
    _, memory, finished, shown = restart
    ended = 0
    for n in range(accounts.shape[0]):
        account = accounts[n]
        rule = rules[account.symbol]
        fetch_ahead(accounts, n, market)
        happened = trade(account, actions[n], market, rule, fills[n])
        usd_to_reward = rule.unit.reward_scale / (1e-4 * account.start_nav)
        account.reward = 0.0
        for k, usd in enumerate(reward_terms(rule.terms, happened, memory[n])):
            part = usd_to_reward * usd
            parts[STEP, n, k] = part
            parts[EPISODE, n, k] += part
            account.reward += part
        account.episode_reward += account.reward
        account.terminated = 1 if account.closing > 0 and account.position == 0.0 else 0
        account.truncated = 1 if account.bar >= account.last_bar and account.terminated == 0 else 0
        look(account, market, rule, observations[n])
        look_back(account, n, shown, rule, observations[n])
        if account.terminated + account.truncated > 0:
            ended += 1
            finished[n] = account
            for k in range(parts.shape[2]):
                parts[FINISHED, n, k] = parts[EPISODE, n, k]
                parts[EPISODE, n, k] = 0.0
            for i in range(observations.shape[1]):
                shown[FINAL, n, i] = observations[n, i]
            begin_next(accounts, n, market, rules, restart, observations[n])
    return ended
