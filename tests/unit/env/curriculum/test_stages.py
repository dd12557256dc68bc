"""When stages change, against arithmetic by hand.

`window` gives five returns whose Sharpe ratio is known: m - 2d, m - d, m, m + d, m + 2d have the mean m and the
variance 10 d^2/4; twice the same five have the variance 20 d^2/9.
"""

import math

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.curriculum.stages import CurriculumPlan, SharpeGate, SharpeGatedCurriculum, Stage, StageChange

GATE = SharpeGate(promotion_episodes=5, demotion_episodes=10, demotion_share=0.8)
LIMIT = "terms.turnover.limit"
STAGES = (
    Stage("conservative", 20, 0.5, {LIMIT: 0.008}),
    Stage("balanced", 30, 1.0, {LIMIT: 0.015}),
    Stage("professional", 50, 1.5, {LIMIT: 0.02}),
)
YEAR = math.sqrt(252)
OF_FIVE = math.sqrt(2.5)  # deviation of -2, -1, 0, 1, 2
OF_TEN = math.sqrt(20 / 9)  # and of the same twice


def window(sharpe, deviation=OF_FIVE):
    """Return five returns whose annualised Sharpe ratio, or that of two such windows, is `sharpe`."""
    mean = sharpe / YEAR * deviation
    return [1e-3 * (mean + step) for step in (-2, 1, 0, 2, -1)]


def plan(*stages, gate=GATE):
    return CurriculumPlan(gate, stages or STAGES)


def feed(curriculum, returns):
    """Return the changes that the episodes bring, with the place of the episode, from 1."""
    changes = [(i, curriculum.add(value)) for i, value in enumerate(returns, start=1)]
    return [(i, change) for i, change in changes if change is not None]


def quick(*thresholds, min_episodes=1, gate=GATE):
    """Return a curriculum whose stages need few episodes."""
    stages = [
        Stage(f"s{i}", min_episodes, threshold, {LIMIT: 0.01 * (i + 1)}) for i, threshold in enumerate(thresholds)
    ]
    return SharpeGatedCurriculum(plan(*stages, gate=gate))


def in_second_stage(threshold=1.0, gate=GATE):
    """Return a curriculum that has just passed its first stage."""
    curriculum = quick(threshold, 1e9, gate=gate)
    assert [i for i, _ in feed(curriculum, window(threshold + 1))] == [5]
    return curriculum


# --- up -------------------------------------------------------------------------------------------------------------


def test_promotion_at_the_twentieth_episode_and_not_at_the_nineteenth():
    curriculum = SharpeGatedCurriculum(plan())
    assert feed(curriculum, window(3.0) * 3 + window(3.0)[:4]) == []
    assert (curriculum.stage, curriculum.episodes_in_stage) == (0, 19)
    change = curriculum.add(window(3.0)[4])
    assert (change.former, change.present) == (0, 1)
    assert change.sharpe == pytest.approx(3.0, rel=1e-12)
    assert (curriculum.stage, curriculum.episodes_in_stage) == (1, 0)


def test_promotion_needs_the_window_of_five_to_be_full():
    curriculum = quick(0.5, 1.0)
    assert feed(curriculum, window(3.0)[:4]) == []
    assert math.isnan(curriculum.sharpe)
    assert curriculum.add(window(3.0)[4]).present == 1


def test_promotion_looks_at_the_last_five_only():
    curriculum = SharpeGatedCurriculum(plan())
    assert feed(curriculum, window(-5.0) * 4) == []
    assert next(i for i, _ in feed(curriculum, window(9.0))) <= 5


def test_promotion_waits_for_the_window_when_episodes_are_enough():
    curriculum = quick(0.5, 1.0, min_episodes=5)
    assert feed(curriculum, window(0.4)) == []
    assert feed(curriculum, window(0.4)) == []
    assert feed(curriculum, window(60.0)) != []


@pytest.mark.parametrize(("sharpe", "moves"), [(0.999, False), (1.001, True)])
def test_promotion_asks_for_more_than_the_threshold(sharpe, moves):
    assert bool(feed(quick(1.0, 2.0), window(sharpe))) is moves


def test_exactly_at_the_threshold_nothing_moves():
    returns = [0.0, 0.01, 0.02, 0.03, 0.04]
    curriculum = quick(100.0, 200.0)
    feed(curriculum, returns)
    at = SharpeGatedCurriculum(plan(Stage("a", 1, curriculum.sharpe, {LIMIT: 0.1}), Stage("b", 1, 99.0, {LIMIT: 0.2})))
    assert feed(at, returns) == []
    assert at.sharpe == pytest.approx(0.02 / math.sqrt(0.00025) * YEAR, rel=1e-12)  # variance 10 x 0.01^2/4
    below = math.nextafter(curriculum.sharpe, 0.0)
    just = SharpeGatedCurriculum(plan(Stage("a", 1, below, {LIMIT: 0.1}), Stage("b", 1, 99.0, {LIMIT: 0.2})))
    assert len(feed(just, returns)) == 1


@pytest.mark.parametrize("returns", [[0.01] * 30, [0.0] * 30, [0.01, 0.02, math.nan, 0.01, 0.02] * 6])
def test_equal_returns_and_missing_ones_never_promote(returns):
    assert feed(quick(-1e9, 1e9), returns) == []


def test_stages_are_passed_one_by_one_with_episodes_of_their_own():
    curriculum = SharpeGatedCurriculum(plan())
    assert [(i, c.former, c.present) for i, c in feed(curriculum, window(9.0) * 30)] == [(20, 0, 1), (50, 1, 2)]
    assert curriculum.is_completed


# --- the last stage -------------------------------------------------------------------------------------------------


def test_last_threshold_completes_and_changes_nothing():
    curriculum = SharpeGatedCurriculum(plan())
    feed(curriculum, window(9.0) * 10)
    assert (curriculum.stage, curriculum.is_completed) == (2, False)
    assert feed(curriculum, window(9.0) * 9 + window(9.0)[:4]) == []
    assert not curriculum.is_completed  # 49 episodes
    assert curriculum.add(window(9.0)[4]) is None
    assert (curriculum.stage, curriculum.is_completed) == (2, True)


def test_completed_stays_completed_after_a_demotion():
    curriculum = quick(0.5, 1.0)
    feed(curriculum, window(9.0) * 2)
    assert curriculum.is_completed
    feed(curriculum, window(-9.0) * 3)
    assert (curriculum.stage, curriculum.is_completed) == (0, True)


# --- down -----------------------------------------------------------------------------------------------------------


def test_demotion_at_the_tenth_episode_and_not_at_the_ninth():
    curriculum = in_second_stage()
    returns = window(-2.0, OF_TEN) * 2
    assert feed(curriculum, returns[:9]) == []
    change = curriculum.add(returns[9])
    assert (change.former, change.present) == (1, 0)
    assert change.sharpe == pytest.approx(-2.0, rel=1e-12)
    assert (curriculum.stage, curriculum.episodes_in_stage) == (0, 0)


@pytest.mark.parametrize(("sharpe", "moves"), [(0.79, True), (0.81, False)])
def test_demotion_is_below_four_fifths_of_the_threshold_that_was_passed(sharpe, moves):
    curriculum = in_second_stage(threshold=1.0)
    assert bool(feed(curriculum, window(sharpe, OF_TEN) * 2)) is moves


def test_demotion_exactly_at_its_threshold_does_not_happen():
    returns = [0.001, 0.003] * 5  # mean 0.002, variance 10 x 0.001^2/9
    sharpe = 0.002 / math.sqrt(10 * 1e-6 / 9) * YEAR
    gate = GATE._replace(demotion_share=1.0)
    curriculum = in_second_stage(gate=gate)
    feed(curriculum, returns)
    exact = curriculum._sharpe_of_last(10)
    assert exact == pytest.approx(sharpe, rel=1e-12)
    assert feed(in_second_stage(exact, gate), returns) == []
    assert len(feed(in_second_stage(math.nextafter(exact, 99.0), gate), returns)) == 1


def test_episodes_of_the_stage_before_do_not_count_for_a_demotion():
    curriculum = quick(5.0, 1e9, min_episodes=10)
    feed(curriculum, window(-9.0) * 2)
    feed(curriculum, window(99.0))
    assert curriculum.stage == 1
    assert feed(curriculum, window(9.0, OF_TEN) * 2) == []


def test_demotion_reverts_at_once_and_may_go_on_down_to_the_first_stage():
    curriculum = SharpeGatedCurriculum(plan())
    feed(curriculum, window(9.0) * 10)
    moves = [(i, c.former, c.present) for i, c in feed(curriculum, window(-9.0) * 8)]
    assert moves == [(10, 2, 1), (20, 1, 0)]
    assert curriculum.stage == 0  # and 20 more bad ones leave it there


def test_a_stage_lost_has_to_be_earned_anew():
    curriculum = SharpeGatedCurriculum(plan())
    feed(curriculum, window(9.0) * 4)
    assert [c.present for _, c in feed(curriculum, window(-9.0) * 2)] == [0]
    assert [(i, c.present) for i, c in feed(curriculum, window(9.0) * 4)] == [(20, 1)]


def test_equal_returns_do_not_demote():
    assert feed(in_second_stage(), [0.0] * 30) == []


def test_upwards_is_asked_before_downwards():
    curriculum = quick(1.0, 2.0, 3.0, min_episodes=10)
    feed(curriculum, window(9.0) * 2)
    low_then_high = [-0.5, -0.4, -0.5, -0.4, -0.5, *window(9.0)]
    assert feed(curriculum, low_then_high)[0][1][:2] == StageChange(1, 2, 0.0)[:2]


def test_windows_are_those_of_the_gate():
    curriculum = quick(1.0, 2.0, gate=SharpeGate(promotion_episodes=2, demotion_episodes=3, demotion_share=0.5))
    assert [(i, c.present) for i, c in feed(curriculum, [0.01, 0.02])] == [(2, 1)]
    assert [(i, c.present) for i, c in feed(curriculum, [-0.01, -0.02, -0.01])] == [(3, 0)]


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (Stage("a/b", 1, 1.0, {LIMIT: 1.0}), "Stage.name must be of letters, digits and _ (it names a folder)"),
        (Stage("a", 0, 1.0, {LIMIT: 1.0}), "Stage.min_episodes must be >= 1 (episodes), was 0"),
        (Stage("a", 1, math.nan, {LIMIT: 1.0}), "Stage.promote_above must be a finite number"),
        (Stage("a", 1, 1.0, {}), "Stage.parameters must set at least one parameter of a rule, was empty"),
    ],
)
def test_stage_refuses_what_no_stage_can_have(stage, message):
    with pytest.raises(ParameterError) as refused:
        stage.check()
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"promotion_episodes": 1}, "SharpeGate.promotion_episodes must be in [2, 100] (episodes), was 1"),
        ({"demotion_episodes": 101}, "SharpeGate.demotion_episodes must be in [2, 100] (episodes), was 101"),
        ({"demotion_share": 0.0}, "SharpeGate.demotion_share must be in (0, 1] (share of the threshold), was 0.0"),
    ],
)
def test_gate_refuses_windows_without_deviation_or_beyond_memory(change, message):
    with pytest.raises(ParameterError) as refused:
        GATE._replace(**change).check()
    assert str(refused.value) == message


def test_plan_refuses_no_stages():
    with pytest.raises(ParameterError, match=r"^curriculum\.stages must name at least one stage, was empty$"):
        CurriculumPlan(GATE, ())


def test_plan_refuses_thresholds_that_do_not_rise():
    with pytest.raises(ParameterError) as refused:
        plan(STAGES[1], STAGES[0])
    law = "curriculum.stages.conservative.promote_above must be > that of balanced, the stage before (1), was 0.5"
    assert str(refused.value) == law


def test_plan_refuses_a_parameter_that_a_stage_leaves_as_it_is():
    other = Stage("balanced", 1, 1.0, {"limits.units.units": 100.0})
    with pytest.raises(
        ParameterError, match=r"^curriculum\.stages\.balanced\.parameters must be those of conservative"
    ):
        plan(STAGES[0], other)
