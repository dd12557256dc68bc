"""The turnover penalties against SPEC B1's numbers, worked out again here.

w = 5e-5, p = 0.02, m = 50, NAV 50,000 USD. Below the pivot (m w / 2 p) e^2 = 0.0625 e^2, above it 0.0025 (e - 0.01):
e = 0.02: 2.5e-5 of NAV, 1.25 USD; e = 0.03: 5e-5, 2.50 USD; e = 0.98: 0.002425, 121.25 USD.

The literal formula: w e^2 = 5e-5 e^2, then 2e-8 + 0.0025 (e - 0.02): 0.001 USD at e = 0.02, 1.251 at 0.03.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intraday_rl.core import structs
from intraday_rl.core.errors import ParameterError
from intraday_rl.env.actions import BUY
from intraday_rl.env.rewards import LiteralTurnoverPenalty, TurnoverPenalty, reward_term
from intraday_rl.env.risk import MaxUnits
from tests.support.full_rules import full_batch
from tests.support.rows import own_memory, step_row
from tests.support.tapes import make_tape, random_tape
from tests.unit.env.rewards.episodes import finish_episode
from tests.unit.env.sessions.hand_market import play

PENALTY = TurnoverPenalty(weight=5e-5, limit=0.02, linear_slope_mul=50.0)
AUTO = PENALTY._replace(linear_slope_mul=None)
LITERAL = LiteralTurnoverPenalty(weight=5e-5, limit=0.02, linear_slope_mul=50.0)
EMPTY = own_memory()


def cost(excess, params=PENALTY, nav=50_000.0):
    """Return the penalty in USD of trading `excess` more than the free allowance, as a fraction of NAV."""
    step = step_row(nav_before=nav, traded_usd=(excess + params.limit) * nav)
    return -term(params)(structs.pack(params)[0], step, EMPTY)


def term(params):
    """Return the function that is registered for the struct."""
    return reward_term.model.implementations[type(params)]


@pytest.mark.parametrize(
    ("excess", "expected"),
    [
        (0.01, 0.3125),  # 0.0625 * 1e-4 * 50,000
        (0.02, 1.25),
        (0.03, 2.50),
        (0.98, 121.25),
        (1.18, 146.25),  # 100 units at 600: 120 % of NAV, SPEC B3
    ],
)
def test_turnover_costs_what_the_specification_says(excess, expected):
    assert cost(excess) == pytest.approx(expected, rel=1e-9)
    assert cost(excess, AUTO) == pytest.approx(expected, rel=1e-9)  # 1 / 0.02 = 50


@pytest.mark.parametrize(("params", "expected"), [(PENALTY, 0.50), (AUTO, 1.25)])
def test_automatic_slope_keeps_the_cost_at_a_pivot_that_moved(params, expected):
    # 50 * 5e-5 * 0.008 / 2 = 1e-5 of NAV; with a slope of 125 it is 2.5e-5.
    assert cost(0.008, params._replace(limit=0.008)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("excess", "expected"), [(0.01, 2.5e-4), (0.02, 0.001), (0.03, 1.251), (0.98, 0.001 + 125.0 * 0.96)]
)
def test_literal_turnover_costs_what_the_documents_say(excess, expected):
    assert cost(excess, LITERAL) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("params", [PENALTY, AUTO, LITERAL])
@pytest.mark.parametrize("excess", [-0.02, -0.01, 0.0])
def test_turnover_within_the_allowance_is_free(params, excess):
    assert cost(excess, params) == pytest.approx(0.0, abs=1e-25)


@pytest.mark.parametrize(("params", "expected"), [(PENALTY, 1.0), (LITERAL, 8e-4)])
def test_turnover_is_measured_by_the_nav_before_the_trade(params, expected):
    assert cost(0.02, params, nav=40_000.0) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("params", [PENALTY, AUTO, LITERAL])
@pytest.mark.parametrize("nav", [0.0, -100.0])
def test_turnover_of_an_account_that_has_nothing_left_is_free(params, nav):
    step = step_row(nav_before=nav, traded_usd=10_000.0)
    assert term(params)(structs.pack(params)[0], step, EMPTY) == 0.0


def slopes(params):
    """Return the cost's slope just below and just above the pivot, for 1 USD of NAV."""
    pivot, step = params.limit, 1e-7 * params.limit
    at = cost(pivot, params, 1.0)
    return (at - cost(pivot - step, params, 1.0)) / step, (cost(pivot + step, params, 1.0) - at) / step


@pytest.mark.parametrize(
    "params", [PENALTY, AUTO, pytest.param(LITERAL, marks=pytest.mark.xfail(strict=True, reason="SPEC B1"))]
)
def test_slope_is_continuous_at_the_pivot(params):
    left, right = slopes(params)
    assert left == pytest.approx(right, rel=1e-6)


def test_literal_slope_jumps_1250_fold_at_the_pivot():
    # 2 w p = 2e-6 and w m = 2.5e-3 per unit of NAV: 0.10 and 125 USD on 50,000.
    left, right = slopes(LITERAL)
    assert left * 50_000 == pytest.approx(0.10, rel=1e-6)
    assert right * 50_000 == pytest.approx(125.0, rel=1e-6)


parameters = st.builds(
    TurnoverPenalty,
    weight=st.floats(1e-6, 10.0),
    limit=st.floats(1e-3, 1.0),
    linear_slope_mul=st.floats(0.1, 1_000.0) | st.none(),
)


@given(params=parameters)
def test_turnover_slope_is_continuous_at_the_pivot(params):
    # The slope of both branches at e = p is m w; a central difference on each side, relative to it.
    multiple = params.linear_slope_mul or 1.0 / params.limit
    step, slope, pivot = 1e-5 * params.limit, multiple * params.weight, params.limit
    left = (cost(pivot, params, 1.0) - cost(pivot - step, params, 1.0)) / step
    right = (cost(pivot + step, params, 1.0) - cost(pivot, params, 1.0)) / step
    curvature = 0.5 * step / pivot  # the left branch is a parabola: its secant lags by m w h / 2 p
    assert left / slope + curvature == pytest.approx(right / slope, abs=1e-6)


@given(params=parameters, points=st.lists(st.floats(-1.0, 50.0), min_size=3, max_size=3, unique=True))
def test_turnover_cost_is_monotone_and_convex(params, points):
    low, middle, high = sorted(points)
    first, second, third = (cost(e * params.limit, params, 1.0) for e in (low, middle, high))
    rounding = 1e-9 * max(1.0, third)
    assert 0.0 <= first <= second + rounding
    assert second <= third + rounding
    share = (middle - low) / (high - low)
    assert second <= (1 - share) * first + share * third + rounding


@given(params=parameters, share=st.floats(0.0, 0.999))
def test_turnover_below_the_limit_costs_nothing(params, share):
    assert cost((share - 1.0) * params.limit, params, 1.0) == 0.0


@pytest.mark.parametrize("params", [PENALTY, AUTO, LITERAL])
def test_turnover_without_weight_is_absent(params):
    assert cost(0.98, params._replace(weight=0.0)) == 0.0


def test_turnover_reaches_the_reward_in_basis_points():
    # 20 units at 100 are 2,000 USD, 4 % of NAV: e = 2 %, 1.25 USD = 0.25 bp at entry, and the same at the forced exit.
    tape = make_tape([[{"close": 100.0} for _ in range(5)]])
    batch = full_batch(tape, terms={"turnover": PENALTY}, limits={"units": MaxUnits(units=20)}, reward_scale=2.0)
    steps = play(batch, [BUY] * 3)
    assert [step["parts"] for step in steps] == [
        [0.0, pytest.approx(-0.5, rel=1e-9)],
        [0.0, 0.0],
        [0.0, pytest.approx(-0.5, rel=1e-9)],
    ]
    assert [step["reward"] for step in steps] == pytest.approx([-0.5, 0.0, -0.5], rel=1e-9)
    assert batch.episode_infos([0])[0]["episode_reward_parts"]["turnover"] == pytest.approx(-1.0, rel=1e-9)


def test_reward_is_the_sum_of_its_parts():
    batch, rewards = finish_episode(random_tape(2, 40), terms={"turnover": PENALTY._replace(weight=1.0)})
    info = batch.episode_infos([0])[0]
    parts = info["episode_reward_parts"]
    assert parts["turnover"] < 0.0
    assert sum(parts.values()) == pytest.approx(info["episode"]["r"], abs=1e-8)
    assert sum(rewards) == pytest.approx(info["episode"]["r"], abs=1e-8)


def test_reward_of_each_step_is_the_sum_of_its_parts():
    tape = random_tape(2, 40)
    batch = full_batch(tape, 8, terms={"turnover": PENALTY})
    observations = batch.reset()
    rng = np.random.default_rng(5)
    for _ in range(60):
        batch.step(rng.integers(0, 3, 8), observations)
        np.testing.assert_array_equal(batch.reward_parts[:, 0] + batch.reward_parts[:, 1], batch.rewards)


@pytest.mark.parametrize("params", [PENALTY, LITERAL])
@pytest.mark.parametrize(("name", "value"), [("weight", -1.0), ("limit", 0.0), ("linear_slope_mul", 0.0)])
def test_turnover_refuses_impossible_parameters(params, name, value):
    with pytest.raises(ParameterError, match=rf"^{type(params).__name__}\.{name} must be"):
        params._replace(**{name: value}).check()
