import math

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics import METRICS, format_metric


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("net_pnl_usd", -1234.5, "-1,234.50 USD"),
        ("hit_rate", 0.55, "55.00%"),
        ("profit_factor", 1.25, "1.250"),
        ("profit_factor", None, "n/a"),
        ("profit_factor", math.inf, "inf"),
        ("pf_undefined", True, "yes"),
        ("pf_undefined", 0.0, "no"),
        ("num_round_trips", 1234, "1,234"),
        ("num_round_trips", 12.0, "12"),
        ("hold_median_minutes", 7.5, "7.5 min"),
        ("slippage_bps", 0.1234, "0.123 bps"),
        ("expectancy_r", 0.2, "0.200 R"),
    ],
)
def test_format_metric_shows_number_and_unit(key, value, text):
    assert format_metric(key, value) == text


def test_format_metric_names_the_nearest_metric():
    with pytest.raises(ParameterError, match=r"was 'sharp_ratio' \(did you mean sharpe_ratio\?\)"):
        format_metric("sharp_ratio", 1.0)


def test_metrics_prefer_the_right_direction():
    assert METRICS["profit_factor"].higher_is_better is True
    assert METRICS["max_drawdown"].higher_is_better is False
    assert METRICS["turnover_total"].higher_is_better is None


def test_metrics_have_labels_of_their_own():
    labels = [info.label for info in METRICS.values()]
    assert len(set(labels)) == len(labels)
