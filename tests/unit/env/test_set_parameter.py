"""Parameters changed while episodes run: from the next bar on, for all symbols, checked, and without compiling."""

import numpy as np
import pytest

from intraday_rl.core.errors import ConfigError, IntradayError, ParameterError
from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.env.actions import BUY, HOLD, SELL
from intraday_rl.env.rewards import Profit
from intraday_rl.env.risk import MaxUnits
from intraday_rl.env.risk.layers import OFF
from intraday_rl.env.step_kernel import step_batch
from intraday_rl.market.tape import join_tapes
from tests.support.exact import bits
from tests.support.full_rules import EXITS, full_batch
from tests.support.tapes import make_tape, of_symbol


def flat(num_bars=12):
    return make_tape([[{"close": 100.0} for _ in range(num_bars)]])


def run(batch, script):
    """Play actions of account 0 and, between them, changes (key, value); return the account after each action."""
    observations, seen = batch.reset(), []
    for item in script:
        if isinstance(item, tuple):
            batch.set_parameter(*item)
        else:
            batch.step(np.full(batch.num_envs, item), observations)
            seen.append(batch.accounts[0].copy())
    return seen


def test_weight_of_a_term_counts_from_the_next_bar_on():
    # 100 units are 10,000 USD: the excess is 0.18, the cost 0.0025 (0.18 - 0.01) of 50,000 = 21.25 USD, 4.25 bp.
    script = [BUY, ("terms.turnover.weight", 5e-5), HOLD, BUY, ("terms.turnover.weight", 1e-4), HOLD]
    rewards = [account["reward"] for account in run(full_batch(flat()), script)]
    assert rewards == pytest.approx([0.0, -4.25, -4.25, -8.5], rel=1e-9)


def test_limit_counts_for_the_size_that_the_next_close_allows():
    script = [BUY, HOLD, ("limits.units.units", 40), BUY, HOLD, BUY]
    seen = run(full_batch(flat()), script)
    assert [account["size"] for account in seen] == [100, 100, 40, 40, 40]
    assert [account["position"] for account in seen] == [100, 0, 100, 0, 40]  # 100 were allowed at that decision


def test_exits_and_layers_count_from_the_next_decision_on():
    seen = run(full_batch(flat()), [BUY, BUY, ("exits.holding.minutes", 3), BUY, BUY])
    assert [account["position"] for account in seen] == [100, 100, 100, 0]
    tape = make_tape([[{"close": close} for close in (100.0, 100.0, *[98.0] * 10)]])
    seen = run(full_batch(tape), [BUY, BUY, BUY, ("layers.daily_loss", 0.004), BUY])
    assert [account["position"] for account in seen[:3]] == [100, 100, 100]
    assert seen[3]["steps"] == 0  # the day was over: the next episode has begun


def test_parameter_is_changed_for_all_symbols():
    tape = join_tapes([of_symbol(flat(), "AAA"), of_symbol(flat(), "BBB")])
    batch = full_batch(tape, 2)
    batch.assign(np.array([0, 1]), np.array([0, 0]))
    observations = batch.reset()
    batch.set_parameter("terms.turnover.weight", 5e-5)
    batch.step(np.full(2, BUY), observations)
    assert batch.accounts["symbol"].tolist() == [0, 1]
    np.testing.assert_allclose(batch.rewards, -4.25, rtol=1e-9)


def test_change_leaves_everything_else_as_it_was():
    batch = full_batch(flat())
    observations = batch.reset()
    batch.set_progress(0.25)
    batch.step(np.array([BUY]), observations)
    accounts, rules = bits(np.array(batch.accounts)), batch._rules.copy()
    batch.set_parameter("terms.profit.weight", 0.5)
    assert bits(np.array(batch.accounts)) == accounts
    assert batch._rules["terms"]["profit"]["weight"].tolist() == [0.5]
    batch.set_parameter("terms.profit.weight", 1.0)
    assert batch._rules.tobytes() == rules.tobytes()
    assert batch._rules["unit"]["progress"].tolist() == [0.25]


@pytest.mark.skipif(JIT_DISABLED, reason="nothing is compiled")
def test_change_compiles_nothing():
    batch = full_batch(flat())
    run(batch, [BUY, SELL])
    entry, signatures = batch._step, list(step_batch.signatures)
    assert signatures
    keys = ("terms.turnover.limit", "limits.units.units", "entries.kelly.max_fraction", "exits.stop.atr_multiple")
    run(batch, [BUY, *[(key, 1) for key in keys], ("layers.daily_loss", 0.5), BUY, SELL])
    assert batch._step is entry
    assert list(step_batch.signatures) == signatures


def test_rules_say_what_holds_now():
    batch = full_batch(flat())
    batch.set_parameter("terms.profit.weight", 2)
    batch.set_parameter("limits.units.units", 7.0)
    batch.set_parameter("layers.daily_loss", 0.01)
    batch.set_parameter("exits.session_close.minutes", 3)
    assert batch.rules.terms["profit"] == Profit(2.0)
    assert batch.rules.risk.limits["units"] == MaxUnits(7)
    assert batch.rules.risk.layers == OFF._replace(daily_loss=0.01)
    assert batch.rules.risk.exits["session_close"]._replace(minutes=1) == EXITS["session_close"]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("terms.turnove.limit", r"names no parameter .* \(did you mean terms\.turnover\.limit\?\)"),
        ("terms.turnover.limt", r"TurnoverPenalty has no parameter limt \(did you mean limit\?\)"),
        ("terms.turnover", "names no parameter"),
        ("terms", "names no parameter"),
        ("", "names no parameter"),
        ("reward.terms.turnover.limit", r"names no parameter .* \(did you mean terms\.turnover\.limit\?\)"),
        ("layers.daily_los", r"RiskLayers has no parameter daily_los \(did you mean daily_loss\?\)"),
        ("execution.spread.multiple", "names no parameter"),
    ],
)
def test_unknown_parameters_are_refused(key, message):
    refused(key, 1.0, ConfigError, rf"^{key}.*{message}")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("terms.turnover.limit", -0.02, r"TurnoverPenalty\.limit must be > 0 \(fraction of NAV per bar\), was -0\.02"),
        ("terms.profit.weight", float("nan"), r"Profit\.weight must be >= 0, was nan"),
        ("limits.units.units", 0, r"MaxUnits\.units must be .*, was 0"),
        ("exits.session_close.minutes", 0, r"FlatBeforeClose\.minutes must be .*, was 0"),
        ("layers.daily_loss", 1.5, r"RiskLayers\.daily_loss must be in \(0, 1\] .*, was 1\.5"),
    ],
)
def test_values_that_break_a_law_are_refused(key, value, message):
    refused(key, value, ParameterError, f"^{message}")


def refused(key, value, error, message):
    """Check that a change is refused in one line and leaves the rules as they were."""
    batch = full_batch(flat())
    before, packed = batch.rules, batch._rules.tobytes()
    with pytest.raises(IntradayError, match=message) as caught:
        batch.set_parameter(key, value)
    assert isinstance(caught.value, error)
    assert "\n" not in str(caught.value)
    assert batch.rules is before
    assert batch._rules.tobytes() == packed
