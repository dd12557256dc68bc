"""What an agent may see of its account beyond the first six features, along a session worked out by hand.

The session of `test_discrete_target`: fills, NAV and value traded are in its table. The slippage budget is 2 bps.

row   mid     fill            slippage, bps                  NAV      bars below 50,017
 1   100.30   +100 at 100.12  0.12 / 100.00 = 12.00000       50,017   0
 2   100.20                                                  50,007   1
 3   100.50   -200 at 100.28  -0.08 / 100.20 = -7.98403      49,992   2
 4   100.50   +100 at 100.52  0.02 / 100.50 = 1.99005        49,989   3
 5   100.40   -100 at 100.48  0.02 / 100.50 = 1.99005        49,996   4
 6   100.70   +100 at 100.52  0.12 / 100.40 = 11.95219       49,983   5
"""

import numpy as np
import pytest

from intraday_rl.core.errors import FeatureError
from intraday_rl.env.actions import BUY, HOLD, SELL
from intraday_rl.env.observation import ACCOUNT_FEATURES, ACCOUNT_SPECS, OF_BUDGET
from intraday_rl.env.risk import FlatBeforeClose, RiskPerTrade
from intraday_rl.env.rules import with_budget
from tests.support.full_rules import full_batch
from tests.support.tapes import SIX, make_execution, make_layout, make_rules
from tests.unit.env.sessions import test_discrete_target as worked
from tests.unit.env.sessions.hand_market import hand_execution, hand_tape
from tests.unit.env.sessions.test_orders import thin_execution, thin_tape

EXTRAS = ACCOUNT_FEATURES[6:]
SLIPPAGES = [12.0, 12.0, 2.00798, 2.00201, -1.33464, 5.31076]  # means of up to three fills
TRADED = [10_012, 10_012, 30_068, 40_120, 50_168, 60_220]
MIDS = [100.30, 100.20, 100.50, 100.50, 100.40, 100.70]


def layout(tape, account=EXTRAS, **changes):
    return make_layout(tape.feature_names, account=account, **changes)


def observed(batch, actions):
    """Return what account 0 sees of itself: at the start, and after each action."""
    market = len(batch.rules.layout.market)
    observations = batch.reset()
    seen = [observations[0, market:].copy()]
    for action in actions:
        ended = batch.step(np.array([action]), observations)
        seen.append((batch.final_observations if ended else observations)[0, market:].copy())
    return np.stack(seen)


def column(values, name):
    return values[:, EXTRAS.index(name)]


def test_features_are_described_in_their_order():
    assert EXTRAS == ("spread_to_budget", "slippage_to_budget", "pending", "session_turnover", "drawdown_bars")
    assert all(spec.unit and spec.formula and spec.warm_up == "none" for spec in ACCOUNT_SPECS)


def test_extras_along_the_worked_session():
    tape = hand_tape(worked.VOLUMES)
    seen = observed(full_batch(tape, execution=hand_execution(), layout=layout(tape)), worked.ACTIONS)
    np.testing.assert_array_equal(seen[0], [1.0, 0.0, 0.0, 0.0, 0.0])  # 0.02 / 100 = 2 bps, the budget
    np.testing.assert_allclose(column(seen, "spread_to_budget")[1:], [100.0 / mid for mid in MIDS], rtol=1e-6)
    np.testing.assert_allclose(column(seen, "slippage_to_budget")[1:], np.array(SLIPPAGES) / 2.0, rtol=5e-6)
    np.testing.assert_array_equal(column(seen, "pending"), np.zeros(7))
    np.testing.assert_allclose(column(seen, "session_turnover")[1:], np.array(TRADED) / 50_000.0, rtol=1e-6)
    np.testing.assert_allclose(column(seen, "drawdown_bars")[1:], np.arange(6) / 60.0, rtol=1e-6)


def test_next_session_begins_without_memory():
    tape = hand_tape(worked.VOLUMES)
    batch = full_batch(tape, execution=hand_execution(), layout=layout(tape))
    first = observed(batch, worked.ACTIONS)
    np.testing.assert_array_equal(observed(batch, worked.ACTIONS), first)


def test_drawdown_bars_end_at_a_new_high():
    tape = thin_tape(close=[100.0, 100.0, 99.0, 99.5, 100.0, 101.0, 100.5], volume=[10_000.0] * 14)
    seen = observed(full_batch(tape, execution=make_execution(), layout=layout(tape)), [BUY] * 6)
    # 100 units bought at 100: NAV stands, falls, is below, is back at the high, makes a new one, falls.
    np.testing.assert_allclose(60.0 * column(seen, "drawdown_bars"), [0, 0, 1, 2, 0, 0, 1], rtol=1e-6)


def test_quoted_spread_is_the_one_that_a_fill_would_pay():
    tape = thin_tape(quoted_spread=[0.04, np.nan])
    batch = full_batch(tape, execution=hand_execution(), layout=layout(tape))
    # 0.04 / 100 = 4 bps quoted, then 2 bps modelled.
    np.testing.assert_allclose(column(observed(batch, [HOLD]), "spread_to_budget"), [2.0, 1.0], rtol=1e-6)


def pending(actions, carried=2, tape=None, **changes):
    """Return pending after each action; a bar takes 30 units of 100."""
    tape = thin_tape() if tape is None else tape
    batch = full_batch(tape, execution=thin_execution(carried), layout=layout(tape, ("pending",)), **changes)
    return pytest.approx(observed(batch, actions)[1:, 0].tolist(), abs=1e-6)


def test_pending_is_what_the_next_bar_may_still_fill():
    # 30, 60, 90 are held; the last 10 are cancelled: they were carried twice.
    assert pending([BUY] * 5) == [0.7, 0.4, 0.0, 0.0, 0.0]
    assert pending([BUY] * 3, carried=1) == [0.7, 0.0, 0.0]
    assert pending([BUY] * 3, carried=0) == [0.0, 0.0, 0.0]


def test_pending_is_signed_and_a_reversal_may_be_twice_the_size():
    # 30 long, then 130 to sell: 0, -30 and -60 are held.
    assert pending([BUY, SELL, SELL, SELL]) == [0.7, -1.0, -0.7, 0.0]
    tape = thin_tape(volume=[1_000.0, 1_000.0, 0.0, 300.0])
    assert pending([BUY, SELL, SELL], tape=tape) == [0.0, -2.0, -1.7]


def test_pending_stays_within_two_sizes_when_the_size_shrinks():
    # 0.2 % of 50,000 USD at risk allow 99 units at an ATR of 1.00 and none at 200.
    tape = thin_tape(atr=[1.0, 200.0, 200.0])
    limits = {"risk_per_trade": RiskPerTrade(nav_fraction=0.002, round_trip_cost=0.01)}
    assert pending([BUY], tape=tape, limits=limits) == [2.0]


def test_exit_that_finds_no_trade_is_pending_until_it_is_done():
    # Fourteen bars, flat ten minutes before the close: decided at row 2; nothing trades in rows 3 and 4.
    tape = thin_tape(traded=[1, 1, 1, 0, 0, 1])
    exits = {"session_close": FlatBeforeClose(minutes=10)}
    assert pending([BUY] * 5, carried=0, tape=tape, exits=exits) == [0.0, 0.0, -0.3, -0.3, 0.0]


@pytest.mark.parametrize("name", OF_BUDGET)
@pytest.mark.parametrize("budget", [float("nan"), 0.0, -1.0, float("inf")])
def test_batch_refuses_a_feature_without_its_budget(name, budget):
    tape = thin_tape()
    with pytest.raises(FeatureError, match=rf"slippage_budget_bps must be > 0 \(bps\) where {name} is observed, was"):
        full_batch(tape, layout=layout(tape, ("position", name), slippage_budget_bps=budget))


def test_batch_needs_no_budget_where_nothing_is_measured_in_it():
    tape = thin_tape()
    others = (*SIX, "pending", "session_turnover", "drawdown_bars")
    full_batch(tape, layout=layout(tape, others, slippage_budget_bps=float("nan"))).reset()


def test_budget_is_the_unit():
    tape = hand_tape(worked.VOLUMES)
    unknown = make_rules(tape, layout=layout(tape, slippage_budget_bps=float("nan")))
    seen = [
        observed(full_batch(tape, execution=hand_execution(), layout=with_budget(unknown, budget).layout), [BUY, SELL])
        for budget in (1.0, 4.0)
    ]
    np.testing.assert_allclose(seen[0][:, :2], 4.0 * seen[1][:, :2], rtol=1e-6)
    np.testing.assert_array_equal(seen[0][:, 2:], seen[1][:, 2:])
