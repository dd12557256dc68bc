"""How each metric of the summary is printed: label, unit, number format, and which direction is better.

Conventions: the order is the printing order; fractions are shown as per cent; an undefined value prints as "n/a".
"""

from __future__ import annotations

from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError

FLAG = "flag"


class MetricInfo(NamedTuple):
    """One metric's presentation."""

    label: str
    unit: str  # printed after the number, unless it is "" or "flag" or the format prints it itself ("%")
    format: str  # Python format specification
    higher_is_better: bool | None  # None: neither direction is better by itself


def _usd(label: str, higher_is_better: bool | None) -> MetricInfo:
    return MetricInfo(label, "USD", ",.2f", higher_is_better)


def _percent(label: str, higher_is_better: bool | None) -> MetricInfo:
    return MetricInfo(label, "%", ".2%", higher_is_better)


def _ratio(label: str, higher_is_better: bool | None) -> MetricInfo:
    return MetricInfo(label, "", ".3f", higher_is_better)


def _count(label: str, higher_is_better: bool | None = None) -> MetricInfo:
    return MetricInfo(label, "", ",d", higher_is_better)


def _minutes(label: str) -> MetricInfo:
    return MetricInfo(label, "min", ",.1f", None)


METRICS: dict[str, MetricInfo] = {
    "net_pnl_usd": _usd("Net result", True),
    "net_return": _percent("Net result / initial NAV", True),
    "session_pnl_usd": _usd("Mean net result of a session", True),
    "session_pnl_standard_error_usd": _usd("Standard error of the mean net result", None),
    "session_reward": _ratio("Mean reward of a session", True),
    "session_reward_standard_error": _ratio("Standard error of the mean reward", None),
    "gross_pnl_usd": _usd("Result before costs", True),
    "annualised_return": _percent("Annualised return", True),
    "annualised_volatility": _percent("Annualised volatility", None),
    "initial_nav_usd": _usd("Initial NAV", None),
    "num_sessions": _count("Sessions"),
    "num_accounts": _count("Accounts, one for each symbol"),
    "num_round_trips": _count("Round trips"),
    "round_trips_per_session": MetricInfo("Round trips per session", "", ",.1f", None),
    "num_orders": _count("Orders"),
    "num_fills": _count("Fills"),
    "num_fills_agent": _count("Fills ordered by the agent"),
    "num_fills_trade_exit": _count("Fills by a stop or a holding limit"),
    "num_fills_session_close": _count("Fills at the session close"),
    "num_fills_halt": _count("Fills by a halt"),
    "sessions_not_flat": _count("Sessions not flat at their end", False),
    "profit_factor": _ratio("Profit factor", True),
    "pf_undefined": MetricInfo("Profit factor infinite (no losses)", FLAG, "", None),
    "profit_factor_lower_bound": _ratio("Profit factor, 5 % bootstrap bound", True),
    "hit_rate": _percent("Hit rate", True),
    "break_even_hit_rate": _percent("Break-even hit rate", False),
    "win_loss_ratio": _ratio("Mean win / mean loss", True),
    "gross_profit_usd": _usd("Sum of wins", True),
    "gross_loss_usd": _usd("Sum of losses", False),
    "expectancy_usd": _usd("Expectancy per round trip", True),
    "expectancy_r": MetricInfo("Expectancy / initial risk", "R", ".3f", True),
    "num_round_trips_with_risk": _count("Round trips with a stated risk"),
    "best_trade_usd": _usd("Best round trip", True),
    "best_trade_fraction": _percent("Best round trip / session-start NAV", True),
    "worst_trade_usd": _usd("Worst round trip", True),
    "worst_trade_fraction": _percent("Worst round trip / session-start NAV", True),
    "hold_median_minutes": _minutes("Median holding time"),
    "round_trip_sharpe": _ratio("Sharpe ratio per round trip", True),
    "round_trip_skewness": _ratio("Skewness of round trips", None),
    "round_trip_kurtosis": _ratio("Raw kurtosis of round trips", None),
    "max_drawdown": _percent("Maximum drawdown", False),
    "worst_session_drawdown": _percent("Worst session drawdown", False),
    "tail_drawdown": _percent("Tail (5 %) session drawdown, bootstrap", False),
    "tail_drawdown_empirical": _percent("Tail (5 %) session drawdown, observed", False),
    "tail_drawdown_empirical_sessions": _count("Sessions in the observed tail"),
    "worst_session_drawdown_in_gross_profit": _ratio("Worst session drawdown / sum of wins", False),
    "tail_drawdown_in_gross_profit": _ratio("Tail session drawdown / sum of wins", False),
    "worst_loss_in_gross_profit": _ratio("Worst round-trip loss / sum of wins", False),
    "sharpe_ratio": _ratio("Sharpe ratio (annualised)", True),
    "sharpe_standard_error": _ratio("Standard error of the Sharpe ratio", None),
    "sharpe_probability": _ratio("Probability that the true Sharpe ratio > 0", True),
    "sortino_ratio": _ratio("Sortino ratio", True),
    "session_sharpe": _ratio("Sharpe ratio per session", True),
    "session_skewness": _ratio("Skewness of session returns", None),
    "session_kurtosis": _ratio("Raw kurtosis of session returns", None),
    "calmar_ratio": _ratio("Calmar ratio", True),
    "information_ratio": _ratio("Information ratio", True),
    "turnover_total": _ratio("Turnover, multiples of capital", None),
    "turnover_per_session": _ratio("Turnover per session", None),
    "exposure": _percent("Share of bars in the market", None),
    "mean_absolute_exposure": _percent("Mean notional / NAV", None),
    "mean_notional_in_market": _percent("Mean notional / NAV while in the market", None),
    "in_market_minutes": _count("Minutes in the market"),
    "max_in_market_minutes_per_session": _count("Most minutes in the market of an account in a session"),
    "max_round_trips_per_session": _count("Most round trips of an account in a session"),
    "costs_usd": _usd("All costs", False),
    "commission_usd": _usd("Commission", False),
    "spread_usd": _usd("Spread", False),
    "impact_usd": _usd("Impact", False),
    "latency_usd": _usd("Latency", False),
    "slippage_bps": MetricInfo("Mean slippage", "bps", ".3f", False),
    "fill_rate": _percent("Filled / ordered quantity", True),
}


def format_metric(key: str, value: float | int | None) -> str:
    """Return the value as text with its unit: '1,234.50 USD', '55.00%', 'n/a' for an undefined value.

    Args:
        key: A key of `METRICS`.
        value: As in the summary.

    Raises:
        ParameterError: the key is no metric of the summary.
    """
    if key not in METRICS:
        raise ParameterError(f"format_metric.key must be a metric, was {key!r}{checks.nearest(key, METRICS)}")
    info = METRICS[key]
    if value is None:
        return "n/a"
    if info.unit == FLAG:
        return "yes" if value else "no"
    number = format(int(value) if info.format == ",d" else value, info.format)
    return f"{number} {info.unit}" if info.unit not in ("", "%") else number
