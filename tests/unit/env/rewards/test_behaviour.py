"""Changes, repeats and the first fill by hand: 1 bp of 50,000 USD is 5 USD; scaled is times 0.07 (SPEC B48, B50)."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.rewards import ActionChangePenalty, BootstrapBonus, RepeatPenalty
from intraday_rl.env.rewards.behaviour import action_change_penalty, bootstrap_bonus, repeat_penalty
from tests.support.rows import own_memory, step_row


def scaled(usd, start_nav=50_000.0):
    """Return USD as reward at a scale of 0.07."""
    return 0.07 * usd / (start_nav * 1e-4)


@pytest.mark.parametrize("start_nav", [50_000.0, 10_000.0])
def test_change_costs_five_basis_points(start_nav):
    step = step_row(changed=True, start_nav=start_nav)
    usd = action_change_penalty(ActionChangePenalty(5.0), step, own_memory())
    assert usd == pytest.approx(-5e-4 * start_nav, rel=1e-12)
    assert scaled(usd, start_nav) == pytest.approx(-0.35, rel=1e-12)


def test_order_that_changes_nothing_is_no_change():
    assert action_change_penalty(ActionChangePenalty(5.0), step_row(changed=False, repeats=9), own_memory()) == 0.0


@pytest.mark.parametrize(
    ("repeats", "expected"), [(0, 0.0), (1, 0.0), (2, 0.0), (3, 0.014), (4, 0.028), (5, 0.042), (12, 0.14)]
)
def test_repeats_cost_from_the_third_on_and_more_each_time(repeats, expected):
    usd = repeat_penalty(RepeatPenalty(0.2), step_row(repeats=repeats), own_memory())
    assert scaled(usd) == pytest.approx(-expected, rel=1e-12)


@pytest.mark.parametrize(("is_first_fill", "usd"), [(True, 0.05), (False, 0.0)])
def test_first_fill_is_worth_its_basis_points(is_first_fill, usd):
    step = step_row(is_first_fill=is_first_fill)
    assert bootstrap_bonus(BootstrapBonus(0.01), step, own_memory()) == pytest.approx(usd, rel=1e-12)


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("struct", "name"),
    [(ActionChangePenalty, "penalty_bps"), (RepeatPenalty, "penalty_bps"), (BootstrapBonus, "bonus_bps")],
)
def test_behaviour_terms_refuse_impossible_parameters(struct, name, value):
    with pytest.raises(ParameterError, match=rf"^{struct.__name__}\.{name} must be >= 0 \(bps of session-start NAV\)"):
        struct(value).check()
