"""No look-ahead, end to end: what comes after row t changes no bit of what was seen, done and filled up to t.

From bars to fills with the default configuration and a fixed random network that reads all 47 columns. Bars after t
become NaN, wild noise, or another day's; features, observations, actions, orders, fills and accounts up to t have to
stay the same to the last bit. The comparison is first shown to find leaks that are planted.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from intraday_rl.agents.policies.networks import as_policy, build_policy
from intraday_rl.agents.policies.scaler import ObservationScaler
from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.core.protocols import Policy
from intraday_rl.data import Bars
from tests.support.lookahead import FUTURES, Trace, differences, run_through
from tests.support.real_data import data_folder

SAMPLES = 8  # fills to look at, beside the edges of sessions


@dataclass(frozen=True)
class Undaunted:
    """A policy whose answer to what is not a number is 0: a future of NaN has to be lived through here."""

    policy: Policy

    def predict(self, observation: np.ndarray, state: Any = None, episode_start: Any = None) -> tuple[np.ndarray, Any]:
        actions, state = self.policy.predict(observation, state, episode_start)
        return np.nan_to_num(actions), state


@dataclass
class Market:
    """Bars, what to run them through, and the run on what really happened, once for each last session."""

    bars: Bars
    plan: Any
    policy: Undaunted
    traces: dict[int, Trace]

    def sessions_to(self, t: int) -> np.ndarray:
        """Return the sessions in which something was decided at or before t; the first session is warm-up."""
        first_row = self.trace(len(self.bars.sessions) - 1).tape.first_row
        return np.flatnonzero((first_row >= 0) & (first_row <= t))

    def trace(self, last_session: int) -> Trace:
        """Return the run through the sessions up to this one: the same number as in the run it is held against."""
        if last_session not in self.traces:
            sessions = np.arange(1, last_session + 1)
            self.traces[last_session] = run_through(self.bars, self.plan, self.policy, sessions)
        return self.traces[last_session]

    def differences(self, t: int, future: str, leak: Any = None) -> set[str]:
        """Return what an other future changes at or before t."""
        sessions = self.sessions_to(t)
        base = self.trace(int(sessions[-1]))
        if leak is not None:
            base = run_through(self.bars, self.plan, self.policy, sessions, leak)
        other = run_through(FUTURES[future](self.bars, t), self.plan, self.policy, sessions, leak)
        return differences(base, other, t)

    def fill_rows(self) -> np.ndarray:
        """Return the tape rows in which something was filled."""
        recording = self.trace(len(self.bars.sessions) - 1).recording
        step, n = np.nonzero(recording.fills["quantity"])
        return np.unique(recording.first_bar[n] + step + 1)

    def sampled_rows(self) -> list[int]:
        """Return rows with fills and rows before fills, and the edges: last and first rows, and around the exit."""
        rng = np.random.default_rng(0)
        first = self.bars.sessions.first
        edges = [first[2] - 1, first[2], first[3] - 6, first[3] + 40]
        drawn = rng.choice(self.fill_rows(), SAMPLES, replace=False)
        return sorted({int(t) for t in (*edges, *drawn[: SAMPLES // 2], *(drawn[SAMPLES // 2 :] - 1))})


def new_market(*overrides: str) -> Market:
    plan = build_plan(compose(overrides))
    bars = plan.markets[0].source.load()
    market = Market(bars, plan, random_network(plan, bars), {})
    assert len(market.fill_rows()) > 30
    return market


def random_network(plan: Any, bars: Bars) -> Undaunted:
    """Return an untrained network with weights of size 1 on the scaled observation; every column matters to it."""
    table = plan.markets[0].pipeline.compute(bars)
    seen = table.values[table.valid]
    width = len(plan.rules.layout.names)
    assert width == 47
    mean, variance = np.zeros(width), np.ones(width)
    mean[:41], variance[:41] = seen.mean(axis=0), seen.var(axis=0) + 1e-6
    torch.manual_seed(1)
    description = {"network": "ActorCriticPolicy", "hidden_layers": [32, 16]}
    network = build_policy(description, plan.rules.layout.space(), plan.rules.actions.space())
    with torch.no_grad():
        network.action_net.weight.mul_(200.0)
    inputs = torch.ones(1, width, requires_grad=True)
    network.action_net(network.mlp_extractor.forward_actor(inputs)).sum().backward()
    assert (inputs.grad != 0).all()
    return Undaunted(as_policy(network, ObservationScaler(mean, variance, 1e-8, 10.0, 1.0)))


@pytest.fixture(scope="module")
def simulated():
    return new_market("data.source.num_sessions=5", "tracking=none")


@pytest.fixture(scope="module")
def real():
    """Six sessions of SPY around the half-day of 2024-07-03, sizes as fractions."""
    return new_market(
        "data=historical",
        f"data.path={data_folder() / 'bars-1m' / 'spy-2024'}",
        "data.symbols=[SPY]",
        "data.start=2024-06-27",
        "data.end=2024-07-05",
        "env/actions=continuous",
        "tracking=none",
    )


@pytest.fixture(scope="module")
def ruled():
    """Every rule of a day trader, sizing, layers and penalties; orders that take up to a minute and a half."""
    return new_market(
        "data.source.num_sessions=5",
        "risk=phase5",
        "risk.layers.daily_drawdown=0.002",
        "risk.layers.breach_bars=20",
        "+risk.entries.inverse={_target_: intraday_rl.env.risk.InverseVolatility, least_units: 50, most_units: 300}",
        "reward=fast_recovery",
        "market.execution.latency.high_ms=90000",
        "tracking=none",
    )


# --- the comparison finds planted leaks -----------------------------------------------------------------------------


def shifted(array: np.ndarray) -> np.ndarray:
    """Return the array one row early: row t holds what belongs to t + 1."""
    return np.concatenate([array[1:], array[-1:]])


def features_one_bar_early(table, tape):
    return leaky(table, tape, shifted(table.values))


def one_feature_one_bar_early(table, tape):
    values = table.values.copy()
    values[:, 17] = shifted(values[:, 17])
    return leaky(table, tape, values)


def features_scaled_by_the_whole_record(table, tape):
    return leaky(table, tape, table.values - np.nan_to_num(table.values).mean(axis=0))


def leaky(table, tape, values):
    values = np.ascontiguousarray(values.astype(np.float32))
    return replace(table, values=values), replace(tape, features=values)


def with_column(tape, name, values):
    rows = tape.rows.copy()
    rows[name] = values
    return replace(tape, rows=rows)


def fills_at_the_next_close(table, tape):
    """Row t + 1's close in the place of row t's traded price: the fill in row t knows it."""
    close = shifted(tape.rows["close"])
    for name in ("open", "vwap", "low", "high"):
        tape = with_column(tape, name, close)
    return table, tape


def sizes_by_the_next_bars_range(table, tape):
    return table, with_column(tape, "atr", shifted(tape.rows["atr"]))


def impact_by_the_next_bars_volatility(table, tape):
    return table, with_column(tape, "volatility", shifted(tape.rows["volatility"]))


LEAKS = {
    features_one_bar_early: {"features", "observations", "actions", "orders"},
    one_feature_one_bar_early: {"features", "observations"},
    features_scaled_by_the_whole_record: {"features", "observations"},
    fills_at_the_next_close: {"fills", "cash"},
    sizes_by_the_next_bars_range: {"tape.atr", "orders"},
    impact_by_the_next_bars_volatility: {"tape.volatility"},
}


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_lookahead_comparison_finds_a_planted_leak(simulated, leak):
    found = set()
    for t in simulated.fill_rows()[[10, 25, 40]]:  # a fill, and the decision before it
        found |= simulated.differences(int(t), "noise", leak) | simulated.differences(int(t) - 1, "noise", leak)
    assert LEAKS[leak] <= found


@pytest.mark.parametrize("future", FUTURES)
def test_lookahead_comparison_sees_the_changed_future(simulated, future):
    """The futures are others: held against each other past t, the runs differ."""
    t = int(simulated.fill_rows()[20])
    sessions = simulated.sessions_to(t)
    other = run_through(FUTURES[future](simulated.bars, t), simulated.plan, simulated.policy, sessions)
    assert {"features", "observations", "fills", "nav"} <= differences(
        simulated.trace(int(sessions[-1])), other, t + 60
    )


# --- and there are none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("future", FUTURES)
def test_nothing_up_to_t_depends_on_later_bars_of_the_simulated_market(simulated, future):
    for t in simulated.sampled_rows():
        assert simulated.differences(t, future) == set(), t


@pytest.mark.parametrize("future", FUTURES)
def test_nothing_up_to_t_depends_on_later_bars_of_real_sessions(real, future):
    for t in real.sampled_rows():
        assert real.differences(t, future) == set(), t


@pytest.mark.slow
@pytest.mark.parametrize("future", FUTURES)
def test_nothing_up_to_t_depends_on_later_bars_under_every_rule(ruled, future):
    recording = ruled.trace(len(ruled.bars.sessions) - 1).recording
    assert len(np.unique(recording.rule)) > 3  # several rules have had their say
    for t in ruled.sampled_rows():
        assert ruled.differences(t, future) == set(), t


@pytest.mark.slow
@pytest.mark.parametrize("market", ["simulated", "real", "ruled"])
def test_nothing_up_to_t_depends_on_later_bars_at_any_minute_of_a_session(request, market):
    """Every row of one whole session, one future after the other."""
    chosen = request.getfixturevalue(market)
    first = chosen.bars.sessions.first
    for t in range(int(first[3]), int(first[4])):
        future = list(FUTURES)[t % len(FUTURES)]
        assert chosen.differences(t, future) == set(), (t, future)
