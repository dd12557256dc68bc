"""Laws of risk rules on random markets, with random rules and orders: they only ever shrink, and never block an exit.

Latency is below a minute, so that nothing is under way when a decision is made.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.env.risk import (
    Cooldown,
    FlatBeforeClose,
    HoldingLimit,
    HourlyTurnover,
    InverseVolatility,
    KellyFraction,
    MarketTimeLimit,
    MaxNotional,
    MaxRoundTrips,
    TradeStop,
    VolatilityBudget,
)
from intraday_rl.env.risk.layers import OFF
from tests.property.test_accounting import draw_actions, executions, maps, noisy_batch, play, seeds
from tests.support.exact import assert_same_bits

EXAMPLES = settings(max_examples=5 if JIT_DISABLED else 25, deadline=None)  # plain Python is a hundred times slower
STEPS = 60

rules = st.fixed_dictionaries(
    {
        "limits": st.fixed_dictionaries({"notional": st.builds(MaxNotional, nav_multiple=st.floats(0.01, 0.2))}),
        "entries": st.fixed_dictionaries(
            {
                "cooldown": st.builds(Cooldown, bars=st.integers(0, 12)),
                "round_trips": st.builds(MaxRoundTrips, round_trips=st.integers(1, 6)),
                "hourly_turnover": st.builds(HourlyTurnover, nav_multiple=st.floats(0.1, 3.0)),
                "volatility_budget": st.builds(VolatilityBudget, annual_volatility=st.floats(0.01, 0.1)),
                "inverse_volatility": st.just(InverseVolatility(least_units=10, most_units=150)),
                "kelly": st.builds(
                    KellyFraction,
                    max_fraction=st.floats(0.1, 1.0),
                    equity_scaling=st.floats(0.5, 2.0),
                    min_bars=st.integers(30, 40),
                ),
            }
        ),
        "exits": st.fixed_dictionaries(
            {
                "session_close": st.builds(FlatBeforeClose, minutes=st.integers(1, 8)),
                "stop": st.builds(TradeStop, atr_multiple=st.floats(0.5, 9.0)),
                "holding": st.builds(HoldingLimit, minutes=st.integers(1, 20)),
                "market_time": st.builds(MarketTimeLimit, minutes=st.integers(3, 30)),
            }
        ),
        "layers": st.builds(
            OFF._replace,
            soft_drawdown=st.just(1e-4),
            recovery=st.floats(1e-5, 1e-3),
            hard_drawdown=st.floats(2e-4, 1e-2),
            terminate_on_hard=st.booleans(),
            daily_loss=st.floats(1e-4, 1e-2),
        ),
    }
)


def traded(seed, name, execution, given_rules):
    batch = noisy_batch(seed, name, execution=execution, **given_rules)
    return batch, play(batch, draw_actions(batch, STEPS, seed))


@EXAMPLES
@given(seed=seeds, name=maps, execution=executions, given_rules=rules)
def test_exit_is_never_blocked(seed, name, execution, given_rules):
    """What the agent asks to reduce is ordered in full, unless a rule asks for more, or its order waited too long."""
    _, ledger = traded(seed, name, execution, given_rules)
    held, wanted, now = ledger.before["position"], ledger.after["wanted"], ledger.after
    reduces = (held != 0.0) & (wanted * held >= 0.0) & (np.abs(wanted) <= np.abs(held))
    given_up = now["carried"] > execution.fill.max_carried_bars
    free = reduces & (now["closing"] == 0) & ~given_up
    np.testing.assert_array_equal(now["target"][free], wanted[free])
    np.testing.assert_array_equal(ledger.fill["ordered"][free], (wanted - held)[free])
    np.testing.assert_array_equal(now["target"][now["closing"] > 0], 0.0)
    assert np.all(now["rule"][free] == 0)


@EXAMPLES
@given(seed=seeds, name=maps, execution=executions, given_rules=rules)
def test_rules_only_ever_shrink(seed, name, execution, given_rules):
    """A target lies between nothing and what was asked for, or is what is held; a fill goes towards it, never past."""
    _, ledger = traded(seed, name, execution, given_rules)
    held, now, target, wanted = (
        ledger.before["position"], ledger.after["position"], ledger.after["target"], ledger.after["wanted"]
    )  # fmt: skip
    smaller = (target * wanted >= 0.0) & (np.abs(target) <= np.abs(wanted))
    assert np.all(smaller | (target == held))
    assert np.all((now - held) * (target - held) >= 0.0)
    assert np.all(np.abs(now - held) <= np.abs(target - held))
    turned = (now != 0.0) & (now * held <= 0.0)
    assert np.all((now * wanted > 0.0)[turned])
    assert np.all(np.abs(now)[turned] <= np.abs(wanted)[turned])


@EXAMPLES
@given(seed=seeds, name=maps, execution=executions, given_rules=rules)
def test_position_only_falls_while_closing_and_a_session_that_is_over_stays_over(seed, name, execution, given_rules):
    _, ledger = traded(seed, name, execution, given_rules)
    held, now, closing = ledger.before["position"], ledger.after["position"], ledger.after["closing"] > 0
    assert np.all((np.abs(now) <= np.abs(held)) | ~closing)
    assert np.all((now * held >= 0.0) | ~closing)
    goes_on = ~ledger.ended[:-1] & (ledger.after["closing"][:-1] > 1)
    assert np.all((ledger.after["closing"][1:] >= ledger.after["closing"][:-1])[goes_on])


@EXAMPLES
@given(seed=seeds, name=maps, execution=executions, given_rules=rules)
def test_every_intervention_of_a_session_names_its_rule(seed, name, execution, given_rules):
    batch, ledger = traded(seed, name, execution, given_rules)
    grown = ledger.after["interventions"] - ledger.before["interventions"]
    np.testing.assert_array_equal(grown, ledger.after["rule"] > 0)
    assert ledger.after["rule"].max() < len(batch.rules.risk.rule_names)


@EXAMPLES
@given(seed=seeds, name=maps, execution=executions, given_rules=rules)
def test_session_under_rules_does_not_depend_on_the_others(seed, name, execution, given_rules):
    """Each session traded alone gives the account that it gives beside others, bit for bit."""
    sessions, cursors = np.array([2, 0, 1]), np.array([7, 11, 13])
    actions = draw_actions(noisy_batch(seed, name, 3, execution=execution, **given_rules), 24, seed)
    together = noisy_batch(seed, name, 3, execution=execution, **given_rules)
    together.assign(sessions, cursors)
    expected = play(together, actions)
    for n in range(3):
        alone = noisy_batch(seed, name, 1, execution=execution, **given_rules)
        alone.assign(sessions[n : n + 1], cursors[n : n + 1])
        ledger = play(alone, actions[:, n : n + 1])
        assert_same_bits(ledger.after[:, 0], expected.after[:, n])
        assert_same_bits(ledger.fill[:, 0], expected.fill[:, n])
