import math

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics import exposure, fill_rate, turnover, weighted_mean


def test_turnover_is_in_multiples_of_session_start_nav():
    assert turnover([100_000.0, 0.0], [50_000.0, 40_000.0]).tolist() == [2.0, 0.0]


def test_turnover_refuses_an_empty_account():
    with pytest.raises(ParameterError, match=r"start_nav must be > 0 \(USD\), was 0.0"):
        turnover([1.0], [0.0])


def test_exposure_pools_the_sessions():
    # 39 + 21 bars in the market of 390 + 210
    assert exposure([39, 21], [390, 210]) == pytest.approx(0.1, abs=1e-15)
    assert math.isnan(exposure([], []))


def test_weighted_mean_ignores_the_sign_of_the_weights():
    # 1 bp on 30 bought, 5 bps on 10 sold
    assert weighted_mean([1.0, 5.0], [30.0, -10.0]) == 2.0
    assert math.isnan(weighted_mean([], []))


def test_fill_rate_by_hand():
    assert fill_rate([30.0, -20.0], [100.0]) == 0.5
    assert math.isnan(fill_rate([], []))
