"""Schedules by hand: SPEC B35, linear over the first 70 % of the steps, then constant."""

import pytest

from intraday_rl.agents.schedules import linear_then_constant


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, 0.003), (0.35, 0.002), (0.7, 0.001), (0.85, 0.001), (1.0, 0.001), (1.3, 0.001)],
)
def test_entropy_falls_by_two_thirds_over_seventy_per_cent(progress, expected):
    assert linear_then_constant(progress, 0.003, 0.001, 0.7) == pytest.approx(expected, abs=1e-15)


def test_schedule_may_rise_and_may_take_all_of_training():
    assert linear_then_constant(0.25, 0.0, 2.0, 1.0) == 0.5
    assert linear_then_constant(1.0, 0.0, 2.0, 1.0) == 2.0


def test_schedule_that_ends_where_it_starts_is_constant():
    assert {linear_then_constant(k / 10, 0.003, 0.003, 0.7) for k in range(11)} == {0.003}
