"""The ledger: the hand-computed sessions as tables, and the identities of accounting on noisy ones (SPEC D3.1)."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from intraday_rl.env.actions import HOLD, Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.env.risk import FlatBeforeClose, MaxNotional, MaxUnits
from intraday_rl.env.risk.layers import OFF
from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.market.rows import Contract
from intraday_rl.metrics import summarize
from tests.support.builders import example_ledger
from tests.support.policies import RowPolicy, ScriptedPolicy
from tests.support.tapes import COSTLY, make_execution, random_tape
from tests.unit.evaluation.hand_sessions import full_rules, hand_recording, hand_rules, hand_tape

COSTS = ["commission_usd", "spread_usd", "impact_usd", "latency_usd"]


@pytest.fixture(scope="module")
def by_hand():
    return build_ledger(hand_recording())


def at(date, clock):
    return pd.Timestamp(f"{date} {clock}", tz="UTC")


# --- by hand --------------------------------------------------------------------------------------------------------


def test_ledger_sessions_by_hand(by_hand):
    table = by_hand.sessions
    assert list(table["session"]) == [0, 1, 2]
    assert list(table["date"].astype(str)) == ["2024-01-02", "2024-01-03", "2024-01-04"]
    assert list(table["symbol"]) == ["TEST"] * 3
    assert list(table["start_nav"]) == [50_000.0] * 3
    assert list(table["end_nav"]) == pytest.approx([49_989, 49_971, 50_017], abs=1e-8)
    assert list(table["net_pnl"]) == pytest.approx([-11, -29, 17], abs=1e-8)
    assert list(table["session_return"]) == pytest.approx([-0.00022, -0.00058, 0.00034], abs=1e-12)
    assert list(table["reward"]) == pytest.approx([-2.2, -5.8, 3.4], abs=1e-9)  # the same in bp: nothing is charged
    # from 50,017 to 49,989; from 50,018 to 49,971; from 50,027 to 50,017
    assert list(table["max_drawdown"]) == pytest.approx([28 / 50_000, 47 / 50_000, 10 / 50_000], abs=1e-12)
    # 10,012 + 20,056 + 10,052; 12,007.2 + 8,012.8 + 13,998.6 + 5,996.4; 5,002
    assert list(table["traded_notional"]) == pytest.approx([40_120, 40_015, 5_002], abs=1e-8)
    assert list(table["turnover"]) == pytest.approx([0.8024, 0.8003, 0.10004], abs=1e-12)
    assert list(table["round_trips"]) == [2, 1, 0]
    assert list(table["in_market_minutes"]) == [5, 4, 7]
    assert list(table["bars"]) == [6, 6, 7]
    assert list(table["flat_at_end"]) == [True, True, False]


def test_ledger_session_costs_by_hand(by_hand):
    table = by_hand.sessions
    assert list(table["commission_usd"]) == pytest.approx([3, 4, 1], abs=1e-9)
    assert list(table["spread_usd"]) == pytest.approx([4, 2, 1], abs=1e-9)
    assert list(table["impact_usd"]) == pytest.approx([4, 2, 1], abs=1e-9)
    assert list(table["latency_usd"]) == pytest.approx([0, 17, 0], abs=1e-9)


def test_ledger_exposure_is_notional_over_nav_of_each_bar(by_hand):
    first = [10_030 / 50_017, 10_020 / 50_007, 10_050 / 49_992, 10_050 / 49_992, 10_040 / 50_002, 0]
    second = [12_012 / 50_003.8, 20_040 / 50_018, 20_010 / 49_988, 5_997 / 49_972.6, 0, 0]
    third = [5_010 / 50_007, 5_020 / 50_017, 5_030 / 50_027, *([5_020 / 50_017] * 4)]
    expected = [np.mean(first), np.mean(second), np.mean(third)]
    assert list(by_hand.sessions["mean_absolute_exposure"]) == pytest.approx(expected, abs=1e-12)


def test_ledger_fills_by_hand(by_hand):
    fills = by_hand.fills
    assert list(fills["session"]) == [0, 0, 0, 1, 1, 1, 1, 2]
    assert list(fills["minute"]) == [1, 3, 6, 1, 2, 4, 5, 1]
    assert list(fills["quantity"]) == [100, -200, 100, 60, 40, -70, -30, 100]
    prices = [100.12, 100.28, 100.52, 200.12, 200.32, 199.98, 199.88, 50.02]
    assert list(fills["price"]) == pytest.approx(prices, abs=1e-9)
    mids = [100.00, 100.20, 100.40, 200.00, 200.20, 200.10, 199.90, 50.00]
    assert list(fills["decision_mid"]) == pytest.approx(mids, abs=1e-9)
    references = [100.10, 100.30, 100.50, 200.10, 200.30, 200.00, 199.90, 50.00]
    assert list(fills["reference_price"]) == pytest.approx(references, abs=1e-9)
    assert list(fills["commission_usd"]) == pytest.approx([1.0] * 8, abs=1e-9)
    assert list(fills["spread_usd"]) == pytest.approx([1, 2, 1, 0.6, 0.4, 0.7, 0.3, 1], abs=1e-9)
    assert list(fills["impact_usd"]) == pytest.approx([1, 2, 1, 0.6, 0.4, 0.7, 0.3, 1], abs=1e-9)
    assert list(fills["latency_usd"]) == pytest.approx([10, -20, 10, 6, 4, 7, 0, 0], abs=1e-9)
    slippage = [
        1e4 * move / mid for move, mid in zip([0.12, -0.08, 0.12, 0.12, 0.12, 0.12, 0.02, 0.02], mids, strict=True)
    ]
    assert list(fills["slippage_bps"]) == pytest.approx(slippage, abs=1e-8)
    assert list(fills["reason"]) == ["agent", "agent", "session_close", *["agent"] * 5]


def test_ledger_fill_times_are_the_starts_of_their_minutes(by_hand):
    # The tape's rows follow each other without a night: row k starts at 14:30 + k minutes.
    minutes = [31, 33, 36, 39, 40, 42, 43, 47]
    assert list(by_hand.fills["time"]) == [at("2024-01-02", f"14:{minute}") for minute in minutes]
    assert str(by_hand.fills["time"].dt.tz) == "UTC"


def test_ledger_bars_by_hand(by_hand):
    bars = by_hand.bars
    assert list(bars["session"]) == [0] * 6 + [1] * 6 + [2] * 7
    assert bars["time"].iloc[0] == at("2024-01-02", "14:32")  # the END of row 1
    assert bars["time"].is_monotonic_increasing
    assert list(bars["close"][:6]) == [100.30, 100.20, 100.50, 100.50, 100.40, 100.70]
    assert list(bars["position"][:6]) == [100, 100, -100, -100, -100, 0]
    nav = [50_017, 50_007, 49_992, 49_992, 50_002, 49_989]
    nav += [50_003.8, 50_018, 49_988, 49_972.6, 49_971, 49_971]
    nav += [50_007, 50_017, 50_027, *[50_017] * 4]
    assert list(bars["nav"]) == pytest.approx(nav, abs=1e-8)


def test_ledger_equity_chains_the_sessions(by_hand):
    lift = np.array([0.0] * 6 + [-11.0] * 6 + [-40.0] * 7)  # what the sessions before came to
    assert by_hand.bars["equity"].to_numpy() == pytest.approx(by_hand.bars["nav"].to_numpy() + lift, abs=1e-8)
    assert by_hand.bars["equity"].iloc[-1] == pytest.approx(50_000 - 11 - 29 + 17, abs=1e-8)


def test_ledger_counts_what_was_asked_for_not_what_was_carried():
    """Session 1: 100 to buy, filled 60 + 40; 100 to sell, filled 70 + 30: two orders of 200 units, all filled."""
    table = build_ledger(hand_recording((1,))).sessions
    assert table["orders"].iloc[0] == 2
    assert table["ordered_quantity"].iloc[0] == 200.0


def test_ledger_fill_rate_of_orders_that_filled_in_parts_is_one():
    ledger = build_ledger(hand_recording((1,)))
    metrics = summarize(*ledger.frames, rng=np.random.default_rng(0))
    assert metrics["fill_rate"] == pytest.approx(1.0, abs=1e-12)


def test_ledger_counts_a_cancelled_remainder_as_asked_for_once():
    """100 units wanted, volume for 3 in each bar: three bars of 3 units, then the rest is cancelled: 9 of 100."""
    tape = hand_tape()
    tape.rows["volume"] = 30.0
    ledger = build_ledger(roll_out(tape, hand_rules(tape), np.array([0]), ScriptedPolicy([2]), seed=0))
    agents = ledger.fills[ledger.fills["reason"] == "agent"]
    assert list(agents["quantity"]) == [3, 3, 3]
    assert ledger.sessions["ordered_quantity"].iloc[0] == 109.0  # 100 in, 9 out at the close
    assert ledger.sessions["orders"].iloc[0] == 2


def test_ledger_first_decision_after_warm_up_keeps_minutes_of_the_session():
    """A session whose first two rows are warm-up: minutes are still counted from the session's first row."""
    tape = hand_tape()
    tape = replace(tape, first_row=tape.first_row + np.array([0, 2, 0]))
    ledger = build_ledger(roll_out(tape, hand_rules(tape), np.array([1]), ScriptedPolicy([2]), seed=0))
    assert ledger.fills["minute"].iloc[0] == 3
    assert ledger.fills["time"].iloc[0] == at("2024-01-02", "14:41")
    assert ledger.bars["time"].iloc[0] == at("2024-01-02", "14:42")
    assert ledger.bars["close"].iloc[0] == 200.10


# --- identities -----------------------------------------------------------------------------------------------------


def noisy_ledger(actions, seed, multiplier=1.0, loss_fraction=0.02):
    tape = random_tape(num_sessions=5, minutes=50, seed=seed)
    tape.rows["minutes_to_close"] += 5  # the exit's fill may meet minutes without a trade
    execution = make_execution(**(COSTLY | {"contract": Contract(multiplier=multiplier)}))
    rules = full_rules(
        tape,
        execution=execution,
        actions=actions,
        limits={"units": MaxUnits(units=300), "notional": MaxNotional(nav_multiple=0.7)},
        exits={"session_close": FlatBeforeClose(minutes=8)},
        layers=OFF._replace(daily_loss=loss_fraction),
    )
    policy = RowPolicy(len(rules.layout.names), continuous=isinstance(actions, Continuous), seed=seed)
    return build_ledger(roll_out(tape, rules, np.arange(5), policy, seed=seed))


LEDGERS = [
    pytest.param((actions, seed, multiplier), id=f"{type(actions).__name__}-{seed}-{multiplier:g}")
    for actions in (DiscreteStep(), DiscreteTarget(), Continuous())
    for seed, multiplier in ((1, 1.0), (2, 5.0))
]


@pytest.fixture(scope="module", params=LEDGERS)
def noisy(request):
    ledger = noisy_ledger(*request.param)
    assert len(ledger.fills) > 20
    return ledger


def test_identity_nav_is_cash_and_marked_position_at_every_bar(noisy):
    bars = noisy.bars
    marked = bars["cash"] + bars["position"] * noisy.multipliers["TEST"] * bars["close"]
    assert (bars["nav"] - marked).abs().max() < 1e-9


def test_identity_position_is_the_sum_of_the_fills(noisy):
    for session, bars in noisy.bars.groupby("session"):
        fills = noisy.fills[noisy.fills["session"] == session]
        for bar in bars.itertuples():
            assert bar.position == fills.loc[fills["time"] < bar.time, "quantity"].sum()


def test_identity_session_result_is_gross_less_every_cost(noisy):
    """Gross: cash flows at the decision mids, and what is still held at the last close."""
    for session in noisy.sessions.itertuples():
        fills = noisy.fills[noisy.fills["session"] == session.session]
        last = noisy.bars[noisy.bars["session"] == session.session].iloc[-1]
        gross = -(fills["quantity"] * fills["decision_mid"]).sum() + last["position"] * last["close"]
        costs = sum(getattr(session, name) for name in COSTS)
        assert session.net_pnl == pytest.approx(gross * noisy.multipliers["TEST"] - costs, abs=1e-8)
        assert session.net_pnl == pytest.approx(session.end_nav - session.start_nav, abs=1e-12)


def test_identity_session_result_is_the_sum_of_its_round_trips(noisy):
    flat = noisy.sessions[noisy.sessions["flat_at_end"]]
    assert len(flat)
    for session in flat.itertuples():
        trips = noisy.trades[noisy.trades["session"] == session.session]
        assert trips["net_pnl"].sum() == pytest.approx(session.net_pnl, abs=1e-8)
        for name in COSTS:
            assert trips[name].sum() == pytest.approx(getattr(session, name), abs=1e-9)
        assert len(trips) == session.round_trips


def test_identity_flat_at_end_means_no_position_and_cash_equal_to_nav(noisy):
    last = noisy.bars.groupby("session").last()
    for session in noisy.sessions.itertuples():
        row = last.loc[session.session]
        assert session.flat_at_end == (row["position"] == 0)
        assert session.end_nav == row["nav"]
        if session.flat_at_end:
            assert row["nav"] == row["cash"]


def test_identity_costs_of_each_fill_are_its_distance_from_the_mid(noisy):
    fills = noisy.fills
    drift = fills["quantity"] * (fills["price"] - fills["decision_mid"]) * noisy.multipliers["TEST"]
    parts = fills["spread_usd"] + fills["impact_usd"] + fills["latency_usd"]
    assert (drift - parts).abs().max() < 1e-8
    crossed = fills["quantity"] * (fills["price"] - fills["reference_price"]) * noisy.multipliers["TEST"]
    assert (crossed - fills["spread_usd"] - fills["impact_usd"]).abs().max() < 1e-8
    assert (fills[["commission_usd", "spread_usd", "impact_usd"]] >= 0).all(axis=None)


def test_identity_drawdown_turnover_and_minutes_follow_from_bars_and_fills(noisy):
    for session in noisy.sessions.itertuples():
        bars = noisy.bars[noisy.bars["session"] == session.session]
        fills = noisy.fills[noisy.fills["session"] == session.session]
        path = np.concatenate([[session.start_nav], bars["nav"]])
        drawdown = (np.maximum.accumulate(path) - path).max() / session.start_nav
        assert session.max_drawdown == pytest.approx(drawdown, abs=1e-12)
        traded = (fills["quantity"].abs() * fills["price"]).sum() * noisy.multipliers["TEST"]
        assert session.traded_notional == pytest.approx(traded, abs=1e-6)
        assert session.in_market_minutes == (bars["position"] != 0).sum()
        assert session.bars == len(bars)


def test_ledger_frames_are_in_time_order_and_have_unique_bars(noisy):
    assert noisy.bars["time"].is_monotonic_increasing
    assert noisy.bars["time"].is_unique
    assert noisy.fills["time"].is_monotonic_increasing
    assert noisy.fills["time"].is_unique
    assert noisy.trades["exit_time"].is_monotonic_increasing
    assert noisy.sessions["session"].is_monotonic_increasing


def test_ledger_forced_exits_name_their_reason():
    ledger = noisy_ledger(DiscreteTarget(), 1)
    assert {"agent", "session_close"} <= set(ledger.fills["reason"])
    halted = noisy_ledger(DiscreteTarget(), 3, loss_fraction=1e-4)
    closing = halted.fills[halted.fills["reason"] == "halt"]
    assert len(closing)
    for fill in closing.itertuples():  # nothing is opened after the stop
        later = halted.fills[(halted.fills["session"] == fill.session) & (halted.fills["time"] > fill.time)]
        assert not (later["reason"] == "agent").any()


# --- no fills -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def idle():
    tape = hand_tape()
    return build_ledger(roll_out(tape, hand_rules(tape), np.arange(3), ScriptedPolicy(*[[HOLD]] * 3), seed=0))


def test_ledger_without_fills_keeps_its_columns(idle, by_hand):
    assert len(idle.fills) == len(idle.trades) == 0
    for empty, full in zip(idle.frames, by_hand.frames, strict=True):
        assert list(empty.columns) == list(full.columns)


def test_ledger_without_fills_has_the_kinds_of_one_with_fills(idle, by_hand):
    """A run that never traded is read by the same code: numbers stay numbers, times stay times."""
    for empty, full in zip(idle.frames, by_hand.frames, strict=True):
        for name in full.columns:
            assert empty[name].dtype.kind == full[name].dtype.kind, name


def test_ledger_without_fills_is_flat(idle):
    assert list(idle.sessions["net_pnl"]) == [0.0] * 3
    assert list(idle.sessions["flat_at_end"]) == [True] * 3
    assert list(idle.sessions["mean_absolute_exposure"]) == [0.0] * 3
    assert (idle.bars["equity"] == 50_000.0).all()


def test_ledger_without_fills_can_be_summed_up_and_written(idle, tmp_path):
    metrics = summarize(*idle.frames, rng=np.random.default_rng(0))
    assert (metrics["num_round_trips"], metrics["net_pnl_usd"], metrics["hit_rate"]) == (0, 0.0, None)
    for number, frame in enumerate(idle.frames):
        file = tmp_path / f"{number}.parquet"
        frame.to_parquet(file)
        assert list(pd.read_parquet(file).columns) == list(frame.columns)


def test_ledger_has_the_columns_of_the_example(by_hand):
    """What metrics, gates and report were written against."""
    for name in ("sessions", "trades", "fills", "bars"):
        assert set(getattr(example_ledger(), name).columns) <= set(getattr(by_hand, name).columns), name
