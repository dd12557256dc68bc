"""Heads for each regime need an observation that tells the regime."""

import pytest

from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.core.errors import ConfigError

HEADS = "algo.parameters.regime_heads=true"


def test_regime_heads_are_planned_where_the_observation_tells_the_regime():
    assert build_plan(compose([HEADS, "features=full51_regime"])).parameters.regime_heads
    assert not build_plan(compose([])).parameters.regime_heads


def test_regime_heads_without_a_regime_to_see_are_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"algo\.parameters\.regime_heads needs features=full51_regime") as caught:
        build_plan(compose([HEADS]))
    assert "\n" not in str(caught.value)


def test_regime_heads_of_another_algorithm_are_no_key():
    with pytest.raises(ConfigError, match=r"unknown key algo\.parameters\.regime_heads"):
        compose(["algo=recurrent_ppo", HEADS])
