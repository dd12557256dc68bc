"""The batched simulator: N accounts over one tape, advanced together by one compiled call.

`BatchEnv` is the engine; the SB3, Gymnasium-vector and single environments are thin views of it. Results do not depend
on N: account n of a batch of any size meets the same episodes and noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks, structs
from intraday_rl.core.errors import ConfigError
from intraday_rl.core.jit import entry
from intraday_rl.env.actions import target_position
from intraday_rl.env.episodes import EPISODES_AHEAD, ORDERS, RandomEpisodes, draw_noise, episode_rows
from intraday_rl.env.observation import ObservationLayout
from intraday_rl.env.rewards import TermMemory, reward_term
from intraday_rl.env.risk import FlatBeforeClose, exit_reason, position_limit
from intraday_rl.env.step_kernel import FINAL, FINISHED, SOURCE, STEP, AccountUnit, EpisodeRow, reset_batch, step_batch
from intraday_rl.market.advance import Execution
from intraday_rl.market.costs import commission_usd
from intraday_rl.market.fills import filled_quantity
from intraday_rl.market.impact import temporary_impact
from intraday_rl.market.latency import arrival
from intraday_rl.market.rows import AccountRow, Contract, FillRow
from intraday_rl.market.spreads import half_spread
from intraday_rl.market.tape import Tape

Float32s = npt.NDArray[np.float32]
FLOAT32 = np.dtype(np.float32)
SUMMARY = (  # what `episode_infos` reads of a finished account
    "episode_reward",
    "steps",
    "last_bar",
    "symbol",
    "nav",
    "start_nav",
    "max_drawdown",
    "traded_notional",
    "round_trips",
    "in_market_bars",
    "position",
)


@dataclass(frozen=True)
class TradingRules:
    """Everything of an environment but its bars: what may be done, seen and earned.

    Attributes:
        execution: how orders become fills.
        executions: the same for those symbols whose parameters differ, by symbol; the models are those of `execution`.
        limits: position limits by name, at least one.
        exits: exit rules by name; one of them is FlatBeforeClose.
        actions: the action map.
        terms: reward terms by name, at least one.
        reward_scale: applied last, to rewards in basis points of the session-start NAV.
        layout: the observation.
        initial_capital_usd: NAV at every session's start.
        episode_order: how training goes through symbols, one of `episodes.ORDERS`.
    """

    execution: Execution
    executions: Mapping[str, Execution]
    limits: Mapping[str, Any]
    exits: Mapping[str, Any]
    actions: Any
    terms: Mapping[str, Any]
    reward_scale: float
    layout: ObservationLayout
    initial_capital_usd: float
    episode_order: str

    def __post_init__(self) -> None:
        """Refuse rule sets under which a session would not end flat, or that leave out a part."""
        checks.positive("env", "initial_capital_usd", self.initial_capital_usd, "USD")
        checks.positive("reward", "scale", self.reward_scale)
        checks.one_of("env", "episode_order", self.episode_order, ORDERS)
        for name, group in (("risk.limits", self.limits), ("risk.exits", self.exits), ("reward.terms", self.terms)):
            if not group:
                raise ConfigError(f"{name} must name at least one rule, was empty")
        self._check_kinds()
        if not any(isinstance(rule, FlatBeforeClose) for rule in self.exits.values()):
            raise ConfigError("risk.exits must hold a FlatBeforeClose rule: sessions end flat")

    def _check_kinds(self) -> None:
        """Refuse a struct in a place where its kind has no rule."""
        execution = self.execution
        if not isinstance(execution.contract, Contract):
            raise ConfigError(f"market.execution.contract must be a Contract, was {type(execution.contract).__name__}")
        placed: list[tuple[str, Any, Any]] = [
            *((f"risk.limits.{name}", rule, position_limit) for name, rule in self.limits.items()),
            *((f"risk.exits.{name}", rule, exit_reason) for name, rule in self.exits.items()),
            *((f"reward.terms.{name}", rule, reward_term) for name, rule in self.terms.items()),
            ("env.actions", self.actions, target_position),
            ("market.execution.latency", execution.latency, arrival),
            ("market.execution.spread", execution.spread, half_spread),
            ("market.execution.impact", execution.impact, temporary_impact),
            ("market.execution.fill", execution.fill, filled_quantity),
            ("market.execution.commission", execution.commission, commission_usd),
        ]
        for key, rule, step in placed:
            known = step.model.implementations
            if type(rule) not in known:
                names = ", ".join(sorted(kind.__name__ for kind in known))
                raise ConfigError(f"{key} must be one of {names}, was {type(rule).__name__}")
        for symbol, other in self.executions.items():
            for name, part, model in zip(execution._fields, other, execution, strict=True):
                if type(part) is not type(model):
                    raise ConfigError(
                        f"market.execution.{name} of {symbol} must be a {type(model).__name__} as for the other "
                        f"symbols, was {type(part).__name__}; parameters may differ, models may not"
                    )

    def execution_of(self, symbol: str) -> Execution:
        """Return how orders in the symbol become fills."""
        return self.executions.get(symbol, self.execution)

    def pack(self, symbols: tuple[str, ...]) -> structs.Records:
        """Return all rules as the kernels take them: one record for each of the symbols, in order, (K,)."""
        groups = {
            "execution": self.execution.pack(),
            "limits": structs.nest("Limits", self.limits),
            "exits": structs.nest("Exits", self.exits),
            "actions": self.actions,
            "terms": structs.nest("Terms", self.terms),
            "unit": AccountUnit(self.initial_capital_usd, self.reward_scale),
            "columns": self.layout.pack(),
        }
        packed = np.repeat(structs.nest("TradingRules", groups), len(symbols))
        for k, symbol in enumerate(symbols):
            packed["execution"][k] = self.execution_of(symbol).pack()[0]
        return packed


def with_budget(rules: TradingRules, slippage_budget_bps: float) -> TradingRules:
    """Return the rules with the slippage budget in which the observation measures costs, bps."""
    return replace(rules, layout=replace(rules.layout, slippage_budget_bps=slippage_budget_bps))


class BatchEnv:
    """N accounts on one tape.

    After `reset` and each `step` these arrays hold the last bar's outcome: `rewards` (N,) float64, `terminated` and
    `truncated` (N,) int64, `reward_parts` (N, K) reward by term, `fills` (N,) FillRow, `accounts` (N,) AccountRow;
    where an episode ended, `finished` (N,) AccountRow and `final_observations` (N, F) hold its last state, and the
    account has begun its next episode. `width` is the number of an observation's columns, F, those of earlier bars
    included: observations are rows here, whatever shape the layout gives them (`shape`).
    """

    def __init__(
        self, tape: Tape, rules: TradingRules, sessions: npt.NDArray[np.int64], num_envs: int, seed: int
    ) -> None:
        """Lay out N accounts over the given sessions of the tape.

        Raises:
            ParameterError: no session is usable, or `num_envs` is not positive.
            ConfigError: the tape lacks a feature of the layout, or has them in another order.
            FeatureError: the layout's slippage budget is needed and not known.
        """
        checks.at_least("env", "num_envs", num_envs, 1)
        if tape.feature_names != rules.layout.market:
            raise ConfigError("the tape's features and the observation's market features differ in name or order")
        rules.layout.check_budget()
        self.tape, self.rules, self.num_envs = tape, rules, num_envs
        self.width, self.shape = len(rules.layout.names), rules.layout.shape
        self.sessions = tape.usable(sessions)
        self.term_names = tuple(rules.terms)
        self.observation_space = rules.layout.space()
        self.action_space = rules.actions.space()
        self.accounts = structs.empty(AccountRow, num_envs)
        self.finished = structs.empty(AccountRow, num_envs)
        self.fills = structs.empty(FillRow, num_envs)
        self.memory = np.zeros((num_envs, len(rules.terms)), dtype=structs.dtype_of(TermMemory))
        self.parts = np.zeros((3, num_envs, len(rules.terms)))
        shown = np.zeros((3, num_envs, self.width), dtype=np.float32)
        shown[SOURCE] = rules.layout.sources
        self.final_observations = shown[FINAL]
        self.rewards: npt.NDArray[np.float64] = np.asarray(self.accounts["reward"])
        self.terminated: npt.NDArray[np.int64] = np.asarray(self.accounts["terminated"])
        self.truncated: npt.NDArray[np.int64] = np.asarray(self.accounts["truncated"])
        self.actions = np.zeros(num_envs)  # what `advance` acts on
        self._summary = self.finished[list(SUMMARY)]
        self._dates = dict(zip(tape.last_row.tolist(), tape.dates.astype(str).tolist(), strict=True))
        self._rules = rules.pack(tape.symbols)
        self._episodes = structs.view(np.zeros((num_envs, EPISODES_AHEAD), dtype=structs.dtype_of(EpisodeRow)))
        memory = structs.view(self.memory)
        self._restart = (self._episodes, memory, self.finished, shown)
        self.seed(seed)
        outputs = (self.final_observations, self.parts, self.fills)
        self._step = entry(step_batch, self.accounts, self.actions, self._market, self._rules, outputs, self._restart)

    @property
    def reward_parts(self) -> npt.NDArray[np.float64]:
        """Reward of the last step by term, (N, K)."""
        return np.asarray(self.parts[STEP])

    def episode_infos(self, accounts: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """Return what the episodes that these accounts just finished came to.

        Keys: episode (r, l: reward and length, as SB3's Monitor has them), symbol, session, session_return,
        max_drawdown, turnover (multiples of start NAV), round_trips, in_market_bars, episode_reward_parts (sums by
        term) and flat_at_end.
        """
        rows, parts = self._summary[accounts].tolist(), self.parts[FINISHED, accounts].tolist()
        return [
            {
                "episode": {"r": reward, "l": steps},
                "symbol": self.tape.symbols[symbol],
                "session": self._dates[last_bar],
                "session_return": nav / start - 1.0,
                "max_drawdown": drawdown,
                "turnover": traded / start,
                "round_trips": trips,
                "in_market_bars": in_market,
                "episode_reward_parts": dict(zip(self.term_names, sums, strict=True)),
                "flat_at_end": position == 0.0,
            }
            for (
                reward,
                steps,
                last_bar,
                symbol,
                nav,
                start,
                drawdown,
                traded,
                trips,
                in_market,
                position,
            ), sums in zip(rows, parts, strict=True)
        ]

    def seed(self, seed: int) -> None:
        """Start the streams of episodes and noise anew; takes effect at the next `reset`."""
        self._random: RandomEpisodes | None = RandomEpisodes(
            self.tape, self.sessions, seed, self.num_envs, self.rules.episode_order
        )
        self.accounts["episode"] = EPISODES_AHEAD - 1  # nothing drawn yet
        self._market = (self.tape.rows, self.tape.features, draw_noise(seed))

    def assign(self, sessions: npt.NDArray[np.int64], noise_cursors: npt.NDArray[np.int64]) -> None:
        """Give account n the session `sessions[n]`, read at noise cursor `noise_cursors[n]`, for all its episodes.

        Raises:
            ConfigError: there are not as many sessions and cursors as accounts, or a session is not usable.
        """
        if not len(sessions) == len(noise_cursors) == self.num_envs:
            raise ConfigError(f"BatchEnv.assign needs {self.num_envs} sessions and cursors, one an account")
        if len(self.tape.usable(sessions)) != len(sessions):
            raise ConfigError("BatchEnv.assign: a session without a decision cannot be traded; give usable ones")
        self._episodes[:] = episode_rows(self.tape, sessions, noise_cursors)[:, None]
        self._random = None

    def reset(self) -> Float32s:
        """Begin the next episode in every account and return the observations, (N, F)."""
        self._refill_used_up()
        self.parts[:] = 0.0
        observations = np.empty((self.num_envs, self.width), dtype=np.float32)
        reset_batch(self.accounts, self._market, self._rules, observations, self._restart)
        return observations

    def step(self, actions: npt.NDArray[Any], observations: Float32s) -> int:
        """Advance every account by one bar.

        Args:
            actions: (N,) actions inside the action space; they are not checked here.
            observations: written, (N, F).

        Returns:
            How many episodes ended.

        Raises:
            ConfigError: `observations` is not a C-contiguous float32 array of the batch's shape, or the actions are
                not one an account.
        """
        shape = (self.num_envs, self.width)
        if observations.dtype != FLOAT32 or observations.shape != shape or not observations.flags.c_contiguous:
            raise ConfigError(
                f"BatchEnv.step: observations must be a C-contiguous float32 array {shape}, was "
                f"{observations.dtype} {observations.shape}"
            )
        if np.shape(actions) != (self.num_envs,):
            raise ConfigError(f"BatchEnv.step: actions must have the shape ({self.num_envs},), was {np.shape(actions)}")
        self.actions[:] = actions
        return self.advance(observations)

    def advance(self, observations: Float32s) -> int:
        """Do as `step` does with the actions that stand in `actions`; `observations` is not checked."""
        outputs = (observations, self.parts, self.fills)
        ended: int = self._step(self.accounts, self.actions, self._market, self._rules, outputs, self._restart)
        if ended:
            self._refill_used_up()
        return ended

    def _refill_used_up(self) -> None:
        used_up = np.flatnonzero(self.accounts["episode"] >= EPISODES_AHEAD - 1)
        self.accounts["episode"][used_up] = -1
        if self._random is not None:
            for n in used_up:
                self._episodes[n] = self._random.draw(int(n))
