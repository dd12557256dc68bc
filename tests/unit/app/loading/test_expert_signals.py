"""What an expert reads: the raw features by tape row, whatever the agent's preset shows."""

from types import SimpleNamespace

import numpy as np
import pytest

from intraday_rl.agents.experts import Threshold
from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.app.loading.expert_signals import expert_signals
from intraday_rl.app.market_data import load_market_data
from intraday_rl.core.errors import FeatureError
from intraday_rl.features import compute_features
from intraday_rl.market.tape import join_tapes
from tests.support.tapes import make_tape, of_symbol

SMALL = ("data.source.num_sessions=20", "tracking=none")


def simulated(*overrides):
    return load_market_data(build_plan(compose([*SMALL, *overrides])))


def table(values):
    return SimpleNamespace(names=("other", "x"), values=np.stack([np.zeros(len(values)), values], axis=1))


def test_rows_of_several_symbols_are_told_apart():
    tapes = [of_symbol(make_tape([[{"close": 1.0}] * n for n in lengths]), name)
             for name, lengths in (("A", (2, 1)), ("B", (1, 2)))]  # fmt: skip
    symbols = [SimpleNamespace(table=table(np.array(values))) for values in ([1.0, 2.0, 3.0], [10.0, np.nan, 30.0])]
    plan = SimpleNamespace(markets=(None, None))
    data = SimpleNamespace(tape=join_tapes(tapes), symbols=symbols, plan=plan)
    signals = expert_signals(Threshold("x", 1.0, 0.0), data)
    assert list(signals) == ["x"]
    np.testing.assert_array_equal(signals["x"], [1.0, 2.0, 10.0, 3.0, np.nan, 30.0])  # by day: A A B, A B B


def test_signals_do_not_depend_on_the_preset():
    shown, hidden = simulated(), simulated("features=known_state")
    expert = shown.plan.expert
    assert not set(expert.signals) & set(hidden.tape.feature_names)
    expected = compute_features(shown.symbols[0].bars, "full47")
    for data in (shown, hidden):
        signals = expert_signals(expert, data)
        assert list(signals) == ["vwap_dev", "rsi14"]
        for name, values in signals.items():
            np.testing.assert_array_equal(values, expected[name].to_numpy())


def test_unknown_feature_is_refused():
    with pytest.raises(FeatureError, match="unknown feature 'vwap_def'"):
        expert_signals(Threshold("vwap_def", 1.0, 0.0), simulated())
