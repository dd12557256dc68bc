"""Presets of features: as many columns as their names say, and environments that both libraries' checkers accept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from intraday_rl.app.build import build_plan
from intraday_rl.app.command_line.groups import list_groups
from intraday_rl.app.compose import compose
from intraday_rl.env.observation import ACCOUNT_FEATURES, ObservationLayout
from intraday_rl.env.single_env import TradingEnv
from tests.support.full_rules import full_batch
from tests.support.tapes import COSTLY, make_execution, random_tape
from tests.unit.features.feature_bars import DETECTOR

SHAPES = {
    "full47": (47,),
    "ext54": (54,),
    "full51_regime": (51,),
    "ext54_stack": (63,),
    "compact12": (12,),
    "market41": (41,),
    "micro_mom27": (27,),
    "known_state": (3,),
    "window11": (5, 11),
}


def layout_of(*overrides: str) -> ObservationLayout:
    layout = build_plan(compose(overrides)).rules.layout
    assert isinstance(layout, ObservationLayout)
    return layout


def test_every_preset_has_a_known_shape():
    assert set(SHAPES) == set(list_groups()["features"])


@pytest.mark.parametrize(("preset", "shape"), SHAPES.items())
def test_preset_has_the_shape_of_its_name(preset: str, shape: tuple[int, ...]):
    assert layout_of(f"features={preset}").space().shape == shape


@pytest.mark.parametrize("check", [lambda env: check_env(env, skip_render_check=True), sb3_check_env])
@pytest.mark.parametrize("preset", SHAPES)
@pytest.mark.filterwarnings("ignore:.*infinity.*", "ignore:.*Box.*", "ignore:.*image.*")
def test_preset_passes_the_checkers_of_both_libraries(preset, check):
    layout = replace(layout_of(f"features={preset}"), slippage_budget_bps=2.0)
    tape = random_tape(num_sessions=3, minutes=20, num_features=len(layout.market))
    tape = replace(tape, feature_names=layout.market)
    check(TradingEnv(full_batch(tape, layout=layout, execution=make_execution(**COSTLY))))


def test_default_shows_the_first_six_features_of_the_account():
    layout = layout_of()
    assert layout.account == ACCOUNT_FEATURES[:6]
    assert (layout.frames, layout.daily_loss_unit, layout.drawdown_unit) == (1, 0.006, 0.006)
    assert np.isnan(layout.slippage_budget_bps)  # measured on data


def test_window_holds_six_of_the_market_and_five_of_risk():
    layout = layout_of("features=window11")
    base = {"ret_1", "rsi14", "ema_gap", "vwap_dev", "trade_intensity", "spread_bps"}
    risk = {"session_drawdown", "rv_15", "position", "session_turnover", "drawdown_bars"}  # SPEC B14
    assert set(layout.current) == base | risk
    assert layout_of("features=window11", "features.account=[position]").shape == (5, 8)
    assert layout_of("features=window11", "features.account=[]").shape == (5, 7)


@pytest.mark.parametrize(("frames", "width"), [(4, 63), (5, 66), (6, 69), (7, 72), (8, 75)])  # SPEC B12
def test_stack_of_three_fast_features_has_63_to_75_columns(frames: int, width: int):
    layout = layout_of("features=ext54_stack", f"features.frames={frames}")
    assert layout.shape == (width,)
    assert layout.names[54:57] == ("spread_bps_lag1", "depth_imb_lag1", "slippage_to_budget_lag1")


def test_extended_preset_adds_seven_to_the_full_one():
    extras = {"depth_ratio", "time_to_close", "vol_tercile", "trend_filter"}
    extras |= {"spread_to_budget", "slippage_to_budget", "pending"}  # SPEC C1, Extra 7
    assert set(layout_of("features=ext54").current) == set(layout_of().current) | extras


def test_regime_preset_adds_the_code_of_four_regimes_to_the_full_one():
    regimes = ("regime_low_trend", "regime_low_range", "regime_high_trend", "regime_high_range")  # SPEC R119
    layout = layout_of("features=full51_regime")
    assert layout.market == (*layout_of().market, *regimes)
    assert layout.account == layout_of().account
    families = build_plan(compose(["features=full51_regime"])).markets[0].pipeline.families
    assert DETECTOR in families  # SPEC R120, R121, C1


def test_compact_preset_holds_rsi_ema_vwap_and_the_time_of_day():
    wanted = {"rsi14", "ema_gap", "vwap_dev", "tod_sin", "tod_cos"}  # SPEC R034
    assert wanted < set(layout_of("features=compact12").market)


def test_any_preset_can_be_stacked():
    assert layout_of("features.stacked=[spread_bps,position]", "features.frames=3").shape == (51,)
    assert layout_of("features.stacked=[all]", "features.frames=3").shape == (3, 47)
