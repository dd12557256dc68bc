"""The modelled spread of every minute, by hand, and as the observation has it."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.agents.experts.spreads import modelled_spread_bps
from intraday_rl.market.spreads import WideningSpread
from intraday_rl.market.tape import join_tapes
from tests.support.tapes import make_execution, make_rules, make_tape, of_symbol

WIDENING = WideningSpread(base_spread=0.2, widest=5.0, multiple=1.0)


def test_spread_is_that_of_an_order_decided_and_filled_in_the_bar():
    bars = [
        {"close": 100.0, "widening": 2.5},  # 0.5
        {"close": 100.0, "widening": 9.0},  # 1.0: five times at most
        {"close": 100.0, "quoted_spread": 0.03, "widening": 2.0},
        {"close": 100.0, "mid": 50.0},  # 0.2 of 50
    ]
    tape = make_tape([bars])
    rules = make_rules(tape, execution=make_execution(spread=WIDENING))
    assert modelled_spread_bps(tape, rules) == pytest.approx([50.0, 100.0, 3.0, 40.0], rel=1e-12)


def test_each_symbol_has_its_own_spread():
    sessions = [[{"close": 100.0}] * 2, [{"close": 100.0}] * 3]
    tape = join_tapes([of_symbol(make_tape(sessions), name) for name in ("A", "B")])
    rules = make_rules(tape, execution=make_execution(spread=WIDENING))
    rules = replace(rules, executions={"B": make_execution(spread=WIDENING._replace(base_spread=0.4))})
    expected = [20.0] * 2 + [40.0] * 2 + [20.0] * 3 + [40.0] * 3  # by day, then in the order of the symbols
    np.testing.assert_allclose(modelled_spread_bps(tape, rules), expected, rtol=1e-12)
