"""Exit rules by hand, alone and along sessions: when they fire, how they fill, and what comes after."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.actions import BUY, HOLD, SELL
from intraday_rl.env.risk import EXIT_REASONS, FlatBeforeClose, HoldingLimit, MarketTimeLimit, TradeStop
from intraday_rl.env.risk.base import HALT, SESSION_CLOSE, TRADE_EXIT
from intraday_rl.env.risk.exits import flat_before_close, holding_limit, market_time_limit, trade_stop
from intraday_rl.env.risk.layers import OFF
from intraday_rl.market.spreads import QuotedSpread
from tests.support.full_rules import full_batch
from tests.support.rows import account_row, bar_row
from tests.support.tapes import make_execution, make_fill
from tests.unit.env.risk.hand_account import column, flat_tape, nav_tape, rules_of
from tests.unit.env.sessions.hand_market import play

STOP = {"stop": TradeStop(atr_multiple=1.0)}
# Half the spread is 0.01; an urgent order pays three spreads; a bar takes a tenth of its volume.
MARKET = make_execution(
    spread=QuotedSpread(base_spread=0.02, multiple=1.0), fill=make_fill(max_volume_fraction=0.1, urgent_spreads=3.0)
)


def traded(script, tape, **changes):
    """Return a batch and the steps of this script."""
    batch = full_batch(tape, **changes)
    return batch, play(batch, script)


@pytest.mark.parametrize(
    ("minutes_to_close", "expected"),
    [(7, "agent"), (6, "session_close"), (5, "session_close"), (0, "session_close")],
)
def test_close_is_decided_one_bar_before_it_fills(minutes_to_close, expected):
    # Decided 6 minutes before the close, filled in the bar that ends 5 minutes before it.
    code = flat_before_close(FlatBeforeClose(5), account_row(), bar_row(minutes_to_close=minutes_to_close))
    assert EXIT_REASONS[code] == expected


@pytest.mark.parametrize(
    ("position", "low", "high", "expected"),
    [
        (100.0, 99.25, 105.0, "trade_exit"),  # 0.75 = 1.5 ATR of 0.5 below the entry
        (100.0, 99.26, 105.0, "agent"),
        (-100.0, 95.0, 100.75, "trade_exit"),
        (-100.0, 95.0, 100.74, "agent"),
        (0.0, 50.0, 150.0, "agent"),
    ],
)
def test_stop_measures_the_bar_s_worst_price_in_atr_of_the_entry(position, low, high, expected):
    account = account_row(position=position, entry_price=100.0, entry_atr=0.5)
    code = trade_stop(TradeStop(1.5), account, bar_row(low=low, high=high, atr=9.0))
    assert EXIT_REASONS[code] == expected


def test_stop_is_paid_in_full_where_the_price_gaps_through_it():
    # Bought at 100 with an ATR of 1; the low of row 2 is 99, which stops; the next bar opens at 97.
    tape = flat_tape(low=[100.0, 100.0, 99.0, 96.0], open=[100.0, 100.0, 100.0, 97.0], close=[100.0] * 3 + [96.5])
    batch, steps = traded([BUY] * 3, tape, exits=STOP)
    assert column(steps, "position") == [100, 100, 0]
    assert steps[-1]["fill"]["price"] == 97.0
    assert steps[-1]["nav"] == 49_700
    assert steps[-1]["closed_usd"] == -300
    assert column(steps, "closing") == [0, 0, TRADE_EXIT]
    assert rules_of(batch, steps) == ["", "", "exits.stop"]


def test_stop_of_a_short_position_watches_the_high():
    tape = flat_tape(high=[100.0, 100.0, 100.9, 101.0], open=[100.0] * 4 + [101.5])
    _, steps = traded([SELL] * 4, tape, exits=STOP)
    assert column(steps, "position") == [-100, -100, -100, 0]
    assert steps[-1]["nav"] == 49_850


def test_stop_counts_the_bar_of_the_entry():
    _, steps = traded([BUY] * 2, flat_tape(low=[100.0, 99.0]), exits=STOP)
    assert column(steps, "position") == [100, 0]


@pytest.mark.parametrize("later", [0.1, 5.0])
def test_stop_keeps_the_atr_of_the_entry(later):
    # 2.0 at the decision of the entry, whatever it becomes: 1.5 against it does not stop, 2.0 does.
    tape = flat_tape(atr=[2.0] + [later] * 30, low=[100.0, 100.0, 98.5, 98.0])
    _, steps = traded([BUY] * 4, tape, exits=STOP)
    assert column(steps, "position") == [100, 100, 100, 0]
    assert column(steps, "entry_atr")[:3] == [2.0] * 3


def test_account_may_enter_again_right_after_a_stop():
    # The stop of row 1 fills in row 2; the decision at its close buys again, and is stopped by row 3's low.
    tape = flat_tape(low=[100.0, 99.0, 100.0, 99.0, 100.0, 100.0])
    batch, steps = traded([BUY] * 5, tape, exits=STOP)
    assert column(steps, "position") == [100, 0, 100, 0, 100]
    assert column(steps, "closing") == [0, TRADE_EXIT, 0, TRADE_EXIT, 0]
    assert rules_of(batch, steps) == ["", "exits.stop", "", "exits.stop", ""]


@pytest.mark.parametrize("carried", [0, 1, 2])
def test_exit_goes_on_until_the_account_is_flat_however_long_it_takes(carried):
    # 100 units bought in row 1; from row 2 on a bar takes 30, and a stop pays no more than its spread.
    fill = make_fill(max_volume_fraction=0.1, max_carried_bars=carried, urgent_spreads=3.0)
    tape = flat_tape(volume=[1e6] * 2 + [300.0] * 30, low=[100.0, 99.0])
    execution = MARKET._replace(fill=fill)
    batch, steps = traded([BUY] * 7, tape, exits=STOP, execution=execution)
    assert column(steps, "position") == [100, 70, 40, 10, 0, 30, 60 if carried else 30]
    assert [step["fill"]["ordered"] for step in steps[1:5]] == [-100, -70, -40, -10]
    assert {step["fill"]["price"] for step in steps[1:5]} == {99.99}
    assert column(steps, "closing") == [0] + [TRADE_EXIT] * 4 + [0, 0]
    assert rules_of(batch, steps)[1:5] == ["exits.stop"] * 4


@pytest.mark.parametrize(("held", "expected"), [(29, "agent"), (30, "trade_exit"), (31, "trade_exit")])
def test_holding_limit_counts_closes(held, expected):
    for position, reason in ((1.0, expected), (-1.0, expected), (0.0, "agent")):
        account = account_row(position=position, bars_held=held)
        assert EXIT_REASONS[holding_limit(HoldingLimit(30), account, bar_row())] == reason


def test_holding_limit_is_out_thirty_minutes_after_the_entry():
    # Bought at the open of row 1, sold at the open of row 31; the next trade has thirty minutes of its own.
    batch, steps = traded([BUY] * 62, flat_tape(70), exits={"holding": HoldingLimit(30)})
    assert column(steps, "position") == [100] * 30 + [0] + [100] * 30 + [0]
    assert [i for i, name in enumerate(rules_of(batch, steps)) if name] == [30, 61]
    assert rules_of(batch, steps)[30] == "exits.holding"


def test_holding_limit_begins_anew_with_a_reversal():
    _, steps = traded([BUY] * 3 + [SELL] * 6, flat_tape(), exits={"holding": HoldingLimit(5)})
    assert column(steps, "position") == [100] * 3 + [-100] * 5 + [0]


@pytest.mark.parametrize(("minutes", "expected"), [(179, "agent"), (180, "halt"), (181, "halt")])
def test_market_time_counts_the_session_s_minutes(minutes, expected):
    code = market_time_limit(MarketTimeLimit(180), account_row(in_market_bars=minutes), bar_row())
    assert EXIT_REASONS[code] == expected


def test_market_time_of_all_trades_together_ends_the_day():
    # 100 minutes long, 20 flat, then 80 minutes short.
    script = [BUY] * 100 + [HOLD] * 20 + [SELL] * 81
    batch, steps = traded(script, flat_tape(250), exits={"market_time": MarketTimeLimit(180)})
    assert column(steps, "position") == [100] * 100 + [0] * 20 + [-100] * 80 + [0]
    assert [step["ended"] for step in steps] == [0] * 200 + [1]
    assert (steps[-1]["closing"], steps[-1]["in_market_bars"], steps[-1]["terminated"]) == (HALT, 180, 1)
    assert rules_of(batch, steps)[-1] == "exits.market_time"


def test_market_time_ends_the_day_of_an_agent_that_leaves_by_itself():
    batch, steps = traded([BUY] * 5 + [HOLD], flat_tape(), exits={"market_time": MarketTimeLimit(5)})
    assert column(steps, "position") == [100] * 5 + [0]
    assert (steps[-1]["closing"], steps[-1]["ended"], steps[-1]["interventions"]) == (HALT, 1, 1)
    assert rules_of(batch, steps)[-1] == "exits.market_time"  # a halt has its row, though the agent left by itself


def urgent(script, **changes):
    """Return the last fill of a script in a market of which, from row 3 on, a bar takes 30 units."""
    tape = flat_tape(12, volume=[1e6] * 3 + [300.0] * 9)
    return traded(script, tape, execution=MARKET, **changes)[1][-1]


def test_end_of_the_day_pays_three_spreads_and_takes_no_heed_of_the_volume():
    # Twelve bars, flat 8 minutes before the close: decided at row 2.
    last = urgent([BUY] * 3, exits={"session_close": FlatBeforeClose(8)})
    assert (last["fill"]["quantity"], last["fill"]["price"]) == (-100, pytest.approx(99.97, abs=1e-12))
    assert last["fill"]["spread_usd"] == pytest.approx(3.0, abs=1e-12)
    assert (last["position"], last["terminated"]) == (0, 1)


def test_halt_pays_three_spreads_and_takes_no_heed_of_the_volume():
    last = urgent([BUY] * 3, exits={"market_time": MarketTimeLimit(2)})
    assert (last["fill"]["quantity"], last["fill"]["price"]) == (-100, pytest.approx(99.97, abs=1e-12))


def test_stop_of_a_trade_and_the_agent_s_own_exit_pay_one_spread_and_wait_for_volume():
    own = urgent([BUY, BUY, HOLD])
    stopped = urgent([BUY] * 3, exits={"holding": HoldingLimit(2)})
    for last in (own, stopped):
        assert (last["fill"]["quantity"], last["fill"]["price"]) == (-30, pytest.approx(99.99, abs=1e-12))


def test_end_of_the_day_takes_over_an_exit_that_waits_for_volume():
    # The holding limit sells 30 in row 3; the end of the day, decided at row 3, sells the rest at once.
    exits = {"holding": HoldingLimit(2), "session_close": FlatBeforeClose(7)}
    tape = flat_tape(12, volume=[1e6] * 3 + [300.0] * 9)
    batch, steps = traded([BUY] * 4, tape, execution=MARKET, exits=exits)
    assert column(steps, "position") == [100, 100, 70, 0]
    assert column(steps, "closing") == [0, 0, TRADE_EXIT, SESSION_CLOSE]
    assert rules_of(batch, steps)[2:] == ["exits.holding", "exits.session_close"]


def test_halt_prevails_over_the_end_of_the_day_and_not_the_other_way_round():
    # No trade from row 3 on. The day's end is decided at row 2, the loss of 200 USD at row 3.
    tape = nav_tape([50_000, 50_000, 49_800, 49_800, 49_800], traded=[1] * 3 + [0] * 6)
    exits = {"session_close": FlatBeforeClose(5)}
    _, steps = traded([BUY] * 5, tape, exits=exits, layers=OFF._replace(daily_loss=0.004))
    assert column(steps, "closing") == [0, 0, SESSION_CLOSE, HALT, HALT]


def test_first_halt_keeps_its_name():
    # Two minutes in the market end the day at row 2; 400 USD are lost by row 4, before anything trades again.
    tape = nav_tape([50_000, 50_000, 49_800, 49_600, 49_600], traded=[1] * 3 + [0] * 2 + [1] * 4)
    exits, layers = {"market_time": MarketTimeLimit(2)}, OFF._replace(daily_loss=0.004)
    batch, steps = traded([BUY] * 5, tape, exits=exits, layers=layers)
    assert column(steps, "closing") == [0, 0, HALT, HALT, HALT]
    assert rules_of(batch, steps)[2:] == ["exits.market_time"] * 3


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (FlatBeforeClose(0), "minutes"),
        (TradeStop(0.0), "atr_multiple"),
        (HoldingLimit(0), "minutes"),
        (MarketTimeLimit(0), "minutes"),
    ],
)
def test_exits_refuse_impossible_parameters(rule, name):
    with pytest.raises(ParameterError, match=rf"{type(rule).__name__}\.{name} must be"):
        rule.check()
