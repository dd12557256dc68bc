import json
import math
import statistics

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intraday_rl.core.errors import AccountingError, ParameterError
from intraday_rl.metrics import METRICS, summarize
from tests.support.builders import example_ledger

RETURNS = [0.000454, 0.000154, -0.001074]  # the three sessions of the example, which are its three round trips too


def _summary(ledger=None, **arguments):
    return summarize(*(ledger or example_ledger()), rng=np.random.default_rng(0), **arguments)


def _assert_values(summary, expected):
    for key, value in expected.items():
        assert summary[key] == pytest.approx(value, rel=1e-9), key


def test_summary_results_and_costs_of_the_example():
    _assert_values(
        _summary(),
        {
            "net_pnl_usd": -23.30,
            "net_return": -0.000466,
            "gross_pnl_usd": -15.00,
            "initial_nav_usd": 50_000.0,
            "costs_usd": 8.30,
            "commission_usd": 7.0,
            "spread_usd": 0.8,
            "impact_usd": 0.3,
            "latency_usd": 0.2,
            "annualised_return": (49_976.70 / 50_000) ** (252 / 3) - 1,
            "annualised_volatility": statistics.stdev(RETURNS) * math.sqrt(252),
        },
    )


def test_summary_means_over_the_sessions_of_the_example():
    # net 22.70, 7.70, -53.70: mean -23.30 / 3; rewards 3, 5, 10: mean 6, deviations -3, -1, 4, variance 26 / 2
    ledger = example_ledger()
    rewarded = ledger._replace(sessions=ledger.sessions.assign(reward=[3.0, 5.0, 10.0]))
    _assert_values(
        _summary(rewarded),
        {
            "session_pnl_usd": -23.30 / 3,
            "session_pnl_standard_error_usd": statistics.stdev([22.70, 7.70, -53.70]) / math.sqrt(3),
            "session_reward": 6.0,
            "session_reward_standard_error": math.sqrt(13.0 / 3.0),
            "round_trips_per_session": 1.0,
        },
    )
    assert _summary()["session_reward"] is None  # the example's ledger knows no rewards


def test_summary_round_trips_of_the_example():
    _assert_values(
        _summary(),
        {
            "num_round_trips": 3,
            "profit_factor": 30.4 / 53.7,
            "hit_rate": 2 / 3,
            "win_loss_ratio": 15.2 / 53.7,
            "break_even_hit_rate": 53.7 / (53.7 + 15.2),
            "gross_profit_usd": 30.4,
            "gross_loss_usd": 53.7,
            "expectancy_usd": -23.3 / 3,
            "expectancy_r": (2.27 + 0.77 - 2.685) / 3,
            "num_round_trips_with_risk": 3,
            "best_trade_usd": 22.70,
            "best_trade_fraction": 0.000454,
            "worst_trade_usd": -53.70,
            "worst_trade_fraction": -0.001074,
            "hold_median_minutes": 3.0,
            "round_trip_sharpe": statistics.mean(RETURNS) / statistics.stdev(RETURNS),
            "round_trip_skewness": stats.skew(RETURNS),
            "round_trip_kurtosis": stats.kurtosis(RETURNS, fisher=False),
        },
    )
    assert _summary()["pf_undefined"] is False


def test_summary_drawdowns_of_the_example():
    _assert_values(
        _summary(),
        {
            "max_drawdown": 69.80 / 50_046.50,  # from the end of the second session's third bar to the end
            "worst_session_drawdown": 0.001074,
            "tail_drawdown_empirical": 0.001074,
            "tail_drawdown_empirical_sessions": 1,
            "worst_session_drawdown_in_gross_profit": 53.7 / 30.4,
            "worst_loss_in_gross_profit": 53.7 / 30.4,
        },
    )


def test_summary_ratios_of_the_example():
    mean, deviation = statistics.mean(RETURNS), statistics.stdev(RETURNS)
    sharpe = mean / deviation
    skewness, kurtosis = stats.skew(RETURNS), stats.kurtosis(RETURNS, fisher=False)
    error = math.sqrt((1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2) / 2)
    _assert_values(
        _summary(),
        {
            "sharpe_ratio": sharpe * math.sqrt(252),
            "session_sharpe": sharpe,
            "session_skewness": skewness,
            "session_kurtosis": kurtosis,
            "sharpe_standard_error": error * math.sqrt(252),
            "sharpe_probability": stats.norm.cdf(sharpe / error),
            "sortino_ratio": mean / math.sqrt(0.001074**2 / 3) * math.sqrt(252),
            "calmar_ratio": ((49_976.70 / 50_000) ** 84 - 1) / (69.80 / 50_046.50),
        },
    )


def test_summary_activity_of_the_example():
    exposures = example_ledger().sessions["mean_absolute_exposure"]
    _assert_values(
        _summary(),
        {
            "num_sessions": 3,
            "num_accounts": 1,
            "sessions_not_flat": 0,
            "turnover_total": 40_004.90 / 50_000,
            "turnover_per_session": 40_004.90 / 150_000,
            "exposure": 10 / 18,
            "mean_absolute_exposure": sum(exposures) / 3,
            "mean_notional_in_market": sum(exposures) / 3 * 18 / 10,
            "in_market_minutes": 10,
            "max_in_market_minutes_per_session": 4,
            "max_round_trips_per_session": 1,
        },
    )


def test_summary_execution_of_the_example():
    # (fill - mid at the decision) x side / mid, times the quantity
    weighted = [0.52 / 500 * 10, 0.01 / 503 * 10, 0.52 / 502 * 10, 0.51 / 500 * 10]
    weighted += [-0.49 / 501 * 10, -0.48 / 500 * 10, 0.52 / 498 * 20]
    summary = _summary()
    _assert_values(summary, {"slippage_bps": sum(weighted) / 80 * 1e4, "num_fills": 7})
    assert [summary[f"num_fills_{reason}"] for reason in ("agent", "session_close", "halt")] == [6, 1, 0]


def test_summary_judges_one_of_several_accounts_by_its_own_numbers():
    """Days of two accounts: most round trips, minutes and the largest loss are those of one account."""
    ledger = example_ledger()
    several = {"accounts": 2, "most_round_trips": [1, 1, 2], "most_in_market_minutes": [2, 3, 1]}
    sessions = ledger.sessions.assign(round_trips=[4, 1, 2], start_nav=100_000.0, **several)
    trades = ledger.trades.assign(start_nav=50_000.0)
    fills = ledger.fills.assign(notional_usd=[1.0, 0, 0, 0, 0, 0, 3.0])
    summary = _summary(ledger._replace(sessions=sessions, trades=trades, fills=fills))
    expected = {
        "num_accounts": 2,
        "max_round_trips_per_session": 2,
        "max_in_market_minutes_per_session": 3,
        "worst_trade_fraction": -53.70 / 50_000,
        "net_return": -23.30 / 100_000,
        "slippage_bps": (0.52 / 500 * 1 + 0.52 / 498 * 3) / 4 * 1e4,
    }
    _assert_values(summary, expected)


def test_summary_has_orders_and_fill_rate_when_the_ledger_counts_orders():
    assert _summary()["num_orders"] is None
    assert _summary()["fill_rate"] is None
    ledger = example_ledger()
    sessions = ledger.sessions.assign(orders=[2, 3, 3], ordered_quantity=[20.0, 40.0, 40.0])
    summary = _summary((sessions, *ledger[1:]))
    assert summary["num_orders"] == 8
    assert summary["fill_rate"] == pytest.approx(0.8)


def test_summary_information_ratio_needs_a_benchmark():
    assert _summary()["information_ratio"] is None
    summary = _summary(benchmark_returns=np.zeros(3))
    assert summary["information_ratio"] == pytest.approx(summary["sharpe_ratio"], rel=1e-12)
    with pytest.raises(ParameterError, match="one return per session"):
        _summary(benchmark_returns=np.zeros(2))


def test_summary_has_the_keys_of_the_labels_in_their_order_and_is_plain_json():
    summary = _summary()
    assert list(summary) == list(METRICS)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_summary_knows_nothing_of_the_number_of_trials():
    assert not [key for key in METRICS if "deflated" in key or "trials" in key]


def test_summary_repeats_with_the_generators_seed():
    assert _summary() == _summary()


def test_summary_does_not_change_the_ledger():
    ledger, untouched = example_ledger(), example_ledger()
    _summary(ledger)
    for frame, copy in zip(ledger, untouched, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


def _steady_ledger(bar_pnl_usd, bars_of_sessions):
    """Return a ledger without trades whose every bar earns the same."""
    number = np.repeat(np.arange(len(bars_of_sessions)), bars_of_sessions)
    bar_of_session = np.concatenate([np.arange(1, bars + 1) for bars in bars_of_sessions])
    empty = example_ledger()
    sessions = pd.concat([empty.sessions] * len(bars_of_sessions)).iloc[:: len(empty.sessions)].copy()
    sessions["session"] = range(len(bars_of_sessions))
    sessions["bars"] = bars_of_sessions
    sessions["net_pnl"] = [bar_pnl_usd * bars for bars in bars_of_sessions]
    bars = pd.DataFrame(
        {
            "session": number,
            "nav": 50_000.0 + bar_pnl_usd * bar_of_session,
            "equity": 50_000.0 + bar_pnl_usd * np.arange(1, number.size + 1),
        }
    )
    return sessions, empty.trades.iloc[:0], empty.fills.iloc[:0], bars


def test_summary_tail_drawdown_counts_every_bar_from_the_session_start():
    # Every bar loses 1 USD of 50,000, sessions of 4, 6 and 6 bars: a drawn session has the median, six.
    summary = _summary(_steady_ledger(-1.0, [4, 6, 6]))
    assert summary["tail_drawdown"] == pytest.approx(6 / 50_000, rel=1e-9)
    assert summary["max_drawdown"] == pytest.approx(16 / 50_000, rel=1e-9)


def test_summary_of_a_run_without_trades():
    summary = _summary(_steady_ledger(0.0, [6, 6]))
    undefined = ["profit_factor", "profit_factor_lower_bound", "hit_rate", "expectancy_usd", "worst_trade_usd"]
    undefined += ["hold_median_minutes", "slippage_bps", "sharpe_ratio", "sortino_ratio", "calmar_ratio"]
    undefined += ["round_trip_sharpe", "worst_session_drawdown_in_gross_profit"]
    assert {key: summary[key] for key in undefined} == dict.fromkeys(undefined)
    assert summary["pf_undefined"] is False
    assert summary["num_round_trips"] == 0
    assert summary["tail_drawdown"] == 0.0


def test_summary_of_wins_only_flags_the_infinite_profit_factor():
    ledger = example_ledger()
    summary = _summary(ledger._replace(trades=ledger.trades.iloc[:2]))
    assert summary["profit_factor"] is None
    assert summary["pf_undefined"] is True
    assert summary["profit_factor_lower_bound"] is None
    assert summary["break_even_hit_rate"] == 0.0


def test_summary_of_no_sessions_is_undefined_but_printable():
    summary = _summary(tuple(frame.iloc[:0] for frame in example_ledger()))
    assert list(summary) == list(METRICS)
    assert summary["num_sessions"] == 0
    assert summary["net_return"] is None
    assert summary["max_drawdown"] is None


def test_summary_leaves_out_trades_without_a_stated_risk():
    ledger = example_ledger()
    trades = ledger.trades.assign(initial_risk_usd=[10.0, math.nan, 0.0])
    summary = _summary(ledger._replace(trades=trades))
    assert summary["expectancy_r"] == pytest.approx(2.27)
    assert summary["num_round_trips_with_risk"] == 1


def test_summary_counts_sessions_that_end_with_a_position():
    ledger = example_ledger()
    sessions = ledger.sessions.assign(flat_at_end=[True, False, False])
    assert _summary(ledger._replace(sessions=sessions))["sessions_not_flat"] == 2


def test_summary_refuses_missing_numbers():
    ledger = example_ledger()
    trades = ledger.trades.assign(net_pnl=[1.0, math.nan, 2.0])
    with pytest.raises(AccountingError, match=r"ledger trades\.net_pnl must be finite, was nan in row 1"):
        _summary(ledger._replace(trades=trades))


def test_summary_refuses_a_session_number_that_occurs_twice():
    ledger = example_ledger()
    with pytest.raises(AccountingError, match=r"sessions\.session must be unique, 0 occurs twice"):
        _summary(ledger._replace(sessions=ledger.sessions.assign(session=[0, 0, 1])))


def test_summary_refuses_rows_of_unknown_sessions():
    ledger = example_ledger()
    with pytest.raises(AccountingError, match=r"trades\.session must be one of the sessions, was 9"):
        _summary(ledger._replace(trades=ledger.trades.assign(session=[0, 9, 2])))
