"""The audit: passes on what the simulator does, fails on a cent planted in any place."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import AccountingError
from intraday_rl.env.actions import HOLD, Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.evaluation.audit import audit
from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.market.rows import Contract
from tests.support.policies import RowPolicy, ScriptedPolicy
from tests.support.tapes import COSTLY, make_execution, random_tape
from tests.unit.evaluation.hand_sessions import full_rules, hand_recording, hand_rules, hand_tape

CENT = 0.01


@pytest.fixture(scope="module")
def ledger():
    """The three hand-computed sessions: a reversal, partial fills, one that is not flat at the end."""
    return build_ledger(hand_recording())


def planted(ledger, frame, row, column, change):
    """Return the ledger with `change` added to one cell."""
    table = getattr(ledger, frame).copy()
    table.loc[table.index[row], column] += change
    return replace(ledger, **{frame: table})


def assert_refused(ledger):
    with pytest.raises(AccountingError) as caught:
        audit(ledger)
    assert "\n" not in str(caught.value)


# --- passes ---------------------------------------------------------------------------------------------------------


def test_audit_passes_the_hand_computed_sessions(ledger):
    audit(ledger)


@pytest.mark.parametrize("multiplier", [1.0, 5.0])
@pytest.mark.parametrize("actions", [DiscreteStep(), DiscreteTarget(), Continuous()], ids=lambda a: type(a).__name__)
def test_audit_passes_noisy_sessions(actions, multiplier):
    for seed in range(3):
        tape = random_tape(num_sessions=4, minutes=60, seed=seed)
        execution = make_execution(**(COSTLY | {"contract": Contract(multiplier=multiplier)}))
        rules = full_rules(tape, execution=execution, actions=actions)
        policy = RowPolicy(len(rules.layout.names), continuous=isinstance(actions, Continuous), seed=seed)
        noisy = build_ledger(roll_out(tape, rules, np.arange(4), policy, seed=seed))
        assert len(noisy.fills) > 10
        audit(noisy)


def test_audit_passes_a_run_that_never_traded():
    tape = hand_tape()
    idle = build_ledger(roll_out(tape, hand_rules(tape), np.arange(3), ScriptedPolicy(*[[HOLD]] * 3), seed=0))
    audit(idle)


# --- a cent, in every place -----------------------------------------------------------------------------------------

COSTS = ["commission_usd", "spread_usd", "impact_usd", "latency_usd"]
CELLS = [
    *[("fills", column) for column in ("price", "decision_mid", *COSTS)],
    *[("bars", column) for column in ("nav", "cash", "equity")],
    *[("sessions", column) for column in ("net_pnl", "start_nav", "end_nav", *COSTS)],
    *[("trades", column) for column in ("net_pnl", "gross_pnl", *COSTS)],
]


def unseen(ledger, frame, column, changes):
    """Return the rows in which the audit does not see a change to the column, (row, change)."""
    missed = []
    for row in range(len(getattr(ledger, frame))):
        for change in changes(row) if callable(changes) else changes:
            try:
                audit(planted(ledger, frame, row, column, change))
            except AccountingError:
                continue
            missed.append((row, change))
    return missed


@pytest.mark.parametrize(("frame", "column"), CELLS)
def test_audit_sees_a_cent_in_every_row(ledger, frame, column):
    assert unseen(ledger, frame, column, [CENT, -CENT]) == []


def test_audit_sees_a_price_that_makes_one_cent(ledger):
    units = ledger.fills["quantity"].abs()
    assert unseen(ledger, "fills", "price", lambda row: [CENT / units.iloc[row]]) == []


def test_audit_sees_one_unit_more_at_any_bar(ledger):
    assert unseen(ledger, "bars", "position", [1.0, -1.0]) == []


def test_audit_sees_a_session_return_that_is_a_cent_off(ledger):
    assert unseen(ledger, "sessions", "session_return", [CENT / 50_000]) == []


GATED = {
    # what gates and budget read beside money: the change that has to be seen
    ("sessions", "max_drawdown"): CENT / 50_000,  # G3
    ("fills", "slippage_bps"): 0.01,  # G4
    ("trades", "minutes_held"): 1.0,  # G5
    ("sessions", "round_trips"): 1,  # G8
    ("sessions", "in_market_minutes"): 1,  # G9
    ("sessions", "traded_notional"): CENT,
    ("sessions", "turnover"): CENT / 50_000,
    ("sessions", "mean_absolute_exposure"): 1e-3,
    ("trades", "quantity"): 1.0,
    ("trades", "entry_price"): CENT,
    ("trades", "exit_price"): CENT,
    ("trades", "direction"): -2,
}


@pytest.mark.parametrize(("frame", "column"), GATED)
def test_audit_sees_a_change_in_what_gates_and_report_read(ledger, frame, column):
    change = GATED[frame, column]
    assert unseen(ledger, frame, column, [change, -change]) == []


def test_audit_sees_a_swapped_sign(ledger):
    assert unseen(ledger, "fills", "quantity", lambda row: [-2 * ledger.fills["quantity"].iloc[row]]) == []


def test_audit_sees_a_fill_in_another_minute(ledger):
    """Every hand-computed fill's bar closes away from its price, so a minute earlier or later marks another NAV."""
    assert unseen(ledger, "fills", "time", [pd.Timedelta(minutes=-1), pd.Timedelta(minutes=1)]) == []


def test_audit_sees_a_cent_wherever_rounding_hides_it(ledger):
    """50,017.00 + 0.01 - 50,017.00 is 0.0100000000020, other sums come out a little below a cent."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(30):
        shifted = replace(ledger, sessions=ledger.sessions.copy(), bars=ledger.bars.copy())
        start = rng.uniform(10_000, 90_000)
        shifted.sessions[["start_nav", "end_nav"]] += start - 50_000
        shifted.bars[["nav", "cash", "equity"]] += start - 50_000
        shifted.sessions["session_return"] = shifted.sessions["net_pnl"] / shifted.sessions["start_nav"]
        shifted.sessions[["max_drawdown", "turnover"]] *= 50_000 / start
        exposure = shifted.bars["position"].abs() * shifted.bars["close"] / shifted.bars["nav"]
        shifted.sessions["mean_absolute_exposure"] = exposure.groupby(shifted.bars["session"]).mean().to_numpy()
        audit(shifted)
        try:
            audit(planted(shifted, "bars", 3, "nav", CENT))
        except AccountingError:
            continue
        missed += 1
    assert missed == 0


# --- whole rows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", range(8))
def test_audit_sees_a_missing_fill(ledger, row):
    assert_refused(replace(ledger, fills=ledger.fills.drop(ledger.fills.index[row])))


@pytest.mark.parametrize("row", range(8))
def test_audit_sees_a_fill_that_is_there_twice(ledger, row):
    fills = pd.concat([ledger.fills.iloc[: row + 1], ledger.fills.iloc[row:]], ignore_index=True)
    assert_refused(replace(ledger, fills=fills))


@pytest.mark.parametrize("row", range(3))
def test_audit_sees_a_missing_round_trip(ledger, row):
    assert_refused(replace(ledger, trades=ledger.trades.drop(ledger.trades.index[row])))


def test_audit_sees_a_missing_bar(ledger):
    """A session that ends with fewer bars than it lasted."""
    assert_refused(replace(ledger, bars=ledger.bars.drop(ledger.bars.index[4])))


def test_audit_sees_a_session_without_a_row(ledger):
    assert_refused(replace(ledger, sessions=ledger.sessions.iloc[:2]))


def test_audit_sees_a_figure_that_is_not_a_number(ledger):
    for frame, column in (("bars", "nav"), ("fills", "price"), ("fills", "commission_usd"), ("sessions", "net_pnl")):
        assert_refused(planted(ledger, frame, 0, column, np.nan))


# --- errors that cancel ---------------------------------------------------------------------------------------------


def test_audit_sees_costs_that_moved_from_one_kind_to_another(ledger):
    moved = planted(planted(ledger, "fills", 1, "spread_usd", 0.5), "fills", 1, "impact_usd", -0.5)
    assert_refused(moved)


def test_audit_sees_costs_that_moved_from_one_fill_to_another(ledger):
    moved = planted(planted(ledger, "fills", 0, "latency_usd", 0.5), "fills", 2, "latency_usd", -0.5)
    assert_refused(moved)


def test_audit_sees_results_that_moved_from_one_round_trip_to_another(ledger):
    moved = planted(planted(ledger, "trades", 0, "net_pnl", 5.0), "trades", 1, "net_pnl", -5.0)
    assert_refused(moved)


def test_audit_does_not_take_a_sessions_word_that_it_ended_flat(ledger):
    """`flat_at_end` decides whether round trips are summed: it has to be true itself."""
    for row in range(3):
        sessions = ledger.sessions.copy()
        sessions.loc[row, "flat_at_end"] = not sessions.loc[row, "flat_at_end"]
        sessions["flat_at_end"] = sessions["flat_at_end"].astype(bool)
        assert_refused(replace(ledger, sessions=sessions))


# --- the message ----------------------------------------------------------------------------------------------------


def test_audit_message_names_session_and_both_values(ledger):
    with pytest.raises(AccountingError, match="2024-01-03") as caught:
        audit(planted(ledger, "bars", 8, "nav", 1.0))
    assert "49989.0000" in str(caught.value)
    assert "49988.0000" in str(caught.value)
    assert "14:42" in str(caught.value)
