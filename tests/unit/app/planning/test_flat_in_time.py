"""Sessions end flat: orders must not be under way for longer than the session's exit leaves them."""

import pytest

from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.core.errors import ConfigError


def plan_of(high_ms, minutes):
    return build_plan(
        compose([f"market.execution.latency.high_ms={high_ms}", f"risk.exits.session_close.minutes={minutes}"])
    )


@pytest.mark.parametrize(("high_ms", "minutes"), [(150, 1), (119_999, 1), (250_000, 4)])
def test_exit_that_arrives_in_time_is_allowed(high_ms, minutes):
    plan_of(high_ms, minutes)


@pytest.mark.parametrize(("high_ms", "minutes"), [(130_000, 1), (250_000, 2)])
def test_exit_that_may_arrive_after_the_close_is_refused(high_ms, minutes):
    with pytest.raises(
        ConfigError, match=r"risk\.exits: FlatBeforeClose\.minutes must leave room for the slowest order"
    ):
        plan_of(high_ms, minutes)


def test_emptying_a_group_is_refused():
    with pytest.raises(ConfigError, match=r"risk\.entries={}: {} takes nothing away; remove members one by one, ~risk"):
        compose(["risk=trader", "risk.entries={}"])
    assert compose(["risk=standard", "risk.entries={}"])["risk"]["entries"] == {}
