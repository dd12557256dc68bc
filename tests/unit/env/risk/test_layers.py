"""Layers of drawdown and loss by hand: 1 % of 50,000 USD is 500, and 100 units are held from row 1 on."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.actions import BUY, HOLD
from intraday_rl.env.risk.base import HALT
from intraday_rl.env.risk.layers import OFF
from tests.support.full_rules import full_batch
from tests.unit.env.risk.hand_account import column, nav_tape, rules_of
from tests.unit.env.sessions.hand_market import play

PURGATORY = OFF._replace(soft_drawdown=0.03, recovery=0.03)


def held(navs, layers, actions=None, **columns):
    """Return a batch and the steps of an account whose NAV goes this way while it holds."""
    batch = full_batch(nav_tape(navs, **columns), layers=layers)
    return batch, play(batch, [BUY] * len(navs) if actions is None else actions)


def test_drawdown_is_measured_from_the_highest_nav_by_the_start():
    _, steps = held([50_100, 49_900, 50_500, 50_000, 50_500, 51_000], OFF)
    assert column(steps, "baseline") == [50_100, 50_100, 50_500, 50_500, 50_500, 51_000]
    assert column(steps, "layer_drawdown") == pytest.approx([0.0, 0.004, 0.0, 0.01, 0.0, 0.0], abs=1e-15)


def test_purgatory_freezes_the_peak_until_the_nav_has_recovered_from_its_low():
    # Peak 50,500: 49,000 is 3 % below. Low 48,600, so 50,100 ends it, and drawdown is measured from there.
    navs = [50_500, 49_001, 49_000, 48_600, 50_099, 50_100, 49_600, 50_200, 50_000]
    _, steps = held(navs, PURGATORY)
    assert column(steps, "purgatory_low") == [0, 0, 49_000, 48_600, 48_600, 0, 0, 0, 0]
    assert column(steps, "baseline") == [50_500] * 5 + [50_100, 50_100, 50_200, 50_200]
    assert column(steps, "recovered") == [0, 0, 0, 0, 0, 1, 0, 0, 0]
    assert column(steps, "baseline_resets") == [0] * 5 + [1] * 4
    expected = [0, 1_499, 1_500, 1_900, 401, 0, 500, 0, 200]
    assert column(steps, "layer_drawdown") == pytest.approx([usd / 50_000 for usd in expected], abs=1e-15)
    assert column(steps, "drawdown")[-1] == pytest.approx(500 / 50_000, abs=1e-15)  # from 50,500 all the same


def test_peak_stays_frozen_above_it_while_the_recovery_is_incomplete():
    # 49,500 is 1 % below the start; 50,400 is above the old peak and still 600 short of 49,500 + 1,500.
    _, steps = held([49_500, 50_400, 49_900], OFF._replace(soft_drawdown=0.01, recovery=0.03))
    assert column(steps, "baseline") == [50_000] * 3
    assert column(steps, "layer_drawdown") == pytest.approx([0.01, 0.0, 0.002], abs=1e-15)


def test_purgatory_may_be_entered_again_and_is_forgotten_at_the_next_session():
    navs = [48_500, 50_000, 48_500, 50_000]
    batch = full_batch(nav_tape(navs, sessions=2), layers=PURGATORY)
    steps = play(batch, [BUY] * 7)
    assert column(steps[:4], "recovered") == [0, 1, 0, 1]
    assert column(steps[:4], "baseline_resets") == [0, 1, 1, 2]
    assert [step["ended"] for step in steps] == [0] * 5 + [1, 0]
    assert batch.episode_infos([0])[0]["baseline_resets"] == 2
    assert batch.episode_infos([0])[0]["halted_by"] == ""
    assert column(steps[6:], "baseline_resets") == [0]
    assert column(steps[6:], "purgatory_low") == [48_500]


HARD = OFF._replace(hard_drawdown=0.04)


def test_hard_drawdown_blocks_entries_and_not_exits():
    # 4 % are lost at row 2: what is held may stay, may go, and may not come back.
    batch, steps = held([48_001, 48_000, 47_900, 47_900, 47_900], HARD, [BUY, BUY, BUY, HOLD, BUY, BUY])
    assert column(steps, "position") == [100, 100, 100, 0, 0, 0]
    assert column(steps, "size") == [100, 0, 0, 0, 0, 0]
    assert rules_of(batch, steps) == ["", "", "", "", "layers.hard_drawdown", "layers.hard_drawdown"]
    assert column(steps, "closing") == [0] * 6


def test_hard_drawdown_allows_entries_again_once_the_nav_is_back():
    _, steps = held([48_000, 47_000, 48_001, 48_001], HARD)
    assert column(steps, "size") == [0, 0, 100, 100]


def test_hard_drawdown_may_end_the_day():
    batch, steps = held([48_001, 48_000, 47_900], HARD._replace(terminate_on_hard=True))
    assert column(steps, "closing") == [0, 0, HALT]
    assert column(steps, "position") == [100, 100, 0]
    assert rules_of(batch, steps) == ["", "", "layers.hard_drawdown"]
    assert column(steps, "terminated") == [0, 0, 1]


def test_hard_drawdown_counts_from_where_a_purgatory_was_left():
    # Low 48,500, left at 50,000: 48,000 is 4 % below that, and 4.8 % below the day's peak of 50,400.
    layers = OFF._replace(soft_drawdown=0.03, recovery=0.03, hard_drawdown=0.04, terminate_on_hard=True)
    _, steps = held([50_400, 48_500, 50_000, 48_001, 48_000, 48_000], layers)
    assert column(steps, "closing") == [0, 0, 0, 0, 0, HALT]


DAILY = OFF._replace(daily_drawdown=0.05, breach_bars=60, halt_on_breach=True)  # 2,500 USD


@pytest.mark.parametrize("patience", [60, 100])  # standard, lenient
def test_daily_drawdown_ends_the_day_one_bar_after_its_patience(patience):
    layers = DAILY._replace(breach_bars=patience)
    batch, steps = held([47_499] * (patience + 2), layers)
    # The bar of step i is the (i + 1)-th beyond the limit; the next decision acts on it.
    assert column(steps, "breach_bars") == [*range(1, patience + 3)]
    assert column(steps, "closing") == [0] * (patience + 1) + [HALT]
    assert steps[-1]["terminated"] == 1
    assert rules_of(batch, steps)[-1] == "layers.daily_drawdown"
    _, steps = held([47_499] * patience + [47_501] * 5, layers)
    assert set(column(steps, "closing")) == {0}


def test_daily_drawdown_starts_its_count_again_at_equality():
    _, steps = held([47_499] * 60 + [47_500] + [47_499] * 61 + [47_499], DAILY)
    assert column(steps, "breach_bars")[58:63] == [59, 60, 0, 1, 2]
    assert [i for i, step in enumerate(steps) if step["closing"]] == [122]  # 61 + 61 bars have closed


def test_daily_drawdown_that_is_not_crossed_never_ends_the_day():
    _, steps = held([47_500] * 200, DAILY)
    assert set(column(steps, "breach_bars")) == set(column(steps, "closing")) == {0}


def test_daily_drawdown_without_halt_only_counts():
    _, steps = held([20_000] * 80, DAILY._replace(halt_on_breach=False))
    assert steps[-1]["breach_bars"] == 80
    assert set(column(steps, "closing")) == {0}


def test_daily_loss_is_a_fraction_of_the_start_whatever_was_won_before():
    batch, steps = held([51_000, 49_761, 49_760, 49_760], OFF._replace(daily_loss=0.0048))
    assert column(steps, "closing") == [0, 0, 0, HALT]
    assert rules_of(batch, steps)[-1] == "layers.daily_loss"


def test_layers_that_are_off_never_act():
    _, steps = held([49_000, 45_000, 41_000], OFF)
    assert set(column(steps, "closing")) == set(column(steps, "purgatory_low")) == {0}
    assert set(column(steps, "size")) == {100}


STOPS = {
    "daily_loss": OFF._replace(daily_loss=0.02),
    "hard_drawdown": OFF._replace(hard_drawdown=0.02, terminate_on_hard=True),
    "daily_drawdown": OFF._replace(daily_drawdown=0.0199, breach_bars=0, halt_on_breach=True),
}


@pytest.mark.parametrize("layer", STOPS)
def test_stop_latches_until_the_next_session(layer):
    # 2 % are lost at row 2; rows 3 and 4 have no trade, and by row 4 the account is up again.
    navs = [49_900, 49_000, 50_500, 50_600, 50_700]
    batch = full_batch(nav_tape(navs, sessions=2, traded=[1, 1, 1, 0, 0, 1]), layers=STOPS[layer])
    steps = play(batch, [BUY] * 6)
    assert column(steps, "closing") == [0, 0, HALT, HALT, HALT, 0]
    assert batch.episode_infos([0])[0]["halted_by"] == f"layers.{layer}"
    assert column(steps, "position") == [100, 100, 100, 100, 0, 100]
    assert [step["ended"] for step in steps] == [0, 0, 0, 0, 1, 0]
    assert rules_of(batch, steps) == ["", "", *[f"layers.{layer}"] * 3, ""]


@pytest.mark.parametrize("layer", STOPS)
def test_breach_costs_no_more_than_was_lost(layer):
    """The reward of every bar is its profit alone: 1 bp of 50,000 USD is 5 USD (R096)."""
    _, steps = held([49_900, 49_000, 48_000], STOPS[layer])
    assert column(steps, "reward") == pytest.approx([-20.0, -180.0, 0.0], abs=1e-9)
    assert column(steps, "penalty") == [0.0] * 3
    assert steps[-1]["terminated"] == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"soft_drawdown": 0.04, "recovery": 0.03, "hard_drawdown": 0.04}, "soft_drawdown must be < hard_drawdown"),
        ({"soft_drawdown": 0.05, "recovery": 0.03, "daily_drawdown": 0.05}, "soft_drawdown must be < daily_drawdown"),
        ({"hard_drawdown": 0.06, "daily_drawdown": 0.05}, r"hard_drawdown must be <= daily_drawdown \(0.05 .*was 0.06"),
        ({"recovery": 0.03}, "recovery needs a soft_drawdown"),
        ({"soft_drawdown": 0.03}, "soft_drawdown needs a recovery"),
        ({"daily_loss": 0.0}, "daily_loss must be in"),
        ({"daily_drawdown": 1.01}, "daily_drawdown must be in"),
        ({"hard_drawdown": -0.04}, "hard_drawdown must be in"),
        ({"soft_drawdown": float("nan"), "recovery": 0.03}, "soft_drawdown must be in"),
        ({"breach_bars": -1}, "breach_bars must be >= 0"),
    ],
)  # fmt: skip
def test_layers_that_contradict_one_another_are_refused_in_one_line(changes, message):
    with pytest.raises(ParameterError, match=rf"RiskLayers\.{message}") as refused:
        OFF._replace(**changes).check()
    assert "\n" not in str(refused.value)


def test_layers_in_order_are_accepted():
    full = OFF._replace(soft_drawdown=0.03, recovery=0.03, hard_drawdown=0.04, daily_drawdown=0.04, daily_loss=0.004)
    full.check()
    OFF.check()


def test_warnings_name_both_layers_of_which_one_hides_the_other():
    layers = OFF._replace(soft_drawdown=0.03, recovery=0.03, hard_drawdown=0.04, daily_drawdown=0.05, daily_loss=0.0048)
    lines = layers.warnings()
    assert len(lines) == 3
    for line, name in zip(lines, ("soft_drawdown", "hard_drawdown", "daily_drawdown"), strict=True):
        assert line.startswith(f"risk.layers.{name} (")
        assert "risk.layers.daily_loss (0.0048)" in line
        assert "\n" not in line
    [line] = layers._replace(terminate_on_hard=True, daily_loss=None).warnings()
    assert line.startswith("risk.layers.daily_drawdown (0.05)")
    assert "risk.layers.hard_drawdown (0.04)" in line


def test_warnings_are_silent_where_every_layer_can_be_reached():
    layers = OFF._replace(soft_drawdown=0.003, recovery=0.03, hard_drawdown=0.004, daily_drawdown=0.004)
    assert layers.warnings() == []
    assert layers._replace(daily_loss=0.004, terminate_on_hard=True).warnings() == []
    # A loss of 0.48 % is a drawdown of at least as much, and that of 0.4 % has ended the day before.
    [line] = layers._replace(daily_loss=0.0048, terminate_on_hard=True).warnings()
    assert line.startswith("risk.layers.daily_loss (0.0048) cannot be reached while risk.layers.hard_drawdown (0.004)")
    assert OFF.warnings() == []
