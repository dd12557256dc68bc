"""The risk manager: what is in force, under which names, and which accounts it refuses."""

import pytest

from intraday_rl.core.errors import ConfigError
from intraday_rl.env.actions import BUY, SELL
from intraday_rl.env.risk import (
    Cooldown,
    FlatBeforeClose,
    MaxRoundTrips,
    MaxUnits,
    RiskManager,
    TradeStop,
)
from intraday_rl.env.risk.layers import LAYER_NAMES, OFF
from tests.support.tapes import make_batch
from tests.unit.env.risk.hand_account import column, nav_tape, rules_of
from tests.unit.env.sessions.hand_market import play

CLOSE = FlatBeforeClose(minutes=5)
STOP = 0.0075  # of 1,000 USD: 7.50 USD


def manager(**changes):
    """Return a manager with a rule of each kind, parts replaced."""
    parts = {
        "limits": {"units": MaxUnits(units=100)},
        "entries": {"cooldown": Cooldown(bars=10), "trips": MaxRoundTrips(round_trips=20)},
        "exits": {"close": CLOSE, "stop": TradeStop(atr_multiple=1.0)},
        "layers": OFF._replace(daily_loss=STOP),
        "use_risk_wrapper": True,
    }
    return RiskManager(**(parts | changes))


def test_rules_are_named_in_the_order_of_their_codes():
    assert manager().rule_names == (
        "", "exits.close", "exits.stop", "layers.daily_loss", "layers.hard_drawdown", "layers.daily_drawdown",
        "entries.cooldown", "entries.trips", "layers.hard_drawdown", "limits.base_size",
    )  # fmt: skip


def test_without_the_wrapper_base_size_and_session_close_remain():
    bare = manager(use_risk_wrapper=False)
    active = bare.active()
    assert (active.limits, active.entries, active.exits) == (bare.limits, {}, {"close": CLOSE})
    assert active.layers == OFF
    layers = tuple(f"layers.{name}" for name in LAYER_NAMES)
    assert bare.rule_names == ("", "exits.close", *layers, "layers.hard_drawdown", "limits.base_size")
    assert (manager().cooldown_bars, bare.cooldown_bars) == (10, 0)
    assert manager().active() == manager()


def test_without_the_wrapper_nothing_else_acts():
    # 1,000 of 50,000 USD are lost, the price goes 10 ATR against the entry, and the agent turns during the pause.
    tape = nav_tape([49_500, 49_000, 49_000], spare=6)
    rules = {"entries": {"cooldown": Cooldown(10)}, "layers": OFF._replace(daily_loss=0.01)}
    exits = {"session_close": FlatBeforeClose(minutes=1), "stop": TradeStop(1.0)}
    batch = make_batch(tape, exits=exits, use_risk_wrapper=False, **rules)
    steps = play(batch, [BUY, BUY, SELL, BUY, SELL, BUY, BUY, BUY])
    assert column(steps, "position") == [100, 100, -100, 100, -100, 100, 100, 0]
    assert rules_of(batch, steps) == [""] * 7 + ["exits.session_close"]
    assert [step["ended"] for step in steps] == [0] * 7 + [1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limits": {}}, "risk.limits must name at least one rule, was empty"),
        ({"exits": {}}, "risk.exits must name at least one rule, was empty"),
        ({"exits": {"stop": TradeStop(1.0)}}, "risk.exits must hold a FlatBeforeClose rule: sessions end flat"),
    ],
)
def test_manager_refuses_rules_under_which_a_session_would_not_end_flat(changes, message):
    with pytest.raises(ConfigError) as refused:
        manager(**changes)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("minimum", "capital", "share", "trips"),
    [
        (0.01, 1_000.0, 0.25, 20),  # fractional shares: 0.40 of 7.50 USD
        (1.0, 50_000.0, 0.25, 20),  # 40 of 375
        (0.35, 1_000.0, 0.25, 2),  # 1.40 of 7.50
        (0.046875, 1_000.0, 0.25, 20),  # 1.875 = a quarter of 7.50: the law is "at most"
        (1.0, 1_000.0, None, 20),  # not asked
    ],
)
def test_commission_that_leaves_the_daily_loss_alone_is_accepted(minimum, capital, share, trips):
    risk = manager(entries={"trips": MaxRoundTrips(trips)})
    assert risk.check_commission(minimum, capital, share) is None


@pytest.mark.parametrize(("minimum", "cost"), [(1.0, "cost 40 USD"), (0.35, "cost 14 USD"), (0.047, "cost 1.88 USD")])
def test_commission_that_eats_the_daily_loss_is_refused(minimum, cost):
    """IBKR's fixed and tiered minimums, 1,000 USD, 20 round trips: more than a quarter of 7.50 USD (B42)."""
    with pytest.raises(ConfigError, match=rf"20 round trips at {minimum:g} USD an order {cost}, more") as refused:
        manager().check_commission(minimum, 1_000.0, 0.25)
    assert "daily loss of 7.5 USD" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_commission_of_the_smallest_of_several_counts_is_asked():
    risk = manager(entries={"many": MaxRoundTrips(1_000), "few": MaxRoundTrips(2)})
    assert risk.check_commission(0.35, 1_000.0, 0.25) is None


@pytest.mark.parametrize("changes", [{"entries": {"cooldown": Cooldown(10)}}, {"layers": OFF}])
def test_commission_cannot_be_judged_without_trips_and_a_daily_loss(changes):
    with pytest.raises(ConfigError, match=r"risk\.commission_share_max needs a MaxRoundTrips rule"):
        manager(**changes).check_commission(1.0, 1_000.0, 0.25)
