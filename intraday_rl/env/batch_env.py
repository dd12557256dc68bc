"""The batched simulator: N accounts over one tape, advanced together by one compiled call.

`BatchEnv` is the engine; the SB3, Gymnasium-vector and single environments are thin views of it. Results do not depend
on N: account n of a batch of any size meets the same episodes and noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks, structs
from intraday_rl.core.errors import ConfigError
from intraday_rl.core.jit import entry
from intraday_rl.core.persistence.arrays import fill
from intraday_rl.env.episodes import EPISODES_AHEAD, RandomEpisodes, draw_noise, episode_rows
from intraday_rl.env.rewards.base import BPS
from intraday_rl.env.risk.base import HALT
from intraday_rl.env.risk.decision import PATTERNS
from intraday_rl.env.rules import TradingRules
from intraday_rl.env.step_kernel import FINAL, FINISHED, SOURCE, STEP, EpisodeRow, reset_batch, step_batch
from intraday_rl.market.rows import AccountRow, FillRow, OwnMemory
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
    "turnover_sum",
    "penalty",
    "penalty_bars",
    "pattern_bars",
    "interventions",
    "baseline_resets",
    "closing",
    "closing_rule",
)


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
        self._rule_names = rules.risk.rule_names
        self.observation_space = rules.layout.space()
        self.action_space = rules.actions.space()
        self.accounts = structs.empty(AccountRow, num_envs)
        self.finished = structs.empty(AccountRow, num_envs)
        self.fills = structs.empty(FillRow, num_envs)
        self.memory = np.zeros((num_envs, rules.num_memories), dtype=structs.dtype_of(OwnMemory))
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
        self._parameters: dict[str, float] = {}  # what `set_parameter` was given
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
        term), flat_at_end; turnover_ratio (mean per bar of traded value / NAV), penalty (mean per bar, reward units),
        penalty_frequency and pattern_frequency (shares of bars), interventions (decisions that risk rules changed),
        baseline_resets (purgatories left), halted_by (name of the risk layer that ended the day, "" = none) and
        shaped_minus_true: the episode's reward less what its net profit alone comes to, reward units.
        """
        unit = self.rules.reward_scale / BPS
        parts = self.parts[FINISHED, accounts].tolist()
        rows = [dict(zip(SUMMARY, row, strict=True)) for row in self._summary[accounts].tolist()]
        return [
            {
                "episode": {"r": row["episode_reward"], "l": row["steps"]},
                "symbol": self.tape.symbols[row["symbol"]],
                "session": self._dates[row["last_bar"]],
                "session_return": row["nav"] / row["start_nav"] - 1.0,
                "max_drawdown": row["max_drawdown"],
                "turnover": row["traded_notional"] / row["start_nav"],
                "round_trips": row["round_trips"],
                "in_market_bars": row["in_market_bars"],
                "episode_reward_parts": dict(zip(self.term_names, sums, strict=True)),
                "flat_at_end": row["position"] == 0.0,
                "turnover_ratio": row["turnover_sum"] / row["steps"],
                "penalty": row["penalty"] / row["steps"],
                "penalty_frequency": row["penalty_bars"] / row["steps"],
                "pattern_frequency": row["pattern_bars"] / row["steps"],
                "interventions": row["interventions"],
                "baseline_resets": row["baseline_resets"],
                "halted_by": self._rule_names[row["closing_rule"]] if row["closing"] == HALT else "",
                "shaped_minus_true": row["episode_reward"] - unit * (row["nav"] / row["start_nav"] - 1.0),
            }
            for row, sums in zip(rows, parts, strict=True)
        ]

    @property
    def replaced(self) -> int:
        """How many rewards and first observations that were not finite became 0, over all accounts, since the start."""
        return int(self.accounts["replaced"].sum())

    def patterns(self) -> list[str]:
        """Return the pattern of each account's last decision: "loop", "spiral" or "", (N,)."""
        return [PATTERNS[code] for code in self.accounts["pattern"].tolist()]

    def set_progress(self, progress: float) -> None:
        """Tell reward terms how far the training is, 0 to 1; takes effect with the next bar."""
        self._rules["unit"]["progress"] = progress

    def set_parameter(self, key: str, value: float) -> None:
        """Change one parameter of a reward term or risk rule, for all symbols, from the next bar on; compiles nothing.

        Args:
            key: dotted name below `reward` or `risk`, such as `terms.turnover.limit`.
            value: its new value.

        Raises:
            ConfigError: there is no such parameter.
            ParameterError: the value breaks its law.
        """
        self.rules = self.rules.with_parameter(key, value)
        self._parameters[key] = value
        progress = self._rules["unit"]["progress"].copy()
        self._rules[:] = self.rules.pack(self.tape.symbols)
        self._rules["unit"]["progress"] = progress

    def seed(self, seed: int) -> None:
        """Start the streams of episodes and noise anew; takes effect at the next `reset`."""
        self._seed = seed
        self._random: RandomEpisodes | None = RandomEpisodes(
            self.tape, self.sessions, seed, self.num_envs, self.rules.episode_order
        )
        self.accounts["episode"] = EPISODES_AHEAD - 1  # nothing drawn yet
        self._spare = 0
        self.accounts["finished_episodes"] = self.accounts["typical_usd"] = 0
        self._market = (self.tape.rows, self.tape.features, draw_noise(seed))

    def assign(
        self,
        sessions: npt.NDArray[np.int64],
        noise_cursors: npt.NDArray[np.int64],
        noise: npt.NDArray[np.float64] | None = None,
    ) -> None:
        """Give account n the session `sessions[n]`, read at noise cursor `noise_cursors[n]`, for all its episodes.

        Args:
            sessions: indices on the tape, (N,).
            noise_cursors: places in the noise, (N,).
            noise: uniform draws in [0, 1), (M,), M a power of two, which are no part of `state`; None = those of the
                batch's seed.

        Raises:
            ConfigError: there are not as many sessions and cursors as accounts, or a session is not usable.
        """
        if not len(sessions) == len(noise_cursors) == self.num_envs:
            raise ConfigError(f"BatchEnv.assign needs {self.num_envs} sessions and cursors, one an account")
        if len(self.tape.usable(sessions)) != len(sessions):
            raise ConfigError("BatchEnv.assign: a session without a decision cannot be traded; give usable ones")
        self._episodes[:] = episode_rows(self.tape, sessions, noise_cursors)[:, None]
        self._random = None
        if noise is not None:
            self._market = (self.tape.rows, self.tape.features, noise)

    def set_session_weights(self, weights: npt.NDArray[np.float64]) -> None:
        """Draw what each account trades next by these weights, (S,), one for each of `sessions`.

        Raises:
            ConfigError: sessions are not drawn by weight.
            ParameterError: there are not as many weights as sessions, or they are no weights.
        """
        if self._random is None or self.rules.episode_order != "weighted":
            raise ConfigError("BatchEnv.set_session_weights needs env.episode_order=weighted and no assigned sessions")
        self._random.set_weights(weights)
        for n in range(self.num_envs):  # what was drawn ahead is drawn anew; running episodes go on
            self._episodes[n] = self._random.draw(n)

    def reset(self) -> Float32s:
        """Begin the next episode in every account and return the observations, (N, F)."""
        self._refill_used_up()
        self.parts[:] = 0.0
        observations = np.empty((self.num_envs, self.width), dtype=np.float32)
        reset_batch(self.accounts, self._market, self._rules, observations, self._restart)
        self._spare -= 1
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
            self._spare -= 1
            if self._spare <= 0:
                self._refill_used_up()
        return ended

    def state(self) -> dict[str, Any]:
        """Return all that has changed since the batch was made; arrays are its own."""
        return {
            **self._arrays(),
            "seed": self._seed,
            "spare": self._spare,
            "parameters": dict(self._parameters),
            "progress": self._rules["unit"]["progress"],
            "random": None if self._random is None else self._random.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the batch was when it gave that state.

        Raises:
            CheckpointError: the state is of a batch of another kind or size.
        """
        self.seed(state["seed"])
        for key, value in state["parameters"].items():
            self.set_parameter(key, value)
        self._rules["unit"]["progress"] = state["progress"]
        for name, array in self._arrays().items():
            fill(array, state[name], f"BatchEnv.{name}")
        self._spare = state["spare"]
        if self._random is not None and state["random"] is not None:
            self._random.restore(state["random"])
        else:
            self._random = None

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that steps change, by name; rewards and ends are columns of the accounts."""
        return {
            "accounts": self.accounts,
            "finished": self.finished,
            "fills": self.fills,
            "memory": self.memory,
            "parts": self.parts,
            "shown": self._restart[-1],
            "actions": self.actions,
            "episodes": self._episodes,
        }

    def _refill_used_up(self) -> None:
        used_up = np.flatnonzero(self.accounts["episode"] >= EPISODES_AHEAD - 1)
        self.accounts["episode"][used_up] = -1
        if self._random is not None:
            for n in used_up:
                self._episodes[n] = self._random.draw(int(n))
        # steps with an end that leave every account an episode to come: an account ends at most one in a step
        self._spare = EPISODES_AHEAD - 1 - int(self.accounts["episode"].max())
