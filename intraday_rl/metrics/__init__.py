"""Measures of trading results: pure functions of arrays, and the one table that everybody prints."""

from intraday_rl.metrics.bootstrap import stationary_bootstrap
from intraday_rl.metrics.drawdown import (
    bootstrap_session_drawdowns,
    bootstrap_tail_drawdown,
    max_drawdown,
    session_drawdown,
    tail_drawdown,
)
from intraday_rl.metrics.inference import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_backtest_length,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
    probability_of_backtest_overfitting,
    profit_factor_lower_bound,
    sharpe_standard_error,
    skewness_and_kurtosis,
)
from intraday_rl.metrics.labels import METRICS, MetricInfo, format_metric
from intraday_rl.metrics.returns import (
    SESSIONS_PER_YEAR,
    annualised_return,
    annualised_volatility,
    calmar_ratio,
    information_ratio,
    sharpe_ratio,
    sortino_ratio,
)
from intraday_rl.metrics.summary import Summary, summarize
from intraday_rl.metrics.trades import (
    break_even_hit_rate,
    expectancy,
    expectancy_r,
    hit_rate,
    median_hold_minutes,
    profit_factor,
    win_loss_ratio,
)
from intraday_rl.metrics.turnover import exposure, fill_rate, turnover, weighted_mean

__all__ = [
    "METRICS",
    "SESSIONS_PER_YEAR",
    "MetricInfo",
    "Summary",
    "annualised_return",
    "annualised_volatility",
    "bootstrap_session_drawdowns",
    "bootstrap_tail_drawdown",
    "break_even_hit_rate",
    "calmar_ratio",
    "deflated_sharpe_ratio",
    "expectancy",
    "expectancy_r",
    "expected_maximum_sharpe",
    "exposure",
    "fill_rate",
    "format_metric",
    "hit_rate",
    "information_ratio",
    "max_drawdown",
    "median_hold_minutes",
    "minimum_backtest_length",
    "minimum_track_record_length",
    "probabilistic_sharpe_ratio",
    "probability_of_backtest_overfitting",
    "profit_factor",
    "profit_factor_lower_bound",
    "session_drawdown",
    "sharpe_ratio",
    "sharpe_standard_error",
    "skewness_and_kurtosis",
    "sortino_ratio",
    "stationary_bootstrap",
    "summarize",
    "tail_drawdown",
    "turnover",
    "weighted_mean",
    "win_loss_ratio",
]
