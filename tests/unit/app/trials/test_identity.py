"""When two sessions, two cost models and two policies are the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.app.market_data import MarketData
from intraday_rl.app.trials.identity import costs_digest, model_digest, rules_digest, session_names
from intraday_rl.data.sources import HistoricalFiles, SimulatedMarket
from intraday_rl.env.actions import DiscreteStep
from intraday_rl.market.rows import Stress
from intraday_rl.market.tape import Tape, join_tapes
from tests.support.bundles import FEATURES, example_snapshot, save_example
from tests.support.tapes import random_tape
from tests.support.training import noisy_rules

CONFIG = {"env": {"initial_capital_usd": 50_000.0, "episode_order": "random"}, "risk": {"limits": {"a": 1}}}
ALL = np.arange(3)


def data_of(*kinds: type, tape: Tape | None = None, **rules: Any) -> MarketData:
    """Return data whose symbols, those of the tape, come from sources of these kinds; no value of these is asked."""
    tape = tape or random_tape(num_sessions=3, minutes=5, num_features=3)
    sources = [SimpleNamespace(source=object.__new__(kind)) for kind in kinds]
    plan = SimpleNamespace(markets=sources, rules=noisy_rules(tape, **rules))
    symbols = tuple(SimpleNamespace(bars=SimpleNamespace(symbol=name)) for name in tape.symbols)
    frozen = SimpleNamespace(slippage_budget_bps=1.0)
    return MarketData(plan, symbols, None, tape, frozen, FEATURES)  # type: ignore[arg-type]


def revalued(tape: Tape) -> Tape:
    """Return the tape with other volumes in its last session."""
    rows = tape.rows.copy()
    rows["volume"][tape.session_starts[-1]] += 1.0
    return replace(tape, rows=rows)


def test_session_of_a_real_market_is_symbol_and_day():
    tape = random_tape(num_sessions=3, minutes=5, num_features=3)
    names = session_names(data_of(HistoricalFiles, tape=tape), ALL)
    assert names == tuple(f"{tape.symbols[0]} {day}" for day in tape.dates.astype(str))
    assert session_names(data_of(HistoricalFiles, tape=revalued(tape)), ALL) == names  # another vendor's volumes
    assert session_names(data_of(HistoricalFiles, tape=tape), ALL[1:]) == names[1:]


def test_session_of_a_simulated_market_is_its_bars_too():
    tape = random_tape(num_sessions=3, minutes=5, num_features=3)
    names, others = (session_names(data_of(SimulatedMarket, tape=each), ALL) for each in (tape, revalued(tape)))
    assert names[:2] == others[:2]
    assert names[2] != others[2]
    assert len(set(names)) == 3
    assert not set(names) & set(session_names(data_of(HistoricalFiles, tape=tape), ALL))


def test_session_in_which_nothing_can_be_decided_is_not_judged():
    tape = random_tape(num_sessions=3, minutes=5, num_features=3)
    tape = replace(tape, first_row=np.where(ALL == 0, -1, tape.first_row))
    assert len(session_names(data_of(HistoricalFiles, tape=tape), ALL)) == 2


def test_sessions_of_two_symbols_on_one_day_are_two():
    tape = random_tape(num_sessions=3, minutes=5, num_features=3)
    both = join_tapes([replace(tape, symbols=(name,)) for name in ("QQQ", "SPY")])
    names = session_names(data_of(HistoricalFiles, SimulatedMarket, tape=both), np.arange(6))
    assert len(set(names)) == 6
    real = [name for name in names if len(name.split()) == 2]
    assert [name.split()[0] for name in real] == ["QQQ"] * 3


def test_costs_under_stress_are_others():
    data = data_of(SimulatedMarket)
    same = Stress(**dict.fromkeys(Stress._fields, 1.0))
    own, unchanged = costs_digest(data), costs_digest(replaced(data, same))
    assert own == unchanged
    for name in Stress._fields:
        assert costs_digest(replaced(data, same._replace(**{name: 2.0}))) != own, name


def replaced(data: MarketData, stress: Stress) -> MarketData:
    """Return the data with an execution under stress."""
    rules = replace(data.plan.rules, execution=data.plan.rules.execution.stressed(stress))
    return replace(data, plan=SimpleNamespace(**{**vars(data.plan), "rules": rules}))  # type: ignore[arg-type]


def test_rules_are_what_is_seen_and_what_may_be_done():
    data = data_of(SimulatedMarket)
    own = rules_digest(data, CONFIG)
    assert own == rules_digest(data, {**CONFIG, "env": {**CONFIG["env"], "episode_order": "weighted"}})
    assert own != rules_digest(data, {**CONFIG, "env": {**CONFIG["env"], "initial_capital_usd": 1e6}})
    assert own != rules_digest(data, {**CONFIG, "risk": {"limits": {"a": 2}}})
    assert own != rules_digest(data_of(SimulatedMarket, actions=DiscreteStep()), CONFIG)
    assert own != rules_digest(replace(data, features={**FEATURES, "base_spread": 0.02}), CONFIG)


@pytest.mark.parametrize("scaled", [True, False])
def test_model_is_the_same_in_training_and_in_its_bundle(tmp_path: Path, scaled: bool):
    taken = save_example(tmp_path / "bundle", scaled=scaled)
    digest = model_digest(taken.live_policy, "rules")
    assert model_digest(load_bundle(tmp_path / "bundle").policy, "rules") == digest
    assert model_digest(taken.live_policy, "other rules") != digest


def test_models_that_differ_in_a_weight_or_in_their_scaler_are_two():
    taken = example_snapshot(noisy_rules(random_tape(num_sessions=2, minutes=5, num_features=3)))
    policy, digests = taken.live_policy, set()
    digests.add(model_digest(policy, "rules"))
    policy.scaler.mean[0] += 1e-12
    digests.add(model_digest(policy, "rules"))
    policy.scaler = None
    digests.add(model_digest(policy, "rules"))
    tensor = policy.network.state_dict()["action_net.bias"]
    tensor[0] += 1e-3
    digests.add(model_digest(policy, "rules"))
    assert len(digests) == 4
