"""The batch loop: every account advances by one bar. It reads like the rules of a trading day.

Decision at the close of bar t, with what was known then -> exit rules and target -> order -> fill inside bar t + 1
-> settle at its close -> layers -> reward terms -> end of session? -> observation of bar t + 1. Only this loop touches
arrays.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core.jit import every, njit, prefetch
from intraday_rl.env.observation import write_lags, write_observation
from intraday_rl.env.rewards.base import BPS, StepRow, reward_term
from intraday_rl.env.risk.base import SESSION_CLOSE
from intraday_rl.env.risk.decision import CHANGE_BARS, decide, set_sizes
from intraday_rl.env.risk.layers import update_layers
from intraday_rl.market.advance import execute, is_any_under_way, send, settle, store_fill
from intraday_rl.market.latency import delay_bars
from intraday_rl.market.rows import AccountRow, OrderRow

Array = np.ndarray[Any, Any]

reward_terms = every(reward_term, per_member="memory")

ACCOUNTS_AHEAD = 4  # so many accounts before its turn an account's next bar is fetched from memory
LONG_AGO = 1_000_000  # bars; longer than any pause
TRAILING_EPISODES = 20  # of the mean size of an episode's reward
STEP, EPISODE, FINISHED = 0, 1, 2  # planes of `parts`: of this step, of the running episode, of the finished one
FINAL, BEFORE, SOURCE = 0, 1, 2  # planes of `shown`: one array is handed over faster than three


class EpisodeRow(NamedTuple):
    """One episode to come: where on the tape it starts and ends, what it trades, and where it reads the noise."""

    first_bar: int
    last_bar: int
    symbol: int
    noise_cursor: int


@njit
def begin_episode(account: AccountRow, episode: EpisodeRow, capital: float) -> None:
    """Reset the account to `capital` at the episode's first closed bar; `episode` counts on."""
    account.bar = episode.first_bar
    account.last_bar = episode.last_bar
    account.symbol = episode.symbol
    account.noise_cursor = episode.noise_cursor
    account.episode += 1
    account.cash = account.nav = account.start_nav = account.high_water_mark = account.baseline = capital
    account.position = account.wanted = account.target = 0.0
    account.rule = account.interventions = account.carried = account.binding = 0
    account.asked = np.nan
    account.in_transit = account.transit_1 = account.transit_2 = account.transit_3 = account.transit_4 = 0.0
    account.slow_impact = account.fast_impact = 0.0
    account.entry_price = account.entry_atr = account.entry_cash = account.closed_usd = 0.0
    account.bars_held = account.closing = account.closing_rule = account.steps = 0
    account.bars_since_trade = LONG_AGO
    account.drawdown = account.max_drawdown = account.layer_drawdown = account.purgatory_low = 0.0
    account.drawdown_bars = account.breach_bars = account.recovered = account.baseline_resets = 0
    account.slippage_bps = account.slippage_before_bps = account.slippage_third_bps = 0.0
    account.traded_notional = account.turnover_sum = 0.0
    account.fills = account.round_trips = account.in_market_bars = 0
    account.side = account.repeats = account.changed = account.changes = account.pattern = account.pattern_bars = 0
    account.bars_since_order = CHANGE_BARS
    account.penalty = account.episode_reward = 0.0
    account.penalty_bars = 0


@njit
def begin_next(accounts: Array, n: int, market: Any, rules: Array, restart: Any, observation: Array) -> None:
    """Begin account n's next episode, which may be of another symbol, and write its first observation."""
    episodes, memory, _, shown = restart
    account = accounts[n]
    begin_episode(account, episodes[n, (account.episode + 1) % episodes.shape[1]], rules[0].unit.capital_usd)
    for k in range(memory.shape[1]):
        memory[n, k].first = memory[n, k].second = memory[n, k].third = memory[n, k].fourth = 0.0
    look(account, market, rules[account.symbol], memory[n], observation)
    for i in range(rules[account.symbol].columns.current):
        if not math.isfinite(observation[i]):
            observation[i] = 0.0
            account.replaced += 1
    look_back(account, n, shown, rules[account.symbol], observation)


@njit
def look(account: AccountRow, market: Any, rules: Any, memory: Array, observation: Array) -> None:
    """Set the size allowed for the next entry and write the observation, both as of the last closed bar."""
    tape, features, _ = market
    bar = tape[account.bar]
    set_sizes(account, bar, rules, memory)
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
    delay = delay_bars(rules.execution.latency, noise[(account.noise_cursor + account.steps) & (noise.shape[0] - 1)])
    arriving, mid = send(account, decide(account, action, decision, rules), delay, decision.mid)
    order = OrderRow(arriving, account.closing >= SESSION_CLOSE, delay - np.floor(delay), mid)
    account.bar += 1
    account.steps += 1
    bar = tape[account.bar]
    fill = execute(order, account, decision, bar, rules.execution)
    nav_before, fills_before = account.nav, account.fills
    settle(account, fill, decision, bar, multiplier)
    update_layers(rules.layers, account)
    store_fill(fill_row, fill)
    is_flat = account.position == 0.0 and not is_any_under_way(account)
    account.terminated = 1 if account.closing >= SESSION_CLOSE and is_flat else 0
    account.truncated = 1 if account.bar >= account.last_bar and account.terminated == 0 else 0
    traded = abs(fill.quantity) * fill.price * multiplier
    if traded > 0.0 and nav_before > 0.0:
        account.turnover_sum += traded / nav_before
    return StepRow(
        nav_before,
        account.nav,
        account.start_nav,
        traded,
        account.layer_drawdown,
        account.position,
        account.closed_usd,
        fills_before == 0 and account.fills == 1,
        account.recovered == 1,
        account.changed == 1,
        account.repeats if account.bars_since_order == 0 else 0,
        account.terminated == 1,
        rules.unit.progress,
        account.typical_usd,
    )


@njit
def earn(account: AccountRow, happened: StepRow, rules: Any, memory: Array, parts: Array, n: int) -> None:
    """Turn what happened into reward, term by term; a term that is no number counts as nothing, and is counted."""
    usd_to_reward = rules.unit.reward_scale / (BPS * account.start_nav)
    reward, penalty = 0.0, 0.0
    for k, usd in enumerate(reward_terms(rules.terms, happened, memory, 0)):
        part = usd_to_reward * usd
        if not math.isfinite(part):
            part = 0.0
            account.replaced += 1
        parts[STEP, n, k] = part
        parts[EPISODE, n, k] += part
        reward += part
        penalty -= min(part, 0.0) * ((rules.unit.penalties >> k) & 1)
    account.reward = reward
    account.episode_reward += reward
    account.penalty += penalty
    account.penalty_bars += 1 if penalty > 0.0 else 0


@njit
def finish(accounts: Array, n: int, rules: Any, parts: Array, restart: Any, observation: Array) -> None:
    """Set aside what is left of account n's episode: its state, its last observation, its rewards by term."""
    _, _, finished, shown = restart
    account = accounts[n]
    account.finished_episodes += 1
    usd = abs(account.episode_reward) * BPS * account.start_nav / rules.unit.reward_scale
    account.typical_usd += (usd - account.typical_usd) / min(account.finished_episodes, TRAILING_EPISODES)
    finished[n] = account
    for k in range(parts.shape[2]):
        parts[FINISHED, n, k] = parts[EPISODE, n, k]
        parts[EPISODE, n, k] = 0.0
    for i in range(observation.shape[0]):
        shown[FINAL, n, i] = observation[i]


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
        restart: (episodes (N, E), memory (N, R) of terms and rules, finished (N,) AccountRow, shown (3, N, F)): an
            account whose episode ends is copied to `finished`, its last observation to the plane FINAL, and begins the
            next of its `episodes`. The plane BEFORE holds the observations of the bar before, SOURCE
            `ObservationLayout.sources`.
    """
    observations, parts, fills = outputs
    _, memory, _, shown = restart
    ended = 0
    for n in range(accounts.shape[0]):
        account = accounts[n]
        rule = rules[account.symbol]
        fetch_ahead(accounts, n, market)
        happened = trade(account, actions[n], market, rule, fills[n])
        earn(account, happened, rule, memory[n], parts, n)
        look(account, market, rule, memory[n], observations[n])
        look_back(account, n, shown, rule, observations[n])
        if account.terminated + account.truncated > 0:
            ended += 1
            finish(accounts, n, rule, parts, restart, observations[n])
            begin_next(accounts, n, market, rules, restart, observations[n])
    return ended
