"""The portfolio of several symbols: two days by hand, conservation laws on noisy ones, and what judges them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from intraday_rl.evaluation.gates import first_sessions
from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.portfolio import SUMS, combine_by_date
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.evaluation.validation import make_validator
from intraday_rl.market.rows import Contract
from intraday_rl.market.tape import join_tapes
from intraday_rl.metrics import summarize
from tests.support.policies import RowPolicy, ScriptedPolicy
from tests.support.tapes import COSTLY, make_execution, of_symbol, random_tape
from tests.unit.evaluation.hand_sessions import full_rules, hand_recording
from tests.unit.evaluation.two_symbols import SCRIPTS, two_symbol_ledger, two_symbol_market


@pytest.fixture(scope="module")
def by_hand():
    """Sessions, round trips, fills and bars of the two days worked out in `two_symbols`."""
    return combine_by_date(two_symbol_ledger())


# --- by hand --------------------------------------------------------------------------------------------------------


def test_portfolio_has_one_session_a_day(by_hand):
    sessions = by_hand[0]
    assert list(sessions["session"]) == [0, 1]
    assert list(sessions["date"].astype(str)) == ["2024-01-02", "2024-01-03"]
    assert list(sessions["symbol"]) == ["SHARE, FUTURE"] * 2
    assert list(sessions["accounts"]) == [2, 2]


def test_portfolio_result_is_on_the_capital_of_all_accounts(by_hand):
    """The share has no session on the second day; its 50,000 count all the same."""
    sessions = by_hand[0]
    assert list(sessions["start_nav"]) == [100_000.0] * 2
    assert list(sessions["net_pnl"]) == pytest.approx([1_046, -502], abs=1e-9)
    assert list(sessions["end_nav"]) == pytest.approx([101_046, 99_498], abs=1e-9)
    assert list(sessions["session_return"]) == pytest.approx([0.01046, -0.00502], abs=1e-12)


def test_portfolio_nav_is_summed_minute_by_minute(by_hand):
    bars = by_hand[3]
    clocks = ["14:32", "14:33", "14:34", "14:35", "14:36", "14:32", "14:33", "14:34"]
    assert [f"{time:%H:%M}" for time in bars["time"]] == clocks
    nav = [99_999, 100_598, 100_798, 100_797, 101_046, 99_999, 100_999, 99_498]
    assert list(bars["nav"]) == pytest.approx(nav, abs=1e-9)
    assert list(bars["equity"]) == pytest.approx([*nav[:5], 101_045, 102_045, 100_544], abs=1e-9)
    # 40,000 + 149,999; 40,000 + 50,498; 50,300 + 50,498; 50,300 - 49,003; 50,300 + 50,746; 50,000 - 50,001 ...
    cash = [189_999, 90_498, 100_798, 1_297, 101_046, -1, -1, 99_498]
    assert list(bars["cash"]) == pytest.approx(cash, abs=1e-9)


def test_portfolio_drawdown_is_that_of_the_sum(by_hand):
    """The first day's deepest fall is the dollar of the first minute; alone, the future falls from 50,999 to 49,498."""
    assert list(by_hand[0]["max_drawdown"]) == pytest.approx([1 / 100_000, 1_501 / 100_000], abs=1e-12)


def test_portfolio_tells_the_drawdown_of_the_account_that_fell_most(by_hand):
    """Both days the future's: a dollar of its 50,000 on the first, then 1,501; idle capital softens nothing."""
    assert list(by_hand[0]["most_max_drawdown"]) == pytest.approx([1 / 50_000, 1_501 / 50_000], abs=1e-12)


def test_portfolio_activity_by_hand(by_hand):
    sessions = by_hand[0]
    assert list(sessions["bars"]) == [5, 3]
    assert list(sessions["in_market_minutes"]) == [3, 2]  # minutes 1, 2 and 4; 1 and 2
    assert list(sessions["most_in_market_minutes"]) == [2, 2]
    assert list(sessions["round_trips"]) == [3, 1]
    assert list(sessions["most_round_trips"]) == [2, 1]
    exposure = [110_000 / 99_999, 10_100 / 100_598, 0, 99_500 / 100_797, 0]
    alone = [100_000 / 99_999, 101_000 / 100_999, 0]
    assert list(sessions["mean_absolute_exposure"]) == pytest.approx([sum(exposure) / 5, sum(alone) / 3], abs=1e-12)
    # 10,000 + 10,300 and 5 x (20,000 + 19,900 + 19,900 + 19,950); 5 x (20,000 + 19,900)
    assert list(sessions["traded_notional"]) == pytest.approx([20_300 + 398_750, 199_500], abs=1e-8)
    assert list(sessions["turnover"]) == pytest.approx([4.1905, 1.995], abs=1e-12)
    assert list(sessions["commission_usd"]) == pytest.approx([4, 2], abs=1e-9)
    assert list(sessions["orders"]) == [6, 2]
    assert list(sessions["ordered_quantity"]) == [600, 200]
    assert list(sessions["flat_at_end"]) == [True, True]


def test_portfolio_round_trips_and_fills_are_in_time_order(by_hand):
    _, trades, fills, _ = by_hand
    assert list(trades["symbol"]) == ["FUTURE", "SHARE", "FUTURE", "FUTURE"]
    assert list(trades["session"]) == [0, 0, 0, 1]
    assert list(trades["net_pnl"]) == pytest.approx([498, 300, 248, -502], abs=1e-9)
    assert list(trades["start_nav"]) == [50_000.0] * 4
    assert list(fills["minute"]) == [1, 1, 2, 3, 4, 5, 1, 3]
    notional = [10_000, 100_000, 99_500, 10_300, 99_500, 99_750, 100_000, 99_500]
    assert list(fills["notional_usd"]) == pytest.approx(notional, abs=1e-8)


def test_portfolio_account_counts_with_its_start_nav_before_its_first_bar():
    """The share's session begins two minutes later: its three bars end at 14:34, 14:35 and 14:36."""
    sessions, _, _, bars = combine_by_date(two_symbol_ledger(later=2))
    nav = [99_999, 100_498, 100_498, 100_597, 101_046]
    assert list(bars["nav"][:5]) == pytest.approx(nav, abs=1e-9)
    assert sessions["in_market_minutes"][0] == 3  # 14:32 and 14:35 in futures, 14:34 and 14:35 in shares


def test_portfolio_is_flat_when_every_account_is():
    ledger = two_symbol_ledger()
    open_one = ledger.sessions.assign(flat_at_end=[True, False, True])
    assert list(combine_by_date(replace(ledger, sessions=open_one))[0]["flat_at_end"]) == [False, True]


def test_portfolio_counts_symbols_that_never_had_a_session():
    ledger = replace(two_symbol_ledger(), multipliers={"SHARE": 1.0, "FUTURE": 5.0, "IDLE": 1.0})
    sessions, _, _, bars = combine_by_date(ledger)
    assert list(sessions["start_nav"]) == [150_000.0] * 2
    assert list(sessions["session_return"]) == pytest.approx([1_046 / 150_000, -502 / 150_000], abs=1e-12)
    assert bars["nav"].iloc[-1] == pytest.approx(149_498, abs=1e-9)


def test_portfolio_of_one_symbol_is_its_ledger():
    ledger = build_ledger(hand_recording())
    for own, combined in zip(ledger.frames, combine_by_date(ledger), strict=True):
        assert combined is own


# --- laws -----------------------------------------------------------------------------------------------------------


def noisy_ledger(seed, num_symbols=3):
    """Return the ledger of symbols with unequal sessions, prices, multipliers and days."""
    lengths = [(5, 40), (4, 25), (3, 30)][:num_symbols]
    tapes = []
    for k, (count, minutes) in enumerate(lengths):
        tape = of_symbol(random_tape(count, minutes, seed=10 * seed + k), f"S{k}")
        tapes.append(replace(tape, dates=tape.dates + k))
    tape = join_tapes(tapes)
    dear = make_execution(**(COSTLY | {"contract": Contract(5.0)}))
    rules = full_rules(tape, execution=make_execution(**COSTLY), executions={"S1": dear})
    policy = RowPolicy(len(rules.layout.names), seed=seed)
    return build_ledger(roll_out(tape, rules, np.arange(len(tape.dates)), policy, seed=seed))


@pytest.fixture(scope="module", params=[0, 1, 2])
def noisy(request):
    ledger = noisy_ledger(request.param)
    return ledger, combine_by_date(ledger)


def test_portfolio_conserves_money_and_counts(noisy):
    ledger, (sessions, trades, fills, _) = noisy
    assert len(sessions) == 5
    assert len(fills) == len(ledger.fills) > 100
    for name in SUMS:
        assert sessions[name].sum() == pytest.approx(ledger.sessions[name].sum(), rel=1e-12, abs=1e-9), name
    assert sessions["round_trips"].sum() == len(trades) == len(ledger.trades)
    assert trades["net_pnl"].sum() == pytest.approx(sessions["net_pnl"].sum(), abs=1e-7)  # all ended flat
    assert (sessions["most_round_trips"] <= sessions["round_trips"]).all()
    assert (sessions["most_in_market_minutes"] <= sessions["in_market_minutes"]).all()


def test_portfolio_nav_is_the_sum_of_the_accounts_at_every_minute(noisy):
    """Checked account by account through pandas: values as of each minute, the start NAV before the first."""
    ledger, (_, _, _, bars) = noisy
    for date, day in bars.groupby("date"):
        own = ledger.bars[ledger.bars["date"] == date]
        by_account = own.pivot(index="time", columns="symbol", values="nav").reindex(day["time"])
        missing = 3 - by_account.shape[1]
        expected = by_account.ffill().fillna(50_000.0).sum(axis=1) + 50_000.0 * missing
        assert list(day["time"]) == sorted(set(own["time"]))
        assert day["nav"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-8)


def test_portfolio_days_follow_from_its_bars(noisy):
    _, (sessions, _, _, bars) = noisy
    before = 0.0
    for session in sessions.itertuples():
        day = bars[bars["session"] == session.session]
        path = np.concatenate([[session.start_nav], day["nav"]])
        worst = (np.maximum.accumulate(path) - path).max() / session.start_nav
        assert session.max_drawdown == pytest.approx(worst, abs=1e-12)
        assert session.end_nav == day["nav"].iloc[-1]
        assert session.start_nav + session.net_pnl == pytest.approx(session.end_nav, abs=1e-8)
        assert day["equity"].to_numpy() == pytest.approx(day["nav"].to_numpy() + before, abs=1e-8)
        before += session.net_pnl


def test_portfolio_drawdown_is_at_most_the_sum_of_the_accounts(noisy):
    ledger, (sessions, _, _, _) = noisy
    alone = (ledger.sessions["max_drawdown"] * 50_000).groupby(ledger.sessions["date"]).sum()
    assert (sessions["max_drawdown"].to_numpy() * 150_000 <= alone.to_numpy() + 1e-8).all()


def test_portfolio_law_of_the_sum_sees_a_cent(noisy):
    """The comparison above is shown to fail."""
    ledger, (_, _, _, bars) = noisy
    shifted = bars.assign(nav=bars["nav"] + np.where(np.arange(len(bars)) == 7, 0.01, 0.0))
    with pytest.raises(AssertionError):
        test_portfolio_nav_is_the_sum_of_the_accounts_at_every_minute((ledger, (None, None, None, shifted)))


# --- what judges them -----------------------------------------------------------------------------------------------


def test_summary_of_a_portfolio_counts_days(by_hand):
    summary = summarize(*by_hand, rng=np.random.default_rng(0))
    returns = np.array([0.01046, -0.00502])
    expected = {
        "num_sessions": 2,
        "num_accounts": 2,
        "num_round_trips": 4,
        "net_pnl_usd": 544.0,
        "net_return": 0.00544,
        "initial_nav_usd": 100_000.0,
        "sharpe_ratio": returns.mean() / returns.std(ddof=1) * np.sqrt(252),
        "session_sharpe": returns.mean() / returns.std(ddof=1),
        "worst_session_drawdown": 0.03002,  # of one account
        "worst_trade_fraction": -502 / 50_000,  # of its own account
        "max_round_trips_per_session": 2,
        "max_in_market_minutes_per_session": 2,
        "in_market_minutes": 5,
        "exposure": 5 / 8,
    }
    for name, value in expected.items():
        assert summary[name] == pytest.approx(value, rel=1e-9), name


def test_summary_judges_drawdowns_by_the_account_that_fares_worst(by_hand):
    """The future's 1,501 USD of the second day, held against wins of 1,046; its tail, not the portfolio's."""
    ledger = two_symbol_ledger()
    accounts = [
        tuple(frame[frame["symbol"] == symbol] for frame in (ledger.sessions, ledger.bars))
        for symbol in ("SHARE", "FUTURE")
    ]
    summary = summarize(*by_hand, rng=np.random.default_rng(0), accounts=accounts)
    wins = by_hand[1]["net_pnl"].clip(lower=0).sum()
    assert summary["worst_session_drawdown_in_gross_profit"] == pytest.approx(1_501 / wins, rel=1e-9)
    alone = summarize(*(frame[frame["symbol"] == "FUTURE"] for frame in ledger.frames), rng=np.random.default_rng(0))
    diluted = summarize(*by_hand, rng=np.random.default_rng(0))
    assert summary["tail_drawdown"] == pytest.approx(alone["tail_drawdown"], rel=0.05)
    assert diluted["tail_drawdown"] < 0.6 * summary["tail_drawdown"]


def test_summary_weighs_slippage_of_a_portfolio_by_notional(by_hand):
    fills = by_hand[2].assign(slippage_bps=[1.0, 2, 3, 4, 5, 6, 7, 8])
    summary = summarize(*by_hand[:2], fills, by_hand[3], rng=np.random.default_rng(0))
    notional = [10_000, 100_000, 99_500, 10_300, 99_500, 99_750, 100_000, 99_500]
    assert summary["slippage_bps"] == pytest.approx(np.average([1, 2, 3, 4, 5, 6, 7, 8], weights=notional), rel=1e-12)


def test_first_stage_of_a_portfolio_is_its_first_days(by_hand):
    sessions, trades, fills, bars = first_sessions(by_hand, 1)
    assert [len(frame) for frame in (sessions, trades, fills, bars)] == [1, 3, 6, 5]
    assert set(pd.concat([trades["date"], fills["date"], bars["date"]]).astype(str)) == {"2024-01-02"}


def test_validation_of_several_symbols_is_that_of_their_portfolio():
    numbers = make_validator(*two_symbol_market(), np.arange(3), 0)(ScriptedPolicy(*SCRIPTS))
    assert numbers["net_pnl_usd"] == pytest.approx(544, abs=1e-9)
    assert numbers["net_return"] == pytest.approx(0.00544, abs=1e-12)
    assert numbers["worst_session_drawdown"] == pytest.approx(1_501 / 50_000, abs=1e-12)  # of the account that lost it
    assert numbers["profit_factor"] == pytest.approx(1_046 / 502, abs=1e-9)
    assert numbers["round_trips_per_session"] == pytest.approx(2.0)


def test_validation_has_the_numbers_of_the_summary_under_their_names(by_hand):
    """One name means one quantity: here two accounts trade, where definitions could come apart."""
    numbers = make_validator(*two_symbol_market(), np.arange(3), 0)(ScriptedPolicy(*SCRIPTS))
    summary = summarize(*by_hand, rng=np.random.default_rng(0))
    shared = set(numbers) & set(summary)
    assert set(numbers) - shared == {"t_statistic"}
    assert {name: numbers[name] for name in shared} == pytest.approx({name: summary[name] for name in shared}, rel=1e-9)
