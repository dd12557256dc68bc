"""Laws on real thin names: LII trades in under half of the minutes, TPL in a sixth, SW in nearly all (SPEC D3.7).

A minute without a trade fills nothing, whatever is asked; where the last minutes have none, the session ends with the
position marked at the last close, truncated, and says so. Actions are random, and halts are out of the way.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.app.market_data import load_market_data
from intraday_rl.env.risk import FlatBeforeClose
from intraday_rl.env.risk.layers import OFF
from intraday_rl.evaluation.audit import audit
from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.portfolio import combine_by_date
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.market.tape import join_tapes
from intraday_rl.metrics import summarize
from tests.support.exact import assert_same_bits
from tests.support.real_data import data_folder

DAYS = {  # of SW, which began to trade in July
    "LII": ("2024-01-02", "2024-03-01"),
    "TPL": ("2024-01-02", "2024-03-01"),
    "SW": ("2024-07-08", "2024-08-01"),
}
CLOCK = {"tod_sin", "tod_cos", "phase"}
EXIT_MINUTES = 5
EXITS = {"session_close": FlatBeforeClose(EXIT_MINUTES)}


class RandomPolicy:
    """Draws an action for every session at every decision."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None) -> tuple[Any, Any]:
        return self.rng.integers(0, 3, len(observation)), state


@pytest.fixture(scope="module")
def market():
    """The joined tape, its parts, and rules without halts."""
    folder = data_folder() / "bars-1m" / "midcaps-2024"
    tapes = []
    for symbol, (start, end) in DAYS.items():
        overrides = [f"data.path={folder}", f"data.symbols=[{symbol}]", f"data.start={start}", f"data.end={end}"]
        plan = build_plan(compose(["data=historical", *overrides]))
        tapes.append(load_market_data(plan).tape)
    return join_tapes(tapes), tapes, replace(plan.rules, risk=replace(plan.rules.risk, exits=EXITS, layers=OFF))


@pytest.fixture(scope="module", params=[0, 1])
def traded(request, market):
    tape, _, rules = market
    recording = roll_out(tape, rules, np.arange(len(tape.dates)), RandomPolicy(request.param), seed=request.param)
    return tape, recording, build_ledger(recording)


def test_names_are_thin(market):
    _, tapes, _ = market
    shares = {tape.symbols[0]: float(tape.rows["traded"].mean()) for tape in tapes}
    assert shares["TPL"] < 0.3
    assert shares["LII"] < 0.7
    assert shares["SW"] > 0.9


def test_minute_without_a_trade_moves_the_clock_alone(market):
    """Its prices are the last close of the session, its features those of the minute before."""
    _, tapes, _ = market
    for tape in tapes:
        inside = np.zeros(len(tape.rows), dtype=bool)
        for first, last in zip(tape.first_row[tape.first_row >= 0], tape.last_row[tape.first_row >= 0], strict=True):
            inside[first + 1 : last + 1] = True
        idle = np.flatnonzero(inside & (tape.rows["traded"] == 0))
        for name in ("open", "high", "low", "close"):
            assert (tape.rows[name][idle] == tape.rows["close"][idle - 1]).all()
        assert not tape.rows["volume"][idle].any()
        changed = (tape.features[idle] != tape.features[idle - 1]).any(axis=0)
        assert "tod_cos" in {name for name, moved in zip(tape.feature_names, changed, strict=True) if moved} <= CLOCK


def test_fills_lie_in_minutes_with_trades_only(traded):
    tape, _, ledger = traded
    fills = ledger.fills
    assert set(fills["symbol"]) == set(DAYS)
    row = tape.session_starts[fills["session"]] + fills["minute"].to_numpy()
    assert (tape.rows["traded"][row] == 1).all()
    assert (fills["quantity"].abs() <= tape.rows["volume"][row]).all()
    assert (fills["reference_price"] >= tape.rows["low"][row]).all()
    assert (fills["reference_price"] <= tape.rows["high"][row]).all()


def test_audit_and_money_laws_hold(traded):
    _, _, ledger = traded
    audit(ledger)
    sessions, trades, _, bars = combine_by_date(ledger)
    assert sessions["net_pnl"].sum() == pytest.approx(ledger.sessions["net_pnl"].sum(), abs=1e-6)
    ends = bars.groupby("session")["nav"].last().to_numpy()
    assert ends - 150_000.0 == pytest.approx(sessions["net_pnl"].to_numpy(), abs=1e-6)
    flat = ledger.sessions[ledger.sessions["flat_at_end"]]
    by_session = trades.groupby(["date", "symbol"])["net_pnl"].sum()
    closed = flat.set_index(["date", "symbol"])["net_pnl"]
    assert by_session.reindex(closed.index, fill_value=0.0).to_numpy() == pytest.approx(closed.to_numpy(), abs=1e-6)


def test_sessions_end_flat_or_truncated_and_say_so(traded):
    tape, recording, ledger = traded
    open_at_end = 0
    for n, session in enumerate(recording.sessions):
        final, last = recording.final[n], int(tape.last_row[session])
        row = ledger.sessions.iloc[n]
        assert final["terminated"] + final["truncated"] == 1
        assert row["flat_at_end"] == (final["position"] == 0.0)
        if final["position"] == 0.0:
            continue
        open_at_end += 1
        assert (final["truncated"], final["bar"]) == (1, last)
        assert not tape.rows["traded"][last - EXIT_MINUTES + 1 : last + 1].any()  # no minute in which to get out
        marked = final["cash"] + final["position"] * tape.rows["close"][last]
        assert row["end_nav"] == final["nav"] == pytest.approx(marked, abs=1e-9)
    summary = summarize(*combine_by_date(ledger), rng=np.random.default_rng(0))
    days = ledger.sessions.groupby("date")["flat_at_end"].all()
    assert summary["sessions_not_flat"] == (~days).sum()
    assert open_at_end >= (~days).sum()


def test_sessions_that_could_not_get_out_occur(traded):
    """Guard of the test before: TPL has sessions whose exit never fills."""
    _, recording, _ = traded
    assert (recording.final["position"] != 0.0).any()


def test_result_of_a_thin_name_does_not_depend_on_the_others(market):
    tape, tapes, rules = market

    class Constant:
        def predict(self, observation: Any, state: Any = None, episode_start: Any = None) -> tuple[Any, Any]:
            step = 0 if state is None else state
            return np.full(len(observation), (2, 1, 1, 0, 1, 1)[step % 6]), step + 1

    together = build_ledger(roll_out(tape, rules, np.arange(len(tape.dates)), Constant(), seed=3))
    for part in tapes:
        alone = build_ledger(roll_out(part, rules, np.arange(len(part.dates)), Constant(), seed=3))
        own = together.bars[together.bars["symbol"] == part.symbols[0]]
        for name in ("cash", "position", "nav"):
            assert_same_bits(own[name].to_numpy(), alone.bars[name].to_numpy(), name)
