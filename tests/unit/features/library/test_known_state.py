"""The feature of known-answer markets, by hand."""

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.features import FeaturePipeline, KnownState
from tests.unit.features.feature_bars import make_sessions, on_grid


def test_known_state_tells_the_deviation():
    """Close 100.5 at level 100, scale 0.25: 2 scales above."""
    close = np.array([100.5, 99.75, 100.0, 101.0])
    columns = {name: close for name in ("open", "high", "low", "close")} | {"volume": np.ones(4)}
    bars = on_grid(make_sessions([4]), columns, np.ones(4, dtype=bool))
    pipeline = FeaturePipeline(
        families=(KnownState(level=100.0, scale=0.25),), names=("level_deviation",), base_spread=0.01
    )
    table = pipeline.compute(bars)
    np.testing.assert_array_equal(table.values, [[2], [-1], [0], [4]])
    assert table.valid.all()


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_known_state_refuses_an_impossible_scale(scale):
    with pytest.raises(ParameterError, match=r"KnownState\.scale must be > 0"):
        FeaturePipeline(families=(KnownState(level=100.0, scale=scale),), names=("level_deviation",), base_spread=0.01)
