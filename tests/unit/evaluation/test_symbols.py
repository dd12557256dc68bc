"""Several symbols in one roll-out: what a session may depend on, and what ledger, audit and budget make of it."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.agents.bundle import describe
from intraday_rl.core.errors import AccountingError
from intraday_rl.env.actions import Continuous, DiscreteTarget
from intraday_rl.env.episodes import noise_cursors
from intraday_rl.evaluation.audit import audit
from intraday_rl.evaluation.budget import slippage_budget_bps
from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.market.impact import SquareRootImpact
from intraday_rl.market.rows import Contract
from intraday_rl.market.spreads import QuotedSpread
from intraday_rl.market.tape import join_tapes
from tests.support.exact import assert_same_bits
from tests.support.policies import RowPolicy
from tests.support.tapes import COSTLY, make_execution, make_tape, of_symbol, random_tape
from tests.unit.evaluation.hand_sessions import full_rules
from tests.unit.evaluation.two_symbols import two_symbol_ledger

RECORDED = ("nav", "cash", "position", "fills", "closing")
SYMBOLS = ("AAA", "BBB", "CCC")
DEAR = make_execution(**(COSTLY | {"contract": Contract(5.0)}))


def parts():
    """Three noisy symbols with sessions of unequal length, the same five days each but for CCC's, which begin later."""
    tapes = [of_symbol(random_tape(5, minutes, seed=k), SYMBOLS[k]) for k, minutes in enumerate((40, 25, 33))]
    return [*tapes[:2], replace(tapes[2], dates=tapes[2].dates + 2)]


def rolled(tapes, actions=None):
    tape = join_tapes(tapes)
    actions = actions or DiscreteTarget()
    rules = full_rules(tape, execution=make_execution(**COSTLY), executions={"BBB": DEAR}, actions=actions)
    policy = RowPolicy(len(rules.layout.names), continuous=isinstance(actions, Continuous))
    return roll_out(tape, rules, np.arange(len(tape.dates)), policy, seed=3)


def session_of(recording, symbol, date):
    """Return what a recording holds of one symbol's session, by name."""
    tape = recording.tape
    own = tape.symbol_of[recording.sessions] == tape.symbols.index(symbol)
    n = int(np.flatnonzero(own & (tape.dates[recording.sessions] == date))[0])
    return {name: getattr(recording, name)[: recording.length[n], n] for name in RECORDED}


@pytest.mark.parametrize("actions", [DiscreteTarget(), Continuous()], ids=lambda a: type(a).__name__)
def test_session_does_not_depend_on_the_symbols_beside_it(actions):
    tapes = parts()
    together, reordered = rolled(tapes, actions), rolled(tapes[::-1], actions)
    assert (together.fills["quantity"] != 0).sum() > 100
    for tape in tapes:
        alone = rolled([tape], actions)
        for date in tape.dates:
            expected = session_of(alone, tape.symbols[0], date)
            for other in (together, reordered):
                found = session_of(other, tape.symbols[0], date)
                for name in RECORDED:
                    assert_same_bits(found[name], expected[name], f"{tape.symbols[0]} {date} {name}")


def test_comparison_of_sessions_sees_another_name():
    """A symbol's name is part of its noise: under another name its fills differ."""
    tape = parts()[0]
    left, right = rolled([tape]), rolled([of_symbol(tape, "ABC")])
    with pytest.raises(AssertionError):
        assert_same_bits(left.fills, right.fills)


def test_noise_of_a_date_differs_from_symbol_to_symbol():
    tape = join_tapes(parts())
    sessions = np.arange(len(tape.dates))
    cursors = noise_cursors(tape, sessions)
    assert len(np.unique(cursors)) == len(sessions)
    for part in parts():
        own = sessions[tape.symbol_of == tape.symbols.index(part.symbols[0])]
        assert noise_cursors(part, np.arange(5)).tolist() == cursors[own].tolist()


# --- ledger and audit -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noisy():
    return build_ledger(rolled(parts()))


def test_ledger_names_the_symbol_in_every_row(noisy):
    symbols = dict(zip(noisy.sessions["session"], noisy.sessions["symbol"], strict=True))
    assert list(noisy.sessions["symbol"]) == [*["AAA", "BBB"] * 2, *["AAA", "BBB", "CCC"] * 3, "CCC", "CCC"]
    for frame in (noisy.bars, noisy.fills, noisy.trades):
        assert set(frame["symbol"]) == set(SYMBOLS)
        assert list(frame["symbol"]) == [symbols[session] for session in frame["session"]]
    assert noisy.multipliers == {"AAA": 1.0, "BBB": 5.0, "CCC": 1.0}


def test_ledger_marks_every_symbol_with_its_own_multiplier(noisy):
    bars = noisy.bars
    usd = bars["symbol"].map({"AAA": 1.0, "BBB": 5.0, "CCC": 1.0})
    assert bars["nav"].to_numpy() == pytest.approx((bars["cash"] + bars["position"] * usd * bars["close"]).to_numpy())
    fills = noisy.fills
    moved = fills["quantity"] * (fills["price"] - fills["decision_mid"]) * fills["symbol"].map(noisy.multipliers)
    costs = fills["spread_usd"] + fills["impact_usd"] + fills["latency_usd"]
    assert costs.to_numpy() == pytest.approx(moved.to_numpy(), abs=1e-8)


def test_ledger_counts_minutes_from_each_sessions_own_start(noisy):
    fills = noisy.fills
    tape = join_tapes(parts())
    row = tape.session_starts[fills["session"]] + fills["minute"].to_numpy()
    assert [tape.session_of(r) for r in row] == list(fills["session"])
    starts = tape.end_ns[row] - 60_000_000_000
    assert (fills["time"].dt.as_unit("ns").astype("int64") == starts).all()


def test_audit_passes_several_symbols(noisy):
    audit(noisy)
    audit(two_symbol_ledger())


def test_audit_sees_another_worth_of_a_point(noisy):
    for symbol in SYMBOLS:
        with pytest.raises(AccountingError):
            audit(replace(noisy, multipliers={**noisy.multipliers, symbol: 2.0}))


@pytest.mark.parametrize("frame", ["sessions", "bars", "fills", "trades"])
def test_audit_sees_a_row_of_another_symbol(noisy, frame):
    for row in (0, 17, -1):
        table = getattr(noisy, frame).copy()
        place = table.index[min(row, len(table) - 1)]
        table.loc[place, "symbol"] = "CCC" if table.loc[place, "symbol"] == "AAA" else "AAA"  # worth the same a point
        with pytest.raises(AccountingError, match="its session trades") as caught:
            audit(replace(noisy, **{frame: table}))
        assert "\n" not in str(caught.value)


# --- what is frozen with a policy -----------------------------------------------------------------------------------


def test_budget_is_the_median_over_the_minutes_of_all_symbols():
    """AAA: (0.01 + 0.01) / 100 = 2 bps in 3 minutes; BBB at its own spread: (0.04 + 0.01) / 50 = 10 bps in 4."""
    quiet = {"volatility": 0.05, "typical_volume": 2_500.0}
    tape = join_tapes(
        [
            of_symbol(make_tape([[quiet | {"close": 100.0}] * 3]), "AAA"),
            of_symbol(make_tape([[quiet | {"close": 50.0}] * 4]), "BBB"),
        ]
    )
    cheap, dear = (
        make_execution(spread=QuotedSpread(base_spread=spread, multiple=1.0), impact=SquareRootImpact(coefficient=1.0))
        for spread in (0.02, 0.08)
    )
    rules = full_rules(tape, execution=cheap, executions={"BBB": dear})
    assert slippage_budget_bps(tape, rules, np.array([0, 1]), 1.5) == pytest.approx(15.0, abs=1e-9)
    assert slippage_budget_bps(tape, rules, np.array([0]), 1.0) == pytest.approx(2.0, abs=1e-9)
    assert slippage_budget_bps(tape, rules, np.array([1]), 1.0) == pytest.approx(10.0, abs=1e-9)


def test_bundle_lists_the_costs_of_each_symbol_that_differs():
    tape = parts()[0]
    costs = describe(full_rules(tape, executions={"BBB": DEAR}), {})["costs.json"]
    assert list(costs["by_symbol"]) == ["BBB"]
    assert costs["by_symbol"]["BBB"]["contract"] == {"model": "Contract", "multiplier": 5.0}
    assert costs["contract"] == {"model": "Contract", "multiplier": 1.0}
    assert describe(full_rules(tape), {})["costs.json"]["by_symbol"] == {}
